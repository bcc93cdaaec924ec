/*
 * err - how every fallible enl_ function reports failure.
 *
 * The return value says what the CALLER must do; struct enl_err says what happened, for the one
 * log line that the outermost caller writes.  The first error wins: a cleanup path cannot
 * overwrite the cause.
 *
 * Ownership: the caller owns struct enl_err (on its stack); nothing is allocated.
 * Threads:   a struct enl_err is used by one thread.
 */
#ifndef ENL_BASE_ERR_H
#define ENL_BASE_ERR_H

#define ENL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define ENL_MUSTCHECK         __attribute__((warn_unused_result))

enum enl_rc {
    ENL_OK = 0,
    ENL_INVALID, /* the input is wrong: answer 4xx or dead-letter, never retry */
    ENL_DENIED,  /* a credential was refused: answer 401, or open the breaker */
    ENL_RETRY,   /* a dependency failed in passing: hold, try again, hand back */
    ENL_FATAL,   /* out of memory, bad configuration, or a bug */
};

struct enl_err {
    enum enl_rc rc;
    char text[240]; /* one line, without secrets, bodies or phone numbers */
};

/* Fill *err (NULL is allowed) unless already set; returns rc, so that
 * "return enl_fail(err, ENL_RETRY, ...)" is the whole error path. */
enum enl_rc enl_fail(struct enl_err *err, enum enl_rc rc, const char *fmt, ...) ENL_PRINTF(3, 4);

/* ENL_FATAL, "out of memory". */
enum enl_rc enl_fail_oom(struct enl_err *err);

const char *enl_rc_name(enum enl_rc rc);

#endif
