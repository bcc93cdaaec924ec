/*
 * clock - wall and monotonic time through an object, so that tests can set it; UTC texts.
 *
 * Threads: the system clock is safe from any; a fake is the test's affair.
 */
#ifndef ENL_BASE_CLOCK_H
#define ENL_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct enl_clock {
    int64_t (*wall_us)(void *ctx); /* microseconds since 1970 UTC */
    int64_t (*mono_us)(void *ctx); /* microseconds, never goes back */
    void *ctx;
};

extern const struct enl_clock enl_clock_system;

#define ENL_TIME_TEXT 25 /* "2026-05-04T10:54:33.000Z" and its NUL */

/* Milliseconds since 1970 as UTC text with milliseconds; years 1970 to 9999. */
void enl_time_format(int64_t ms, char ret_text[ENL_TIME_TEXT]);
/* The exact reverse; false for any other form. */
bool enl_time_parse(const char *text, int64_t *ret_ms);

struct enl_date {
    int year, month, day; /* month and day from 1 */
};
/* Days since 1970-01-01 of a proleptic Gregorian date, and back. */
int64_t enl_days_from_date(struct enl_date d);
struct enl_date enl_date_from_days(int64_t days);
int enl_days_in_month(int year, int month);

#endif
