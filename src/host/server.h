/*
 * server - the only user of civetweb: HTTP/1.1 on 127.0.0.1 for the Functions host.
 *
 * Every request is answered by dispatch: no files, no forms, no other handler.  Head and body go
 * out in one write.  Connections are kept for longer than the host keeps them: closing an idle one
 * first would lose the request that just comes in.
 *
 * Ownership: enl_server_start gives a server that enl_server_stop ends; host is borrowed until
 *            then.
 * Threads:   start, drain and stop from one.
 */
#ifndef ENL_HOST_SERVER_H
#define ENL_HOST_SERVER_H

#include "base/err.h"
#include "host/dispatch.h"

#include <stdbool.h>
#include <stdint.h>

struct enl_server;

/* Answers GET / when it returns.  RETRY: the port is taken or cannot be bound. */
enum enl_rc enl_server_start(const struct enl_host *host, uint16_t port, unsigned workers,
                             struct enl_server **ret, struct enl_err *err) ENL_MUSTCHECK;

/* From now on answers close their connection.  Waits until what was asked before is answered;
 * false when until_us (monotonic) came first.  New requests are served meanwhile. */
bool enl_server_drain(struct enl_server *s, int64_t until_us);

/* Waits for the calls in progress, however long they take.  NULL ok. */
void enl_server_stop(struct enl_server *s);

#endif
