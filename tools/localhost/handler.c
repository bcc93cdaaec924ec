/* handler - see handler.h. */
#include "handler.h"

#include "base/alloc.h"
#include "base/thread.h"
#include "log.h"
#include "spawn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBE_MS        25
#define PROBE_ANSWER_MS 2000 /* for one answer; the handler may still be starting */
#define CRASHES_MAX     3
#define CRASH_WINDOW_US (30LL * 60 * 1000000)
#define RESTART_CODE    200
#define RETRY_SPAWN_MS  1000

struct lh_handler {
    struct lh_host *host;
    struct lh_pipes *pipes;
    pthread_t supervisor;
    int wake_fd; /* readable: the host stops */
    unsigned crashes;
    int64_t last_crash_us;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum lh_state state;
    pid_t pid;
    unsigned starts;
    bool expected; /* the next exit is our doing and not counted */
    bool killed;   /* this start is, or will be, dead */
    bool ending;
};

static void set_state(struct lh_handler *h, enum lh_state state)
{
    (void)pthread_mutex_lock(&h->lock);
    if (state != LH_READY || !h->killed) {
        h->state = state;
    }
    (void)pthread_cond_broadcast(&h->changed);
    (void)pthread_mutex_unlock(&h->lock);
}

static bool is_ending(struct lh_handler *h)
{
    bool ending = false;

    (void)pthread_mutex_lock(&h->lock);
    ending = h->ending;
    (void)pthread_mutex_unlock(&h->lock);
    return ending;
}

/* Whether the process exited; waits up to wait_ms, -1 for as long as it runs. */
static bool has_exited(const struct lh_handler *h, int pid_fd, int wait_ms)
{
    struct pollfd fds[2] = {{.fd = pid_fd, .events = POLLIN}, {.fd = h->wake_fd, .events = POLLIN}};

    (void)poll(fds, 2, wait_ms);
    return fds[0].revents != 0;
}

static bool answers(struct lh_handler *h, int64_t until_us)
{
    struct lh_pairs none = {0};
    struct lh_request probe = {.method = "GET", .target = "/", .headers = &none};
    LH_AUTO_REPLY struct lh_reply reply = {0};
    int64_t left_ms = (until_us - lh_now_us()) / 1000;

    return lh_client_send(h->host->client, &probe,
                          left_ms < PROBE_ANSWER_MS ? left_ms : PROBE_ANSWER_MS, &reply,
                          NULL) == ENL_OK;
}

/* Probes until it answers.  False: it exited, did not in time (then it is killed), or the host
 * stops. */
static bool becomes_ready(struct lh_handler *h, int pid_fd)
{
    int64_t until_us = lh_now_us() + h->host->app->start_timeout_ms * 1000;

    while (!is_ending(h)) {
        if (answers(h, until_us)) {
            return true;
        }
        if (has_exited(h, pid_fd, PROBE_MS)) {
            return false;
        }
        if (lh_now_us() >= until_us) {
            lh_log("the handler did not answer on its port within initializationTimeout");
            lh_handler_kill(h, 0, true);
            return false;
        }
    }
    return false;
}

/* Starts it; its pid descriptor, -1 when that failed. */
static int start(struct lh_handler *h)
{
    struct enl_err err = {0};
    pid_t pid = 0;
    int pid_fd = -1;

    (void)pthread_mutex_lock(&h->lock);
    h->expected = false;
    h->killed = false;
    h->starts++;
    if (!h->ending && lh_spawn(h->host->app, h->pipes, &pid, &err) == ENL_OK) {
        pid_fd = pidfd_open(pid, 0);
        if (pid_fd >= 0) {
            h->pid = pid;
        } else {
            (void)enl_fail(&err, ENL_RETRY, "no descriptor of it (errno %d)", errno);
            (void)kill(pid, SIGKILL);
            (void)waitpid(pid, NULL, 0);
        }
    }
    (void)pthread_mutex_unlock(&h->lock);
    if (pid_fd < 0 && err.rc != ENL_OK) {
        lh_log("the handler was not started: %s", err.text);
    }
    return pid_fd;
}

/* Waits for its end; the exit code as a shell says it, 128 + the signal that killed it. */
static int reap(struct lh_handler *h, int pid_fd, bool *ret_expected)
{
    siginfo_t info = {0};

    while (!has_exited(h, pid_fd, -1)) {
        if (is_ending(h)) {
            lh_handler_kill(h, 0, false);
            (void)poll(&(struct pollfd){.fd = pid_fd, .events = POLLIN}, 1, -1);
            break;
        }
    }
    (void)pthread_mutex_lock(&h->lock);
    (void)waitid(P_PIDFD, (id_t)pid_fd, &info, WEXITED);
    h->pid = 0;
    h->state = LH_STARTING;
    (void)pthread_cond_broadcast(&h->changed);
    *ret_expected = h->expected;
    (void)pthread_mutex_unlock(&h->lock);
    (void)close(pid_fd);
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

/* Whether the host gives up. */
static bool is_one_crash_too_many(struct lh_handler *h)
{
    int64_t now = lh_now_us();

    if (h->crashes > 0 && now - h->last_crash_us > CRASH_WINDOW_US) {
        h->crashes = 0;
    }
    h->crashes++;
    h->last_crash_us = now;
    return h->crashes >= CRASHES_MAX;
}

/* Whether to start it again. */
static bool goes_on(struct lh_handler *h, int code, bool expected)
{
    if (is_ending(h)) {
        return false;
    }
    lh_log("the handler exited with %d", code);
    if (code == 0) {
        lh_log("exit code 0: the handler is never restarted, every invocation will fail");
        return false;
    }
    if (code != RESTART_CODE && !expected && is_one_crash_too_many(h)) {
        lh_log("Exceeded http worker restart retry count. Shutting down Functions Host");
        lh_host_stop(h->host, 1);
        return false;
    }
    return true;
}

static void *supervise(void *arg)
{
    struct lh_handler *h = arg;
    bool going_on = true;

    while (going_on) {
        int pid_fd = start(h);
        bool expected = false;
        int code = 0;

        if (pid_fd < 0) {
            (void)poll(&(struct pollfd){.fd = h->wake_fd, .events = POLLIN}, 1, RETRY_SPAWN_MS);
            going_on = !is_ending(h);
            continue;
        }
        if (becomes_ready(h, pid_fd)) {
            set_state(h, LH_READY);
            lh_host_set_ready(h->host);
        }
        code = reap(h, pid_fd, &expected);
        going_on = goes_on(h, code, expected);
    }
    set_state(h, LH_GONE);
    return NULL;
}

enum enl_rc lh_handler_start(struct lh_host *host, struct lh_handler **ret, struct enl_err *err)
{
    struct lh_handler *h = enl_calloc(1, sizeof(*h));
    enum enl_rc rc = ENL_OK;

    if (!h) {
        return enl_fail_oom(err);
    }
    h->host = host;
    h->state = LH_STARTING;
    (void)pthread_mutex_init(&h->lock, NULL);
    enl_cond_init(&h->changed);
    h->wake_fd = eventfd(0, EFD_CLOEXEC);
    rc = h->wake_fd >= 0 ? lh_pipes_open(&h->pipes, err)
                         : enl_fail(err, ENL_FATAL, "no event descriptor");
    rc = rc ? rc : enl_thread_start(&h->supervisor, supervise, h, err);
    if (rc != ENL_OK) {
        lh_pipes_close(h->pipes);
        free(h);
        return rc;
    }
    *ret = h;
    return ENL_OK;
}

void lh_handler_stop(struct lh_handler *h)
{
    (void)pthread_mutex_lock(&h->lock);
    h->ending = true;
    (void)eventfd_write(h->wake_fd, 1);
    (void)pthread_mutex_unlock(&h->lock);
    lh_handler_kill(h, 0, false);
    (void)pthread_join(h->supervisor, NULL);
}

void lh_handler_free(struct lh_handler *h)
{
    lh_pipes_close(h->pipes);
    (void)close(h->wake_fd);
    (void)pthread_cond_destroy(&h->changed);
    (void)pthread_mutex_destroy(&h->lock);
    free(h);
}

enum lh_state lh_handler_wait(struct lh_handler *h, int64_t until_us, unsigned *ret_start)
{
    enum lh_state state = LH_STARTING;

    (void)pthread_mutex_lock(&h->lock);
    while (h->state == LH_STARTING && !h->ending && lh_now_us() < until_us) {
        (void)enl_cond_wait_until(&h->changed, &h->lock, until_us);
    }
    state = h->ending ? LH_GONE : h->state;
    *ret_start = h->starts;
    (void)pthread_mutex_unlock(&h->lock);
    return state;
}

bool lh_handler_left(struct lh_handler *h, unsigned start, int64_t until_us)
{
    bool left = false;

    (void)pthread_mutex_lock(&h->lock);
    while (h->state == LH_READY && h->starts == start && lh_now_us() < until_us) {
        (void)enl_cond_wait_until(&h->changed, &h->lock, until_us);
    }
    left = h->state != LH_READY || h->starts != start;
    (void)pthread_mutex_unlock(&h->lock);
    return left;
}

void lh_handler_kill(struct lh_handler *h, unsigned start, bool counted)
{
    (void)pthread_mutex_lock(&h->lock);
    if (h->pid > 0 && (start == 0 || start == h->starts)) {
        h->expected = !counted;
        h->killed = true;
        h->state = LH_STARTING; /* what comes now is for the next one */
        (void)kill(h->pid, SIGKILL);
    }
    (void)pthread_mutex_unlock(&h->lock);
}

struct lh_handler_info lh_handler_about(struct lh_handler *h)
{
    struct lh_handler_info info = {0};

    (void)pthread_mutex_lock(&h->lock);
    info = (struct lh_handler_info){h->pid, h->starts, lh_client_port(h->host->client)};
    (void)pthread_mutex_unlock(&h->lock);
    return info;
}
