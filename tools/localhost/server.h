/*
 * server - the only user of civetweb: reads callers' requests and writes the answers.
 *
 * civetweb's threads have about 100 KB of stack: each only reads, waits for the pool, and writes.
 */
#ifndef LH_SERVER_H
#define LH_SERVER_H

#include "base/err.h"
#include "http.h"
#include "pool.h"

#include <stdint.h>

struct lh_server;

/* Fills in the answer of x; called on a thread of the pool. */
typedef void lh_serve_fn(void *ctx, struct lh_exchange *x);

/* port 0: a free one.  Listens on 127.0.0.1 only. */
enum enl_rc lh_server_start(uint16_t port, struct lh_pool *pool, lh_serve_fn *serve, void *ctx,
                            struct lh_server **ret, struct enl_err *err) ENL_MUSTCHECK;
uint16_t lh_server_port(const struct lh_server *s);
/* Waits for the requests under way.  NULL allowed. */
void lh_server_stop(struct lh_server *s);

#endif
