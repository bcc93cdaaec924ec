/* queue_processor - makes one queue message durable and answers with its outcome. */
#include "fn/app.h"
#include "fn/functions.h"
#include "host/reply.h"

#include <stdio.h>

enum enl_rc enl_fn_queue_processor(struct enl_app *app, const struct enl_queue_msg *msg,
                                   struct enl_reply *reply, struct enl_err *err)
{
    struct enl_commit_result result = {.outcome = ENL_OUTCOME_HAND_BACK,
                                       .detail = "the committer is not running yet"};
    struct enl_committer *committer = app->committer;

    (void)err;
    if (committer) {
        enl_committer_commit(committer, msg->text, msg->len, msg->deliveries, &result);
    }
    (void)snprintf(reply->event_id, sizeof(reply->event_id), "%s", result.event_id);
    switch (result.outcome) {
    case ENL_OUTCOME_SAFE:
        reply->quiet = true; /* the committer's line counts the batch */
        return ENL_OK;
    case ENL_OUTCOME_REJECTED:
        enl_reply_problem(reply,
                          &(struct enl_problem){.status = 500, .detail = "the event was rejected"});
        break;
    case ENL_OUTCOME_HAND_BACK: enl_reply_output(reply, msg->text, msg->len); break;
    }
    (void)snprintf(reply->note, sizeof(reply->note), "%s%s%s", enl_outcome_name(result.outcome),
                   result.detail[0] != '\0' ? ": " : "", result.detail);
    return ENL_OK;
}
