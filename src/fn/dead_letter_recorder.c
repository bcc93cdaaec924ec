/* dead_letter_recorder - the poison queue: nothing that comes by it is lost, and nothing fails.
 *
 * The host never calls a function again for a message of a poison queue that failed too often, so
 * this one never answers 500. */
#include "fn/app.h"
#include "fn/functions.h"
#include "host/reply.h"

#include <stdio.h>

enum enl_rc enl_fn_dead_letter_recorder(struct enl_app *app, const struct enl_queue_msg *msg,
                                        struct enl_reply *reply, struct enl_err *err)
{
    struct enl_commit_result result = {.outcome = ENL_OUTCOME_HAND_BACK,
                                       .detail = "the committer is not running yet"};
    struct enl_committer *committer = app->committer;

    (void)err;
    if (committer) {
        enl_committer_record(committer, msg->text, msg->len, msg->deliveries, &result);
    }
    (void)snprintf(reply->event_id, sizeof(reply->event_id), "%s", result.event_id);
    if (result.outcome != ENL_OUTCOME_SAFE) {
        enl_reply_output(reply, msg->text, msg->len);
    }
    (void)snprintf(reply->note, sizeof(reply->note), "%s%s%s", enl_outcome_name(result.outcome),
                   result.detail[0] != '\0' ? ": " : "", result.detail);
    return ENL_OK;
}
