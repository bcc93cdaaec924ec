/*
 * limits - how many calls the host may have open in us at once, from its own host.json.
 *
 * Ownership: nothing is kept.
 * Threads:   any.
 */
#ifndef ENL_HOST_LIMITS_H
#define ENL_HOST_LIMITS_H

#include "base/err.h"
#include "host/functions.h"

#include <stddef.h>

struct enl_host_limits {
    unsigned batch_size;
    unsigned new_batch_threshold;
};

/* What our host.json says; used where it cannot be read. */
#define ENL_BATCH_SIZE_DEFAULT          32
#define ENL_NEW_BATCH_THRESHOLD_DEFAULT 256

/* extensions.queues of the file's text.  *ret is filled in each case, with the defaults for what
 * is missing or wrong.  INVALID: the text is no host.json; FATAL: memory. */
enum enl_rc enl_limits_parse(const char *text, size_t len, struct enl_host_limits *ret,
                             struct enl_err *err) ENL_MUSTCHECK;
/* The same for a file.  INVALID: also when it cannot be read. */
enum enl_rc enl_limits_read(const char *path, struct enl_host_limits *ret,
                            struct enl_err *err) ENL_MUSTCHECK;

/* Workers for the server, which gives one to each connection for as long as it lives, and the host
 * opens one for each call: all that may be open, and 64 for requests that are forwarded. */
unsigned enl_limits_workers(const struct enl_host_limits *l, const struct enl_function *functions,
                            size_t n);

#endif
