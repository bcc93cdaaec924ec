/* url_parts - see url_parts.h. */
#include "store/url_parts.h"

#include "base/str.h"

#include <string.h>
#include <strings.h>

enum enl_rc enl_url_wrong(struct enl_err *err, const char *what)
{
    return enl_fail(err, ENL_INVALID, "DATABASE_URL: %s", what);
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes; false for a malformed or NUL escape, or when it does not fit. */
static bool decode(const char *s, size_t len, bool plus, char *out, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        int c = plus && s[i] == '+' ? ' ' : (unsigned char)s[i];

        if (s[i] == '%') {
            int high = i + 2 < len ? hex(s[i + 1]) : -1;
            int low = i + 2 < len ? hex(s[i + 2]) : -1;

            if (high < 0 || low < 0 || (high == 0 && low == 0)) {
                return false;
            }
            c = high * 16 + low;
            i += 2;
        }
        if (n + 1 >= room) {
            return false;
        }
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return true;
}

static enum enl_rc read_parameter(const char *key, size_t key_len, const char *value, size_t len,
                                  const struct enl_url_params *params, struct enl_err *err)
{
    for (size_t i = 0; i < params->n; i++) {
        const struct enl_url_param *p = &params->known[i];

        if (strlen(p->key) == key_len && strncasecmp(p->key, key, key_len) == 0) {
            return decode(value, len, params->plus, p->to, p->room)
                       ? ENL_OK
                       : enl_url_wrong(err, "a parameter's value is malformed");
        }
    }
    return enl_url_wrong(err, params->others);
}

static enum enl_rc read_parameters(const char *s, const struct enl_url_params *params,
                                   struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    while (*s != '\0' && rc == ENL_OK) {
        size_t len = strcspn(s, "&");
        const char *equals = memchr(s, '=', len);

        if (!equals) {
            return enl_url_wrong(err, "a parameter has no value");
        }
        rc = read_parameter(s, (size_t)(equals - s), equals + 1, len - (size_t)(equals - s) - 1,
                            params, err);
        s += len;
        s += *s == '&' ? 1 : 0;
    }
    return rc;
}

/* host, host:port, [ipv6], [ipv6]:port */
static enum enl_rc read_host(const char *s, size_t len, struct enl_url_parts *p,
                             struct enl_err *err)
{
    bool ipv6 = len > 0 && s[0] == '[';
    const char *end = ipv6 ? memchr(s, ']', len) : memchr(s, ':', len);
    const char *host = ipv6 ? s + 1 : s;
    size_t host_len = end ? (size_t)(end - host) : len;
    const char *rest = NULL;
    uint32_t port = 0;

    if ((ipv6 && !end) || host_len == 0 ||
        !decode(host, host_len, false, p->host, sizeof(p->host)) || strpbrk(p->host, ";{}= ,\\")) {
        return enl_url_wrong(err, "no usable host");
    }
    rest = end ? end + (ipv6 ? 1 : 0) : s + len;
    if (rest == s + len) {
        return ENL_OK;
    }
    if (*rest != ':' ||
        !decode(rest + 1, (size_t)(s + len - rest) - 1, false, p->port, sizeof(p->port)) ||
        !enl_parse_u32(p->port, 1, 65535, &port)) {
        return enl_url_wrong(err, "the port is no number in 1..65535");
    }
    return ENL_OK;
}

/* user:password@host:port/database?parameters; a password may hold a bare "@". */
enum enl_rc enl_url_read(const char *rest, const struct enl_url_params *params,
                         struct enl_url_parts *ret, struct enl_err *err)
{
    const char *s = rest;
    size_t len = strcspn(s, "/?");
    const char *at = memrchr(s, '@', len);
    const char *query = NULL;
    enum enl_rc rc = ENL_OK;

    if (at) {
        size_t who = (size_t)(at - s);
        const char *colon = memchr(s, ':', who);
        size_t user_len = colon ? (size_t)(colon - s) : who;

        if (!decode(s, user_len, false, ret->user, sizeof(ret->user)) ||
            (colon &&
             !decode(colon + 1, who - user_len - 1, false, ret->password, sizeof(ret->password)))) {
            return enl_url_wrong(
                err, "user or password is malformed: percent-encode special characters");
        }
        len -= who + 1;
        s = at + 1;
    }
    rc = read_host(s, len, ret, err);
    if (rc != ENL_OK) {
        return rc;
    }
    s += len;
    query = strchr(s, '?');
    len = query ? (size_t)(query - s) : strlen(s);
    if (len < 2 || !decode(s + 1, len - 1, false, ret->database, sizeof(ret->database))) {
        return enl_url_wrong(err, "no database after the host");
    }
    return query ? read_parameters(query + 1, params, err) : ENL_OK;
}

enum enl_rc enl_url_check_names(const struct enl_url_parts *p, struct enl_err *err)
{
    return strpbrk(p->user, ";{}") || strpbrk(p->database, ";{}")
               ? enl_url_wrong(err, "user and database must be without semicolons and braces")
               : ENL_OK;
}

enum enl_rc enl_url_check_ascii(const char *conn, struct enl_err *err)
{
    for (const char *c = conn; *c != '\0'; c++) {
        if ((unsigned char)*c >= 0x80) {
            return enl_url_wrong(err, "FreeTDS takes only ASCII in user, password and database");
        }
    }
    return ENL_OK;
}

bool enl_url_is_loopback(const char *host)
{
    return enl_ieq(host, "localhost") || strcmp(host, "::1") == 0 ||
           (enl_starts(host, "127.") && host[strspn(host, "0123456789.")] == '\0');
}

void enl_url_add_braced(struct enl_buf *b, const char *key, const char *value)
{
    enl_buf_adds(b, key);
    enl_buf_adds(b, "={");
    for (const char *c = value; *c != '\0'; c++) {
        enl_buf_addc(b, *c);
        if (*c == '}') {
            enl_buf_addc(b, '}');
        }
    }
    enl_buf_adds(b, "};");
}

enum enl_rc enl_url_finish(const struct enl_buf *b, const struct enl_dialect *dialect,
                           struct enl_store_target *ret, struct enl_err *err)
{
    if (!enl_buf_ok(b)) {
        return b->overflow ? enl_url_wrong(err, "too long") : enl_fail_oom(err);
    }
    ret->dialect = dialect;
    ret->login_s = 0;
    memcpy(ret->conn, enl_buf_str(b), b->len + 1);
    return ENL_OK;
}
