/* listener - see listener.h. */
#include "listener.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/thread.h"
#include "log.h"
#include "net.h"
#include "run.h"

#include <stdio.h>
#include <string.h>

#define FIRST_DELAY_MS 100
#define BATCH_MAX      32
#define RENEWAL_US     (60LL * 1000000) /* leases are looked after so often, at least */
#define POISON         "-poison"

struct lh_listener {
    struct lh_host *host;
    const struct lh_function *f;
    struct lh_listener *next;
    bool is_poison;   /* its queue has no poison queue of its own */
    char poison[128]; /* the queue's poison queue */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* woken, or fewer run */
    bool woken;
    size_t n_running;
};

struct job {
    struct lh_listener *l;
    struct lh_message m;
};

static void free_job(struct job *j)
{
    lh_message_done(&j->m);
    free(j);
}

/* Out of the way of the function: to the poison queue; one of a poison queue stays hidden. */
static enum enl_rc poison(const struct lh_listener *l, const struct lh_message *m,
                          struct enl_err *err)
{
    struct lh_store *s = l->host->store;
    enum enl_rc rc = ENL_OK;

    if (l->is_poison) {
        return lh_store_leave(s, m, err);
    }
    rc = lh_store_move(s, m, l->poison, err);
    if (rc == ENL_OK && l->host->notify) {
        lh_listeners_wake(l->host->listeners, l->poison);
    }
    return rc;
}

static enum enl_rc after_failure(const struct lh_listener *l, const struct lh_message *m,
                                 struct enl_err *err)
{
    const struct lh_app *app = l->host->app;

    if (l->is_poison) {
        return lh_store_leave(l->host->store, m, err);
    }
    if (m->dequeue_count < app->max_dequeue_count) {
        return lh_store_release(l->host->store, m, app->visibility_timeout_ms, err);
    }
    lh_log("Message has reached MaxDequeueCount of %u. Moving message to queue '%s'.",
           app->max_dequeue_count, l->poison);
    return poison(l, m, err);
}

static enum enl_rc process(const struct lh_listener *l, const struct lh_message *m,
                           struct enl_err *err)
{
    const struct lh_app *app = l->host->app;
    ENL_AUTO_BUF struct enl_buf data = ENL_BUF_INIT(LH_WIRE_MAX);

    if (!app->base64) {
        enl_buf_add(&data, m->wire, m->wire_len);
    } else if (!lh_net_base64(m->wire, m->wire_len, &data)) {
        lh_log("Message decoding has failed! Check MessageEncoding settings. MessageId=%s", m->id);
        return poison(l, m, err);
    }
    if (m->dequeue_count > app->max_dequeue_count) {
        return poison(l, m, err);
    }
    switch (lh_run_queue(l->host, l->f, m, enl_buf_str(&data), data.len)) {
    case LH_SUCCEEDED: return lh_store_delete(l->host->store, m, err);
    case LH_FAILED: return after_failure(l, m, err);
    case LH_ABORTED: break; /* as it was: taken, until its lease ends */
    }
    return ENL_OK;
}

static void run_job(void *arg)
{
    struct job *j = arg;
    struct lh_listener *l = j->l;
    struct enl_err err = {0};

    if (process(l, &j->m, &err) != ENL_OK) {
        lh_log("message %s of %s: %s", j->m.id, l->f->queue, err.text);
    }
    free_job(j);
    (void)pthread_mutex_lock(&l->lock);
    l->n_running--;
    (void)pthread_cond_signal(&l->changed);
    (void)pthread_mutex_unlock(&l->lock);
    lh_host_leave(l->host);
}

/* A message that was taken and whose function was not called.  Takes j. */
static void give_back(const struct lh_listener *l, struct job *j)
{
    struct enl_err err = {0};

    if (lh_store_release(l->host->store, &j->m, 0, &err) != ENL_OK) {
        lh_log("message %s of %s: %s", j->m.id, l->f->queue, err.text);
    }
    free_job(j);
}

/* Takes m. */
static void start_job(struct lh_listener *l, struct lh_message *m)
{
    struct job *j = enl_malloc(sizeof(*j));
    struct enl_err err = {0};

    if (!j) {
        lh_message_done(m);
        return;
    }
    *j = (struct job){l, *m};
    if (!lh_host_enter(l->host)) {
        give_back(l, j);
        return;
    }
    (void)pthread_mutex_lock(&l->lock);
    l->n_running++;
    (void)pthread_mutex_unlock(&l->lock);
    if (lh_pool_run(l->host->pool, run_job, j, &err) != ENL_OK) {
        lh_log("queue %s: %s", l->f->queue, err.text);
        (void)pthread_mutex_lock(&l->lock);
        l->n_running--;
        (void)pthread_mutex_unlock(&l->lock);
        lh_host_leave(l->host);
        give_back(l, j);
    }
}

static bool is_draining(struct lh_host *h)
{
    return !lh_host_rest(h, 0);
}

/* Waits until no more than newBatchThreshold run. */
static void wait_for_room(struct lh_listener *l)
{
    (void)pthread_mutex_lock(&l->lock);
    if (l->n_running > l->host->app->new_batch_threshold) {
        (void)enl_cond_wait_until(&l->changed, &l->lock, lh_now_us() + RENEWAL_US);
    }
    (void)pthread_mutex_unlock(&l->lock);
}

static bool has_room(struct lh_listener *l)
{
    bool room = false;

    (void)pthread_mutex_lock(&l->lock);
    room = l->n_running <= l->host->app->new_batch_threshold;
    l->woken = l->woken && !room; /* what woke it is seen by the look that follows */
    (void)pthread_mutex_unlock(&l->lock);
    return room;
}

/* Waits for delay_ms or until woken; true when woken. */
static bool wait_for_work(struct lh_listener *l, int64_t delay_ms)
{
    int64_t until_us = lh_now_us() + delay_ms * 1000;
    bool woken = false;

    (void)pthread_mutex_lock(&l->lock);
    while (!l->woken && lh_now_us() < until_us) {
        (void)enl_cond_wait_until(&l->changed, &l->lock, until_us);
    }
    woken = l->woken;
    l->woken = false;
    (void)pthread_mutex_unlock(&l->lock);
    return woken;
}

/* How many messages it took. */
static size_t take(struct lh_listener *l)
{
    struct lh_message batch[BATCH_MAX];
    struct enl_err err = {0};
    size_t n = 0;

    if (lh_store_take(l->host->store, l->f->queue, l->host->app->batch_size, batch, &n, &err) !=
        ENL_OK) {
        lh_log("queue %s: %s", l->f->queue, err.text);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        start_job(l, &batch[i]);
    }
    return n;
}

static void renew(struct lh_listener *l, int64_t *next_us)
{
    struct enl_err err = {0};

    if (lh_now_us() < *next_us) {
        return;
    }
    *next_us = lh_now_us() + RENEWAL_US;
    if (lh_store_renew(l->host->store, l->f->queue, &err) != ENL_OK) {
        lh_log("queue %s: %s", l->f->queue, err.text);
    }
}

static void *listen(void *arg)
{
    struct lh_listener *l = arg;
    int64_t most_ms = l->host->app->max_polling_ms;
    int64_t delay_ms = FIRST_DELAY_MS;
    int64_t renewal_us = lh_now_us() + RENEWAL_US;

    while (!is_draining(l->host)) {
        renew(l, &renewal_us);
        if (!has_room(l)) {
            wait_for_room(l);
            continue;
        }
        if (take(l) > 0) {
            delay_ms = FIRST_DELAY_MS;
            continue;
        }
        if (wait_for_work(l, delay_ms < most_ms ? delay_ms : most_ms)) {
            delay_ms = FIRST_DELAY_MS;
        } else if (delay_ms < most_ms) {
            delay_ms *= 2;
        }
    }
    return NULL;
}

enum enl_rc lh_listeners_new(struct lh_host *h, struct enl_err *err)
{
    for (size_t i = 0; i < h->app->n_functions; i++) {
        const struct lh_function *f = &h->app->functions[i];
        struct lh_listener *l = NULL;
        size_t len = f->queue ? strlen(f->queue) : 0;

        if (f->kind != LH_QUEUE) {
            continue;
        }
        l = enl_calloc(1, sizeof(*l));
        if (!l) {
            return enl_fail_oom(err);
        }
        l->host = h;
        l->f = f;
        l->is_poison = len >= strlen(POISON) && enl_ieq(f->queue + len - strlen(POISON), POISON);
        (void)snprintf(l->poison, sizeof(l->poison), "%s" POISON, f->queue);
        (void)pthread_mutex_init(&l->lock, NULL);
        enl_cond_init(&l->changed);
        l->next = h->listeners;
        h->listeners = l;
    }
    return ENL_OK;
}

enum enl_rc lh_listeners_start(struct lh_host *h, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    for (struct lh_listener *l = h->listeners; l && rc == ENL_OK; l = l->next) {
        rc = lh_store_add_queue(h->store, l->f->queue, err);
        rc = rc ? rc : enl_thread_start(&l->thread, listen, l, err);
        l->started = rc == ENL_OK;
    }
    return rc;
}

void lh_listeners_stop(struct lh_host *h)
{
    for (struct lh_listener *l = h->listeners; l; l = l->next) {
        if (l->started) {
            (void)pthread_join(l->thread, NULL);
            l->started = false;
        }
    }
}

void lh_listeners_free(struct lh_host *h)
{
    while (h->listeners) {
        struct lh_listener *l = h->listeners;

        h->listeners = l->next;
        (void)pthread_cond_destroy(&l->changed);
        (void)pthread_mutex_destroy(&l->lock);
        free(l);
    }
}

void lh_listeners_wake(struct lh_listener *l, const char *queue)
{
    for (; l; l = l->next) {
        if (!queue || strcmp(queue, l->f->queue) == 0) {
            (void)pthread_mutex_lock(&l->lock);
            l->woken = true;
            (void)pthread_cond_signal(&l->changed);
            (void)pthread_mutex_unlock(&l->lock);
        }
    }
}
