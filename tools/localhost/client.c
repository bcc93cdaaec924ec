/* client - see client.h. */
#include "client.h"

#include "base/alloc.h"
#include "base/str.h"

#include <curl/curl.h>
#include <pthread.h>
#include <string.h>

#define REPLY_MAX ((size_t)100 * 1024 * 1024)
#define IDLE_S    60L /* the host's client keeps an idle connection about a minute */

struct handle {
    CURL *easy;
    struct handle *next;
};

struct lh_client {
    uint16_t port;
    const atomic_bool *cancel;
    pthread_mutex_t lock;
    struct handle *idle; /* the last one used comes first, so that few connections stay open */
};

struct upload {
    const char *data;
    size_t left;
};

enum enl_rc lh_client_new(uint16_t port, const atomic_bool *cancel, struct lh_client **ret,
                          struct enl_err *err)
{
    struct lh_client *c = enl_calloc(1, sizeof(*c));

    if (!c) {
        return enl_fail_oom(err);
    }
    if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK) {
        free(c);
        return enl_fail(err, ENL_FATAL, "libcurl cannot start");
    }
    c->port = port;
    c->cancel = cancel;
    (void)pthread_mutex_init(&c->lock, NULL);
    *ret = c;
    return ENL_OK;
}

void lh_client_free(struct lh_client *c)
{
    if (!c) {
        return;
    }
    while (c->idle) {
        struct handle *h = c->idle;

        c->idle = h->next;
        curl_easy_cleanup(h->easy);
        free(h);
    }
    (void)pthread_mutex_destroy(&c->lock);
    curl_global_cleanup();
    free(c);
}

uint16_t lh_client_port(const struct lh_client *c)
{
    return c->port;
}

static struct handle *take(struct lh_client *c)
{
    struct handle *h = NULL;

    (void)pthread_mutex_lock(&c->lock);
    h = c->idle;
    if (h) {
        c->idle = h->next;
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (h) {
        return h;
    }
    h = enl_calloc(1, sizeof(*h));
    if (h) {
        h->easy = curl_easy_init();
        if (!h->easy) {
            free(h);
            h = NULL;
        }
    }
    return h;
}

static void give_back(struct lh_client *c, struct handle *h)
{
    curl_easy_reset(h->easy); /* its connection stays */
    (void)pthread_mutex_lock(&c->lock);
    h->next = c->idle;
    c->idle = h;
    (void)pthread_mutex_unlock(&c->lock);
}

static size_t on_read(char *to, size_t size, size_t n, void *ctx)
{
    struct upload *u = ctx;
    size_t len = size * n < u->left ? size * n : u->left;

    if (len > 0) {
        memcpy(to, u->data, len);
        u->data += len;
        u->left -= len;
    }
    return len;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct lh_reply *r = ctx;

    enl_buf_add(&r->body, data, size * n);
    return enl_buf_ok(&r->body) ? size * n : 0;
}

static size_t on_header(char *data, size_t size, size_t n, void *ctx)
{
    struct lh_reply *r = ctx;
    size_t len = size * n;
    const char *colon = memchr(data, ':', len);
    const char *value = colon ? colon + 1 : NULL;
    size_t value_len = colon ? len - (size_t)(value - data) : 0;

    if (enl_starts(data, "HTTP/")) {
        lh_pairs_done(&r->headers); /* an interim answer (100) came before */
    } else if (colon) {
        enl_trim(&value, &value_len);
        if (!lh_pairs_addn(&r->headers, data, (size_t)(colon - data), value, value_len)) {
            return 0;
        }
    }
    return len;
}

/* libcurl sends a request again on its own when a kept connection proves to be closed; the host
 * does not, and a handler that died of a request must not be given it a second time. */
/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl's type of callback */
static int on_connected(void *ctx, char *to_ip, char *from_ip, int to_port, int from_port)
{
    bool *sent = ctx;
    bool again = *sent;

    (void)to_ip;
    (void)from_ip;
    (void)to_port;
    (void)from_port;
    *sent = true;
    return again ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t e)
{
    const atomic_bool *cancel = ctx;

    (void)a;
    (void)b;
    (void)d;
    (void)e;
    return atomic_load(cancel) ? 1 : 0;
}

static bool add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer) {
        *list = longer;
    }
    return longer != NULL;
}

static bool add_headers(struct curl_slist **list, const struct lh_request *request)
{
    /* A name without a value takes libcurl's own header out. */
    static const char *const own[] = {"Accept", "User-Agent", "Content-Type", "Expect"};
    bool ok = true;

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]) && ok; i++) {
        if (!lh_pairs_find(request->headers, own[i])) {
            char line[64] = "";

            (void)snprintf(line, sizeof(line), "%s:", own[i]);
            ok = add_line(list, line);
        }
    }
    for (size_t i = 0; i < request->headers->n && ok; i++) {
        const struct lh_pair *h = &request->headers->items[i];
        ENL_AUTO_BUF struct enl_buf line = ENL_BUF_INIT(REPLY_MAX);

        enl_buf_adds(&line, h->name);
        enl_buf_adds(&line, *h->value ? ": " : ";");
        enl_buf_adds(&line, h->value);
        ok = enl_buf_ok(&line) && add_line(list, enl_buf_str(&line));
    }
    return ok && (!request->chunked || add_line(list, "Transfer-Encoding: chunked"));
}

static void set_body(CURL *easy, const struct lh_request *request, struct upload *upload)
{
    (void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    (void)curl_easy_setopt(easy, CURLOPT_READDATA, upload);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                           request->chunked ? (curl_off_t)-1 : (curl_off_t)request->body_len);
}

static void set_options(const struct lh_client *c, CURL *easy, const struct lh_request *request,
                        int64_t timeout_ms, struct lh_reply *reply)
{
    char url[64] = "";

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", (unsigned)c->port);
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, request->target);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_S);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                           timeout_ms > 1 ? (long)timeout_ms : (long)1); /* 0: none at all */
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, reply);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, reply);
    (void)curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(easy, CURLOPT_XFERINFODATA, c->cancel);
    if (enl_ieq(request->method, "HEAD")) {
        (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    }
}

enum enl_rc lh_client_send(struct lh_client *c, const struct lh_request *request,
                           int64_t timeout_ms, struct lh_reply *ret, struct enl_err *err)
{
    struct upload upload = {request->body, request->body_len};
    struct handle *h = take(c);
    struct curl_slist *headers = NULL;
    enum enl_rc rc = ENL_OK;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    bool sent = false;
    long status = 0;

    if (!h) {
        return enl_fail_oom(err);
    }
    ret->body.max = REPLY_MAX;
    set_options(c, h->easy, request, timeout_ms, ret);
    if (request->body) {
        set_body(h->easy, request, &upload);
    }
    (void)curl_easy_setopt(h->easy, CURLOPT_PREREQFUNCTION, on_connected);
    (void)curl_easy_setopt(h->easy, CURLOPT_PREREQDATA, &sent);
    (void)curl_easy_setopt(h->easy, CURLOPT_CUSTOMREQUEST, request->method);
    if (add_headers(&headers, request)) {
        (void)curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, headers);
        code = curl_easy_perform(h->easy);
    }
    if (code != CURLE_OK) {
        rc = enl_fail(err, code == CURLE_COULDNT_CONNECT && !sent ? ENL_DENIED : ENL_RETRY,
                      "the handler did not answer: %s", curl_easy_strerror(code));
    }
    (void)curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    ret->status = (int)status;
    curl_slist_free_all(headers);
    give_back(c, h);
    return rc;
}

void lh_reply_done(struct lh_reply *r)
{
    lh_pairs_done(&r->headers);
    enl_buf_done(&r->body);
    r->status = 0;
}
