/* sql - see sql.h. */
#include "wrap/sql.h"

#include "base/alloc.h"
#include "base/str.h"

#include <pthread.h>
#include <sql.h>
#include <sqlext.h>
#include <stdio.h>
#include <string.h>

#define PARAMS_MAX 32    /* no text has more */
#define CHUNK      16384 /* bytes that one SQLGetData brings; on our threads' stacks */

struct enl_sql {
    SQLHDBC dbc;
};

static SQLHENV environment;

/* psqlODBC calls setlocale() while it connects, which frees the text that another thread's connect
 * may be reading (seen with AddressSanitizer): one login at a time.  Its time limit bounds the
 * wait. */
static pthread_mutex_t login = PTHREAD_MUTEX_INITIALIZER;

enum enl_rc enl_sql_global_init(struct enl_err *err)
{
    if (SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &environment) != SQL_SUCCESS) {
        return enl_fail(err, ENL_FATAL, "no ODBC environment");
    }
    (void)SQLSetEnvAttr(environment, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)SQL_OV_ODBC3, 0);
    return ENL_OK;
}

void enl_sql_global_done(void)
{
    if (environment) {
        (void)SQLFreeHandle(SQL_HANDLE_ENV, environment);
        environment = NULL;
    }
}

/* The first diagnostic: later ones of a broken handle only say "unknown error". */
static void diagnose(SQLSMALLINT type, SQLHANDLE handle, struct enl_sql_error *e)
{
    SQLCHAR state[6] = "";
    SQLCHAR text[sizeof(e->message)] = "";
    SQLINTEGER native = 0;
    SQLSMALLINT len = 0;

    *e = (struct enl_sql_error){0};
    if (!SQL_SUCCEEDED(SQLGetDiagRec(type, handle, 1, state, &native, text, sizeof(text), &len))) {
        return;
    }
    (void)snprintf(e->state, sizeof(e->state), "%s", (const char *)state);
    (void)snprintf(e->message, sizeof(e->message), "%s", (const char *)text);
    e->message[strcspn(e->message, "\r\n")] = '\0';
    e->native = native;
}

static bool is_dead(SQLHDBC dbc, const struct enl_sql_error *e)
{
    SQLUINTEGER dead = SQL_CD_FALSE;

    /* No diagnostic at all, class 08 and FreeTDS' 01000 with a failure were all seen on lost
     * connections whose attribute still said "alive". */
    if (e->state[0] == '\0' || enl_starts(e->state, "08") || enl_starts(e->state, "01")) {
        return true;
    }
    return SQL_SUCCEEDED(SQLGetConnectAttr(dbc, SQL_ATTR_CONNECTION_DEAD, &dead, 0, NULL)) &&
           dead == SQL_CD_TRUE;
}

enum enl_rc enl_sql_open(const char *conn, unsigned login_s, struct enl_sql **ret,
                         struct enl_sql_error *ret_error, struct enl_err *err)
{
    struct enl_sql_error e = {0};
    struct enl_sql *s = enl_calloc(1, sizeof(*s));
    SQLRETURN rc = SQL_ERROR;

    if (!s) {
        return enl_fail_oom(err);
    }
    if (SQLAllocHandle(SQL_HANDLE_DBC, environment, &s->dbc) != SQL_SUCCESS) {
        free(s);
        return enl_fail_oom(err);
    }
    (void)SQLSetConnectAttr(s->dbc, SQL_ATTR_LOGIN_TIMEOUT, (SQLPOINTER)(uintptr_t)login_s, 0);
    (void)pthread_mutex_lock(&login);
    rc = SQLDriverConnect(s->dbc, NULL, (SQLCHAR *)(uintptr_t)conn, SQL_NTS, NULL, 0, NULL,
                          SQL_DRIVER_NOPROMPT);
    (void)pthread_mutex_unlock(&login);
    if (SQL_SUCCEEDED(rc)) {
        *ret = s;
        return ENL_OK;
    }
    diagnose(SQL_HANDLE_DBC, s->dbc, &e);
    e.dead = true;
    if (ret_error) {
        *ret_error = e;
    }
    (void)SQLFreeHandle(SQL_HANDLE_DBC, s->dbc);
    free(s);
    return enl_fail(err, ENL_RETRY, "SQL: no connection (%s/%d)", e.state, e.native);
}

void enl_sql_close(struct enl_sql *s)
{
    if (s) {
        (void)SQLDisconnect(s->dbc);
        (void)SQLFreeHandle(SQL_HANDLE_DBC, s->dbc);
        free(s);
    }
}

/* One cell, of any length; *ret NULL for SQL NULL. */
static enum enl_rc get_cell(SQLHSTMT stmt, SQLUSMALLINT col, size_t *left, char **ret,
                            struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf cell = ENL_BUF_INIT(*left);
    char chunk[CHUNK];
    SQLLEN len = 0;
    SQLRETURN rc = SQL_SUCCESS;

    *ret = NULL;
    do {
        rc = SQLGetData(stmt, col, SQL_C_CHAR, chunk, sizeof(chunk), &len);
        if (rc == SQL_NO_DATA) {
            break;
        }
        if (!SQL_SUCCEEDED(rc)) {
            return enl_fail(err, ENL_INVALID, "SQL: a column cannot be read");
        }
        if (len == SQL_NULL_DATA) {
            return ENL_OK;
        }
        /* A driver may stop in front of a character that does not fit as a whole. */
        enl_buf_add(&cell, chunk,
                    len == SQL_NO_TOTAL || len >= (SQLLEN)sizeof(chunk)
                        ? strnlen(chunk, sizeof(chunk) - 1)
                        : (size_t)len);
    } while (rc == SQL_SUCCESS_WITH_INFO);
    *left -= cell.len < *left ? cell.len : *left;
    *ret = enl_buf_take(&cell, NULL);
    if (cell.overflow) {
        return enl_fail(err, ENL_FATAL, "SQL: a result is over %zu bytes", ENL_SQL_RESULT_MAX);
    }
    return *ret ? ENL_OK : enl_fail_oom(err);
}

static enum enl_rc add_row(SQLHSTMT stmt, struct enl_sql_result *r, size_t *room, size_t *left,
                           struct enl_err *err)
{
    if (r->rows == *room) {
        size_t more = *room ? *room * 2 : 16;
        char **cells = enl_realloc(r->cells, more * r->cols, sizeof(*cells));

        if (!cells) {
            return enl_fail_oom(err);
        }
        r->cells = cells;
        *room = more;
    }
    memset(r->cells + r->rows * r->cols, 0, r->cols * sizeof(*r->cells));
    r->rows++;
    for (size_t c = 0; c < r->cols; c++) {
        char **cell = &r->cells[(r->rows - 1) * r->cols + c];
        enum enl_rc rc = get_cell(stmt, (SQLUSMALLINT)(c + 1), left, cell, err);

        if (rc != ENL_OK) {
            return rc;
        }
    }
    return ENL_OK;
}

/* All rows of the result at hand, dropped where nobody keeps them. */
static enum enl_rc fetch_set(SQLHSTMT stmt, struct enl_sql_result *keep, SQLRETURN *ret_rc,
                             struct enl_err *err)
{
    size_t room = 0;
    size_t left = ENL_SQL_RESULT_MAX;
    SQLSMALLINT cols = 0;
    SQLLEN affected = -1;

    if (keep && SQL_SUCCEEDED(SQLRowCount(stmt, &affected))) {
        keep->affected = affected;
    }
    *ret_rc = SQLNumResultCols(stmt, &cols);
    if (!SQL_SUCCEEDED(*ret_rc) || cols == 0) {
        return ENL_OK;
    }
    if (keep) {
        keep->cols = (size_t)cols;
    }
    while (SQL_SUCCEEDED(*ret_rc = SQLFetch(stmt))) {
        enum enl_rc rc = keep ? add_row(stmt, keep, &room, &left, err) : ENL_OK;

        if (rc != ENL_OK) {
            return rc;
        }
    }
    return ENL_OK;
}

/* Every statement must have had its result: a driver that ends early has lost some. */
static enum enl_rc fetch_all(SQLHSTMT stmt, struct enl_sql_result *const *ret, size_t n,
                             SQLRETURN *ret_rc, struct enl_err *err)
{
    size_t seen = 0;

    do {
        enum enl_rc rc = fetch_set(stmt, seen < n ? ret[seen] : NULL, ret_rc, err);

        if (rc != ENL_OK || (!SQL_SUCCEEDED(*ret_rc) && *ret_rc != SQL_NO_DATA)) {
            return rc;
        }
        seen++;
        *ret_rc = SQLMoreResults(stmt);
    } while (SQL_SUCCEEDED(*ret_rc));
    return *ret_rc == SQL_NO_DATA && seen < n
               ? enl_fail(err, ENL_RETRY, "SQL: the driver gave too few results")
               : ENL_OK;
}

static SQLRETURN bind(SQLHSTMT stmt, const struct enl_sql_param *params, size_t n,
                      SQLLEN lens[PARAMS_MAX])
{
    SQLRETURN rc = SQL_SUCCESS;

    for (size_t i = 0; i < n && SQL_SUCCEEDED(rc); i++) {
        SQLULEN size = params[i].len > 0 ? params[i].len : 1;

        lens[i] = params[i].text ? (SQLLEN)params[i].len : SQL_NULL_DATA;
        rc = SQLBindParameter(stmt, (SQLUSMALLINT)(i + 1), SQL_PARAM_INPUT, SQL_C_CHAR,
                              SQL_WLONGVARCHAR, size, 0, (SQLPOINTER)(uintptr_t)params[i].text,
                              (SQLLEN)params[i].len, &lens[i]);
    }
    return rc;
}

static enum enl_rc run(SQLHSTMT stmt, const char *text, const struct enl_sql_param *params,
                       size_t n_params, struct enl_sql_result *const *ret, size_t n,
                       SQLRETURN *ret_rc, struct enl_err *err)
{
    SQLLEN lens[PARAMS_MAX];

    *ret_rc = bind(stmt, params, n_params, lens);
    if (!SQL_SUCCEEDED(*ret_rc)) {
        return ENL_OK;
    }
    *ret_rc = SQLExecDirect(stmt, (SQLCHAR *)(uintptr_t)text, SQL_NTS);
    /* SQL_NO_DATA: an UPDATE that met no row; FreeTDS says so of DDL too. */
    if (!SQL_SUCCEEDED(*ret_rc) && *ret_rc != SQL_NO_DATA) {
        return ENL_OK;
    }
    if (*ret_rc == SQL_NO_DATA && n <= 1) {
        if (n == 1 && ret[0]) {
            ret[0]->affected = 0;
        }
        return ENL_OK;
    }
    return fetch_all(stmt, ret, n, ret_rc, err);
}

enum enl_rc enl_sql_run_all(struct enl_sql *s, const char *text, const struct enl_sql_param *params,
                            size_t n_params, unsigned query_s, struct enl_sql_result *const *ret,
                            size_t n_results, struct enl_sql_error *ret_error, struct enl_err *err)
{
    struct enl_sql_error e = {0};
    SQLHSTMT stmt = NULL;
    SQLRETURN sql_rc = SQL_ERROR;
    enum enl_rc rc = ENL_OK;

    for (size_t i = 0; i < n_results; i++) {
        if (ret[i]) {
            *ret[i] = (struct enl_sql_result){.affected = -1};
        }
    }
    if (n_params > PARAMS_MAX) {
        return enl_fail(err, ENL_FATAL, "SQL: more than %d parameters", PARAMS_MAX);
    }
    if (SQLAllocHandle(SQL_HANDLE_STMT, s->dbc, &stmt) != SQL_SUCCESS) {
        diagnose(SQL_HANDLE_DBC, s->dbc, &e);
        e.dead = true;
    } else {
        if (query_s > 0) {
            (void)SQLSetStmtAttr(stmt, SQL_ATTR_QUERY_TIMEOUT, (SQLPOINTER)(uintptr_t)query_s, 0);
        }
        rc = run(stmt, text, params, n_params, ret, n_results, &sql_rc, err);
        if (rc == ENL_OK && !SQL_SUCCEEDED(sql_rc) && sql_rc != SQL_NO_DATA) {
            diagnose(SQL_HANDLE_STMT, stmt, &e);
            e.dead = is_dead(s->dbc, &e);
            rc = ENL_INVALID;
        }
        (void)SQLFreeHandle(SQL_HANDLE_STMT, stmt);
    }
    if (e.dead) {
        rc = ENL_RETRY;
    }
    if (ret_error) {
        *ret_error = e;
    }
    if (rc == ENL_OK) {
        return ENL_OK;
    }
    for (size_t i = 0; i < n_results; i++) {
        if (ret[i]) {
            enl_sql_result_done(ret[i]);
        }
    }
    return enl_fail(err, rc, "SQL: a statement failed (%s/%d)", e.state, e.native);
}

enum enl_rc enl_sql_run(struct enl_sql *s, const char *text, const struct enl_sql_param *params,
                        size_t n_params, unsigned query_s, struct enl_sql_result *ret,
                        struct enl_sql_error *ret_error, struct enl_err *err)
{
    return enl_sql_run_all(s, text, params, n_params, query_s, &ret, 1, ret_error, err);
}

void enl_sql_result_done(struct enl_sql_result *r)
{
    for (size_t i = 0; r->cells && i < r->rows * r->cols; i++) {
        free(r->cells[i]);
    }
    free(r->cells);
    *r = (struct enl_sql_result){.affected = -1};
}

const char *enl_sql_cell(const struct enl_sql_result *r, size_t row, size_t col)
{
    return row < r->rows && col < r->cols ? r->cells[row * r->cols + col] : NULL;
}

int64_t enl_sql_cell_i64(const struct enl_sql_result *r, size_t row, size_t col)
{
    const char *text = enl_sql_cell(r, row, col);
    int64_t v = 0;

    return text && enl_parse_i64(text, &v) ? v : 0;
}
