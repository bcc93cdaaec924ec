/*
 * reader - a thread with a SQL connection of its own for whatever only reads: health, look-ups.
 *
 * Health is probed every 5 s and answered from memory, so that /health costs no I/O and a hung
 * driver shows as a probe that is too old.
 *
 * Ownership: the reader owns its thread and connection; results are copied out.
 * Threads:   enl_reader_health and enl_reader_event from any; start and stop from one.
 */
#ifndef ENL_COMMIT_READER_H
#define ENL_COMMIT_READER_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum enl_health_state {
    ENL_HEALTH_UNKNOWN, /* not asked yet */
    ENL_HEALTH_OK,
    ENL_HEALTH_DOWN,           /* reason says why */
    ENL_HEALTH_NOT_CONFIGURED, /* settings are missing: reason names them */
    ENL_HEALTH_MIGRATING,      /* SQL only: the schema is being brought up */
};

struct enl_health_part {
    enum enl_health_state state;
    char reason[200]; /* "" unless down or not configured; no secrets */
};

struct enl_health {
    struct enl_health_part sql;
    struct enl_health_part odoo; /* as SQL's rows know it */
    int64_t pending;             /* open events; -1 unknown */
    int64_t oldest_pending_s;    /* age of the oldest open event in seconds; -1: none, unknown */
    int64_t open_dead_letters;   /* -1 unknown */
    int64_t turn_ms;             /* median time of the last turns' UPDATE, -1 unknown */
    int64_t turns_thrown;        /* turns that came too late, ever; -1 unknown */
    char setting[64];            /* a setting that only SQL can find wrong
                                    (ODOO_TURN_SLACK_MS differs elsewhere); "" none */
    char notice[200];            /* what is wrong with neither: "the schema is newer (5) than this
                                    binary (3)", "ODOO_TURN_SLACK_MS is too short .."; "" none */
};

/* Before anything is known. */
#define ENL_HEALTH_INIT                                                                            \
    {                                                                                              \
        .pending = -1, .oldest_pending_s = -1, .open_dead_letters = -1, .turn_ms = -1,             \
        .turns_thrown = -1                                                                         \
    }

struct enl_reader;

enum enl_rc enl_reader_start(const struct enl_config *cfg, const struct enl_clock *clock,
                             struct enl_reader **ret, struct enl_err *err) ENL_MUSTCHECK;

/* A copy of what is known; never waits for I/O. */
void enl_reader_health(struct enl_reader *r, struct enl_health *ret);

/* The look-up answer of one event (docs/webhook.md W13), a JSON object appended to out.
 * INVALID: no such id.  RETRY: SQL is away, or did not answer within 2 s. */
enum enl_rc enl_reader_event(struct enl_reader *r, const char *event_id, struct enl_buf *out,
                             struct enl_err *err) ENL_MUSTCHECK;

void enl_reader_stop(struct enl_reader *r); /* NULL ok */

#endif
