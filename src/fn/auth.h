/*
 * auth - whether a request shows one of the keys in API_KEY.
 *
 * Threads: any; nothing is kept.
 */
#ifndef ENL_FN_AUTH_H
#define ENL_FN_AUTH_H

#include "base/config.h"
#include "host/functions.h"
#include "host/reply.h"

#include <stdbool.h>

/* False: the reply is the refusal, 503 where no key is configured, else 401.  X-API-Key counts
 * before Authorization: Bearer, and only one of them is looked at; an empty X-API-Key is absent,
 * two are wrong.  All keys are compared, in a time that depends on lengths only. */
bool enl_auth(const struct enl_config *cfg, const struct enl_http_req *req,
              struct enl_reply *reply);

#endif
