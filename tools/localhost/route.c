/* route - see route.h. */
#include "route.h"

#include "base/str.h"

#include <string.h>
#include <strings.h>

/* The next segment at *s; an empty one marks the end. */
struct segment {
    const char *s;
    size_t len;
};

static struct segment next_segment(const char **s)
{
    struct segment g = {0};

    *s += strspn(*s, "/");
    g.s = *s;
    g.len = strcspn(*s, "/");
    *s += g.len;
    return g;
}

static bool is_param(struct segment g)
{
    return g.len > 0 && g.s[0] == '{';
}

static bool is_optional(struct segment g)
{
    return is_param(g) && g.s[g.len - 2] == '?';
}

enum enl_rc lh_route_check(const char *route, struct enl_err *err)
{
    if (enl_starts(route, "admin") || enl_starts(route, "runtime")) {
        return enl_fail(err, ENL_INVALID, "a route must not begin with admin or runtime");
    }
    for (struct segment g = next_segment(&route); g.len > 0; g = next_segment(&route)) {
        size_t braces = 0;

        for (size_t i = 0; i < g.len; i++) {
            braces += g.s[i] == '{' || g.s[i] == '}' ? 1 : 0;
        }
        if (braces == 0) {
            continue;
        }
        if (braces != 2 || g.s[0] != '{' || g.s[g.len - 1] != '}' || g.len < 3 ||
            memchr(g.s, ':', g.len) || memchr(g.s, '*', g.len) || memchr(g.s, '=', g.len)) {
            return enl_fail(err, ENL_INVALID, "the route segment '%.*s' is not supported here",
                            (int)g.len, g.s);
        }
    }
    return ENL_OK;
}

/* Moves path behind the route prefix; NULL when it does not begin with it. */
static const char *skip_prefix(const char *prefix, const char *path)
{
    for (struct segment g = next_segment(&prefix); g.len > 0; g = next_segment(&prefix)) {
        struct segment p = next_segment(&path);

        if (p.len != g.len || strncasecmp(p.s, g.s, g.len) != 0) {
            return NULL;
        }
    }
    return path;
}

static bool matches(const char *route, const char *path)
{
    for (;;) {
        struct segment r = next_segment(&route);
        struct segment p = next_segment(&path);

        if (r.len == 0) {
            return p.len == 0;
        }
        if (p.len == 0 ? !is_optional(r)
                       : !is_param(r) && (p.len != r.len || strncasecmp(p.s, r.s, r.len) != 0)) {
            return false;
        }
    }
}

static bool allows(const struct lh_function *f, const char *method)
{
    for (size_t i = 0; i < f->n_methods; i++) {
        if (enl_ieq(f->methods[i], method)) {
            return true;
        }
    }
    return f->n_methods == 0;
}

/* Whether route a goes before route b, both matching the same path. */
static bool is_closer(const char *a, const char *b)
{
    for (;;) {
        struct segment x = next_segment(&a);
        struct segment y = next_segment(&b);

        if (x.len == 0 || y.len == 0) {
            return x.len == 0 && y.len > 0;
        }
        if (is_param(x) != is_param(y)) {
            return is_param(y);
        }
    }
}

const struct lh_function *lh_route_find(const struct lh_app *app, const char *method,
                                        const char *path)
{
    const char *rest = skip_prefix(app->route_prefix, path);
    const struct lh_function *best = NULL;

    for (size_t i = 0; rest && i < app->n_functions; i++) {
        const struct lh_function *f = &app->functions[i];

        if (f->kind == LH_HTTP && allows(f, method) && matches(f->route, rest) &&
            (!best || is_closer(f->route, best->route))) {
            best = f;
        }
    }
    return best;
}

bool lh_route_params(const struct lh_app *app, const struct lh_function *f, const char *path,
                     struct lh_pairs *ret)
{
    const char *rest = skip_prefix(app->route_prefix, path);
    const char *route = f->route;
    bool ok = true;

    for (struct segment r = next_segment(&route); r.len > 0 && ok; r = next_segment(&route)) {
        struct segment p = next_segment(&rest);
        size_t name_len = r.len - (is_optional(r) ? 3 : 2);

        if (is_param(r)) {
            ENL_AUTO_BUF struct enl_buf value = ENL_BUF_INIT(p.len);

            lh_url_decode(p.s, p.len, false, &value);
            ok = enl_buf_ok(&value) &&
                 lh_pairs_addn(ret, r.s + 1, name_len, p.len > 0 ? enl_buf_str(&value) : NULL,
                               value.len);
        }
    }
    return ok;
}
