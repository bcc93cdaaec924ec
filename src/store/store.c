/* store - see store.h. */
#include "store/store.h"

#include "base/alloc.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

struct enl_store {
    struct enl_sql *sql;
    const struct enl_dialect *dialect;
    bool in_transaction;
    bool failed; /* a statement of this transaction failed */
    bool dead;
};

enum enl_rc enl_store_target(const struct enl_config *cfg, struct enl_store_target *ret,
                             struct enl_err *err)
{
    const char *url = cfg->database_url ? cfg->database_url : "";

    if (enl_config_database_is_wrong(cfg)) {
        return enl_fail(err, ENL_INVALID,
                        "DATABASE_URL: unset or SQLite, whose file is private to "
                        "an instance and "
                        "lost in Azure");
    }
    return enl_database_url(url, ret, err);
}

void enl_store_close(struct enl_store *s)
{
    if (s) {
        enl_sql_close(s->sql);
        free(s);
    }
}

bool enl_store_dead(const struct enl_store *s)
{
    return s->dead;
}

const struct enl_dialect *enl_store_dialect(const struct enl_store *s)
{
    return s->dialect;
}

/* What whoever runs the service has to look at; "" where there is nothing to tell. */
static const char *advice(const char *state)
{
    static const struct {
        const char *state, *text;
    } known[] = {
        {"25006", ": the database can only be read"},
        {"08001", ": no answer or no login; check host, port, database, user and password"},
        {"28000", ": check user and password"},
        {"28P01", ": check user and password"},
        {"3D000", ": no such database"},
        {"42501", ": the user of the database lacks the right"},
        {"IM002", ": no such ODBC driver is installed here"},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(state, known[i].state) == 0) {
            return known[i].text;
        }
    }
    return "";
}

static enum enl_rc run(struct enl_store *s, const char *text, const char *name,
                       const struct enl_sql_param *params, size_t n,
                       struct enl_sql_result *const *ret, size_t n_results, struct enl_err *err)
{
    struct enl_sql_error e = {0};
    struct enl_err why = {0};
    enum enl_sql_class class = ENL_SQL_CLASS_OTHER;
    enum enl_rc rc =
        enl_sql_run_all(s->sql, text, params, n, ENL_STORE_QUERY_S, ret, n_results, &e, &why);

    if (rc == ENL_OK) {
        return ENL_OK;
    }
    s->failed = true;
    if (rc == ENL_FATAL) {
        return enl_fail(err, rc, "%s", why.text);
    }
    class = enl_dialect_classify(s->dialect, &e);
    s->dead = s->dead || class == ENL_SQL_CLASS_DEAD;
    rc = class == ENL_SQL_CLASS_DATA ? ENL_INVALID : ENL_RETRY;
    /* The driver's words are left out: they may quote values. */
    return enl_fail(err, rc, "SQL: %s failed (%s/%d)%s", name, e.state, e.native, advice(e.state));
}

static enum enl_rc run_session(struct enl_store *s, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    if (!s->dialect->session) {
        return ENL_OK;
    }
    rc = run(s, s->dialect->session, "the session's settings", NULL, 0, NULL, 0, err);
    return rc == ENL_INVALID ? ENL_RETRY : rc;
}

enum enl_rc enl_store_open(const struct enl_store_target *target, struct enl_store **ret,
                           struct enl_err *err)
{
    struct enl_sql_error e = {0};
    struct enl_err why = {0};
    struct enl_store *s = enl_calloc(1, sizeof(*s));
    enum enl_rc rc = ENL_OK;

    if (!s) {
        return enl_fail_oom(err);
    }
    s->dialect = target->dialect;
    rc = enl_sql_open(target->conn, target->login_s ? target->login_s : ENL_STORE_LOGIN_S, &s->sql,
                      &e, &why);
    rc = rc == ENL_OK ? run_session(s, err) : enl_fail(err, rc, "%s%s", why.text, advice(e.state));
    if (rc != ENL_OK) {
        enl_store_close(s);
        return rc;
    }
    *ret = s;
    return ENL_OK;
}

/* The texts, parameters and results of calls on their way to the driver. */
struct bundle {
    struct enl_buf text;
    struct enl_buf batches[ENL_STORE_CALLS_MAX];
    struct enl_sql_param params[ENL_STORE_CALLS_MAX * ENL_STORE_PARAMS_MAX];
    struct enl_sql_result *results[ENL_STORE_CALLS_MAX + 1]; /* one more for BEGIN */
    size_t n_params, n_results;
};

static void bundle_done(struct bundle *b)
{
    enl_buf_done(&b->text);
    for (size_t i = 0; i < ENL_STORE_CALLS_MAX; i++) {
        enl_buf_done(&b->batches[i]);
    }
}

static void bundle_statement(struct bundle *b, const char *text, struct enl_sql_result *ret)
{
    if (b->n_results > 0) {
        enl_buf_addc(&b->text, ';');
    }
    enl_buf_adds(&b->text, text);
    b->results[b->n_results++] = ret;
}

static void bundle_param(struct bundle *b, const char *text, size_t len)
{
    b->params[b->n_params++] = (struct enl_sql_param){text, len};
}

static bool bundle_call(struct bundle *b, const struct enl_dialect *d,
                        const struct enl_store_call *call, struct enl_buf *batch)
{
    bundle_statement(b, d->statements[call->statement], call->ret);
    if (call->batch) {
        enl_json_dump(call->batch, false, batch);
    }
    for (size_t i = 0; i <= call->n_params; i++) {
        if (call->batch && i == call->batch_at) {
            bundle_param(b, enl_buf_str(batch), batch->len);
        }
        if (i < call->n_params) {
            const char *text = call->params[i];

            bundle_param(b, text, text ? strlen(text) : 0);
        }
    }
    return enl_buf_ok(batch) && enl_buf_ok(&b->text);
}

static enum enl_rc run_bundle(struct enl_store *s, bool begin, const struct enl_store_call *calls,
                              size_t n, struct enl_err *err)
{
    struct bundle b = {.text = ENL_BUF_INIT(65536)};
    const char *name = n == 1 ? enl_statement_name(calls[0].statement) : "a text of statements";
    bool ok = n <= ENL_STORE_CALLS_MAX;
    enum enl_rc rc = ENL_OK;

    if (begin) {
        bundle_statement(&b, s->dialect->statements[ENL_SQL_BEGIN], NULL);
    }
    for (size_t i = 0; i < n && ok; i++) {
        b.batches[i] = (struct enl_buf)ENL_BUF_INIT(ENL_SQL_RESULT_MAX);
        ok = bundle_call(&b, s->dialect, &calls[i], &b.batches[i]);
    }
    rc = ok ? run(s, enl_buf_str(&b.text), name, b.params, b.n_params, b.results, b.n_results, err)
            : enl_fail_oom(err);
    bundle_done(&b);
    return rc;
}

void enl_store_add_call(struct enl_store_call *calls, size_t *n, struct enl_store_call call)
{
    if (enl_json_len(call.batch) > 0) {
        calls[(*n)++] = call;
    }
}

enum enl_rc enl_store_run_all(struct enl_store *s, const struct enl_store_call *calls, size_t n,
                              struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    if (s->dialect->many && n > 0) {
        return run_bundle(s, false, calls, n, err);
    }
    for (size_t i = 0; i < n && rc == ENL_OK; i++) {
        rc = run_bundle(s, false, &calls[i], 1, err);
    }
    return rc;
}

enum enl_rc enl_store_run(struct enl_store *s, enum enl_statement statement,
                          const char *const *params, size_t n_params, struct enl_sql_result *ret,
                          struct enl_err *err)
{
    struct enl_store_call call = {.statement = statement, .n_params = n_params, .ret = ret};

    if (n_params > ENL_STORE_PARAMS_MAX) {
        return enl_fail(err, ENL_FATAL, "SQL: too many parameters");
    }
    for (size_t i = 0; i < n_params; i++) {
        call.params[i] = params[i];
    }
    return run_bundle(s, false, &call, 1, err);
}

enum enl_rc enl_store_run_batch(struct enl_store *s, enum enl_statement statement,
                                const struct enl_json *batch, struct enl_sql_result *ret,
                                struct enl_err *err)
{
    const struct enl_store_call call = {.statement = statement, .batch = batch, .ret = ret};

    return run_bundle(s, false, &call, 1, err);
}

enum enl_rc enl_store_run_text(struct enl_store *s, const char *text, struct enl_err *err)
{
    return run(s, text, "a migration", NULL, 0, NULL, 0, err);
}

static enum enl_rc begin(struct enl_store *s, const char *text, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    s->failed = false;
    rc = run(s, text, "BEGIN", NULL, 0, NULL, 0, err);
    s->in_transaction = rc == ENL_OK;
    return rc;
}

enum enl_rc enl_store_begin(struct enl_store *s, struct enl_err *err)
{
    return begin(s, s->dialect->statements[ENL_SQL_BEGIN], err);
}

enum enl_rc enl_store_begin_with(struct enl_store *s, const struct enl_store_call *calls, size_t n,
                                 struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    if (!s->dialect->many) {
        rc = enl_store_begin(s, err);
        return rc == ENL_OK ? enl_store_run_all(s, calls, n, err) : rc;
    }
    s->failed = false;
    /* Whatever of it fails: there may be a transaction to roll back. */
    s->in_transaction = true;
    return run_bundle(s, true, calls, n, err);
}

enum enl_rc enl_store_begin_migration(struct enl_store *s, struct enl_err *err)
{
    return begin(s, s->dialect->lock_migrations, err);
}

enum enl_rc enl_store_commit(struct enl_store *s, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    if (s->failed || !s->in_transaction) {
        return enl_fail(err, ENL_RETRY, "SQL: nothing to commit after a failed statement");
    }
    rc = enl_store_run(s, ENL_SQL_COMMIT, NULL, 0, NULL, err);
    s->in_transaction = rc != ENL_OK;
    return rc == ENL_OK || rc == ENL_FATAL ? rc : ENL_RETRY;
}

void enl_store_rollback(struct enl_store *s)
{
    if (s->in_transaction && !s->dead &&
        enl_store_run(s, ENL_SQL_ROLLBACK, NULL, 0, NULL, NULL) != ENL_OK) {
        /* Whatever state it is in: a new connection has none. */
        s->dead = true;
    }
    s->in_transaction = false;
}
