/*
 * store - a connection to the database with its dialect: statements by name, errors by meaning.
 *
 * Every statement has a time limit where the driver obeys one.  After an error inside a transaction
 * the caller rolls back (enl_store_rollback, which also drops a dead connection); nothing is
 * durable until enl_store_commit said OK, which it only does when no statement of the transaction
 * failed.
 *
 * Ownership: a store belongs to its opener.  Threads: one thread at a time.
 */
#ifndef ENL_STORE_STORE_H
#define ENL_STORE_STORE_H

#include "base/config.h"
#include "base/err.h"
#include "store/dialect.h"
#include "store/url.h"
#include "wrap/json.h"

#include <stdbool.h>
#include <stdint.h>

#define ENL_STORE_LOGIN_S 5
#define ENL_STORE_QUERY_S                                                                          \
    15 /* under HOLD by far; a batch takes milliseconds                                            \
        */

struct enl_store;

/* INVALID: DATABASE_URL cannot be used, err says why without repeating it. */
enum enl_rc enl_store_target(const struct enl_config *cfg, struct enl_store_target *ret,
                             struct enl_err *err) ENL_MUSTCHECK;

/* RETRY: not reachable. */
enum enl_rc enl_store_open(const struct enl_store_target *target, struct enl_store **ret,
                           struct enl_err *err) ENL_MUSTCHECK;
void enl_store_close(struct enl_store *s); /* NULL allowed */

/* The connection is no longer usable: close it and open another. */
bool enl_store_dead(const struct enl_store *s);
const struct enl_dialect *enl_store_dialect(const struct enl_store *s);

/* One statement to run.  With a batch its JSON text is the parameter numbered batch_at; params are
 * the texts of the others, in order, NULL for SQL NULL. */
#define ENL_STORE_PARAMS_MAX 8
struct enl_store_call {
    enum enl_statement statement;
    const struct enl_json *batch;
    size_t batch_at;
    const char *params[ENL_STORE_PARAMS_MAX];
    size_t n_params;            /* the batch not counted */
    struct enl_sql_result *ret; /* NULL: the rows do not matter */
};
#define ENL_STORE_CALLS_MAX 8
/* Adds a call to a list of up to ENL_STORE_CALLS_MAX unless its batch is empty. */
void enl_store_add_call(struct enl_store_call *calls, size_t *n, struct enl_store_call call);

/* Runs statements between which nothing has to be decided, in one round trip where the driver takes
 * them so.  The first that fails ends it.  INVALID: a value was refused (class DATA); RETRY: busy,
 * dead, another was faster, or not understood; FATAL: memory. */
enum enl_rc enl_store_run_all(struct enl_store *s, const struct enl_store_call *calls, size_t n,
                              struct enl_err *err) ENL_MUSTCHECK;
/* One statement with nothing but texts for parameters. */
enum enl_rc enl_store_run(struct enl_store *s, enum enl_statement statement,
                          const char *const *params, size_t n_params, struct enl_sql_result *ret,
                          struct enl_err *err) ENL_MUSTCHECK;
/* One statement whose only parameter is a batch. */
enum enl_rc enl_store_run_batch(struct enl_store *s, enum enl_statement statement,
                                const struct enl_json *batch, struct enl_sql_result *ret,
                                struct enl_err *err) ENL_MUSTCHECK;
/* Statement text that is no table entry: migrations. */
enum enl_rc enl_store_run_text(struct enl_store *s, const char *text,
                               struct enl_err *err) ENL_MUSTCHECK;

enum enl_rc enl_store_begin(struct enl_store *s, struct enl_err *err) ENL_MUSTCHECK;
/* Begins a transaction with its first statements. */
enum enl_rc enl_store_begin_with(struct enl_store *s, const struct enl_store_call *calls, size_t n,
                                 struct enl_err *err) ENL_MUSTCHECK;
/* The same with the lock under which nobody else migrates. */
enum enl_rc enl_store_begin_migration(struct enl_store *s, struct enl_err *err) ENL_MUSTCHECK;
/* RETRY: not confirmed; it may have been done all the same. */
enum enl_rc enl_store_commit(struct enl_store *s, struct enl_err *err) ENL_MUSTCHECK;
void enl_store_rollback(struct enl_store *s);

#endif
