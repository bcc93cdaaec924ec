/* host - see host.h. */
#include "host.h"

#include "base/clock.h"
#include "base/thread.h"
#include "listener.h"
#include "wrap/crypto.h"

#include <sys/eventfd.h>
#include <unistd.h>

int64_t lh_now_us(void)
{
    return enl_clock_system.mono_us(NULL);
}

int64_t lh_wall_us(void)
{
    return enl_clock_system.wall_us(NULL);
}

enum enl_rc lh_host_init(struct lh_host *h, struct enl_err *err)
{
    (void)pthread_mutex_init(&h->lock, NULL);
    enl_cond_init(&h->changed);
    h->event_fd = eventfd(0, EFD_CLOEXEC);
    return h->event_fd >= 0 ? ENL_OK : enl_fail(err, ENL_FATAL, "no event descriptor");
}

void lh_host_done(struct lh_host *h)
{
    if (h->event_fd >= 0) {
        (void)close(h->event_fd);
    }
    (void)pthread_cond_destroy(&h->changed);
    (void)pthread_mutex_destroy(&h->lock);
}

bool lh_host_enter(struct lh_host *h)
{
    bool ok = false;

    (void)pthread_mutex_lock(&h->lock);
    ok = !h->draining;
    h->in_flight += ok ? 1 : 0;
    (void)pthread_mutex_unlock(&h->lock);
    return ok;
}

void lh_host_leave(struct lh_host *h)
{
    (void)pthread_mutex_lock(&h->lock);
    h->in_flight--;
    if (h->in_flight == 0 && h->draining) {
        (void)eventfd_write(h->event_fd, 1);
    }
    (void)pthread_mutex_unlock(&h->lock);
}

static bool sleep_until(struct lh_host *h, int64_t until_us, bool end_at_drain)
{
    bool go_on = true;

    (void)pthread_mutex_lock(&h->lock);
    for (;;) {
        go_on = !atomic_load(&h->aborted) && !(end_at_drain && h->draining);
        if (!go_on || lh_now_us() >= until_us) {
            break;
        }
        (void)enl_cond_wait_until(&h->changed, &h->lock, until_us);
    }
    (void)pthread_mutex_unlock(&h->lock);
    return go_on;
}

bool lh_host_sleep(struct lh_host *h, int64_t until_us)
{
    return sleep_until(h, until_us, false);
}

bool lh_host_rest(struct lh_host *h, int64_t until_us)
{
    return sleep_until(h, until_us, true);
}

void lh_host_drain(struct lh_host *h)
{
    (void)pthread_mutex_lock(&h->lock);
    h->draining = true;
    (void)pthread_cond_broadcast(&h->changed);
    (void)pthread_mutex_unlock(&h->lock);
    lh_listeners_wake(h->listeners, NULL);
}

void lh_host_abort(struct lh_host *h)
{
    (void)pthread_mutex_lock(&h->lock);
    h->draining = true;
    atomic_store(&h->aborted, true);
    (void)pthread_cond_broadcast(&h->changed);
    (void)pthread_mutex_unlock(&h->lock);
    lh_listeners_wake(h->listeners, NULL);
}

void lh_host_set_ready(struct lh_host *h)
{
    (void)pthread_mutex_lock(&h->lock);
    h->ready = true;
    (void)eventfd_write(h->event_fd, 1);
    (void)pthread_mutex_unlock(&h->lock);
}

void lh_host_stop(struct lh_host *h, int exit_code)
{
    (void)pthread_mutex_lock(&h->lock);
    h->stopping = true;
    h->exit_code = exit_code;
    (void)eventfd_write(h->event_fd, 1);
    (void)pthread_mutex_unlock(&h->lock);
}

enum enl_rc lh_host_put(struct lh_host *h, const char *queue, const char *data, size_t len,
                        struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf wire = ENL_BUF_INIT(2 * len + 4);
    enum enl_rc rc = ENL_OK;

    if (h->app->base64) {
        enl_base64_encode(data, len, &wire);
    } else {
        enl_buf_add(&wire, data, len);
    }
    if (!enl_buf_ok(&wire)) {
        return enl_fail_oom(err);
    }
    rc = lh_store_put(h->store, queue, enl_buf_str(&wire), wire.len, err);
    if (rc == ENL_OK && h->notify) {
        lh_listeners_wake(h->listeners, queue);
    }
    return rc;
}
