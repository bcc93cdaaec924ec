/* cron - see cron.h. */
#include "base/cron.h"

#include "base/clock.h"

#include <string.h>
#include <strings.h>

#define S_PER_DAY  86400
#define S_PER_TICK 60
#define DAYS_TRIED 14610 /* 40 years: 29 February on each day of the week */

static const struct range {
    unsigned lo, hi;
    const char *names; /* three letters each, from lo on */
} ranges[6] = {
    {0, 59, ""},
    {0, 59, ""},
    {0, 23, ""},
    {1, 31, ""},
    {1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"},
    {0, 6, "SUNMONTUEWEDTHUFRISAT"},
};

static bool read_value(const char **s, const struct range *r, unsigned *ret)
{
    unsigned v = 0;
    size_t n = 0;

    for (; (*s)[n] >= '0' && (*s)[n] <= '9' && n < 3; n++) {
        v = v * 10 + (unsigned)((*s)[n] - '0');
    }
    for (size_t i = 0; n == 0 && i < strlen(r->names) / 3; i++) {
        if (strncasecmp(*s, r->names + 3 * i, 3) == 0) {
            v = r->lo + (unsigned)i;
            n = 3;
        }
    }
    *s += n;
    *ret = v;
    return n > 0;
}

/* One of "*", "a", "a-b", each with an optional "/step". */
static bool read_part(const char **s, const struct range *r, uint64_t *bits)
{
    unsigned from = r->lo;
    unsigned to = r->hi;
    unsigned step = 1;
    bool single = false;

    if (**s == '*') {
        (*s)++;
    } else {
        if (!read_value(s, r, &from)) {
            return false;
        }
        to = from;
        single = true;
        if (**s == '-') {
            (*s)++;
            single = false;
            if (!read_value(s, r, &to)) {
                return false;
            }
        }
    }
    if (**s == '/') {
        (*s)++;
        if (!read_value(s, &(struct range){1, 59, ""}, &step)) {
            return false;
        }
        to = single ? r->hi : to;
    }
    if (from < r->lo || to > r->hi || from > to || step < 1) {
        return false;
    }
    for (unsigned v = from; v <= to; v += step) {
        *bits |= 1ULL << v;
    }
    return true;
}

static bool read_field(const char **s, const struct range *r, uint64_t *bits)
{
    *s += strspn(*s, " \t");
    for (;;) {
        if (!read_part(s, r, bits)) {
            return false;
        }
        if (**s != ',') {
            return **s == '\0' || **s == ' ' || **s == '\t';
        }
        (*s)++;
    }
}

static int count_fields(const char *s)
{
    int n = 0;

    for (s += strspn(s, " \t"); *s; s += strspn(s, " \t")) {
        s += strcspn(s, " \t");
        n++;
    }
    return n;
}

enum enl_rc enl_cron_parse(const char *text, struct enl_cron *ret, struct enl_err *err)
{
    struct enl_cron c = {.fields = {1}};
    const char *s = text;
    int n = count_fields(text);

    if (n != 5 && n != 6) {
        return enl_fail(err, ENL_INVALID, "the schedule '%s' has %d fields, not 6", text, n);
    }
    if (n == 6) {
        c.fields[0] = 0;
    }
    for (int i = 6 - n; i < 6; i++) {
        if (!read_field(&s, &ranges[i], &c.fields[i])) {
            return enl_fail(err, ENL_INVALID, "the schedule '%s' is wrong at field %d", text,
                            i - (6 - n) + 1);
        }
    }
    *ret = c;
    return ENL_OK;
}

static bool has(const struct enl_cron *c, int field, int64_t v)
{
    return (c->fields[field] >> v & 1U) != 0;
}

static bool has_day(const struct enl_cron *c, int64_t days)
{
    struct enl_date d = enl_date_from_days(days);

    return has(c, 3, d.day) && has(c, 4, d.month) && has(c, 5, (days + 4) % 7);
}

/* The first matching second of the day from second from on, -1 when there is none. */
static int64_t second_of_day(const struct enl_cron *c, int64_t from)
{
    for (int64_t s = from; s < S_PER_DAY;) {
        if (!has(c, 2, s / 3600)) {
            s = (s / 3600 + 1) * 3600;
        } else if (!has(c, 1, s / 60 % 60)) {
            s = (s / 60 + 1) * 60;
        } else if (!has(c, 0, s % 60)) {
            s++;
        } else {
            return s;
        }
    }
    return -1;
}

int64_t enl_cron_next(const struct enl_cron *cron, int64_t after_s)
{
    int64_t first = (after_s + 1) / S_PER_DAY;

    for (int64_t day = first; day < first + DAYS_TRIED; day++) {
        int64_t from = day == first ? (after_s + 1) % S_PER_DAY : 0;
        int64_t s = has_day(cron, day) ? second_of_day(cron, from) : -1;

        if (s >= 0) {
            return day * S_PER_DAY + s;
        }
    }
    return INT64_MAX;
}

bool enl_cron_due(const struct enl_cron *cron, int64_t now_s)
{
    int64_t minute_s = (now_s + S_PER_TICK / 2) / S_PER_TICK * S_PER_TICK;

    return enl_cron_next(cron, minute_s - S_PER_TICK) <= minute_s;
}
