/* http - see http.h. */
#include "wrap/http.h"

#include "base/alloc.h"

#include <curl/curl.h>
#include <stdio.h>

/* Six hours, as later versions of libcurl: a longer time is a mistake of somebody's clock. */
#define RETRY_AFTER_MOST_S 21600

/* libcurl brings GnuTLS in for RTMP and LDAP, which nobody here uses; it initialises itself when it
 * is loaded, at 0.7 MiB, unless the program has this function (gnutls.h, GNUTLS_SKIP_GLOBAL_INIT).
 * Who needs it after all, as an ODBC driver does, calls gnutls_global_init. */
/* NOLINTBEGIN(bugprone-reserved-identifier): GnuTLS gave the name */
int _gnutls_global_init_skip(void);
int _gnutls_global_init_skip(void)
{
    return 1;
}
/* NOLINTEND(bugprone-reserved-identifier) */

struct enl_http {
    CURL *curl;
};

enum enl_rc enl_http_global_init(struct enl_err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return enl_fail(err, ENL_FATAL, "libcurl cannot be used");
    }
    return ENL_OK;
}

void enl_http_global_done(void)
{
    curl_global_cleanup();
}

struct enl_http *enl_http_new(void)
{
    struct enl_http *h = enl_calloc(1, sizeof(*h));

    if (h) {
        h->curl = curl_easy_init();
        if (!h->curl) {
            free(h);
            return NULL;
        }
    }
    return h;
}

void enl_http_free(struct enl_http *h)
{
    if (h) {
        curl_easy_cleanup(h->curl);
        free(h);
    }
}

static size_t receive(char *data, size_t size, size_t n, void *ctx)
{
    struct enl_buf *b = ctx;

    enl_buf_add(b, data, size * n);
    return enl_buf_ok(b) ? size * n : 0;
}

static enum enl_http_outcome outcome_of(CURL *curl, CURLcode code)
{
    curl_off_t connected = 0;

    switch ((int)code) {
    case CURLE_OK: return ENL_HTTP_ANSWERED;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR: return ENL_HTTP_NOT_SENT; /* the handshake broke: may pass */
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM: return ENL_HTTP_UNTRUSTED;
    default: break;
    }
    /* A time-out before the connection stood has sent nothing either. */
    (void)curl_easy_getinfo(curl, CURLINFO_PRETRANSFER_TIME_T, &connected);
    return code == CURLE_OPERATION_TIMEDOUT && connected == 0 ? ENL_HTTP_NOT_SENT
                                                              : ENL_HTTP_UNKNOWN;
}

static struct curl_slist *headers_of(const struct enl_http_request *req)
{
    char text[128];
    struct curl_slist *list = NULL;
    struct curl_slist *more = NULL;

    (void)snprintf(text, sizeof(text), "Content-Type: %s", req->content_type);
    list = curl_slist_append(NULL, text);
    more = list ? curl_slist_append(list, "Expect:") : NULL;
    if (!more) {
        curl_slist_free_all(list);
    }
    return more;
}

static void set_options(CURL *c, const struct enl_http_request *req, struct curl_slist *headers,
                        struct enl_http_response *ret)
{
    curl_easy_reset(c);
    (void)curl_easy_setopt(c, CURLOPT_URL, req->url);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    /* The environment's proxy is nobody's decision to show it a password. */
    (void)curl_easy_setopt(c, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(c, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, req->body);
    (void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_len);
    (void)curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)req->timeout_ms);
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)req->connect_timeout_ms);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, receive);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, &ret->body);
    if (req->ca_file) {
        (void)curl_easy_setopt(c, CURLOPT_CAINFO, req->ca_file);
    }
}

enum enl_rc enl_http_post(struct enl_http *h, const struct enl_http_request *req,
                          struct enl_http_response *ret, struct enl_err *err)
{
    struct curl_slist *headers = headers_of(req);
    curl_off_t retry_after = 0;
    CURLcode code = CURLE_OK;

    if (!headers) {
        return enl_fail_oom(err);
    }
    *ret =
        (struct enl_http_response){.retry_after_ms = -1, .body = ENL_BUF_INIT(req->response_max)};
    set_options(h->curl, req, headers, ret);
    code = curl_easy_perform(h->curl);
    ret->outcome = outcome_of(h->curl, code);
    (void)curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &ret->status);
    if (curl_easy_getinfo(h->curl, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK &&
        retry_after > 0) {
        ret->retry_after_ms =
            (retry_after < RETRY_AFTER_MOST_S ? (int64_t)retry_after : RETRY_AFTER_MOST_S) * 1000;
    }
    if (code != CURLE_OK) {
        (void)snprintf(ret->reason, sizeof(ret->reason), "%s", curl_easy_strerror(code));
    }
    /* The handle must not keep pointers to what ends here. */
    curl_easy_reset(h->curl);
    curl_slist_free_all(headers);
    return ENL_OK;
}

void enl_http_response_done(struct enl_http_response *r)
{
    enl_buf_done(&r->body);
}
