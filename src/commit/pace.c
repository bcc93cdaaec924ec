/* pace - see pace.h. */
#include "commit/pace.h"

#define SHRINK_MOST  4 /* a slow answer leaves at least a quarter: one may be slow by chance */
#define SHRINK_LOST  8 /* a time-out an eighth */
#define TARGET_TENTH 8 /* of the aim, so that the next request is under it and not at it */

enum blame { UNKNOWN, SIZE, NOT_SIZE };

static size_t at_least(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Two slow requests of different sizes: the smaller one must have saved at least half the share of
 * time that it saved of rows. */
static enum blame judge(const struct enl_pace *p, size_t n, int64_t took_us)
{
    size_t larger = at_least(n, p->slow_n);
    size_t smaller = at_most(n, p->slow_n);
    int64_t larger_us = n > p->slow_n ? took_us : p->slow_us;
    int64_t smaller_us = n > p->slow_n ? p->slow_us : took_us;

    if (smaller == 0 || smaller == larger) {
        return UNKNOWN;
    }
    return (double)(larger_us - smaller_us) / (double)larger_us >=
                   (double)(larger - smaller) / (double)larger / 2
               ? SIZE
               : NOT_SIZE;
}

void enl_pace_init(struct enl_pace *p, size_t most)
{
    *p = (struct enl_pace){.most = most, .rows = most};
}

static void too_slow(struct enl_pace *p, size_t n, int64_t took_us)
{
    enum blame blame = judge(p, n, took_us);

    if (blame == NOT_SIZE) {
        p->rows = at_least(p->rows, at_most(p->most, 2 * at_least(n, p->slow_n)));
    } else if (n > ENL_PACE_FLOOR) {
        size_t fits = (size_t)((double)n * ENL_PACE_AIM_US / 10 * TARGET_TENTH / (double)took_us);

        p->rows = at_most(p->rows, at_least(ENL_PACE_FLOOR, at_least(fits, n / SHRINK_MOST)));
    } else if (blame == UNKNOWN) {
        /* Less than this is not sent: a larger one will tell whether the size matters. */
        p->rows = at_least(p->rows, at_most(p->most, (size_t)2 * ENL_PACE_FLOOR));
    }
    p->slow_n = n;
    p->slow_us = took_us;
}

void enl_pace_answered(struct enl_pace *p, size_t n, int64_t took_us)
{
    if (took_us > ENL_PACE_AIM_US) {
        too_slow(p, n, took_us);
        return;
    }
    p->slow_n = 0;
    /* A request that was not full does not show that a larger one would be as quick. */
    if (took_us < ENL_PACE_AIM_US / 2 && n >= p->rows) {
        p->rows = at_most(p->most, p->rows + p->rows / 2);
    }
}

void enl_pace_unanswered(struct enl_pace *p, size_t n, int64_t took_us)
{
    if (took_us > ENL_PACE_AIM_US && n > ENL_PACE_FLOOR) {
        p->rows = at_most(p->rows, at_least(ENL_PACE_FLOOR, n / SHRINK_LOST));
        p->slow_n = 0;
    }
}
