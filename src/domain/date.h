/*
 * date - the dates that flows send, read by one fixed grammar (docs/webhook.md W6).
 *
 * ISO 8601 with 'T' or a space, a bare date, and "20 Oct 2025, 05:41pm" with months in English,
 * Spanish and Portuguese.  What could be read in two ways ("05/04/2026") is no date.
 *
 * Threads: any; nothing is kept.
 */
#ifndef ENL_DOMAIN_DATE_H
#define ENL_DOMAIN_DATE_H

#include <stdbool.h>
#include <stdint.h>

enum enl_precision {
    ENL_PRECISION_DAY,
    ENL_PRECISION_MINUTE,
    ENL_PRECISION_SECOND,
    ENL_PRECISION_MILLISECOND,
};

struct enl_moment {
    int64_t ms; /* since 1970 UTC: the first millisecond that the text can mean */
    enum enl_precision precision;
};

/* utc_offset_min is for texts without an offset.  False, with *ret left alone, for any other
 * form and for years before 1970 or after 2999, as written or in UTC. */
bool enl_date_read(const char *text, int utc_offset_min, struct enl_moment *ret);

/* The last millisecond that the text can mean: a bare date is its day's end. */
int64_t enl_date_last_ms(const struct enl_moment *m);

#endif
