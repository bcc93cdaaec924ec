/* migrate - see migrate.h. */
#include "store/migrate.h"

#include "base/alloc.h"
#include "store/lease.h"

#include <stdio.h>
#include <string.h>

int enl_migrate_known(const struct enl_dialect *d)
{
    return d->migrations[d->n_migrations - 1].version;
}

/* Statements end with ";" at the end of a line; what follows the last one is nothing. */
static enum enl_rc apply(struct enl_store *s, const char *text, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    while (rc == ENL_OK) {
        const char *end = strstr(text, ";\n");
        ENL_AUTO_FREE char *one = NULL;

        if (!end) {
            return ENL_OK;
        }
        one = enl_memdup(text, (size_t)(end - text));
        if (!one) {
            return enl_fail_oom(err);
        }
        rc = enl_store_run_text(s, one, err);
        text = end + 2;
    }
    return rc;
}

static enum enl_rc read_version(struct enl_store *s, int *ret, struct enl_err *err)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result r = {0};
    enum enl_rc rc = enl_store_run(s, ENL_SQL_MIGRATIONS_VERSION, NULL, 0, &r, err);

    if (rc == ENL_OK) {
        *ret = (int)enl_sql_cell_i64(&r, 0, 0);
    }
    return rc;
}

static enum enl_rc migrate_locked(struct enl_store *s, int *ret_version, struct enl_err *err)
{
    const struct enl_dialect *d = enl_store_dialect(s);
    int version = 0;
    enum enl_rc rc = enl_store_run(s, ENL_SQL_MIGRATIONS_TABLE, NULL, 0, NULL, err);

    rc = rc == ENL_OK ? read_version(s, &version, err) : rc;
    for (size_t i = 0; i < d->n_migrations && rc == ENL_OK; i++) {
        char number[16];
        const char *params[1] = {number};

        if (d->migrations[i].version <= version) {
            continue;
        }
        rc = apply(s, d->migrations[i].text, err);
        (void)snprintf(number, sizeof(number), "%d", d->migrations[i].version);
        rc = rc == ENL_OK ? enl_store_run(s, ENL_SQL_MIGRATIONS_ADD, params, 1, NULL, err) : rc;
        version = d->migrations[i].version;
    }
    if (rc == ENL_OK) {
        *ret_version = version;
    }
    return rc;
}

enum enl_rc enl_migrate(struct enl_store *s, int *ret_version, struct enl_err *err)
{
    int version = 0;
    /* Mostly there is nothing to do, and each connection of each instance asks: without the lock
     * under which they would wait for each other.  Before the first migration there is no table. */
    enum enl_rc rc = read_version(s, &version, NULL);

    if (rc == ENL_FATAL) {
        return enl_fail_oom(err);
    }
    if (rc == ENL_OK && version >= enl_migrate_known(enl_store_dialect(s))) {
        *ret_version = version;
        return ENL_OK;
    }
    rc = enl_store_begin_migration(s, err);

    rc = rc == ENL_OK ? migrate_locked(s, &version, err) : rc;
    rc = rc == ENL_OK ? enl_store_commit(s, err) : rc;
    if (rc == ENL_OK) {
        *ret_version = version;
        return ENL_OK;
    }
    enl_store_rollback(s);
    return rc == ENL_INVALID ? ENL_RETRY : rc;
}

enum enl_rc enl_migrate_run(const struct enl_config *cfg, struct enl_err *err)
{
    ENL_AUTO_FREE struct enl_store_target *target = enl_calloc(1, sizeof(*target));
    struct enl_store *s = NULL;
    int version = 0;
    enum enl_rc rc = target ? enl_store_target(cfg, target, err) : enl_fail_oom(err);

    rc = rc == ENL_OK ? enl_store_open(target, &s, err) : rc;
    if (rc == ENL_OK) {
        rc = enl_migrate(s, &version, err);
        if (rc == ENL_OK && version > enl_migrate_known(enl_store_dialect(s))) {
            rc = enl_fail(err, ENL_FATAL, "the schema is newer (%d) than this binary (%d)", version,
                          enl_migrate_known(enl_store_dialect(s)));
        }
        rc = rc == ENL_OK ? enl_lease_set_slack(s, cfg->odoo_turn_slack_ms, err) : rc;
    }
    enl_store_close(s);
    return rc;
}
