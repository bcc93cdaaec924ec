/* server - see server.h. */
#include "host/server.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/str.h"
#include "base/thread.h"

#include <civetweb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CHUNK 4095U /* bytes that there is room for at each read, with the NUL a power of two */
#define DISCARD_MAX                                                                                \
    ((size_t)256 * 1024 * 1024) /* bytes read and dropped before giving a caller up */
#define POLL_NS      5000000L   /* while draining */
#define RESPONSE_MAX ((size_t)256 * 1024 * 1024)

struct enl_server {
    struct mg_context *ctx;
    const struct enl_host *host;
    atomic_bool starting; /* civetweb's own words about a failed start are left out */
    atomic_bool draining;
    atomic_uint open[2]; /* calls in progress: begun before draining, and since */
};

/* For when there is no memory even for an answer. */
#define NO_MEMORY_BODY "{\"title\":\"Internal Server Error\",\"status\":500}"
_Static_assert(sizeof(NO_MEMORY_BODY) - 1 == 46, "Content-Length below");
static const char no_memory[] =
    "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/problem+json\r\n"
    "Content-Length: 46\r\nConnection: close\r\n\r\n" NO_MEMORY_BODY;

struct body_source {
    struct mg_connection *conn;
    bool broken; /* the rest of the request is not known: the connection is of no more use */
};

/* Reads what comes next into out, until that is full. */
static int read_more(struct mg_connection *conn, struct enl_buf *out)
{
    size_t left = out->max - out->len;
    char *room = enl_buf_room(out, left < CHUNK ? left : CHUNK);
    size_t there = room ? out->cap - 1 - out->len : 0;
    int n = room ? mg_read(conn, room, there < left ? there : left) : -1;

    if (n > 0) {
        enl_buf_wrote(out, (size_t)n);
    }
    return n;
}

/* What does not fit is read all the same: a caller that still sends sees no answer.  Returns as
 * mg_read, and -1 when there is no end to it. */
static int drop_rest(struct mg_connection *conn, bool *ret_cut)
{
    ENL_AUTO_FREE char *chunk = enl_malloc(CHUNK);
    size_t dropped = 0;
    int n = chunk ? mg_read(conn, chunk, CHUNK) : -1;

    while (n > 0 && dropped <= DISCARD_MAX) {
        *ret_cut = true;
        dropped += (size_t)n;
        n = mg_read(conn, chunk, CHUNK);
    }
    return n > 0 ? -1 : n;
}

static enum enl_rc read_body(void *ctx, struct enl_buf *out, bool *ret_cut, struct enl_err *err)
{
    struct body_source *source = ctx;
    int n = 1;

    source->broken = true;
    while (n > 0 && out->len < out->max) {
        n = read_more(source->conn, out);
    }
    if (n > 0) {
        n = drop_rest(source->conn, ret_cut);
    }
    if (!enl_buf_ok(out)) {
        return enl_fail_oom(err);
    }
    if (n < 0) {
        return enl_fail(err, ENL_RETRY, "the request ended too early, or does not end");
    }
    source->broken = false;
    return ENL_OK;
}

/* What HTTP says about keeping the connection; civetweb comes to the same result. */
static bool wants_close(const struct mg_request_info *info, const struct mg_connection *conn)
{
    const char *header = mg_get_header(conn, "Connection");
    bool old = info->http_version && strcmp(info->http_version, "1.1") != 0;

    if (header && enl_ieq(header, "close")) {
        return true;
    }
    return old && (!header || !enl_ieq(header, "keep-alive"));
}

static void write_all(struct mg_connection *conn, const struct enl_reply *r, bool close_after,
                      bool head_only)
{
    ENL_AUTO_BUF struct enl_buf out = ENL_BUF_INIT(RESPONSE_MAX);

    enl_reply_http(r, close_after, head_only, &out);
    if (enl_buf_ok(&out)) {
        (void)mg_write(conn, enl_buf_str(&out), out.len);
    } else {
        mg_disable_connection_keep_alive(conn);
        (void)mg_write(conn, no_memory, sizeof(no_memory) - 1);
    }
}

/* Which of the two counters the call went into: exactly those that drain waits for are in the
 * first, whichever of the two threads is faster. */
static unsigned enter(struct enl_server *s)
{
    atomic_fetch_add(&s->open[0], 1);
    if (!atomic_load(&s->draining)) {
        return 0;
    }
    atomic_fetch_add(&s->open[1], 1);
    atomic_fetch_sub(&s->open[0], 1);
    return 1;
}

static int begin_request(struct mg_connection *conn)
{
    const struct mg_request_info *info = mg_get_request_info(conn);
    struct enl_server *s = info->user_data;
    const char *uri = info->request_uri ? info->request_uri : "";
    struct enl_header headers[MG_MAX_HEADERS];
    struct body_source source = {.conn = conn};
    struct enl_call call = {.method = info->request_method,
                            .headers = headers,
                            .read_body = read_body,
                            .read_ctx = &source};
    struct enl_reply reply;
    unsigned which = enter(s);
    ENL_AUTO_FREE char *path = enl_memdup(uri, strcspn(uri, "?#"));
    bool close_after = false;

    for (int i = 0; i < info->num_headers && i < MG_MAX_HEADERS; i++) {
        headers[i] = (struct enl_header){info->http_headers[i].name, info->http_headers[i].value};
        call.n_headers++;
    }
    call.path = path ? path : "";
    enl_dispatch(s->host, &call, &reply);
    close_after = atomic_load(&s->draining) || source.broken || wants_close(info, conn);
    if (close_after) {
        mg_disable_connection_keep_alive(conn);
    }
    write_all(conn, &reply, close_after, strcmp(call.method, "HEAD") == 0);
    enl_reply_done(&reply);
    atomic_fetch_sub(&s->open[which], 1);
    return reply.status;
}

/* A request that civetweb itself refuses: no HTTP, too many headers, an unknown method. */
static int http_error(struct mg_connection *conn, int status, const char *message)
{
    struct enl_reply reply;

    (void)message;
    enl_reply_init(&reply);
    enl_reply_problem(
        &reply, &(struct enl_problem){.status = status, .detail = "the request cannot be read"});
    mg_disable_connection_keep_alive(conn);
    write_all(conn, &reply, true, false);
    enl_reply_done(&reply);
    return 0;
}

static int log_message(const struct mg_connection *conn, const char *message)
{
    const struct enl_server *s = mg_get_user_data(mg_get_context(conn));
    struct enl_log_line l;

    if (!s || atomic_load(&s->starting)) {
        return 1;
    }
    enl_log_begin(&l, ENL_LOG_WARN, "civetweb");
    enl_log_str(&l, "text", message);
    enl_log_end(&l);
    return 1;
}

/* There are hundreds of workers, and most of them wait: what starting and a request needed of the
 * stack, which is most of what a worker holds, goes back before it waits again. */
static void *begin_thread(const struct mg_context *ctx, int type)
{
    (void)ctx;
    (void)type;
    enl_thread_release_stack();
    return NULL;
}

static void end_connection(const struct mg_connection *conn)
{
    (void)conn;
    enl_thread_release_stack();
}

enum enl_rc enl_server_start(const struct enl_host *host, uint16_t port, unsigned workers,
                             struct enl_server **ret, struct enl_err *err)
{
    struct mg_callbacks callbacks = {.begin_request = begin_request,
                                     .log_message = log_message,
                                     .http_error = http_error,
                                     .init_thread = begin_thread,
                                     .connection_closed = end_connection};
    struct enl_server *s = enl_calloc(1, sizeof(*s));
    char listen[32];
    char threads[16];

    if (!s) {
        return enl_fail_oom(err);
    }
    (void)snprintf(listen, sizeof(listen), "127.0.0.1:%u", (unsigned)port);
    (void)snprintf(threads, sizeof(threads), "%u", workers);
    {
        const char *options[] = {"listening_ports",
                                 listen,
                                 "num_threads",
                                 threads,
                                 "connection_queue",
                                 threads,
                                 "listen_backlog",
                                 threads,
                                 "enable_keep_alive",
                                 "yes",
                                 "keep_alive_timeout_ms",
                                 "120000", /* the host keeps its own for 60 s */
                                 "request_timeout_ms",
                                 "120000",
                                 "tcp_nodelay",
                                 "1",
                                 "max_request_size",
                                 "49152", /* the host's own limit of headers is 32 KiB */
                                 "decode_url",
                                 "no",
                                 "enable_directory_listing",
                                 "no",
                                 "enable_auth_domain_check",
                                 "no", /* Host is the caller's */
                                 NULL};

        s->host = host;
        atomic_store(&s->starting, true);
        s->ctx = mg_start(&callbacks, s, options);
    }
    if (!s->ctx) {
        free(s);
        return enl_fail(err, ENL_RETRY, "port %u is taken or cannot be used", (unsigned)port);
    }
    atomic_store(&s->starting, false);
    *ret = s;
    return ENL_OK;
}

static int64_t mono_us(const struct enl_server *s)
{
    return s->host->clock->mono_us(s->host->clock->ctx);
}

bool enl_server_drain(struct enl_server *s, int64_t until_us)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};

    atomic_store(&s->draining, true);
    while (atomic_load(&s->open[0]) > 0) {
        if (mono_us(s) >= until_us) {
            return false;
        }
        (void)nanosleep(&pause, NULL);
    }
    return true;
}

void enl_server_stop(struct enl_server *s)
{
    if (s) {
        mg_stop(s->ctx);
        free(s);
    }
}
