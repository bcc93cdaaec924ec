/*
 * lease - the shared turn for requests to Odoo, and the shared breaker: one row each.
 *
 * A turn is taken by one guarded UPDATE on the database's clock and never booked ahead, so that
 * another instance's Retry-After still moves everybody. The breaker's decisions are pure
 * (enl_breaker_after) and its row is written in the transaction of the verdicts.
 *
 * Threads: as the store.
 */
#ifndef ENL_STORE_LEASE_H
#define ENL_STORE_LEASE_H

#include "base/err.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define ENL_BREAKER_FAILURES                                                                       \
    3                                   /* requests in a row without an answer open it             \
                                         */
#define ENL_BREAKER_FIRST_MS      5000  /* to the first probe */
#define ENL_BREAKER_MOST_MS       60000 /* delays double up to this */
#define ENL_BREAKER_HALF_OPEN     10    /* rows of the first batch after a probe; doubles */
#define ENL_BREAKER_CLOSED_AT     500   /* rows from which half-open is closed */
#define ENL_BREAKER_SAME_REJECTS  10    /* more in a row with one text are a configuration error */
#define ENL_BREAKER_PROBE_HOLD_MS 65000 /* a probe's owner may take this long: time-out and 5 s */
#define ENL_BREAKER_UP_MS         60000 /* an answer this recent means that Odoo is up */

/* Time between turns: 1/rate and the slack, so that two requests never come within 1/rate. */
uint32_t enl_lease_interval_ms(double rate, uint32_t slack_ms);

struct enl_turn {
    const char *token;
    uint32_t interval_ms;
    uint32_t median_ms; /* what the last turns took to take, for /health; 0: not known */
    uint32_t thrown;    /* turns that were thrown away since the last one that is recorded */
};

/* Tries to take a turn.  *ret_wait_ms is 0 when it is ours, and what the turn says is recorded with
 * it; else how long until the next may be tried, and nothing is recorded.  RETRY: SQL failed; a
 * turn may be lost. */
enum enl_rc enl_lease_turn(struct enl_store *s, const struct enl_turn *turn, int64_t *ret_wait_ms,
                           struct enl_err *err) ENL_MUSTCHECK;

/* How long the last turns took to take.  Zeroed: none yet. */
#define ENL_TURN_TIMES 31 /* half a minute of turns: one slow UPDATE is no news */
struct enl_turn_times {
    int64_t us[ENL_TURN_TIMES];
    size_t n; /* ever added */
};
void enl_turn_times_add(struct enl_turn_times *t, int64_t us);
/* Pure: milliseconds, rounded up; 0 when there is none yet. */
uint32_t enl_turn_times_median_ms(const struct enl_turn_times *t);
/* Pure: the slack is too short for turns that take so long: some are too old when they are ours. */
bool enl_lease_is_tight(uint32_t slack_ms, int64_t median_ms);
#define ENL_SLACK_TURNS 4 /* median times that the slack holds; the slowest of many are so slow */

/* The call after which nobody gets a turn before ms from now; text holds its parameter as long as
 * the call lives. */
#define ENL_LEASE_NUMBER 24
struct enl_store_call enl_lease_move(int64_t ms, char text[ENL_LEASE_NUMBER]);
/* The slack that all share: ours if none is recorded yet.  *ret_same tells whether it is ours. */
enum enl_rc enl_lease_share_slack(struct enl_store *s, uint32_t slack_ms, bool *ret_same,
                                  struct enl_err *err) ENL_MUSTCHECK;
/* Records ours whatever was there. */
enum enl_rc enl_lease_set_slack(struct enl_store *s, uint32_t slack_ms,
                                struct enl_err *err) ENL_MUSTCHECK;

enum enl_breaker_state { ENL_BREAKER_CLOSED, ENL_BREAKER_OPEN, ENL_BREAKER_HALF };

struct enl_breaker {
    enum enl_breaker_state state;
    char reason[200];    /* why it is open; "" when closed */
    int64_t failures;    /* requests in a row without an answer */
    int64_t delay_ms;    /* of an open one: between probes */
    int64_t probe_in_ms; /* until the next probe */
    int64_t max_rows;    /* of a half-open one: rows of the next batch */
    int64_t answer_ms;   /* since Odoo's last answer; -1: never */
    int64_t requests;    /* made so far */
    int64_t same_count;  /* rejections in a row with same_text */
    char same_text[128];
};

/* What one request showed. */
struct enl_breaker_report {
    bool answered;         /* Odoo spoke, and not of a failure of its own */
    bool config;           /* a configuration error: opens at once */
    bool throttled;        /* 429: says nothing about Odoo's health */
    const char *reason;    /* of a failure or configuration error */
    bool any_ok;           /* an event was created or known */
    int64_t same_rejects;  /* rejections of this answer, when all have one text;
                              else 0 */
    const char *same_text; /* that text */
};

enum enl_rc enl_breaker_read(struct enl_store *s, struct enl_breaker *ret,
                             struct enl_err *err) ENL_MUSTCHECK;
/* From the row of BREAKER_READ or BREAKER_LOCK. */
void enl_breaker_parse(const struct enl_sql_result *r, struct enl_breaker *ret);
/* True for the one instance that may send a probe now. */
enum enl_rc enl_breaker_probe(struct enl_store *s, bool *ret_mine,
                              struct enl_err *err) ENL_MUSTCHECK;
/* Pure: the breaker after a request.  *ret_ignore_rejections: the rejections of this answer are
 * taken for a configuration error, and its events stay pending. */
void enl_breaker_after(struct enl_breaker *b, const struct enl_breaker_report *r,
                       bool *ret_ignore_rejections);
/* The call that writes the breaker's row; texts holds its parameters as long as the call lives. */
struct enl_breaker_texts {
    char failures[ENL_LEASE_NUMBER], delay[ENL_LEASE_NUMBER];
    char rows[ENL_LEASE_NUMBER], same[ENL_LEASE_NUMBER];
};
struct enl_store_call enl_breaker_write(const struct enl_breaker *b, bool answered,
                                        struct enl_breaker_texts *texts);

#endif
