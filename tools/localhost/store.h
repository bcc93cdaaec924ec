/*
 * store - the only user of SQLite: queues as Azure Storage keeps them, and when timers last ran.
 *
 * A message is its wire text.  Taking one hides it for a lease and counts a dequeue; only the
 * taker, by its pop receipt, can delete, release or move it.  Several hosts may share one file.
 *
 * Ownership: lh_message_done() frees a message's texts.
 * Threads:   any; one lock.
 */
#ifndef LH_STORE_H
#define LH_STORE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LH_WIRE_MAX 65536U             /* bytes of one message's wire text */
#define LH_LEASE_MS (10LL * 60 * 1000) /* a taken message stays hidden, renewed at half time */
#define LH_TTL_MS   (7LL * 24 * 3600 * 1000) /* life of a message */

struct lh_store;

struct lh_message {
    int64_t seq;
    char *id;
    char *wire;
    size_t wire_len;
    char *pop_receipt;
    int64_t inserted_ms, expires_ms, visible_ms; /* since 1970 */
    int64_t dequeue_count;
};

struct lh_count {
    char queue[64]; /* storage allows 63 characters */
    int64_t visible, invisible;
};

enum enl_rc lh_store_open(const char *path, struct lh_store **ret,
                          struct enl_err *err) ENL_MUSTCHECK;
void lh_store_close(struct lh_store *s);

void lh_message_done(struct lh_message *m);

enum enl_rc lh_store_add_queue(struct lh_store *s, const char *queue,
                               struct enl_err *err) ENL_MUSTCHECK;
/* INVALID when wire is longer than LH_WIRE_MAX.  The queue is made when missing. */
enum enl_rc lh_store_put(struct lh_store *s, const char *queue, const char *wire, size_t len,
                         struct enl_err *err) ENL_MUSTCHECK;
/* Up to max messages into ret[]. */
enum enl_rc lh_store_take(struct lh_store *s, const char *queue, size_t max, struct lh_message *ret,
                          size_t *ret_n, struct enl_err *err) ENL_MUSTCHECK;
enum enl_rc lh_store_delete(struct lh_store *s, const struct lh_message *m,
                            struct enl_err *err) ENL_MUSTCHECK;
/* Visible again after after_ms. */
enum enl_rc lh_store_release(struct lh_store *s, const struct lh_message *m, int64_t after_ms,
                             struct enl_err *err) ENL_MUSTCHECK;
/* No longer in work, hidden for the rest of its lease. */
enum enl_rc lh_store_leave(struct lh_store *s, const struct lh_message *m,
                           struct enl_err *err) ENL_MUSTCHECK;
/* A copy into to, then deleted. */
enum enl_rc lh_store_move(struct lh_store *s, const struct lh_message *m, const char *to,
                          struct enl_err *err) ENL_MUSTCHECK;
/* A new lease for what this host holds of queue and whose lease is past its half. */
enum enl_rc lh_store_renew(struct lh_store *s, const char *queue,
                           struct enl_err *err) ENL_MUSTCHECK;

/* For the control surface. */
enum enl_rc lh_store_clear(struct lh_store *s, const char *queue,
                           struct enl_err *err) ENL_MUSTCHECK;
enum enl_rc lh_store_reveal(struct lh_store *s, const char *queue,
                            struct enl_err *err) ENL_MUSTCHECK;
/* Each calls fn once a row, under the store's lock. */
enum enl_rc lh_store_each_queue(struct lh_store *s, void (*fn)(void *ctx, const struct lh_count *),
                                void *ctx, struct enl_err *err) ENL_MUSTCHECK;
enum enl_rc lh_store_each_message(struct lh_store *s, const char *queue,
                                  void (*fn)(void *ctx, const struct lh_message *), void *ctx,
                                  struct enl_err *err) ENL_MUSTCHECK;

/* Microseconds since 1970; both 0 when the timer never ran. */
enum enl_rc lh_store_timer_get(struct lh_store *s, const char *name, int64_t *ret_last_us,
                               int64_t *ret_next_us, struct enl_err *err) ENL_MUSTCHECK;
enum enl_rc lh_store_timer_set(struct lh_store *s, const char *name, int64_t last_us,
                               int64_t next_us, struct enl_err *err) ENL_MUSTCHECK;

#endif
