/*
 * envelope - what the handler is given: the JSON of an invocation, Data and Metadata.
 *
 * Every function appends to out, whose sticky failure says that memory was exhausted.
 */
#ifndef LH_ENVELOPE_H
#define LH_ENVELOPE_H

#include "app.h"
#include "base/buf.h"
#include "http.h"
#include "store.h"

struct lh_tick {
    bool monitored;
    bool past_due;
    int64_t last_us, next_us; /* since 1970; last 0: never ran */
};

void lh_envelope_http(const struct lh_function *f, const struct lh_exchange *x,
                      const struct lh_pairs *params, struct enl_buf *out);
/* data: the decoded message.  m NULL: called by hand, not from a queue. */
void lh_envelope_queue(const struct lh_function *f, const struct lh_message *m, const char *data,
                       size_t len, struct enl_buf *out);
void lh_envelope_timer(const struct lh_function *f, const struct lh_tick *tick,
                       struct enl_buf *out);

#endif
