/* pool - see pool.h. */
#include "pool.h"

#include "base/alloc.h"
#include "base/thread.h"

#define THREADS_MAX 4096U

struct task {
    lh_task_fn *fn;
    void *arg;
    struct task *next;
};

struct lh_pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct task *first;
    struct task **last;
    size_t n_waiting; /* tasks in the list */
    size_t n_idle;
    size_t n_threads;
    bool ending;
    pthread_t threads[THREADS_MAX];
};

static struct task *next_task(struct lh_pool *p)
{
    struct task *t = NULL;

    (void)pthread_mutex_lock(&p->lock);
    p->n_idle++;
    while (!p->first && !p->ending) {
        (void)pthread_cond_wait(&p->work, &p->lock);
    }
    p->n_idle--;
    t = p->first;
    if (t) {
        p->first = t->next;
        p->n_waiting--;
        if (!p->first) {
            p->last = &p->first;
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
    return t;
}

static void *work(void *arg)
{
    struct lh_pool *p = arg;

    for (struct task *t = next_task(p); t; t = next_task(p)) {
        t->fn(t->arg);
        free(t);
    }
    return NULL;
}

enum enl_rc lh_pool_new(struct lh_pool **ret, struct enl_err *err)
{
    struct lh_pool *p = enl_calloc(1, sizeof(*p));

    if (!p) {
        return enl_fail_oom(err);
    }
    (void)pthread_mutex_init(&p->lock, NULL);
    enl_cond_init(&p->work);
    p->last = &p->first;
    *ret = p;
    return ENL_OK;
}

void lh_pool_free(struct lh_pool *pool)
{
    if (!pool) {
        return;
    }
    (void)pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    (void)pthread_cond_broadcast(&pool->work);
    (void)pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->n_threads; i++) {
        (void)pthread_join(pool->threads[i], NULL);
    }
    (void)pthread_cond_destroy(&pool->work);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}

enum enl_rc lh_pool_run(struct lh_pool *pool, lh_task_fn *fn, void *arg, struct enl_err *err)
{
    struct task *t = enl_malloc(sizeof(*t));
    enum enl_rc rc = ENL_OK;

    if (!t) {
        return enl_fail_oom(err);
    }
    *t = (struct task){.fn = fn, .arg = arg};
    (void)pthread_mutex_lock(&pool->lock);
    if (pool->n_idle <= pool->n_waiting) {
        rc = pool->n_threads < THREADS_MAX
                 ? enl_thread_start(&pool->threads[pool->n_threads], work, pool, err)
                 : enl_fail(err, ENL_RETRY, "no more than %u invocations at once", THREADS_MAX);
        pool->n_threads += rc == ENL_OK ? 1 : 0;
    }
    if (rc == ENL_OK) {
        *pool->last = t;
        pool->last = &t->next;
        pool->n_waiting++;
        (void)pthread_cond_signal(&pool->work);
    } else {
        free(t);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return rc;
}
