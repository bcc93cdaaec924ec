/* reader - see reader.h. */
#include "commit/reader.h"

#include "base/alloc.h"
#include "base/thread.h"
#include "domain/event.h"
#include "store/lease.h"
#include "store/migrate.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PROBE_US     5000000  /* between two probes of SQL */
#define STALE_US     15000000 /* a probe older than this hangs */
#define LOOK_UP_US   2000000
#define STOP_S       2
#define LOOK_UPS_MAX 64 /* waiting look-ups; more are told to come again */
#define VIEW_MAX     262144

/* A look-up that an HTTP worker waits for; who comes second frees it. */
struct look_up {
    char id[ENL_EVENT_ID_MAX + 1];
    struct enl_buf out;
    enum enl_rc rc;
    struct enl_err err;
    bool done, left;
    pthread_cond_t cond;
    struct look_up *next;
};

struct enl_reader {
    const struct enl_config *cfg;
    const struct enl_clock *clock;
    struct enl_store_target *target; /* NULL: DATABASE_URL cannot be used */
    char target_reason[200];
    struct enl_store *store;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards all of the following */
    pthread_cond_t cond;
    struct look_up *first, *last;
    size_t n;
    bool stop;
    struct enl_health health;
    int64_t probed_us;
};

static int64_t now(const struct enl_reader *r)
{
    return r->clock->mono_us(r->clock->ctx);
}

static void look_up_free(struct look_up *l)
{
    enl_buf_done(&l->out);
    (void)pthread_cond_destroy(&l->cond);
    free(l);
}

static enum enl_rc connect_store(struct enl_reader *r, struct enl_err *err)
{
    if (r->store && enl_store_dead(r->store)) {
        enl_store_close(r->store);
        r->store = NULL;
    }
    if (r->store) {
        return ENL_OK;
    }
    if (!r->target) {
        return enl_fail(err, ENL_RETRY, "%s", r->target_reason);
    }
    return enl_store_open(r->target, &r->store, err);
}

/* A cell as JSON text, or null. */
static struct enl_json *cell_text(const struct enl_sql_result *r, size_t col)
{
    const char *text = enl_sql_cell(r, 0, col);

    return text ? enl_json_new_str(text) : enl_json_new_null();
}

static struct enl_json *cell_number(const struct enl_sql_result *r, size_t col)
{
    return enl_sql_cell(r, 0, col) ? enl_json_new_i64(enl_sql_cell_i64(r, 0, col))
                                   : enl_json_new_null();
}

/* An object of two members, or null when the first two given columns are both NULL. */
static struct enl_json *odoo_part(const struct enl_sql_result *r)
{
    struct enl_json *o = NULL;

    if (!enl_sql_cell(r, 0, 10) && !enl_sql_cell(r, 0, 11)) {
        return enl_json_new_null();
    }
    o = enl_json_new_object();
    if (o && enl_json_set(o, "contact_id", cell_number(r, 10)) &&
        enl_json_set(o, "state_id", cell_number(r, 11))) {
        return o;
    }
    enl_json_free(o);
    return NULL;
}

static struct enl_json *error_part(const struct enl_sql_result *r)
{
    struct enl_json *o = NULL;

    if (!enl_sql_cell(r, 0, 13) && !enl_sql_cell(r, 0, 14)) {
        return enl_json_new_null();
    }
    o = enl_json_new_object();
    if (o && enl_json_set(o, "code", cell_text(r, 13)) &&
        enl_json_set(o, "detail", cell_text(r, 14))) {
        return o;
    }
    enl_json_free(o);
    return NULL;
}

static struct enl_json *warnings_part(const struct enl_sql_result *r)
{
    const char *text = enl_sql_cell(r, 0, 12);
    struct enl_json *list = NULL;
    enum enl_rc rc = text ? enl_json_parse(text, strlen(text), &list, NULL, NULL) : ENL_INVALID;

    return rc == ENL_INVALID ? enl_json_new_array() : list;
}

static void write_view(const struct enl_sql_result *r, struct enl_buf *out)
{
    static const char *const texts[] = {"event_id", "status",      "kind",        "subscriber_id",
                                        "state",    "occurred_at", "received_at", "synced_at"};
    ENL_AUTO_JSON struct enl_json *o = enl_json_new_object();
    bool ok = o != NULL;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ok = ok && enl_json_set(o, texts[i], cell_text(r, i));
    }
    ok = ok && enl_json_set(o, "attempts", cell_number(r, 8)) &&
         enl_json_set(o, "duplicate_of", cell_text(r, 9)) &&
         enl_json_set(o, "odoo", odoo_part(r)) && enl_json_set(o, "warnings", warnings_part(r)) &&
         enl_json_set(o, "error", error_part(r));
    if (ok) {
        enl_json_dump(o, false, out);
    } else {
        out->failed = true;
    }
}

static enum enl_rc look_up(struct enl_reader *r, struct look_up *l)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result result = {0};
    const char *params[1] = {l->id};
    enum enl_rc rc = connect_store(r, &l->err);

    rc = rc == ENL_OK ? enl_store_run(r->store, ENL_SQL_EVENT_VIEW, params, 1, &result, &l->err)
                      : rc;
    if (rc != ENL_OK) {
        return rc == ENL_FATAL ? rc : ENL_RETRY;
    }
    if (result.rows == 0) {
        return enl_fail(&l->err, ENL_INVALID, "no such event");
    }
    write_view(&result, &l->out);
    return enl_buf_ok(&l->out) ? ENL_OK : enl_fail_oom(&l->err);
}

static void part(struct enl_health_part *p, enum enl_health_state state, const char *reason)
{
    p->state = state;
    (void)snprintf(p->reason, sizeof(p->reason), "%.*s", (int)sizeof(p->reason) - 1, reason);
}

static enum enl_rc read_schema(struct enl_reader *r, struct enl_health *h, struct enl_err *err)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result v = {0};
    int known = enl_migrate_known(enl_store_dialect(r->store));
    int64_t version = 0;
    enum enl_rc rc = enl_store_run(r->store, ENL_SQL_MIGRATIONS_VERSION, NULL, 0, &v, NULL);

    version = rc == ENL_OK ? enl_sql_cell_i64(&v, 0, 0) : 0;
    if (rc == ENL_FATAL) {
        return enl_fail_oom(err);
    }
    if (rc != ENL_OK && enl_store_dead(r->store)) {
        return enl_fail(err, ENL_RETRY, "SQL: the connection was lost");
    }
    if (version < known) {
        h->sql.state = ENL_HEALTH_MIGRATING;
    } else if (version > known) {
        (void)snprintf(h->notice, sizeof(h->notice),
                       "the schema is newer (%lld) than this binary (%d): events "
                       "are handed back",
                       (long long)version, known);
    }
    return ENL_OK;
}

/* The lease's row knows what all instances made of it; the last one to have a turn wrote it. */
static void read_turns(const struct enl_reader *r, const struct enl_sql_result *lease,
                       struct enl_health *h)
{
    h->turn_ms = enl_sql_cell_i64(lease, 0, 2);
    h->turn_ms = h->turn_ms > 0 ? h->turn_ms : -1;
    h->turns_thrown = enl_sql_cell_i64(lease, 0, 3);
    if (enl_lease_is_tight(r->cfg->odoo_turn_slack_ms, h->turn_ms)) {
        (void)snprintf(h->notice, sizeof(h->notice),
                       "ODOO_TURN_SLACK_MS (%u) is less than %d times what a turn takes (%lld ms): "
                       "turns come too late and are thrown away",
                       (unsigned)r->cfg->odoo_turn_slack_ms, ENL_SLACK_TURNS,
                       (long long)h->turn_ms);
    }
}

static enum enl_rc read_rows(struct enl_reader *r, struct enl_health *h, struct enl_err *err)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result counts = {0};
    ENL_AUTO_SQL_RESULT struct enl_sql_result lease = {0};
    struct enl_breaker b;
    enum enl_rc rc = enl_store_run(r->store, ENL_SQL_HEALTH, NULL, 0, &counts, err);

    rc = rc == ENL_OK ? enl_breaker_read(r->store, &b, err) : rc;
    rc = rc == ENL_OK ? enl_store_run(r->store, ENL_SQL_LEASE_READ, NULL, 0, &lease, err) : rc;
    if (rc != ENL_OK) {
        return rc;
    }
    h->pending = enl_sql_cell_i64(&counts, 0, 0);
    h->oldest_pending_s = enl_sql_cell_i64(&counts, 0, 1);
    h->oldest_pending_s = h->oldest_pending_s < 0 ? -1 : h->oldest_pending_s / 1000;
    h->open_dead_letters = enl_sql_cell_i64(&counts, 0, 2);
    if (enl_sql_cell(&lease, 0, 1) &&
        enl_sql_cell_i64(&lease, 0, 1) != (int64_t)r->cfg->odoo_turn_slack_ms) {
        (void)snprintf(h->setting, sizeof(h->setting), "ODOO_TURN_SLACK_MS");
    }
    read_turns(r, &lease, h);
    if (h->odoo.state != ENL_HEALTH_NOT_CONFIGURED) {
        part(&h->odoo,
             b.state != ENL_BREAKER_CLOSED ? ENL_HEALTH_DOWN
             : b.requests == 0             ? ENL_HEALTH_UNKNOWN
                                           : ENL_HEALTH_OK,
             b.state == ENL_BREAKER_HALF ? "coming back" : b.reason);
    }
    return ENL_OK;
}

static struct enl_health fresh_health(const struct enl_reader *r)
{
    struct enl_health h = ENL_HEALTH_INIT;
    char missing[ENL_ODOO_MISSING_TEXT];

    if (!r->cfg->odoo_configured) {
        enl_config_odoo_missing(r->cfg, missing);
        part(&h.odoo, ENL_HEALTH_NOT_CONFIGURED, missing);
    }
    return h;
}

static void probe(struct enl_reader *r)
{
    struct enl_health h = fresh_health(r);
    struct enl_err err = {0};
    enum enl_rc rc = connect_store(r, &err);

    h.sql.state = ENL_HEALTH_OK;
    rc = rc == ENL_OK ? read_schema(r, &h, &err) : rc;
    if (rc == ENL_OK && h.sql.state == ENL_HEALTH_OK && h.notice[0] == '\0') {
        bool same = true;

        /* As a writer: a database that can only be read takes no events. */
        rc = enl_store_begin(r->store, &err);
        rc = rc == ENL_OK ? enl_lease_share_slack(r->store, r->cfg->odoo_turn_slack_ms, &same, &err)
                          : rc;
        rc = rc == ENL_OK ? read_rows(r, &h, &err) : rc;
        enl_store_rollback(r->store);
    }
    if (rc != ENL_OK) {
        part(&h.sql, ENL_HEALTH_DOWN, err.text);
    }
    (void)pthread_mutex_lock(&r->mutex);
    r->health = h;
    r->probed_us = now(r);
    (void)pthread_mutex_unlock(&r->mutex);
}

/* Called with the mutex held; gives it up while SQL works. */
static void serve(struct enl_reader *r)
{
    struct look_up *l = r->first;
    enum enl_rc rc = ENL_OK;

    r->first = l->next;
    r->last = r->first ? r->last : NULL;
    r->n--;
    (void)pthread_mutex_unlock(&r->mutex);
    rc = look_up(r, l);
    (void)pthread_mutex_lock(&r->mutex);
    l->rc = rc;
    l->done = true;
    if (l->left) {
        look_up_free(l);
    } else {
        (void)pthread_cond_signal(&l->cond);
    }
}

static void *run(void *arg)
{
    struct enl_reader *r = arg;
    int64_t probe_at = 0;

    (void)pthread_mutex_lock(&r->mutex);
    while (!r->stop) {
        /* The probe first: look-ups without a pause would put it off for ever. */
        if (now(r) >= probe_at) {
            (void)pthread_mutex_unlock(&r->mutex);
            probe(r);
            (void)pthread_mutex_lock(&r->mutex);
            /* A schema that is being brought up is soon there. */
            probe_at = now(r) + (r->health.sql.state == ENL_HEALTH_OK ? PROBE_US : PROBE_US / 10);
        } else if (r->first) {
            serve(r);
        } else {
            (void)enl_cond_wait_until(&r->cond, &r->mutex, probe_at);
        }
    }
    (void)pthread_mutex_unlock(&r->mutex);
    enl_store_close(r->store);
    r->store = NULL;
    return NULL;
}

static void release(struct enl_reader *r)
{
    (void)pthread_cond_destroy(&r->cond);
    (void)pthread_mutex_destroy(&r->mutex);
    free(r->target);
    free(r);
}

enum enl_rc enl_reader_start(const struct enl_config *cfg, const struct enl_clock *clock,
                             struct enl_reader **ret, struct enl_err *err)
{
    struct enl_reader *r = enl_calloc(1, sizeof(*r));
    struct enl_err why = {0};
    enum enl_rc rc = ENL_OK;

    if (!r) {
        return enl_fail_oom(err);
    }
    r->cfg = cfg;
    r->clock = clock;
    r->probed_us = clock->mono_us(clock->ctx);
    (void)pthread_mutex_init(&r->mutex, NULL);
    enl_cond_init(&r->cond);
    r->health = fresh_health(r);
    r->target = enl_calloc(1, sizeof(*r->target));
    rc = r->target ? enl_store_target(cfg, r->target, &why) : ENL_FATAL;
    if (rc == ENL_FATAL) {
        rc = enl_fail_oom(err);
    } else if (rc != ENL_OK) {
        rc = ENL_OK;
        (void)snprintf(r->target_reason, sizeof(r->target_reason), "%.190s", why.text);
        free(r->target);
        r->target = NULL;
    }
    rc = rc == ENL_OK ? enl_thread_start(&r->thread, run, r, err) : rc;
    if (rc != ENL_OK) {
        release(r);
        return rc;
    }
    *ret = r;
    return ENL_OK;
}

void enl_reader_health(struct enl_reader *r, struct enl_health *ret)
{
    (void)pthread_mutex_lock(&r->mutex);
    *ret = r->health;
    if (now(r) - r->probed_us > STALE_US) {
        part(&ret->sql, ENL_HEALTH_DOWN, "SQL: a probe does not come back");
    }
    (void)pthread_mutex_unlock(&r->mutex);
}

static bool enqueue(struct enl_reader *r, struct look_up *l)
{
    if (r->stop || r->n >= LOOK_UPS_MAX) {
        return false;
    }
    if (r->last) {
        r->last->next = l;
    } else {
        r->first = l;
    }
    r->last = l;
    r->n++;
    (void)pthread_cond_signal(&r->cond);
    return true;
}

/* False: not done in time, and l is no longer the caller's. */
static bool wait_for(struct enl_reader *r, struct look_up *l)
{
    int64_t until = now(r) + LOOK_UP_US;
    bool queued = false;
    bool done = false;

    (void)pthread_mutex_lock(&r->mutex);
    queued = enqueue(r, l);
    while (queued && !l->done && enl_cond_wait_until(&l->cond, &r->mutex, until)) {
    }
    done = queued && l->done;
    l->left = queued && !done; /* the reader's thread frees it when it comes to it */
    (void)pthread_mutex_unlock(&r->mutex);
    if (!queued) {
        look_up_free(l);
    }
    return done;
}

enum enl_rc enl_reader_event(struct enl_reader *r, const char *event_id, struct enl_buf *out,
                             struct enl_err *err)
{
    struct look_up *l = enl_calloc(1, sizeof(*l));
    enum enl_rc rc = ENL_OK;

    if (!l) {
        return enl_fail_oom(err);
    }
    enl_cond_init(&l->cond);
    l->out = (struct enl_buf)ENL_BUF_INIT(VIEW_MAX);
    (void)snprintf(l->id, sizeof(l->id), "%s", event_id);
    if (!wait_for(r, l)) {
        return enl_fail(err, ENL_RETRY, "SQL did not answer in time");
    }
    rc = l->rc;
    if (rc == ENL_OK) {
        enl_buf_add(out, enl_buf_str(&l->out), l->out.len);
        rc = enl_buf_ok(out) ? ENL_OK : enl_fail_oom(err);
    } else {
        rc = enl_fail(err, rc, "%s", l->err.text);
    }
    look_up_free(l);
    return rc;
}

void enl_reader_stop(struct enl_reader *r)
{
    struct timespec until = {0};

    if (!r) {
        return;
    }
    (void)pthread_mutex_lock(&r->mutex);
    r->stop = true;
    (void)pthread_cond_signal(&r->cond);
    (void)pthread_mutex_unlock(&r->mutex);
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_S;
    if (pthread_timedjoin_np(r->thread, NULL, &until) == 0) {
        release(r);
    }
}
