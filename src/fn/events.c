/* events - where one event is: GET /api/v1/events/{event_id}. */
#include "domain/event.h"
#include "fn/app.h"
#include "fn/auth.h"
#include "fn/functions.h"
#include "host/reply.h"

#include <stdio.h>

static void refuse(struct enl_reply *reply, int status, const char *detail)
{
    enl_reply_problem(reply, &(struct enl_problem){.status = status, .detail = detail});
}

enum enl_rc enl_fn_events(struct enl_app *app, const struct enl_http_req *req,
                          struct enl_reply *reply, struct enl_err *err)
{
    struct enl_reader *reader = app->reader;
    enum enl_rc rc = ENL_RETRY;

    enl_reply_header(reply, "Cache-Control", "no-store");
    if (!enl_auth(app->cfg, req, reply)) {
        return ENL_OK;
    }
    /* What is no event id names no event. */
    if (!enl_event_id_valid(req->param)) {
        refuse(reply, 404, "no event has this id");
        return ENL_OK;
    }
    (void)snprintf(reply->event_id, sizeof(reply->event_id), "%s", req->param);
    if (reader) {
        rc = enl_reader_event(reader, req->param, &reply->body, err);
    }
    switch (rc) {
    case ENL_OK: return ENL_OK;
    case ENL_INVALID: refuse(reply, 404, "no event has this id"); break;
    case ENL_DENIED:
    case ENL_RETRY: refuse(reply, 503, "the database is away"); break;
    case ENL_FATAL: return ENL_FATAL;
    }
    return ENL_OK;
}
