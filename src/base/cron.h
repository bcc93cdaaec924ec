/*
 * cron - NCRONTAB schedules: {second} {minute} {hour} {day} {month} {day of week}, in UTC.
 *
 * Five fields mean second 0.  Day and day of week must both match, as in NCrontab.
 *
 * Ownership: values.  Threads: any; nothing is kept.
 */
#ifndef ENL_BASE_CRON_H
#define ENL_BASE_CRON_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct enl_cron {
    uint64_t fields[6]; /* a bit for each second, minute, hour, day, month, day of week */
};

/* INVALID: err says which field is wrong. */
enum enl_rc enl_cron_parse(const char *text, struct enl_cron *ret,
                           struct enl_err *err) ENL_MUSTCHECK;

/* The first matching second after after_s (since 1970); INT64_MAX when there is none. */
int64_t enl_cron_next(const struct enl_cron *cron, int64_t after_s);

/* Whether a tick that comes once a minute, and came at now_s, is to do the schedule's work: a time
 * of the schedule lies in the minute that ended with the full one nearest to now_s. */
bool enl_cron_due(const struct enl_cron *cron, int64_t now_s);

#endif
