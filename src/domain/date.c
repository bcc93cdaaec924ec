/* date - see date.h. */
#include "domain/date.h"

#include "base/clock.h"
#include "base/str.h"

#include <stddef.h>
#include <string.h>

#define YEAR_MIN      1970
#define YEAR_MAX      2999
#define MS_PER_SECOND 1000LL
#define MS_PER_MINUTE 60000LL
#define MS_PER_HOUR   3600000LL
#define MS_PER_DAY    86400000LL
#define DATE_TEXT_MAX 63 /* bytes: room for a fraction of any sensible length */
#define MONTH_MAX     12 /* bytes of the longest name and one more */

struct parts {
    struct enl_date date;
    int hour, minute, second, ms;
    int offset_min;
    enum enl_precision precision;
};

static const struct {
    const char *name; /* lower case */
    int month;
} months[] = {
    {"jan", 1},       {"january", 1},   {"ene", 1},        {"enero", 1},        {"janeiro", 1},
    {"feb", 2},       {"february", 2},  {"febrero", 2},    {"fev", 2},          {"fevereiro", 2},
    {"mar", 3},       {"march", 3},     {"marzo", 3},      {"mar\xc3\xa7o", 3}, {"apr", 4},
    {"april", 4},     {"abr", 4},       {"abril", 4},      {"may", 5},          {"mayo", 5},
    {"mai", 5},       {"maio", 5},      {"jun", 6},        {"june", 6},         {"junio", 6},
    {"junho", 6},     {"jul", 7},       {"july", 7},       {"julio", 7},        {"julho", 7},
    {"aug", 8},       {"august", 8},    {"ago", 8},        {"agosto", 8},       {"sep", 9},
    {"sept", 9},      {"september", 9}, {"septiembre", 9}, {"setiembre", 9},    {"set", 9},
    {"setembro", 9},  {"oct", 10},      {"october", 10},   {"octubre", 10},     {"out", 10},
    {"outubro", 10},  {"nov", 11},      {"november", 11},  {"noviembre", 11},   {"novembro", 11},
    {"dec", 12},      {"december", 12}, {"dic", 12},       {"diciembre", 12},   {"dez", 12},
    {"dezembro", 12},
};

static bool take(const char **p, char c)
{
    if (**p != c) {
        return false;
    }
    (*p)++;
    return true;
}

static bool take_spaces(const char **p)
{
    const char *from = *p;

    while (**p == ' ') {
        (*p)++;
    }
    return *p != from;
}

static bool take_digits(const char **p, int least, int most, int *ret)
{
    int n = 0;
    int v = 0;

    while (n < most && **p >= '0' && **p <= '9') {
        v = v * 10 + (**p - '0');
        (*p)++;
        n++;
    }
    *ret = v;
    return n >= least && (**p < '0' || **p > '9');
}

/* ".5" is 500 ms; digits beyond the third are read and dropped. */
static bool take_fraction(const char **p, int *ret_ms)
{
    const char *from = *p;
    int ms = 0;

    for (int unit = 100; **p >= '0' && **p <= '9'; (*p)++) {
        ms += unit * (**p - '0');
        unit /= 10;
    }
    *ret_ms = ms;
    return *p != from;
}

static bool take_offset(const char **p, int *ret_min)
{
    bool behind = **p == '-';
    int hours = 0;
    int minutes = 0;
    const char *digits = NULL;

    if (take(p, 'Z')) {
        *ret_min = 0;
        return true;
    }
    if (!take(p, '+') && !take(p, '-')) {
        return false;
    }
    digits = *p;
    if (strlen(digits) == 4) {
        if (!take_digits(p, 4, 4, &minutes)) {
            return false;
        }
        hours = minutes / 100;
        minutes %= 100;
    } else if (!take_digits(p, 2, 2, &hours) || !take(p, ':') || !take_digits(p, 2, 2, &minutes)) {
        return false;
    }
    if (hours > 23 || minutes > 59) {
        return false;
    }
    *ret_min = (hours * 60 + minutes) * (behind ? -1 : 1);
    return true;
}

static bool read_iso(const char *p, struct parts *d)
{
    if (!take_digits(&p, 4, 4, &d->date.year) || !take(&p, '-') ||
        !take_digits(&p, 2, 2, &d->date.month) || !take(&p, '-') ||
        !take_digits(&p, 2, 2, &d->date.day)) {
        return false;
    }
    if (*p == '\0') {
        return true;
    }
    if ((!take(&p, 'T') && !take(&p, ' ')) || !take_digits(&p, 2, 2, &d->hour) || !take(&p, ':') ||
        !take_digits(&p, 2, 2, &d->minute)) {
        return false;
    }
    d->precision = ENL_PRECISION_MINUTE;
    if (take(&p, ':')) {
        if (!take_digits(&p, 2, 2, &d->second)) {
            return false;
        }
        d->precision = ENL_PRECISION_SECOND;
        if (take(&p, '.')) {
            if (!take_fraction(&p, &d->ms)) {
                return false;
            }
            d->precision = ENL_PRECISION_MILLISECOND;
        }
    }
    return *p == '\0' || (take_offset(&p, &d->offset_min) && *p == '\0');
}

/* Lower case for ASCII and the one other letter that a month has. */
static bool take_month(const char **p, int *ret)
{
    char word[MONTH_MAX + 1] = "";
    size_t len = 0;

    while (**p != '\0' && **p != ' ' && len < MONTH_MAX) {
        word[len] = **p;
        if (**p >= 'A' && **p <= 'Z') {
            word[len] = (char)(**p - 'A' + 'a');
        } else if (**p == '\x87' && len > 0 && word[len - 1] == '\xc3') {
            word[len] = '\xa7';
        }
        len++;
        (*p)++;
    }
    for (size_t i = 0; i < sizeof(months) / sizeof(months[0]); i++) {
        if (strcmp(word, months[i].name) == 0) {
            *ret = months[i].month;
            return true;
        }
    }
    return false;
}

/* A clock of 12 hours knows no hour 0 and none after 12. */
static bool take_half_day(const char **p, int *hour)
{
    bool pm = enl_ieq(*p, "pm");

    if (!pm && !enl_ieq(*p, "am")) {
        return false;
    }
    *p += 2;
    if (*hour < 1 || *hour > 12) {
        return false;
    }
    *hour = *hour % 12 + (pm ? 12 : 0);
    return true;
}

static bool read_named(const char *p, struct parts *d)
{
    bool comma = false;

    if (!take_digits(&p, 1, 2, &d->date.day) || !take_spaces(&p) ||
        !take_month(&p, &d->date.month) || !take_spaces(&p) ||
        !take_digits(&p, 4, 4, &d->date.year)) {
        return false;
    }
    if (*p == '\0') {
        return true;
    }
    comma = take(&p, ',');
    if ((!take_spaces(&p) && !comma) || !take_digits(&p, 1, 2, &d->hour) || !take(&p, ':') ||
        !take_digits(&p, 2, 2, &d->minute)) {
        return false;
    }
    d->precision = ENL_PRECISION_MINUTE;
    (void)take_spaces(&p);
    return *p == '\0' || (take_half_day(&p, &d->hour) && *p == '\0');
}

static bool in_range(const struct parts *d)
{
    return d->date.year >= YEAR_MIN && d->date.year <= YEAR_MAX && d->date.month >= 1 &&
           d->date.month <= 12 && d->date.day >= 1 &&
           d->date.day <= enl_days_in_month(d->date.year, d->date.month) && d->hour <= 23 &&
           d->minute <= 59 && d->second <= 60;
}

bool enl_date_read(const char *text, int utc_offset_min, struct enl_moment *ret)
{
    static const struct enl_date after_last = {YEAR_MAX + 1, 1, 1};
    char copy[DATE_TEXT_MAX + 1];
    size_t len = strlen(text);
    struct parts iso = {.offset_min = utc_offset_min, .precision = ENL_PRECISION_DAY};
    struct parts named = iso;
    const struct parts *d = NULL;
    int64_t ms = 0;

    enl_trim(&text, &len);
    if (len > DATE_TEXT_MAX) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (read_iso(copy, &iso)) {
        d = &iso;
    } else if (read_named(copy, &named)) {
        d = &named;
    }
    if (!d || !in_range(d)) {
        return false;
    }
    /* A leap second counts as the second before it. */
    ms = enl_days_from_date(d->date) * MS_PER_DAY + d->hour * MS_PER_HOUR +
         d->minute * MS_PER_MINUTE + (d->second > 59 ? 59 : d->second) * MS_PER_SECOND + d->ms -
         d->offset_min * MS_PER_MINUTE;
    if (ms < 0 || ms >= enl_days_from_date(after_last) * MS_PER_DAY) {
        return false;
    }
    *ret = (struct enl_moment){.ms = ms, .precision = d->precision};
    return true;
}

int64_t enl_date_last_ms(const struct enl_moment *m)
{
    switch (m->precision) {
    case ENL_PRECISION_DAY: return m->ms + MS_PER_DAY - 1;
    case ENL_PRECISION_MINUTE: return m->ms + MS_PER_MINUTE - 1;
    case ENL_PRECISION_SECOND: return m->ms + MS_PER_SECOND - 1;
    case ENL_PRECISION_MILLISECOND: break;
    }
    return m->ms;
}
