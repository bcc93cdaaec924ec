/* pairs - see pairs.h. */
#include "pairs.h"

#include "base/alloc.h"
#include "base/str.h"

#include <string.h>

bool lh_pairs_addn(struct lh_pairs *p, const char *name, size_t name_len, const char *value,
                   size_t value_len)
{
    struct lh_pair *items = enl_realloc(p->items, p->n + 1, sizeof(*items));
    struct lh_pair *item = NULL;

    if (!items) {
        return false;
    }
    p->items = items;
    item = &items[p->n];
    item->name = enl_memdup(name, name_len);
    item->value = value ? enl_memdup(value, value_len) : NULL;
    if (!item->name || (value && !item->value)) {
        free(item->name);
        free(item->value);
        return false;
    }
    p->n++;
    return true;
}

bool lh_pairs_add(struct lh_pairs *p, const char *name, const char *value)
{
    return lh_pairs_addn(p, name, strlen(name), value, value ? strlen(value) : 0);
}

bool lh_pairs_set(struct lh_pairs *p, const char *name, const char *value)
{
    for (size_t i = 0; i < p->n; i++) {
        if (enl_ieq(p->items[i].name, name)) {
            char *copy = enl_strdup(value);

            if (!copy) {
                return false;
            }
            free(p->items[i].value);
            p->items[i].value = copy;
            return true;
        }
    }
    return lh_pairs_add(p, name, value);
}

void lh_pairs_done(struct lh_pairs *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->items[i].name);
        free(p->items[i].value);
    }
    free(p->items);
    *p = (struct lh_pairs){0};
}

const char *lh_pairs_find(const struct lh_pairs *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++) {
        if (enl_ieq(p->items[i].name, name)) {
            return p->items[i].value;
        }
    }
    return NULL;
}

bool lh_pairs_is_first(const struct lh_pairs *p, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (enl_ieq(p->items[k].name, p->items[i].name)) {
            return false;
        }
    }
    return true;
}

void lh_pairs_join(const struct lh_pairs *p, size_t i, const char *separator, struct enl_buf *out)
{
    enl_buf_adds(out, p->items[i].value);
    for (size_t k = i + 1; k < p->n; k++) {
        if (enl_ieq(p->items[k].name, p->items[i].name)) {
            enl_buf_adds(out, separator);
            enl_buf_adds(out, p->items[k].value);
        }
    }
}

const char *lh_pairs_last(const struct lh_pairs *p, size_t i)
{
    size_t k = p->n - 1;

    while (k > i && !enl_ieq(p->items[k].name, p->items[i].name)) {
        k--;
    }
    return p->items[k].value;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

    return at ? (int)(at - digits) : -1;
}

void lh_url_decode(const char *text, size_t len, bool plus, struct enl_buf *out)
{
    for (size_t i = 0; i < len; i++) {
        int hi = text[i] == '%' && i + 2 < len ? hex_digit(text[i + 1]) : -1;
        int lo = hi >= 0 ? hex_digit(text[i + 2]) : -1;

        if (lo >= 0) {
            enl_buf_addc(out, (char)(hi * 16 + lo));
            i += 2;
        } else {
            enl_buf_addc(out, (char)(plus && text[i] == '+' ? ' ' : text[i]));
        }
    }
}

static bool add_parameter(struct lh_pairs *p, const char *text, size_t len)
{
    const char *equals = memchr(text, '=', len);
    size_t name_len = equals ? (size_t)(equals - text) : len;
    ENL_AUTO_BUF struct enl_buf name = ENL_BUF_INIT(len);
    ENL_AUTO_BUF struct enl_buf value = ENL_BUF_INIT(len);

    lh_url_decode(text, name_len, true, &name);
    if (equals) {
        lh_url_decode(equals + 1, len - name_len - 1, true, &value);
    }
    return enl_buf_ok(&name) && enl_buf_ok(&value) &&
           lh_pairs_addn(p, enl_buf_str(&name), name.len, enl_buf_str(&value), value.len);
}

bool lh_pairs_add_query(struct lh_pairs *p, const char *query)
{
    while (*query) {
        size_t len = strcspn(query, "&");

        if (len > 0 && !add_parameter(p, query, len)) {
            return false;
        }
        query += len + (query[len] ? 1 : 0);
    }
    return true;
}
