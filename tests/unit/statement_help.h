/* statement_help - what every dialect's statement must be like: its parameters and columns. */
#ifndef ENL_TEST_STATEMENT_HELP_H
#define ENL_TEST_STATEMENT_HELP_H

#include "enl_test.h"

#include "store/store.h"

#include <stddef.h>

/* As dialect.h documents them. */
static const struct {
    const char *name, *params, *columns;
} help_statements[] = {
#define X(name, params, columns) {#name, params, columns},
    ENL_STATEMENTS(X)
#undef X
};

/* Columns that the users of a statement's rows read; a change has none. */
static const size_t help_columns[ENL_SQL_COUNT] = {
    [ENL_SQL_MIGRATIONS_VERSION] = 1,
    [ENL_SQL_CONTACTS_LOCK] = 3,
    [ENL_SQL_CONTACT_EVENTS] = 5,
    [ENL_SQL_EVENTS_KNOWN] = 3,
    [ENL_SQL_EVENTS_NEAR] = 8,
    [ENL_SQL_EVENTS_CLAIMED] = 8,
    [ENL_SQL_EVENTS_STATUS] = 4,
    [ENL_SQL_EVENTS_LOCK] = 4,
    [ENL_SQL_LEASE_READ] = 4,
    [ENL_SQL_EVENTS_REPEATS] = 5,
    [ENL_SQL_BREAKER_READ] = 10,
    [ENL_SQL_BREAKER_LOCK] = 10,
    [ENL_SQL_HEALTH] = 3,
    [ENL_SQL_EVENT_VIEW] = 15,
    [ENL_SQL_EVENTS_READ] = 8,
    [ENL_SQL_EVENTS_UNCHECKED] = 1,
    [ENL_SQL_EVENTS_STORED] = 2,
    [ENL_SQL_DEAD_TRANSIENT] = 1,
    [ENL_SQL_SYNC_READ] = 3,
};

/* Parameters in a documented list: parts between commas, but for those in braces. */
static inline size_t help_params(const char *params)
{
    size_t n = *params ? 1 : 0;
    int depth = 0;

    for (const char *c = params; *c != '\0'; c++) {
        depth += *c == '{' ? 1 : *c == '}' ? -1 : 0;
        n += *c == ',' && depth == 0 ? 1 : 0;
    }
    return n;
}

#endif
