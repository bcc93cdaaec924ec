/* request - see request.h. */
#include "fn/request.h"

#include "base/str.h"

#include <string.h>
#include <strings.h>

bool enl_request_is_type(const struct enl_http_req *req, const char *type)
{
    const char *value = enl_http_header(req, "Content-Type", NULL);
    size_t want = strlen(type);
    size_t len = 0;

    if (!value) {
        return false;
    }
    len = strcspn(value, ";");
    enl_trim(&value, &len);
    if (type[want - 1] == '/') {
        return len >= want && strncasecmp(value, type, want) == 0;
    }
    return len == want && strncasecmp(value, type, want) == 0;
}

bool enl_request_is_chunked(const struct enl_http_req *req)
{
    const char *length = enl_http_header(req, "Content-Length", NULL);

    if (req->cut) {
        return false;
    }
    if (enl_http_header(req, "Transfer-Encoding", NULL)) {
        return true;
    }
    return !req->has_body && !(length && strcmp(length, "0") == 0);
}

/* Whether the preference is handling; then *ret_strict says which. */
static bool read_handling(const char *s, size_t len, bool *ret_strict)
{
    const char *equals = memchr(s, '=', len);
    size_t name_len = equals ? (size_t)(equals - s) : len;
    const char *value = equals ? equals + 1 : s + len;
    size_t value_len = (size_t)(s + len - value);

    enl_trim(&s, &name_len);
    if (name_len != strlen("handling") || strncasecmp(s, "handling", name_len) != 0) {
        return false;
    }
    enl_trim(&value, &value_len);
    if (value_len >= 2 && value[0] == '"' && value[value_len - 1] == '"') {
        value++;
        value_len -= 2;
    }
    *ret_strict = value_len == strlen("strict") && strncasecmp(value, "strict", value_len) == 0;
    return true;
}

bool enl_request_is_strict(const struct enl_http_req *req)
{
    bool strict = false;

    for (size_t i = 0; i < req->n_headers; i++) {
        const char *s = req->headers[i].value;

        if (!enl_ieq(req->headers[i].name, "Prefer")) {
            continue;
        }
        while (*s != '\0') {
            size_t n = strcspn(s, ",");
            size_t preference = strcspn(s, ";,"); /* what follows ';' are its parameters */

            if (read_handling(s, preference, &strict)) {
                return strict;
            }
            s += n + (s[n] == ',' ? 1 : 0);
        }
    }
    return false;
}

const char *enl_request_traceparent(const struct enl_http_req *req)
{
    static const char shape[] = "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
    size_t n = 0;
    const char *s = enl_http_header(req, "traceparent", &n);

    if (n != 1 || strlen(s) != sizeof(shape) - 1) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        bool hex = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f');

        if (shape[i] == 'x' ? !hex : s[i] != shape[i]) {
            return NULL;
        }
    }
    /* All zeros is the standard's "invalid", for the trace and for the span. */
    if (strspn(s + 3, "0") == 32 || strspn(s + 36, "0") == 16) {
        return NULL;
    }
    return s;
}
