/*
 * answer - what the handler answered to an envelope, and what the host makes of it.
 *
 * Ownership: lh_answer_done() ends an answer.
 */
#ifndef LH_ANSWER_H
#define LH_ANSWER_H

#include "client.h"
#include "host.h"
#include "http.h"
#include "wrap/json.h"

struct lh_answer {
    struct enl_json *root;
    const struct enl_json *outputs; /* NULL: none given */
    const struct enl_json *return_value;
};

#define LH_AUTO_ANSWER __attribute__((cleanup(lh_answer_done)))

/* A success without content: the host never notices that it is over. */
bool lh_answer_hangs(const struct lh_reply *reply);

/* INVALID: the invocation failed.  Writes the Logs of f. */
enum enl_rc lh_answer_read(const struct lh_function *f, const struct lh_reply *reply,
                           struct lh_answer *ret, struct enl_err *err) ENL_MUSTCHECK;
void lh_answer_done(struct lh_answer *a);

/* Puts the messages of f's queue outputs; the first failure leaves those before it in place. */
enum enl_rc lh_answer_put(struct lh_host *h, const struct lh_function *f, const struct lh_answer *a,
                          struct enl_err *err) ENL_MUSTCHECK;
/* Fills in the answer to the caller. */
enum enl_rc lh_answer_http(const struct lh_function *f, const struct lh_answer *a,
                           struct lh_exchange *x, struct enl_err *err) ENL_MUSTCHECK;

#endif
