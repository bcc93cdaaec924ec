/* thread - see thread.h. */
#include "base/thread.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define OWN_FRAME 1024 /* bytes: more than enl_thread_release_stack and what it calls need */

enum enl_rc enl_thread_start(pthread_t *ret_thread, enl_thread_fn *fn, void *arg,
                             struct enl_err *err)
{
    pthread_attr_t attr;
    int e = pthread_attr_init(&attr);

    if (e == 0) {
        e = pthread_attr_setstacksize(&attr, ENL_THREAD_STACK);
        e = e ? e : pthread_create(ret_thread, &attr, fn, arg);
        (void)pthread_attr_destroy(&attr);
    }
    return e == 0 ? ENL_OK : enl_fail(err, ENL_RETRY, "no thread could be started (errno %d)", e);
}

struct call {
    void (*fn)(void *arg);
    void *arg;
};

static void *run_call(void *arg)
{
    const struct call *c = arg;

    c->fn(c->arg);
    return NULL;
}

enum enl_rc enl_thread_call(void (*fn)(void *arg), void *arg, struct enl_err *err)
{
    struct call c = {fn, arg};
    pthread_t thread = 0;
    enum enl_rc rc = enl_thread_start(&thread, run_call, &c, err);

    if (rc == ENL_OK) {
        (void)pthread_join(thread, NULL);
    }
    return rc;
}

void enl_thread_release_stack(void)
{
    pthread_attr_t attr;
    void *low = NULL;
    size_t size = 0;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t used = ((uintptr_t)__builtin_frame_address(0) - OWN_FRAME) / page * page;

    if (pthread_getattr_np(pthread_self(), &attr) != 0) {
        return;
    }
    if (pthread_attr_getstack(&attr, &low, &size) == 0 && used > (uintptr_t)low) {
        (void)madvise(low, used - (uintptr_t)low, MADV_DONTNEED);
    }
    (void)pthread_attr_destroy(&attr);
}

void enl_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(cond, &attr);
    (void)pthread_condattr_destroy(&attr);
}

bool enl_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_us)
{
    struct timespec ts = {.tv_sec = (time_t)(until_us / 1000000),
                          .tv_nsec = (long)(until_us % 1000000) * 1000};

    return pthread_cond_timedwait(cond, mutex, &ts) != ETIMEDOUT;
}
