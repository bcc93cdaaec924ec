/* health - whether the service can do its work: GET /health, and /health/live for the platform. */
#include "base/str.h"
#include "fn/app.h"
#include "fn/functions.h"
#include "host/reply.h"
#include "wrap/json.h"

#include <stdio.h>
#include <string.h>

static const char *state_name(enum enl_health_state state)
{
    switch (state) {
    case ENL_HEALTH_UNKNOWN: return "unknown";
    case ENL_HEALTH_OK: return "ok";
    case ENL_HEALTH_DOWN: return "down";
    case ENL_HEALTH_NOT_CONFIGURED: return "not_configured";
    case ENL_HEALTH_MIGRATING: return "migrating";
    }
    return "unknown";
}

static void add_text(struct enl_buf *b, const char *name, const char *text)
{
    enl_buf_addf(b, "\"%s\":", name);
    enl_json_quote(text, strlen(text), b);
}

/* A number, null where it is not known. */
static void add_number(struct enl_buf *b, const char *name, int64_t n)
{
    if (n < 0) {
        enl_buf_addf(b, "\"%s\":null", name);
    } else {
        enl_buf_addf(b, "\"%s\":%lld", name, (long long)n);
    }
}

static void add_part(struct enl_buf *b, const char *name, const struct enl_health_part *part)
{
    enl_buf_addf(b, ",\"%s\":{\"status\":\"%s\"", name, state_name(part->state));
    if (part->reason[0] != '\0') {
        enl_buf_addc(b, ',');
        add_text(b, "reason", part->reason);
    }
    enl_buf_addc(b, '}');
}

static void add_setting(struct enl_buf *b, const char *name, const char *reason)
{
    enl_buf_adds(b, b->len > 0 ? ",{" : "{");
    add_text(b, "name", name);
    enl_buf_addc(b, ',');
    add_text(b, "reason", reason);
    enl_buf_addc(b, '}');
}

/* The items of "settings": what is wrong, each setting once. */
static void list_settings(const struct enl_config *cfg, const struct enl_health *h,
                          struct enl_buf *out)
{
    struct enl_wrong_setting wrong;
    bool listed = h->setting[0] == '\0';

    for (size_t i = 0; enl_config_problem(cfg, i, &wrong); i++) {
        add_setting(out, wrong.name, wrong.reason);
        listed = listed || strcmp(wrong.name, h->setting) == 0;
    }
    if (!listed) {
        add_setting(out, h->setting, "differs from what the other instances have");
    }
}

/* Nobody has asked Odoo yet when settings are missing: then they are the reason. */
static void complete_odoo(const struct enl_config *cfg, struct enl_health_part *odoo)
{
    char missing[ENL_ODOO_MISSING_TEXT];

    if (!cfg->odoo_configured) {
        enl_config_odoo_missing(cfg, missing);
        odoo->state = ENL_HEALTH_NOT_CONFIGURED;
        (void)snprintf(odoo->reason, sizeof(odoo->reason), "missing: %s", missing);
    }
}

/* A schema that cannot be brought up is not being brought up. */
static void complete_sql(struct enl_app *app, struct enl_health_part *sql)
{
    struct enl_committer *committer = app->committer;
    char why[ENL_SQL_AWAY_TEXT] = "";

    if (!committer || sql->state != ENL_HEALTH_MIGRATING) {
        return;
    }
    enl_committer_sql_away(committer, why);
    if (why[0] != '\0') {
        sql->state = ENL_HEALTH_DOWN;
        (void)snprintf(sql->reason, sizeof(sql->reason), "%s", why);
    }
}

static void report(struct enl_app *app, struct enl_health *h, struct enl_reply *reply)
{
    ENL_AUTO_BUF struct enl_buf settings = ENL_BUF_INIT(16384);
    struct enl_buf *b = &reply->body;
    bool odoo_away = false;
    const char *status = "ok";

    complete_odoo(app->cfg, &h->odoo);
    complete_sql(app, &h->sql);
    list_settings(app->cfg, h, &settings);
    odoo_away = h->odoo.state == ENL_HEALTH_DOWN || h->odoo.state == ENL_HEALTH_NOT_CONFIGURED;
    if (h->sql.state == ENL_HEALTH_MIGRATING) {
        status = "migrating";
    } else if (h->sql.state != ENL_HEALTH_OK || settings.len > 0) {
        status = "down";
    } else if (odoo_away) {
        status = "degraded";
    }
    reply->status = h->sql.state == ENL_HEALTH_OK && settings.len == 0 ? 200 : 503;
    enl_buf_addf(b, "{\"status\":\"%s\",\"version\":\"%s\",\"uptime_s\":%lld", status, ENL_VERSION,
                 (long long)((app->clock->mono_us(app->clock->ctx) - app->started_us) / 1000000));
    add_part(b, "sql", &h->sql);
    add_part(b, "odoo", &h->odoo);
    enl_buf_adds(b, ",\"events\":{");
    add_number(b, "pending", h->pending);
    enl_buf_addc(b, ',');
    add_number(b, "oldest_s", h->oldest_pending_s);
    enl_buf_adds(b, "},\"dead_letters\":{");
    add_number(b, "open", h->open_dead_letters);
    enl_buf_adds(b, "},\"turns\":{");
    add_number(b, "update_ms", h->turn_ms);
    enl_buf_addc(b, ',');
    add_number(b, "thrown_away", h->turns_thrown);
    enl_buf_addf(b, "},\"settings\":[%s]", enl_buf_str(&settings));
    if (h->notice[0] != '\0') {
        enl_buf_addc(b, ',');
        add_text(b, "notice", h->notice);
    }
    enl_buf_addc(b, '}');
    b->failed = b->failed || settings.failed;
    (void)snprintf(reply->note, sizeof(reply->note), "%s", reply->status == 200 ? "" : status);
}

enum enl_rc enl_fn_health(struct enl_app *app, const struct enl_http_req *req,
                          struct enl_reply *reply, struct enl_err *err)
{
    struct enl_health health = ENL_HEALTH_INIT;
    struct enl_reader *reader = app->reader;

    (void)err;
    enl_reply_header(reply, "Cache-Control", "no-store");
    if (enl_ieq(req->param, "live")) {
        enl_buf_adds(&reply->body, "{\"status\":\"ok\"}");
        return ENL_OK;
    }
    if (req->param[0] != '\0') {
        enl_reply_problem(reply,
                          &(struct enl_problem){.status = 404, .detail = "there is no such probe"});
        return ENL_OK;
    }
    if (reader) {
        enl_reader_health(reader, &health);
    }
    report(app, &health, reply);
    return ENL_OK;
}
