/* dialect - see dialect.h: what all dialects share. */
#include "store/dialect.h"

#include "base/str.h"

static const char *const names[] = {
#define X(name, params, columns) #name,
    ENL_STATEMENTS(X)
#undef X
};

const char *enl_statement_name(enum enl_statement s)
{
    return names[s];
}

enum enl_sql_class enl_dialect_classify(const struct enl_dialect *d,
                                        const struct enl_sql_error *error)
{
    if (error->dead) {
        return ENL_SQL_CLASS_DEAD;
    }
    for (size_t i = 0; i < d->n_codes; i++) {
        const struct enl_sql_code *c = &d->codes[i];

        if (enl_starts(error->state, c->state) && (c->native < 0 || c->native == error->native)) {
            return c->class;
        }
    }
    return ENL_SQL_CLASS_OTHER;
}
