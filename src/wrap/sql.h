/*
 * sql - the only user of ODBC: one connection, statements as text, results as text.
 *
 * Values only ever travel as parameters (bound as wide text without a length limit, so that no
 * driver cuts them); results are fetched to their end, within a limit, before the call returns.
 * Autocommit stays on: transactions are SQL text (BEGIN IMMEDIATE .. COMMIT), which is the one way
 * that all drivers do alike.  What an error means is the dialect's affair: here are only the
 * driver's SQLSTATE and native code.
 *
 * Ownership: a connection belongs to its opener; a result to enl_sql_result_done.
 * Threads:   a connection is used by one thread at a time.
 */
#ifndef ENL_WRAP_SQL_H
#define ENL_WRAP_SQL_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of one result: 500 rows of 48 KiB fit. */
#define ENL_SQL_RESULT_MAX ((size_t)256 * 1024 * 1024)

struct enl_sql;

struct enl_sql_error {
    char state[6]; /* SQLSTATE, "" when the driver gave no diagnostic */
    int native;
    char message[160]; /* the driver's words, first line; may hold values: see the
                          dialects */
    bool dead;         /* the connection is gone, or nothing is known about it: open
                          another */
};

struct enl_sql_param {
    const char *text; /* UTF-8; NULL binds SQL NULL */
    size_t len;
};

struct enl_sql_result {
    char **cells; /* rows * cols texts, NULL for SQL NULL, row by row */
    size_t rows, cols;
    int64_t affected; /* rows that a change touched, -1 when the driver does not
                         say */
};

/* Once, before the first thread.  FATAL: no ODBC. */
enum enl_rc enl_sql_global_init(struct enl_err *err) ENL_MUSTCHECK;
void enl_sql_global_done(void);

/* conn: an ODBC connection string, never logged.  login_s: seconds that a login may take, for the
 * drivers that obey.  RETRY: not connected, *ret_error (NULL allowed) says more. */
enum enl_rc enl_sql_open(const char *conn, unsigned login_s, struct enl_sql **ret,
                         struct enl_sql_error *ret_error, struct enl_err *err) ENL_MUSTCHECK;
void enl_sql_close(struct enl_sql *s); /* NULL allowed */

/* Runs a text of n_results statements, separated by semicolons where there are several (only for
 * drivers that take those), with the parameters of all of them in order.  Each statement has its
 * result in ret[] (NULL allowed where the rows do not matter: they are fetched all the same).
 * INVALID: the driver refused one, *ret_error says how; RETRY: the connection is gone, or results
 * are missing; FATAL: memory.  On failure no result is kept.  query_s: seconds, for the drivers
 * that obey; 0 none. */
enum enl_rc enl_sql_run_all(struct enl_sql *s, const char *text, const struct enl_sql_param *params,
                            size_t n_params, unsigned query_s, struct enl_sql_result *const *ret,
                            size_t n_results, struct enl_sql_error *ret_error,
                            struct enl_err *err) ENL_MUSTCHECK;

/* The same for one statement; ret NULL where its rows do not matter. */
enum enl_rc enl_sql_run(struct enl_sql *s, const char *text, const struct enl_sql_param *params,
                        size_t n_params, unsigned query_s, struct enl_sql_result *ret,
                        struct enl_sql_error *ret_error, struct enl_err *err) ENL_MUSTCHECK;

void enl_sql_result_done(struct enl_sql_result *r);
#define ENL_AUTO_SQL_RESULT __attribute__((cleanup(enl_sql_result_done)))

/* Cell as text, NULL for SQL NULL or out of range. */
const char *enl_sql_cell(const struct enl_sql_result *r, size_t row, size_t col);
/* Cell as an integer; 0 for NULL or anything else. */
int64_t enl_sql_cell_i64(const struct enl_sql_result *r, size_t row, size_t col);

#endif
