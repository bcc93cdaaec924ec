/* clock - see clock.h. */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define US_PER_S     1000000
#define MS_PER_DAY   86400000
#define DAYS_TO_1970 719468 /* days from 0000-03-01, where the 400-year cycles below begin */

static int64_t read_clock(clockid_t id)
{
    struct timespec ts = {0};

    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

static int64_t system_wall(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_REALTIME);
}

static int64_t system_mono(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_MONOTONIC);
}

const struct enl_clock enl_clock_system = {.wall_us = system_wall, .mono_us = system_mono};

int enl_days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* Years begin in March here, so that the leap day is a year's last. */
int64_t enl_days_from_date(struct enl_date d)
{
    int64_t y = d.month <= 2 ? d.year - 1 : d.year;
    int64_t cycle = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_cycle = y - cycle * 400;
    int64_t day_of_year = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;

    return cycle * 146097 + year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 +
           day_of_year - DAYS_TO_1970;
}

struct enl_date enl_date_from_days(int64_t days)
{
    int64_t z = days + DAYS_TO_1970;
    int64_t cycle = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doc = z - cycle * 146097;
    int64_t yoc = (doc - doc / 1460 + doc / 36524 - doc / 146096) / 365;
    int64_t doy = doc - (365 * yoc + yoc / 4 - yoc / 100);
    int64_t mp = (5 * doy + 2) / 153;
    struct enl_date d = {.day = (int)(doy - (153 * mp + 2) / 5 + 1),
                         .month = (int)(mp < 10 ? mp + 3 : mp - 9)};

    d.year = (int)(yoc + cycle * 400 + (d.month <= 2 ? 1 : 0));
    return d;
}

void enl_time_format(int64_t ms, char ret_text[ENL_TIME_TEXT])
{
    char text[96]; /* room for what the compiler must assume of seven ints */
    int64_t days = ms / MS_PER_DAY;
    int rest = (int)(ms % MS_PER_DAY);
    struct enl_date d = {0};

    if (rest < 0) {
        rest += MS_PER_DAY;
        days--;
    }
    d = enl_date_from_days(days);
    (void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", d.year, d.month,
                   d.day, rest / 3600000, rest / 60000 % 60, rest / 1000 % 60, rest % 1000);
    memcpy(ret_text, text, ENL_TIME_TEXT - 1);
    ret_text[ENL_TIME_TEXT - 1] = '\0';
}

/* The digits of text[at .. at+n), -1 when one is none. */
static int digits(const char *text, size_t at, size_t n)
{
    int v = 0;

    for (size_t i = at; i < at + n; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        v = v * 10 + (text[i] - '0');
    }
    return v;
}

bool enl_time_parse(const char *text, int64_t *ret_ms)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    struct enl_date d = {0};
    int64_t ms = 0;

    if (strlen(text) != sizeof(shape) - 1) {
        return false;
    }
    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        if (shape[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i]) {
            return false;
        }
    }
    d = (struct enl_date){digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2)};
    if (d.month < 1 || d.month > 12 || d.day < 1 || d.day > enl_days_in_month(d.year, d.month) ||
        digits(text, 11, 2) > 23 || digits(text, 14, 2) > 59 || digits(text, 17, 2) > 59) {
        return false;
    }
    ms = enl_days_from_date(d) * MS_PER_DAY + digits(text, 11, 2) * 3600000LL +
         digits(text, 14, 2) * 60000LL + digits(text, 17, 2) * 1000LL + digits(text, 20, 3);
    *ret_ms = ms;
    return true;
}
