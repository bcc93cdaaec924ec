/* buf - see buf.h. */
#include "base/buf.h"

#include "base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FIRST_CAP 256U /* bytes: most log lines and answers fit without growing */

static bool reserve(struct enl_buf *b, size_t more)
{
    size_t cap = b->cap ? b->cap : FIRST_CAP;
    char *data = NULL;

    if (b->failed) {
        return false;
    }
    if (more > b->max || b->len > b->max - more || b->max > SIZE_MAX / 4) {
        b->overflow = true;
        b->failed = true;
        return false;
    }
    if (b->data && b->len + more + 1 <= b->cap) {
        return true;
    }
    while (cap < b->len + more + 1) {
        cap *= 2;
    }
    data = enl_realloc(b->data, cap, 1);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

char *enl_buf_room(struct enl_buf *b, size_t len)
{
    return reserve(b, len) ? b->data + b->len : NULL;
}

void enl_buf_wrote(struct enl_buf *b, size_t len)
{
    b->len += len;
    b->data[b->len] = '\0';
}

void enl_buf_add(struct enl_buf *b, const void *data, size_t len)
{
    char *room = enl_buf_room(b, len);

    if (!room) {
        return;
    }
    if (len > 0) {
        memcpy(room, data, len);
    }
    enl_buf_wrote(b, len);
}

void enl_buf_adds(struct enl_buf *b, const char *s)
{
    enl_buf_add(b, s, strlen(s));
}

void enl_buf_addc(struct enl_buf *b, char c)
{
    enl_buf_add(b, &c, 1);
}

void enl_buf_addf(struct enl_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_list again;
    size_t room = b->data && !b->failed ? b->cap - b->len : 0;
    int n = 0;

    va_start(ap, fmt);
    va_copy(again, ap);
    /* Most often what there is suffices; if not, the second time knows how much is needed. */
    n = vsnprintf(room > 0 ? b->data + b->len : NULL, room, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
    } else if (reserve(b, (size_t)n)) {
        if ((size_t)n >= room) {
            (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        }
        b->len += (size_t)n;
    } else if (room > 0) {
        b->data[b->len] = '\0';
    }
    va_end(again);
}

void enl_buf_reset(struct enl_buf *b)
{
    b->len = 0;
    b->failed = false;
    b->overflow = false;
    if (b->data) {
        b->data[0] = '\0';
    }
}

void enl_buf_done(struct enl_buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = 0;
    b->cap = 0;
}

bool enl_buf_ok(const struct enl_buf *b)
{
    return !b->failed;
}

const char *enl_buf_str(const struct enl_buf *b)
{
    return b->data ? b->data : "";
}

char *enl_buf_take(struct enl_buf *b, size_t *ret_len)
{
    char *data = NULL;

    if (!b->failed && !b->data) {
        enl_buf_add(b, "", 0);
    }
    if (b->failed) {
        return NULL;
    }
    data = b->data;
    if (ret_len) {
        *ret_len = b->len;
    }
    b->data = NULL;
    enl_buf_done(b);
    return data;
}
