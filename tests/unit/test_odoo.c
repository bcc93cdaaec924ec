/* test_odoo - one HTTP request, and a session of them, against a scripted server on loopback. */
#include "domain_help.h"

#include "base/thread.h"
#include "odoo/odoo.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 2048
#define CALLS_MAX   64

/* Answers one connection after the other with the next text of its script; "" closes at once. */
struct server {
    const char *const *script;
    size_t n;
    int fd;
    uint16_t port;
    pthread_t thread;
    size_t served;
    char requests[CALLS_MAX][REQUEST_MAX]; /* as they came, with their heads */
};

static bool whole(const char *request, size_t len)
{
    const char *end = strstr(request, "\r\n\r\n");
    const char *length = strcasestr(request, "Content-Length: ");

    return end && length &&
           len >= (size_t)(end + 4 - request) + (size_t)strtoul(length + 16, NULL, 10);
}

static void serve_one(struct server *s, int fd, const char *answer)
{
    char *request = s->requests[s->served];
    size_t len = 0;
    ssize_t n = 1;

    while (n > 0 && len < REQUEST_MAX - 1 && *answer != '\0' && !whole(request, len)) {
        n = recv(fd, request + len, REQUEST_MAX - 1 - len, 0);
        len += n > 0 ? (size_t)n : 0;
        if (strcmp(answer, "not TLS") == 0) {
            break;
        }
    }
    if (strcmp(answer, "silence") == 0) {
        /* Until the client gives up. */
        while (recv(fd, request + len, 1, 0) > 0) {
        }
    } else if (*answer != '\0') {
        (void)send(fd, answer, strlen(answer), MSG_NOSIGNAL);
    }
    s->served++;
}

static void *serve(void *arg)
{
    struct server *s = arg;

    while (s->served < s->n) {
        int fd = accept(s->fd, NULL, NULL);

        if (fd < 0) {
            return NULL;
        }
        serve_one(s, fd, s->script[s->served]);
        (void)close(fd);
    }
    return NULL;
}

static void server_start(struct server *s, const char *const *script, size_t n)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);

    assert_in_range(n, 1, CALLS_MAX);
    *s = (struct server){.script = script, .n = n, .fd = socket(AF_INET, SOCK_STREAM, 0)};
    assert_true(s->fd >= 0);
    assert_int_equal(bind(s->fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&addr, &len), 0);
    s->port = ntohs(addr.sin_port);
    assert_int_equal(enl_thread_start(&s->thread, serve, s, NULL), ENL_OK);
}

/* Returns when the whole script was played. */
static void server_stop(struct server *s)
{
    (void)pthread_join(s->thread, NULL);
    (void)close(s->fd);
    assert_int_equal(s->served, s->n);
}

#define HEAD(status) "HTTP/1.1 " status "\r\nConnection: close\r\n"
#define JSON(text)                                                                                 \
    HEAD("200 OK") "Content-Type: application/json\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1," text "}"

static void post(uint16_t port, const char *scheme, uint32_t timeout_ms, size_t max,
                 struct enl_http_response *ret)
{
    struct enl_http *h = enl_http_new();
    char url[64];
    struct enl_http_request req = {.url = url,
                                   .content_type = "application/json",
                                   .body = "{\"x\":\"\xc3\xa9\"}",
                                   .body_len = 10,
                                   .timeout_ms = timeout_ms,
                                   .connect_timeout_ms = 5000,
                                   .response_max = max};

    assert_non_null(h);
    (void)snprintf(url, sizeof(url), "%s://127.0.0.1:%u/jsonrpc", scheme, (unsigned)port);
    assert_int_equal(enl_http_post(h, &req, ret, NULL), ENL_OK);
    enl_http_free(h);
}

static void test_http(void **state)
{
    static const struct {
        const char *label, *answer;
        enum enl_http_outcome outcome;
        long status;
        int64_t retry_after_ms;
        const char *body;
    } cases[] = {
        {"a body", HEAD("200 OK") "Content-Length: 2\r\n\r\n{}", ENL_HTTP_ANSWERED, 200, -1, "{}"},
        {"up to the end", HEAD("200 OK") "\r\n{}", ENL_HTTP_ANSWERED, 200, -1, "{}"},
        {"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n{}", ENL_HTTP_ANSWERED, 200, -1, "{}"},
        {"100 twice",
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" HEAD(
             "200 OK") "Content-Length: 2\r\n\r\n{}",
         ENL_HTTP_ANSWERED, 200, -1, "{}"},
        {"chunked", HEAD("200 OK") "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
         ENL_HTTP_ANSWERED, 200, -1, "{}"},
        {"no redirects", HEAD("303 See") "Location: http://127.0.0.1:1/\r\n\r\n", ENL_HTTP_ANSWERED,
         303, -1, ""},
        {"429", HEAD("429 Slow") "\r\n", ENL_HTTP_ANSWERED, 429, -1, ""},
        {"429 with seconds", HEAD("429 Slow") "Retry-After: 7\r\n\r\n", ENL_HTTP_ANSWERED, 429,
         7000, ""},
        {"seconds that are none", HEAD("429 Slow") "Retry-After: soon\r\n\r\n", ENL_HTTP_ANSWERED,
         429, -1, ""},
        {"a date that has passed",
         HEAD("503 Away") "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n", ENL_HTTP_ANSWERED,
         503, -1, ""},
        {"years are not believed", HEAD("503 Away") "Retry-After: 99999999\r\n\r\n",
         ENL_HTTP_ANSWERED, 503, 21600000, ""},
        {"nor more than fits", HEAD("503 Away") "Retry-After: 9223372036854775807\r\n\r\n",
         ENL_HTTP_ANSWERED, 503, 21600000, ""},
        {"a date far away", HEAD("503 Away") "Retry-After: Fri, 01 Jan 2999 00:00:00 GMT\r\n\r\n",
         ENL_HTTP_ANSWERED, 503, 21600000, ""},
        {"cut off", HEAD("200 OK") "Content-Length: 9\r\n\r\n{}", ENL_HTTP_UNKNOWN, 200, -1, NULL},
        {"cut off between chunks", HEAD("200 OK") "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
         ENL_HTTP_UNKNOWN, 200, -1, NULL},
        {"no answer", "", ENL_HTTP_UNKNOWN, 0, -1, NULL},
        {"no HTTP", "hello\r\n\r\n", ENL_HTTP_UNKNOWN, 0, -1, NULL},
        {"too long", HEAD("200 OK") "\r\n0123456789012345678901234567890123456789",
         ENL_HTTP_UNKNOWN, 200, -1, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct server s;
        struct enl_http_response r;

        server_start(&s, &cases[i].answer, 1);
        post(s.port, "http", 30000, 30, &r);
        ENL_CHECK(r.outcome == cases[i].outcome, cases[i].label);
        ENL_CHECK(r.outcome != ENL_HTTP_ANSWERED || r.status == cases[i].status, cases[i].label);
        ENL_CHECK(r.retry_after_ms == cases[i].retry_after_ms, cases[i].label);
        ENL_CHECK((r.reason[0] == '\0') == (r.outcome == ENL_HTTP_ANSWERED), cases[i].label);
        if (cases[i].body) {
            ENL_CHECK_STR(enl_buf_str(&r.body), cases[i].body, cases[i].label);
        }
        enl_http_response_done(&r);
        server_stop(&s);
    }
}

static void test_request(void **state)
{
    static const char *const script[] = {HEAD("200 OK") "\r\n{}"};
    struct server s;
    struct enl_http_response r;
    char host[64];

    (void)state;
    server_start(&s, script, 1);
    post(s.port, "http", 30000, 100, &r);
    enl_http_response_done(&r);
    (void)pthread_join(s.thread, NULL);
    (void)snprintf(host, sizeof(host), "\r\nHost: 127.0.0.1:%u\r\n", (unsigned)s.port);
    assert_int_equal(strncmp(s.requests[0], "POST /jsonrpc HTTP/1.1\r\n", 24), 0);
    assert_non_null(strstr(s.requests[0], host));
    assert_non_null(strstr(s.requests[0], "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(s.requests[0], "\r\nContent-Length: 10\r\n"));
    assert_null(strcasestr(s.requests[0], "Expect"));
    assert_null(strcasestr(s.requests[0], "Accept-Encoding"));
    assert_string_equal(strstr(s.requests[0], "\r\n\r\n") + 4, "{\"x\":\"\xc3\xa9\"}");
    (void)close(s.fd);
}

static void test_not_reached(void **state)
{
    static const char *const script[] = {"not TLS"};
    static const char *const silence[] = {"silence"};
    struct server s;
    struct enl_http_response r;
    uint16_t port = 0;

    (void)state;
    server_start(&s, script, 1);
    port = s.port;
    post(port, "https", 30000, 100, &r);
    assert_int_equal(r.outcome, ENL_HTTP_NOT_SENT);
    enl_http_response_done(&r);
    server_stop(&s);
    post(port, "http", 30000, 100, &r);
    assert_int_equal(r.outcome, ENL_HTTP_NOT_SENT);
    enl_http_response_done(&r);
    /* Connected, sent, and no answer in time. */
    server_start(&s, silence, 1);
    post(s.port, "http", 200, 100, &r);
    assert_int_equal(r.outcome, ENL_HTTP_UNKNOWN);
    enl_http_response_done(&r);
    server_stop(&s);
}

static struct enl_config config(uint16_t port)
{
    return (struct enl_config){.odoo_host = "127.0.0.1",
                               .odoo_port = port,
                               .odoo_db = "d\"b",
                               .odoo_user = "us\xc3\xa9r",
                               .odoo_password = "pass\\word",
                               .odoo_timeout_s = 30};
}

#define LOGIN_OK   JSON("\"result\":7")
#define VERSION_OK JSON("\"result\":{\"api\":1,\"api_min\":1,\"max_events\":1000}")
#define INGEST_OK                                                                                  \
    JSON("\"result\":{\"api\":1,\"results\":[{\"event_id\":\"a\",\"status\":\"created\",\"id\":9," \
         "\"contact_id\":4}]}")
#define ERROR(name, text)                                                                          \
    JSON("\"error\":{\"data\":{\"name\":\"" name "\",\"message\":\"" text "\"}}")
#define DENIED ERROR("odoo.exceptions.AccessDenied", "Access Denied")

static const char *const ids[] = {"a"};

/* Plays a script: the n-th call is of the n-th letter of steps (l login, v version, i ingest) and
 * ends as the n-th of ends says (. answered, n not sent, ? perhaps, c config, d denied). */
static void play(const char *label, const char *const *script, size_t n, const char *steps,
                 const char *ends)
{
    static const char letters[] = ".n?cd";
    struct server s;
    struct enl_config cfg;
    struct enl_odoo *o = NULL;

    server_start(&s, script, n);
    cfg = config(s.port);
    o = enl_odoo_new(&cfg);
    assert_non_null(o);
    for (size_t i = 0; i < n; i++) {
        struct enl_odoo_reply r = {0};

        ENL_CHECK("lvi"[enl_odoo_next(o)] == steps[i], label);
        ENL_CHECK(enl_odoo_call(o, "{}", 2, ids, 1, &r, NULL) == ENL_OK, label);
        ENL_CHECK(letters[r.class] == ends[i], label);
        ENL_CHECK(strstr(r.reason, "pass") == NULL, label);
        ENL_CHECK((r.reason[0] == '\0') == (r.class == ENL_ODOO_ANSWERED), label);
        ENL_CHECK((r.n_verdicts == 1) == (steps[i] == 'i' && ends[i] == '.'), label);
        enl_odoo_reply_done(&r);
    }
    ENL_CHECK("lvi"[enl_odoo_next(o)] == steps[n], label);
    enl_odoo_free(o);
    server_stop(&s);
}

#define PLAY(label, steps, ends, ...)                                                              \
    do {                                                                                           \
        static const char *const script_[] = {__VA_ARGS__};                                        \
                                                                                                   \
        play(label, script_, ENL_COUNT(script_), steps, ends);                                     \
    } while (0)

static void test_session(void **state)
{
    (void)state;
    PLAY("from the start", "lviii", "....", LOGIN_OK, VERSION_OK, INGEST_OK, INGEST_OK);
    PLAY("a wrong password", "ll", "c", JSON("\"result\":false"));
    PLAY("a login that returns nothing", "ll", "c", JSON("\"x\":0"));
    PLAY("a uid that is none", "ll", "c", JSON("\"result\":0"));
    PLAY("a login that is denied", "lll", "cc", DENIED, DENIED);
    PLAY("no such database", "ll", "c",
         ERROR("psycopg2.OperationalError", "database \\\"x\\\" does not exist"));
    PLAY("a login without an answer", "llv", "?.", "", LOGIN_OK);
    PLAY("no addon", "lvv", ".c", LOGIN_OK,
         ERROR("odoo.exceptions.UserError", "Object manychat.state doesn't exist"));
    PLAY("an old addon", "lvv", ".c", LOGIN_OK, JSON("\"result\":{\"api\":0,\"api_min\":0}"));
    PLAY("a new addon", "lvv", ".c", LOGIN_OK, JSON("\"result\":{\"api\":3,\"api_min\":2}"));
    PLAY("a new addon that still speaks ours", "lvi", "..", LOGIN_OK,
         JSON("\"result\":{\"api\":3,\"api_min\":1}"));
    PLAY("another addon", "lvv", ".c", LOGIN_OK, JSON("\"result\":[]"));
    PLAY("no results", "lvii", "..c", LOGIN_OK, VERSION_OK, JSON("\"result\":true"));
    PLAY("no rights", "lvii", "..c", LOGIN_OK, VERSION_OK,
         ERROR("odoo.exceptions.AccessError", "no"));
    PLAY("no answer", "lviii", "..?.", LOGIN_OK, VERSION_OK, "", INGEST_OK);
    PLAY("throttled", "lvii", "..n", LOGIN_OK, VERSION_OK, HEAD("429 Slow") "\r\n");
}

/* Refused after a login: once more from the start, then it is a matter of settings. */
static void test_denied(void **state)
{
    (void)state;
    PLAY("denied once", "lvilvii", "..d...", LOGIN_OK, VERSION_OK, DENIED, LOGIN_OK, VERSION_OK,
         INGEST_OK);
    PLAY("denied twice", "lvilvil", "..d..c", LOGIN_OK, VERSION_OK, DENIED, LOGIN_OK, VERSION_OK,
         DENIED);
    PLAY("denied, then the version is", "lvilvl", "..d.c", LOGIN_OK, VERSION_OK, DENIED, LOGIN_OK,
         DENIED);
    PLAY("denied, then the login is", "lvill", "..dc", LOGIN_OK, VERSION_OK, DENIED,
         JSON("\"result\":false"));
    PLAY("each good answer forgives", "lvilviilvii", "..d...d...", LOGIN_OK, VERSION_OK, DENIED,
         LOGIN_OK, VERSION_OK, INGEST_OK, DENIED, LOGIN_OK, VERSION_OK, INGEST_OK);
    PLAY("a version that is denied", "lvlvi", ".d..", LOGIN_OK, DENIED, LOGIN_OK, VERSION_OK);
    PLAY("a uid that is gone", "lvil", "..d", LOGIN_OK, VERSION_OK,
         ERROR("odoo.exceptions.MissingError", "Record does not exist"));
}

static void check_body(const char *request, const char *want)
{
    const char *body = strstr(request, "\r\n\r\n");

    assert_non_null(body);
    assert_string_equal(body + 4, want);
}

#define CALL(service, method)                                                                      \
    "{\"jsonrpc\":\"2.0\",\"method\":\"call\",\"id\":1,\"params\":{\"service\":\"" service         \
    "\",\"method\":\"" method "\",\"args\":[\"d\\\"b\","
#define CONTEXT ",{\"context\":{\"tz\":\"UTC\",\"lang\":\"en_US\"}}]}}"

static void test_requests(void **state)
{
    static const char *const script[] = {LOGIN_OK, VERSION_OK, INGEST_OK};
    struct server s;
    struct enl_config cfg;
    struct enl_odoo *o = NULL;
    static const char items[] = "{\"event_id\":\"a\"},{\"event_id\":\"b\"}";

    (void)state;
    server_start(&s, script, ENL_COUNT(script));
    cfg = config(s.port);
    o = enl_odoo_new(&cfg);
    for (size_t i = 0; i < ENL_COUNT(script); i++) {
        static const char *const two[] = {"b", "a"};
        struct enl_odoo_reply r = {0};

        assert_int_equal(enl_odoo_call(o, items, strlen(items), two, 2, &r, NULL), ENL_OK);
        if (i == 2) {
            assert_int_equal(r.n_verdicts, 2);
            assert_int_equal(r.verdicts[0].kind, ENL_VERDICT_NONE);
            assert_int_equal(r.verdicts[1].kind, ENL_VERDICT_CREATED);
            assert_int_equal(r.verdicts[1].id, 9);
            assert_int_equal(r.verdicts[1].contact_id, 4);
        }
        enl_odoo_reply_done(&r);
    }
    enl_odoo_free(o);
    (void)pthread_join(s.thread, NULL);
    check_body(s.requests[0],
               CALL("common", "authenticate") "\"us\xc3\xa9r\",\"pass\\\\word\",{}]}}");
    check_body(s.requests[1], CALL("object", "execute_kw") "7,\"pass\\\\word\",\"manychat.state\","
                                                           "\"api_info\",[]" CONTEXT);
    check_body(
        s.requests[2],
        CALL("object", "execute_kw") "7,\"pass\\\\word\",\"manychat.state\",\"ingest\","
                                     "[[{\"event_id\":\"a\"},{\"event_id\":\"b\"}]]" CONTEXT);
    (void)close(s.fd);
}

/* The verdicts of a and b as text: "found 9 4, absent". */
static void show_found(const struct enl_odoo_reply *r, char *ret, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < r->n_verdicts; i++) {
        const struct enl_verdict *v = &r->verdicts[i];
        const char *comma = i > 0 ? ", " : "";

        assert_in_range(len, 0, size - 1);
        if (v->kind == ENL_VERDICT_DUPLICATE) {
            len += (size_t)snprintf(ret + len, size - len, "%sfound %lld %lld", comma,
                                    (long long)v->id, (long long)v->contact_id);
        } else {
            len += (size_t)snprintf(ret + len, size - len, "%s%s", comma,
                                    v->kind == ENL_VERDICT_ABSENT ? "absent" : "none");
        }
    }
    assert_in_range(len, 0, size - 1);
}

static void test_found(void **state)
{
    static const struct {
        const char *label, *result;
        const char *want; /* NULL: not a look-up's result */
    } cases[] = {
        {"bare ids", "[{\"id\":9,\"event_id\":\"a\",\"contact_id\":4}]", "found 9 4, absent"},
        {"a pair", "[{\"id\":9,\"event_id\":\"a\",\"contact_id\":[4,\"Ana\"]}]",
         "found 9 4, absent"},
        {"in Odoo's order",
         "[{\"id\":8,\"event_id\":\"b\",\"contact_id\":4},"
         "{\"id\":9,\"event_id\":\"a\",\"contact_id\":5}]",
         "found 9 5, found 8 4"},
        {"none", "[]", "absent, absent"},
        {"not asked for", "[{\"id\":9,\"event_id\":\"A\",\"contact_id\":4}]", "absent, absent"},
        {"without a contact", "[{\"id\":9,\"event_id\":\"a\",\"contact_id\":false}]",
         "found 9 0, absent"},
        {"an empty pair", "[{\"id\":9,\"event_id\":\"a\",\"contact_id\":[]}]", "found 9 0, absent"},
        {"without ids", "[{\"event_id\":\"b\",\"id\":\"9\"}]", "absent, found 0 0"},
        {"rows that are none", "[7,null,\"a\",[\"b\"],{\"event_id\":7}]", "absent, absent"},
        {"true", "true", NULL},
        {"null", "null", NULL},
        {"an object", "{\"results\":[{\"event_id\":\"a\",\"id\":9}]}", NULL},
    };
    static const char *const two[] = {"a", "b"};

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_json *result = help_parse(cases[i].result);
        struct enl_odoo_reply r = {0};
        enum enl_rc rc = enl_odoo_found(result, two, 2, &r, NULL);
        char text[128] = "";

        ENL_CHECK(rc == (cases[i].want ? ENL_OK : ENL_INVALID), cases[i].label);
        show_found(&r, text, sizeof(text));
        ENL_CHECK_STR(text, cases[i].want ? cases[i].want : "", cases[i].label);
        enl_odoo_reply_done(&r);
        enl_alloc_fail_at(1);
        rc = enl_odoo_found(result, two, 2, &r, NULL);
        enl_alloc_fail_at(0);
        ENL_CHECK(rc == (cases[i].want ? ENL_FATAL : ENL_INVALID), cases[i].label);
        ENL_CHECK(r.n_verdicts == 0, cases[i].label);
        enl_odoo_reply_done(&r);
        enl_json_free(result);
    }
    /* A method that returned nothing. */
    assert_int_equal(enl_odoo_found(NULL, two, 2, &(struct enl_odoo_reply){0}, NULL), ENL_INVALID);
}

/* The case of that name of what a real Odoo answered, which stands on a line of its own. */
static struct enl_json *recorded(const char *name)
{
    FILE *f = fopen(ENL_TEST_DATA "/odoo-ingest-cases.json", "rb");
    struct enl_json *found = NULL;
    char head[80];
    char *line = NULL;
    size_t room = 0;

    assert_non_null(f);
    (void)snprintf(head, sizeof(head), "{\"name\": \"%s\"", name);
    while (!found && getline(&line, &room, f) > 0) {
        if (strncmp(line, head, strlen(head)) == 0) {
            *(strrchr(line, '}') + 1) = '\0';
            found = help_parse(line);
        }
    }
    free(line);
    (void)fclose(f);
    assert_non_null(found);
    return found;
}

static const struct enl_json *row_of(const struct enl_json *rows, const char *id)
{
    for (size_t i = 0; i < enl_json_len(rows); i++) {
        if (strcmp(enl_json_get_str(enl_json_at(rows, i), "event_id"), id) == 0) {
            return enl_json_at(rows, i);
        }
    }
    return NULL;
}

static void check_looked_up(const struct enl_odoo_reply *r, const char *const *asked, size_t n,
                            const struct enl_json *rows)
{
    size_t found = 0;

    assert_int_equal(r->class, ENL_ODOO_ANSWERED);
    assert_int_equal(r->n_verdicts, n);
    for (size_t i = 0; i < n; i++) {
        const struct enl_json *row = row_of(rows, asked[i]);
        int64_t id = 0;
        int64_t contact_id = 0;

        ENL_CHECK(!row || (enl_json_get_i64(row, "id", &id) && id > 0), asked[i]);
        ENL_CHECK(!row || (enl_json_get_i64(row, "contact_id", &contact_id) && contact_id > 0),
                  asked[i]);
        ENL_CHECK(r->verdicts[i].kind == (row ? ENL_VERDICT_DUPLICATE : ENL_VERDICT_ABSENT),
                  asked[i]);
        ENL_CHECK(r->verdicts[i].id == id, asked[i]);
        ENL_CHECK(r->verdicts[i].contact_id == contact_id, asked[i]);
        found += row ? 1 : 0;
    }
    assert_int_equal(found, enl_json_len(rows));
}

/* The request is the recorded one, but for the account. */
static void check_look_up_sent(const char *request, const struct enl_json *call)
{
    const char *body = strstr(request, "\r\n\r\n");
    struct enl_json *sent = NULL;
    const struct enl_json *args = NULL;

    assert_non_null(body);
    sent = help_parse(body + 4);
    args = enl_json_get(enl_json_get(sent, "params"), "args");
    assert_int_equal(enl_json_len(args), 7);
    assert_string_equal(enl_json_str(enl_json_at(args, 3)), enl_json_get_str(call, "model"));
    assert_string_equal(enl_json_str(enl_json_at(args, 4)), enl_json_get_str(call, "method"));
    assert_true(enl_json_equal(enl_json_at(args, 5), enl_json_get(call, "args")));
    assert_true(enl_json_equal(enl_json_at(args, 6), enl_json_get(call, "kwargs")));
    enl_json_free(sent);
}

static void look_up_recorded(const struct enl_json *call)
{
    const struct enl_json *domain = enl_json_get(enl_json_get(call, "kwargs"), "domain");
    const struct enl_json *named = enl_json_at(enl_json_at(domain, 0), 2);
    const char *asked[8] = {0};
    size_t n = enl_json_len(named);
    char *rows = help_dump(enl_json_get(call, "result"));
    char answer[2048];
    const char *const script[] = {LOGIN_OK, VERSION_OK, answer};
    struct server s;
    struct enl_config cfg;
    struct enl_odoo *o = NULL;

    assert_in_range(n, 1, ENL_COUNT(asked));
    for (size_t i = 0; i < n; i++) {
        asked[i] = enl_json_str(enl_json_at(named, i));
    }
    assert_in_range(snprintf(answer, sizeof(answer), JSON("\"result\":%s"), rows), 1,
                    sizeof(answer) - 1);
    server_start(&s, script, ENL_COUNT(script));
    cfg = config(s.port);
    o = enl_odoo_new(&cfg);
    assert_non_null(o);
    for (size_t i = 0; i < ENL_COUNT(script); i++) {
        struct enl_odoo_reply r = {0};

        assert_int_equal(enl_odoo_look_up(o, asked, n, &r, NULL), ENL_OK);
        if (i == 2) {
            check_looked_up(&r, asked, n, enl_json_get(call, "result"));
        }
        enl_odoo_reply_done(&r);
    }
    enl_odoo_free(o);
    server_stop(&s);
    check_look_up_sent(s.requests[2], call);
    free(rows);
}

/* What a real Odoo was asked and answered. */
static void test_look_up(void **state)
{
    struct enl_json *one = recorded("look-up of events");
    const struct enl_json *calls = enl_json_get(one, "calls");

    (void)state;
    assert_int_equal(enl_json_len(calls), 2);
    for (size_t i = 0; i < enl_json_len(calls); i++) {
        look_up_recorded(enl_json_at(calls, i));
    }
    enl_json_free(one);
}

/* A look-up changes nothing in Odoo, so that nothing of it is perhaps done. */
static void test_look_up_fails(void **state)
{
    static const struct {
        enum enl_odoo_class class;
        enum enl_odoo_step next;
    } want[] = {
        {ENL_ODOO_ANSWERED, ENL_ODOO_VERSION}, {ENL_ODOO_ANSWERED, ENL_ODOO_INGEST},
        {ENL_ODOO_CONFIG, ENL_ODOO_INGEST},    {ENL_ODOO_CONFIG, ENL_ODOO_INGEST},
        {ENL_ODOO_PERHAPS, ENL_ODOO_INGEST},   {ENL_ODOO_DENIED, ENL_ODOO_LOGIN},
    };
    static const char *const script[] = {
        LOGIN_OK,
        VERSION_OK,
        JSON("\"result\":true"),
        ERROR("odoo.exceptions.AccessError", "You are not allowed"),
        "",
        DENIED};
    struct server s;
    struct enl_config cfg;
    struct enl_odoo *o = NULL;

    (void)state;
    server_start(&s, script, ENL_COUNT(script));
    cfg = config(s.port);
    o = enl_odoo_new(&cfg);
    assert_non_null(o);
    for (size_t i = 0; i < ENL_COUNT(script); i++) {
        struct enl_odoo_reply r = {0};

        assert_int_equal(enl_odoo_look_up(o, ids, 1, &r, NULL), ENL_OK);
        assert_int_equal(r.class, want[i].class);
        assert_int_equal(r.n_verdicts, 0);
        assert_false(r.maybe_done);
        assert_int_equal(enl_odoo_next(o), want[i].next);
        enl_odoo_reply_done(&r);
    }
    enl_odoo_free(o);
    server_stop(&s);
}

/* Only an addon that remembers deletions names the feature. */
static void test_remembers(void **state)
{
    struct enl_json *one = recorded("api_info");
    char *info = help_dump(enl_json_get(enl_json_at(enl_json_get(one, "calls"), 0), "result"));
    char real[1024];
    const struct {
        const char *label, *version;
        bool remembers;
    } cases[] = {
        {"the addon", real, true},
        {"no features", VERSION_OK, false},
        {"others", JSON("\"result\":{\"api\":1,\"api_min\":1,\"features\":[\"erase\",7]}"), false},
        {"no list", JSON("\"result\":{\"api\":1,\"api_min\":1,\"features\":\"erased\"}"), false},
    };

    (void)state;
    assert_in_range(snprintf(real, sizeof(real), JSON("\"result\":%s"), info), 1, sizeof(real) - 1);
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        const char *const script[] = {LOGIN_OK, cases[i].version, JSON("\"result\":[]")};
        struct server s;
        struct enl_config cfg;
        struct enl_odoo *o = NULL;
        struct enl_odoo_reply r = {0};

        server_start(&s, script, ENL_COUNT(script));
        cfg = config(s.port);
        o = enl_odoo_new(&cfg);
        assert_non_null(o);
        for (size_t k = 0; k < ENL_COUNT(script); k++) {
            enl_odoo_reply_done(&r);
            ENL_CHECK(enl_odoo_look_up(o, ids, 1, &r, NULL) == ENL_OK, cases[i].label);
            ENL_CHECK(r.class == ENL_ODOO_ANSWERED, cases[i].label);
        }
        ENL_CHECK(r.n_verdicts == 1 && r.verdicts[0].kind == ENL_VERDICT_ABSENT, cases[i].label);
        ENL_CHECK(r.remembers == cases[i].remembers, cases[i].label);
        enl_odoo_reply_done(&r);
        enl_odoo_free(o);
        server_stop(&s);
    }
    free(info);
    enl_json_free(one);
}

/* Memory that ends before anything is sent is FATAL; after that the outcome is not known. */
static void test_torture(void **state)
{
    const char *script[CALLS_MAX];
    struct server s;
    struct enl_config cfg;
    struct enl_odoo *o = NULL;
    struct enl_odoo_reply r = {0};
    size_t sent = 2;
    struct enl_torture t = {0};

    (void)state;
    for (size_t i = 0; i < CALLS_MAX; i++) {
        script[i] = i == 0 ? LOGIN_OK : i == 1 ? VERSION_OK : INGEST_OK;
    }
    server_start(&s, script, CALLS_MAX);
    cfg = config(s.port);
    o = enl_odoo_new(&cfg);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(enl_odoo_call(o, "", 0, NULL, 0, &r, NULL), ENL_OK);
        enl_odoo_reply_done(&r);
    }
    while (enl_torture_next(&t)) {
        enum enl_rc rc = enl_odoo_call(o, "{}", 2, ids, 1, &r, NULL);
        bool perhaps = rc == ENL_OK && r.class == ENL_ODOO_PERHAPS;

        enl_torture_end(&t, perhaps ? ENL_FATAL : rc);
        if (rc == ENL_OK) {
            sent++;
            assert_true(perhaps || r.class == ENL_ODOO_ANSWERED);
            assert_true(r.reason[0] == '\0' || perhaps);
            assert_int_equal(r.n_verdicts, perhaps ? 0 : 1);
            enl_odoo_reply_done(&r);
        }
        assert_in_range(sent, 2, CALLS_MAX - 1);
    }
    assert_in_range(t.n, 10, 1000);
    /* The rest of the script, so that the server ends: it saw what was said to be sent, no more. */
    while (sent < CALLS_MAX) {
        assert_int_equal(enl_odoo_call(o, "{}", 2, ids, 1, &r, NULL), ENL_OK);
        assert_int_equal(r.class, ENL_ODOO_ANSWERED);
        enl_odoo_reply_done(&r);
        sent++;
    }
    enl_odoo_free(o);
    server_stop(&s);
}

static void test_new(void **state)
{
    struct enl_config cfg = config(1);
    struct enl_torture t = {0};

    (void)state;
    while (enl_torture_next(&t)) {
        struct enl_odoo *o = enl_odoo_new(&cfg);

        enl_torture_end(&t, o ? ENL_OK : ENL_FATAL);
        enl_odoo_free(o);
    }
    assert_int_equal(t.n - 1, 2);
    enl_odoo_free(NULL);
    enl_http_free(NULL);
}

static int setup(void **state)
{
    (void)help_setup(state);
    return enl_http_global_init(NULL) == ENL_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    enl_http_global_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http),          cmocka_unit_test(test_request),
        cmocka_unit_test(test_not_reached),   cmocka_unit_test(test_session),
        cmocka_unit_test(test_denied),        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_found),         cmocka_unit_test(test_look_up),
        cmocka_unit_test(test_look_up_fails), cmocka_unit_test(test_remembers),
        cmocka_unit_test(test_torture),       cmocka_unit_test(test_new),
    };

    return cmocka_run_group_tests_name("odoo", tests, setup, teardown);
}
