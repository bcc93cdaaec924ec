/* check - see check.h. */
#include "commit/check.h"

#include "base/alloc.h"
#include "base/id.h"
#include "commit/caller.h"
#include "odoo/odoo.h"
#include "store/lease.h"
#include "store/migrate.h"

#include <string.h>
#include <time.h>

#define TURN_WAIT_US 60000000LL /* for a turn, while others take theirs */
#define MS           1000LL

struct check {
    const struct enl_config *cfg;
    const struct enl_clock *clock;
    FILE *out;
    struct enl_store *store; /* NULL: not there, or without its schema */
    bool good;
};

static void say(struct check *c, const char *what, bool good, const char *text)
{
    (void)fprintf(c->out, "%s: %s\n", what, text);
    c->good = c->good && good;
}

static void check_settings(struct check *c)
{
    struct enl_wrong_setting wrong;
    size_t i = 0;

    while (enl_config_problem(c->cfg, i, &wrong)) {
        say(c, wrong.name, false, wrong.reason);
        i++;
    }
    if (i == 0) {
        say(c, "settings", true, "ok");
    }
}

static void check_schema(struct check *c, struct enl_store *s)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result r = {0};
    struct enl_err err = {0};
    int known = enl_migrate_known(enl_store_dialect(s));
    /* Before the first migration there is no table. */
    enum enl_rc rc = enl_store_run(s, ENL_SQL_MIGRATIONS_VERSION, NULL, 0, &r, &err);
    int64_t version = rc == ENL_OK ? enl_sql_cell_i64(&r, 0, 0) : 0;
    char text[480];

    (void)snprintf(text, sizeof(text), "%s, schema %lld of %d%s%s%s", enl_store_dialect(s)->name,
                   (long long)version, known,
                   version < known   ? ": `enlace migrate` or the next start brings it up"
                   : version > known ? ": a newer binary was here, this one takes no events"
                                     : "",
                   rc == ENL_OK ? "" : "; ", rc == ENL_OK ? "" : err.text);
    say(c, "sql", version == known, text);
    if (version == known) {
        c->store = s;
    } else {
        enl_store_close(s);
    }
}

static void check_sql(struct check *c)
{
    ENL_AUTO_FREE struct enl_store_target *target = enl_calloc(1, sizeof(*target));
    struct enl_store *s = NULL;
    struct enl_err err = {0};
    enum enl_rc rc = target ? enl_store_target(c->cfg, target, &err) : enl_fail_oom(&err);

    rc = rc == ENL_OK ? enl_store_open(target, &s, &err) : rc;
    if (rc != ENL_OK) {
        say(c, "sql", false, err.text);
        return;
    }
    check_schema(c, s);
}

static int64_t now(const struct check *c)
{
    return c->clock->mono_us(c->clock->ctx);
}

static void sleep_ms(int64_t ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&time, NULL);
}

/* A turn that is still good when it returns, as in the caller. */
static enum enl_rc wait_for_turn(struct check *c, struct enl_err *err)
{
    int64_t until = now(c) + TURN_WAIT_US;
    int64_t good_us = ((int64_t)c->cfg->odoo_turn_slack_ms - ENL_TURN_MARGIN_MS) * MS;

    while (now(c) < until) {
        char token[ENL_TOKEN_TEXT];
        const struct enl_turn turn = {
            .token = token,
            .interval_ms = enl_lease_interval_ms(c->cfg->odoo_rate, c->cfg->odoo_turn_slack_ms)};
        int64_t wait_ms = 0;
        int64_t start = 0;
        enum enl_rc rc = enl_token(token, err);

        start = now(c);
        rc = rc == ENL_OK ? enl_lease_turn(c->store, &turn, &wait_ms, err) : rc;
        if (rc != ENL_OK || (wait_ms == 0 && now(c) - start <= good_us)) {
            return rc;
        }
        sleep_ms(wait_ms < turn.interval_ms ? wait_ms : turn.interval_ms);
    }
    return enl_fail(err, ENL_RETRY, "no turn of ODOO_MAX_REQUESTS_PER_SECOND within 60 s");
}

static void ask_odoo(struct check *c, struct enl_odoo *o)
{
    struct enl_err err = {0};
    struct enl_odoo_reply reply = {.retry_after_ms = -1};

    while (enl_odoo_next(o) != ENL_ODOO_INGEST) {
        enum enl_rc rc = wait_for_turn(c, &err);

        rc = rc == ENL_OK ? enl_odoo_call(o, NULL, 0, NULL, 0, &reply, &err) : rc;
        if (rc != ENL_OK || reply.class != ENL_ODOO_ANSWERED) {
            say(c, "odoo", false,
                rc != ENL_OK     ? err.text
                : reply.words[0] ? reply.words
                                 : reply.reason);
            enl_odoo_reply_done(&reply);
            return;
        }
        enl_odoo_reply_done(&reply);
    }
    say(c, "odoo", true, "ok: the login is good, and the addon speaks to this version");
}

static void check_odoo(struct check *c)
{
    char missing[ENL_ODOO_MISSING_TEXT];
    char text[ENL_ODOO_MISSING_TEXT + 64];
    struct enl_odoo *o = NULL;

    if (!c->cfg->odoo_configured) {
        enl_config_odoo_missing(c->cfg, missing);
        (void)snprintf(text, sizeof(text), "not configured, missing: %s", missing);
        say(c, "odoo", false, text);
        return;
    }
    if (!c->store) {
        say(c, "odoo", false, "not asked: without SQL and its schema there is no turn for it");
        return;
    }
    o = enl_odoo_new(c->cfg);
    if (o) {
        ask_odoo(c, o);
    } else {
        say(c, "odoo", false, "out of memory");
    }
    enl_odoo_free(o);
}

bool enl_check(const struct enl_config *cfg, const struct enl_clock *clock, FILE *out)
{
    struct check c = {.cfg = cfg, .clock = clock, .out = out, .good = true};

    check_settings(&c);
    check_sql(&c);
    check_odoo(&c);
    enl_store_close(c.store);
    return c.good;
}
