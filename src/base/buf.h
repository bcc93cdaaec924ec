/*
 * buf - a growing byte string with a hard maximum and a sticky failure.
 *
 * Append freely and ask enl_buf_ok() once at the end: after the first failure (memory, or the
 * maximum) nothing more is added.  The content always ends in a NUL that len does not count.
 *
 * Ownership: the buffer owns its bytes until enl_buf_take(); enl_buf_done() frees them.
 * Threads:   one thread at a time.
 */
#ifndef ENL_BASE_BUF_H
#define ENL_BASE_BUF_H

#include "base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct enl_buf {
    char *data; /* NULL while nothing was added */
    size_t len; /* bytes, without the NUL */
    size_t cap;
    size_t max;    /* bytes that len may reach */
    bool failed;   /* memory was exhausted */
    bool overflow; /* max was exceeded (failed is set too) */
};

#define ENL_BUF_INIT(max_)                                                                         \
    {                                                                                              \
        .max = (max_)                                                                              \
    }
#define ENL_AUTO_BUF __attribute__((cleanup(enl_buf_done)))

/* Room for so many bytes behind the content, NULL after a failure; what is written there is
 * content once enl_buf_wrote says how much of it.  Adding that much moves nothing either. */
char *enl_buf_room(struct enl_buf *b, size_t len);
void enl_buf_wrote(struct enl_buf *b, size_t len);
void enl_buf_add(struct enl_buf *b, const void *data, size_t len);
void enl_buf_adds(struct enl_buf *b, const char *s);
void enl_buf_addc(struct enl_buf *b, char c);
void enl_buf_addf(struct enl_buf *b, const char *fmt, ...) ENL_PRINTF(2, 3);
void enl_buf_reset(struct enl_buf *b); /* empty again, failure forgotten, memory kept */
void enl_buf_done(struct enl_buf *b);

bool enl_buf_ok(const struct enl_buf *b);
/* The content, "" when nothing was added; borrowed until the next change. */
const char *enl_buf_str(const struct enl_buf *b);
/* Moves the content out (free() it); NULL when the buffer failed or memory is exhausted. */
char *enl_buf_take(struct enl_buf *b, size_t *ret_len);

#endif
