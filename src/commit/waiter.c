/* waiter - see waiter.h. */
#include "commit/waiter.h"

#include "base/alloc.h"
#include "base/thread.h"

#include <stdio.h>
#include <string.h>

static void waiter_free(struct enl_waiter *w)
{
    enl_event_free(w->event);
    enl_message_done(&w->message);
    (void)pthread_cond_destroy(&w->cond);
    free(w->text);
    free(w);
}

void enl_waiters_init(struct enl_waiters *set, const struct enl_clock *clock)
{
    *set = (struct enl_waiters){.clock = clock};
    (void)pthread_mutex_init(&set->mutex, NULL);
    enl_cond_init(&set->work);
}

void enl_waiters_done(struct enl_waiters *set)
{
    (void)pthread_cond_destroy(&set->work);
    (void)pthread_mutex_destroy(&set->mutex);
}

/* What cannot or must not be read keeps its bytes. */
static enum enl_rc read_message(struct enl_waiter *w, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    if (w->record && w->deliveries >= ENL_DELIVERIES_RAW) {
        w->raw_class = "transient";
        return ENL_OK;
    }
    rc = enl_message_read(w->text, w->len, &w->message, w->record ? NULL : err);
    if (rc == ENL_INVALID && w->record) {
        w->raw_class = "malformed";
        return ENL_OK;
    }
    return rc == ENL_FATAL ? enl_fail_oom(err) : rc;
}

enum enl_rc enl_waiter_new(const struct enl_waiter_message *message, struct enl_waiter **ret,
                           struct enl_err *err)
{
    struct enl_waiter *w = enl_calloc(1, sizeof(*w));
    enum enl_rc rc = ENL_OK;

    if (!w) {
        return enl_fail_oom(err);
    }
    enl_cond_init(&w->cond);
    w->text = enl_memdup(message->text, message->len);
    w->len = message->len;
    w->deliveries = message->deliveries;
    w->record = message->record;
    rc = w->text ? read_message(w, err) : enl_fail_oom(err);
    if (rc != ENL_OK) {
        waiter_free(w);
        return rc;
    }
    if (!w->raw_class && !w->message.newer) {
        (void)snprintf(w->result.event_id, sizeof(w->result.event_id), "%s", w->message.event_id);
    }
    *ret = w;
    return ENL_OK;
}

static void link_all(struct enl_waiters *set, struct enl_waiter *w)
{
    w->all_next = set->all;
    if (set->all) {
        set->all->all_prev = w;
    }
    set->all = w;
}

static void unlink_all(struct enl_waiters *set, struct enl_waiter *w)
{
    if (w->all_prev) {
        w->all_prev->all_next = w->all_next;
    } else {
        set->all = w->all_next;
    }
    if (w->all_next) {
        w->all_next->all_prev = w->all_prev;
    }
}

static void enqueue(struct enl_waiters *set, struct enl_waiter *w)
{
    if (set->last) {
        set->last->next = w;
    } else {
        set->first = w;
    }
    set->last = w;
    w->queued = true;
    (void)pthread_cond_signal(&set->work);
}

static void dequeue(struct enl_waiters *set, struct enl_waiter *w)
{
    struct enl_waiter **at = &set->first;
    struct enl_waiter *before = NULL;

    while (*at != w) {
        before = *at;
        at = &(*at)->next;
    }
    *at = w->next;
    if (set->last == w) {
        set->last = before;
    }
    w->queued = false;
    w->next = NULL;
}

/* The outcome of an invocation that stops waiting. */
static void leave(struct enl_waiter *w, bool draining)
{
    if (w->state == ENL_WAITER_CONFIRMED) {
        w->result.outcome = ENL_OUTCOME_SAFE;
        return;
    }
    w->result.outcome = ENL_OUTCOME_HAND_BACK;
    (void)snprintf(w->result.detail, sizeof(w->result.detail), "%s",
                   draining           ? "the process is stopping"
                   : w->message.newer ? "the message is of a newer version"
                                      : "SQL did not confirm it in time");
}

void enl_waiters_wait(struct enl_waiters *set, struct enl_waiter *w, int64_t deadline_us,
                      struct enl_commit_result *ret)
{
    bool mine = false;

    (void)pthread_mutex_lock(&set->mutex);
    link_all(set, w);
    if (!w->message.newer) {
        enqueue(set, w);
    }
    while (w->state != ENL_WAITER_DONE && !set->draining &&
           enl_cond_wait_until(&w->cond, &set->mutex, deadline_us)) {
    }
    if (w->state != ENL_WAITER_DONE) {
        leave(w, set->draining);
    }
    unlink_all(set, w);
    if (w->queued) {
        dequeue(set, w);
        mine = true;
    }
    mine = mine || w->state == ENL_WAITER_DONE || w->message.newer;
    w->left = true;
    *ret = w->result;
    (void)pthread_mutex_unlock(&set->mutex);
    if (mine) {
        waiter_free(w);
    }
}

void enl_waiters_drain(struct enl_waiters *set)
{
    (void)pthread_mutex_lock(&set->mutex);
    set->draining = true;
    for (struct enl_waiter *w = set->all; w; w = w->all_next) {
        (void)pthread_cond_signal(&w->cond);
    }
    (void)pthread_cond_signal(&set->work);
    (void)pthread_mutex_unlock(&set->mutex);
}

bool enl_waiters_is_draining(struct enl_waiters *set)
{
    bool draining = false;

    (void)pthread_mutex_lock(&set->mutex);
    draining = set->draining;
    (void)pthread_mutex_unlock(&set->mutex);
    return draining;
}

struct enl_waiter *enl_waiters_take(struct enl_waiters *set, size_t max_n, size_t max_bytes)
{
    struct enl_waiter *list = NULL;
    struct enl_waiter **end = &list;
    size_t n = 0;
    size_t bytes = 0;

    (void)pthread_mutex_lock(&set->mutex);
    while (set->first && n < max_n && (n == 0 || bytes + set->first->len <= max_bytes)) {
        struct enl_waiter *w = set->first;
        bool alone = w->deliveries >= ENL_DELIVERIES_ALONE;

        if (alone && n > 0) {
            break;
        }
        dequeue(set, w);
        *end = w;
        end = &w->next;
        n++;
        bytes += w->len;
        if (alone) {
            break;
        }
    }
    (void)pthread_mutex_unlock(&set->mutex);
    return list;
}

struct enl_waiter *enl_waiters_prune(struct enl_waiters *set, struct enl_waiter *list)
{
    struct enl_waiter **at = &list;

    (void)pthread_mutex_lock(&set->mutex);
    while (*at) {
        struct enl_waiter *w = *at;

        if (w->left) {
            *at = w->next;
            waiter_free(w);
        } else {
            at = &w->next;
        }
    }
    (void)pthread_mutex_unlock(&set->mutex);
    return list;
}

void enl_waiter_confirm(struct enl_waiters *set, struct enl_waiter *w)
{
    (void)pthread_mutex_lock(&set->mutex);
    w->state = ENL_WAITER_CONFIRMED;
    (void)pthread_mutex_unlock(&set->mutex);
}

void enl_waiter_finish(struct enl_waiters *set, struct enl_waiter *w, enum enl_outcome outcome,
                       const char *detail)
{
    bool mine = false;

    (void)pthread_mutex_lock(&set->mutex);
    mine = w->left;
    w->result.outcome = outcome;
    (void)snprintf(w->result.detail, sizeof(w->result.detail), "%s", detail);
    w->state = ENL_WAITER_DONE;
    (void)pthread_cond_signal(&w->cond);
    (void)pthread_mutex_unlock(&set->mutex);
    if (mine) {
        waiter_free(w);
    }
}
