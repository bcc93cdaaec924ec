/* route - see route.h. */
#include "host/route.h"

#include <string.h>
#include <strings.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
        return (c | 0x20) - 'a' + 10;
    }
    return -1;
}

static bool percent_decode(const char *s, size_t len, char ret_text[ENL_PARAM_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        int c = (unsigned char)s[i];

        if (s[i] == '%') {
            int high = len - i > 2 ? hex_digit(s[i + 1]) : -1;
            int low = len - i > 2 ? hex_digit(s[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return false;
            }
            c = high * 16 + low;
            i += 2;
        }
        if (c == 0 || n + 1 >= ENL_PARAM_MAX) {
            return false;
        }
        ret_text[n++] = (char)c;
    }
    ret_text[n] = '\0';
    return true;
}

/* Length of the segment at s. */
static size_t segment(const char *s)
{
    return strcspn(s, "/");
}

bool enl_route_match(const char *route, const char *path, char ret_param[ENL_PARAM_MAX])
{
    const char *p = *path == '/' ? path + 1 : path;

    ret_param[0] = '\0';
    for (const char *r = route;;) {
        size_t want = segment(r);
        size_t have = segment(p);

        if (*r == '{') {
            bool optional = want >= 2 && r[want - 2] == '?';
            bool last = p[have] == '\0' || (have > 0 && p[have + 1] == '\0');

            return last && (optional || have > 0) && percent_decode(p, have, ret_param);
        }
        if (want != have || strncasecmp(r, p, want) != 0) {
            return false;
        }
        r += want + (r[want] == '/' ? 1 : 0);
        p += have + (p[have] == '/' ? 1 : 0);
        if (*r == '\0') {
            return *p == '\0';
        }
    }
}

bool enl_method_listed(const char *methods, const char *method)
{
    size_t len = strlen(method);

    for (const char *m = methods; *m != '\0';) {
        size_t n = strcspn(m, ", ");

        if (n == len && len > 0 && memcmp(m, method, n) == 0) {
            return true;
        }
        m += n;
        m += strspn(m, ", ");
    }
    return false;
}
