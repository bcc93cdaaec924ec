/*
 * client - the only user of libcurl: requests to the handler, over connections that stay open.
 *
 * Ownership: lh_reply_done() ends a reply; a request borrows all it points to.
 * Threads:   any; each request has an easy handle of its own while it lasts.
 */
#ifndef LH_CLIENT_H
#define LH_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "pairs.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lh_client;

struct lh_request {
    const char *method;
    const char *target; /* path and query, raw */
    const struct lh_pairs *headers;
    const char *body; /* NULL: none */
    size_t body_len;
    bool chunked;
};

struct lh_reply {
    int status;
    struct lh_pairs headers;
    struct enl_buf body;
};

/* port: the handler's; cancel: when it becomes true, requests under way end soon. */
enum enl_rc lh_client_new(uint16_t port, const atomic_bool *cancel, struct lh_client **ret,
                          struct enl_err *err) ENL_MUSTCHECK;
void lh_client_free(struct lh_client *c);
uint16_t lh_client_port(const struct lh_client *c);

/* DENIED: there was no connection, the handler has seen nothing.  RETRY: no whole answer within
 * timeout_ms.  *ret must be zeroed. */
enum enl_rc lh_client_send(struct lh_client *c, const struct lh_request *request,
                           int64_t timeout_ms, struct lh_reply *ret,
                           struct enl_err *err) ENL_MUSTCHECK;
void lh_reply_done(struct lh_reply *r);
#define LH_AUTO_REPLY __attribute__((cleanup(lh_reply_done)))

#endif
