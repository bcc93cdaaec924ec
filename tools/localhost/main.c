/* main - options and life of the stand-in: start, serve, drain, end. */
#include "app.h"
#include "base/buf.h"
#include "base/id.h"
#include "base/str.h"
#include "handler.h"
#include "host.h"
#include "listener.h"
#include "log.h"
#include "serve.h"
#include "server.h"
#include "timer.h"
#include "wrap/json.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define DRAIN_US    (30LL * 1000000)
#define POLL_MS_MAX 3600000
#define PORT_FIRST  20000U /* below Linux's range of ephemeral ports */
#define PORT_LAST   32000U
#define PORT_TRIES  100

struct options {
    const char *root, *storage, *settings, *port_file;
    uint32_t port;
    uint32_t poll_ms; /* 0: as host.json says */
    bool notify;
};

static const char usage[] =
    "usage: localhost --root DIR [--port 7071] [--storage FILE.sqlite]\n"
    "                 [--settings local.settings.json] [--port-file FILE] [--no-notify]\n"
    "                 [--poll-ms N]\n";

static bool read_options(int argc, char **argv, struct options *ret)
{
    static const struct option known[] = {
        {"root", required_argument, NULL, 'r'},      {"port", required_argument, NULL, 'p'},
        {"storage", required_argument, NULL, 's'},   {"settings", required_argument, NULL, 'S'},
        {"port-file", required_argument, NULL, 'f'}, {"no-notify", no_argument, NULL, 'n'},
        {"poll-ms", required_argument, NULL, 'm'},   {NULL, 0, NULL, 0}};
    struct options o = {.settings = "local.settings.json", .port = 7071, .notify = true};
    bool ok = true;

    for (int c = 0; ok && (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 'r': o.root = optarg; break;
        case 'p': ok = enl_parse_u32(optarg, 0, UINT16_MAX, &o.port); break;
        case 's': o.storage = optarg; break;
        case 'S': o.settings = optarg; break;
        case 'f': o.port_file = optarg; break;
        case 'n': o.notify = false; break;
        case 'm': ok = enl_parse_u32(optarg, 1, POLL_MS_MAX, &o.poll_ms); break;
        default: ok = false; break;
        }
    }
    *ret = o;
    return ok && o.root && optind == argc;
}

static bool is_free(uint16_t port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *sa = (void *)&a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, sa, sizeof(a)) == 0;

    if (fd >= 0) {
        (void)close(fd);
    }
    return ok;
}

/* A port for the handler.  Not one that the kernel would pick: that could become the source port
 * of somebody's connection before the handler, or its successor, listens on it. */
static enum enl_rc free_port(uint16_t *ret, struct enl_err *err)
{
    for (int i = 0; i < PORT_TRIES; i++) {
        uint16_t port = (uint16_t)(PORT_FIRST + enl_jitter(PORT_LAST - PORT_FIRST + 1));

        if (is_free(port)) {
            *ret = port;
            return ENL_OK;
        }
    }
    return enl_fail(err, ENL_FATAL, "no free port for the handler");
}

static enum enl_rc set_handler_environment(struct lh_app *app, uint16_t port, struct enl_err *err)
{
    char text[16] = "";
    char id[ENL_UUID_TEXT] = "";
    struct lh_settings *s = &app->settings;
    enum enl_rc rc = enl_uuid7(lh_wall_us() / 1000, id, err);

    (void)snprintf(text, sizeof(text), "%u", port);
    rc = rc ? rc : lh_settings_set(s, "FUNCTIONS_CUSTOMHANDLER_PORT", text, err);
    rc = rc ? rc : lh_settings_set(s, "FUNCTIONS_HTTPWORKER_PORT", text, err);
    rc = rc ? rc : lh_settings_set(s, "FUNCTIONS_CUSTOMHANDLER_WORKER_ID", id, err);
    rc = rc ? rc : lh_settings_set(s, "FUNCTIONS_HTTPWORKER_ID", id, err);
    return rc ? rc : lh_settings_set(s, "FUNCTIONS_APP_ROOT_PATH", app->root, err);
}

static enum enl_rc open_store(const struct options *o, const struct lh_app *app,
                              struct lh_store **ret, struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf path = ENL_BUF_INIT(65536);
    enum enl_rc rc = ENL_OK;

    if (o->storage) {
        enl_buf_adds(&path, o->storage);
    } else {
        enl_buf_addf(&path, "%s/.localhost.sqlite", app->root);
    }
    rc = lh_store_open(enl_buf_str(&path), ret, err);
    for (size_t i = 0; i < app->n_functions && rc == ENL_OK; i++) {
        for (size_t k = 0; k < app->functions[i].n_outputs && rc == ENL_OK; k++) {
            rc = lh_store_add_queue(*ret, app->functions[i].outputs[k].queue, err);
        }
    }
    return rc;
}

static enum enl_rc announce(const struct options *o, const struct lh_host *h, struct enl_err *err)
{
    FILE *f = NULL;
    bool ok = true;

    if (o->port_file) {
        f = fopen(o->port_file, "we");
        ok = f && fprintf(f, "%u\n", h->port) > 0;
        ok = f && fclose(f) == 0 && ok;
    }
    (void)printf("listening on http://localhost:%u\n", h->port);
    (void)fflush(stdout);
    return ok ? ENL_OK : enl_fail(err, ENL_FATAL, "%s cannot be written", o->port_file);
}

/* Waits for a signal or an event of the host until until_us; the signals that came. */
static int wait_for_event(const struct lh_host *h, int signal_fd, int64_t until_us)
{
    struct pollfd fds[2] = {{.fd = h->event_fd, .events = POLLIN},
                            {.fd = signal_fd, .events = POLLIN}};
    int64_t left_ms = (until_us - lh_now_us()) / 1000 + 1;
    struct signalfd_siginfo info;
    eventfd_t events = 0;
    int n = left_ms > 0 ? poll(fds, 2, left_ms < 60000 ? (int)left_ms : 60000) : 0;

    if (n > 0 && fds[0].revents) {
        (void)eventfd_read(h->event_fd, &events);
    }
    return n > 0 && fds[1].revents && read(signal_fd, &info, sizeof(info)) == sizeof(info) ? 1 : 0;
}

struct flags {
    bool ready, stopping, idle;
};

static struct flags look(struct lh_host *h)
{
    struct flags f = {0};

    (void)pthread_mutex_lock(&h->lock);
    f = (struct flags){h->ready, h->stopping, h->in_flight == 0};
    (void)pthread_mutex_unlock(&h->lock);
    return f;
}

/* Until a signal or the host's own stop. */
static enum enl_rc serve_until_stop(const struct options *o, struct lh_host *h, int signal_fd,
                                    struct lh_timers **ret_timers, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;
    bool announced = false;

    while (rc == ENL_OK) {
        struct flags f = look(h);

        if (f.ready && !announced) {
            announced = true;
            rc = lh_listeners_start(h, err);
            rc = rc ? rc : lh_timers_start(h, ret_timers, err);
            rc = rc ? rc : announce(o, h, err);
        } else if (f.stopping || wait_for_event(h, signal_fd, LH_NEVER_US) > 0) {
            break;
        }
    }
    return rc;
}

/* A second signal cuts it short. */
static void drain(struct lh_host *h, int signal_fd)
{
    int64_t until_us = lh_now_us() + DRAIN_US;

    lh_log("stopping: waiting for what is under way");
    lh_host_drain(h);
    while (!look(h).idle && lh_now_us() < until_us) {
        if (wait_for_event(h, signal_fd, until_us) > 0) {
            break;
        }
    }
}

static enum enl_rc run(const struct options *o, struct lh_host *h, int signal_fd,
                       struct enl_err *err)
{
    struct lh_server *server = NULL;
    struct lh_timers *timers = NULL;
    enum enl_rc rc = lh_listeners_new(h, err);

    rc = rc ? rc : lh_handler_start(h, &h->handler, err);
    rc = rc ? rc : lh_server_start((uint16_t)o->port, h->pool, lh_serve, h, &server, err);
    if (rc == ENL_OK) {
        h->port = lh_server_port(server);
        rc = serve_until_stop(o, h, signal_fd, &timers, err);
    }
    if (rc == ENL_OK && !look(h).stopping) {
        drain(h, signal_fd);
    }
    lh_host_abort(h);
    if (h->handler) {
        lh_handler_stop(h->handler);
    }
    lh_listeners_stop(h);
    lh_timers_stop(timers);
    lh_server_stop(server);
    lh_pool_free(h->pool);
    h->pool = NULL;
    if (h->handler) {
        lh_handler_free(h->handler);
    }
    lh_listeners_free(h);
    return rc;
}

static enum enl_rc set_up_and_run(const struct options *o, int signal_fd, int *ret_code,
                                  struct enl_err *err)
{
    struct lh_app app = {0};
    struct lh_host h = {.app = &app, .notify = o->notify};
    uint16_t handler_port = 0;
    enum enl_rc rc = lh_host_init(&h, err);

    rc = rc ? rc : lh_app_load(o->root, o->settings, &app, err);
    if (o->poll_ms > 0) {
        app.max_polling_ms = o->poll_ms;
    }
    rc = rc ? rc : free_port(&handler_port, err);
    rc = rc ? rc : set_handler_environment(&app, handler_port, err);
    rc = rc ? rc : open_store(o, &app, &h.store, err);
    rc = rc ? rc : lh_client_new(handler_port, &h.aborted, &h.client, err);
    rc = rc ? rc : lh_pool_new(&h.pool, err);
    rc = rc ? rc : run(o, &h, signal_fd, err);
    lh_pool_free(h.pool);
    lh_client_free(h.client);
    lh_store_close(h.store);
    lh_app_done(&app);
    lh_host_done(&h);
    *ret_code = h.exit_code;
    return rc;
}

/* 288 invocations a queue function take a connection each, besides the callers'. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit = {0};

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    struct options o = {0};
    struct enl_err err = {0};
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    sigset_t stops;
    int signal_fd = -1;
    int code = 1;

    if (!read_options(argc, argv, &o)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    (void)sigaction(SIGPIPE, &ignored, NULL);
    (void)sigemptyset(&stops);
    (void)sigaddset(&stops, SIGTERM);
    (void)sigaddset(&stops, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &stops, NULL);
    signal_fd = signalfd(-1, &stops, SFD_CLOEXEC);
    raise_descriptor_limit();
    enl_json_init();
    lh_log("a stand-in for development and tests, not the Functions host");
    if (signal_fd < 0 || set_up_and_run(&o, signal_fd, &code, &err) != ENL_OK) {
        (void)fprintf(stderr, "localhost: %s\n", err.text);
        code = 1;
    }
    if (signal_fd >= 0) {
        (void)close(signal_fd);
    }
    return code;
}
