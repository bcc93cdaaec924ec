/*
 * http - a caller's request and the answer to it, as server reads and writes them.
 *
 * Ownership: server frees it.
 */
#ifndef LH_HTTP_H
#define LH_HTTP_H

#include "base/buf.h"
#include "pairs.h"

#include <stdbool.h>

struct lh_exchange {
    /* the request */
    char *method;
    char *path;  /* raw */
    char *query; /* raw, "" when there is none */
    struct lh_pairs headers;
    struct enl_buf body;
    bool chunked; /* no Content-Length: the host sees no body */
    /* the answer */
    int status;
    struct lh_pairs answer_headers;
    struct enl_buf answer;
    bool bare; /* no body at all: Content-Length 0 */
};

static inline void lh_answer_bare(struct lh_exchange *x, int status)
{
    x->status = status;
    x->bare = true;
}

/* Appends path?query. */
static inline void lh_exchange_target(const struct lh_exchange *x, struct enl_buf *out)
{
    enl_buf_adds(out, x->path);
    if (*x->query) {
        enl_buf_addc(out, '?');
        enl_buf_adds(out, x->query);
    }
}

#endif
