/*
 * log - one logfmt line per event: level=info msg="..." k=v ...
 *
 * debug and info go to stdout, warn and error to stderr.  The Functions host takes a line on
 * stderr for an Error unless it contains "warn" in any case, so the writer masks those letters in
 * an error line (w*rn).  No time stamps: the host adds them.  Libraries do not log; the outermost
 * caller does, once.  Never a body, a key or a phone number.
 *
 * Ownership: a line is built in place, on the caller's stack (ENL_LOG_MAX bytes and a little).
 * Threads:   any; a line is one write(2), so lines do not mix.
 */
#ifndef ENL_BASE_LOG_H
#define ENL_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENL_LOG_MAX 1024 /* bytes of a line, its "\n" counted; what is longer is cut */

enum enl_log_level { ENL_LOG_DEBUG, ENL_LOG_INFO, ENL_LOG_WARN, ENL_LOG_ERROR };

struct enl_log_line {
    enum enl_log_level level;
    size_t len;
    bool full; /* something was cut: nothing more is added */
    char text[ENL_LOG_MAX];
};

void enl_log_begin(struct enl_log_line *l, enum enl_log_level level, const char *msg);
/* Values are quoted where they need it; control characters and bytes that are no UTF-8 are
 * escaped.  A value that is cut ends in "..."; NULL is "". */
void enl_log_str(struct enl_log_line *l, const char *key, const char *value);
void enl_log_int(struct enl_log_line *l, const char *key, int64_t value);
/* Writes the line. */
void enl_log_end(struct enl_log_line *l);

/* A line of nothing but its message. */
void enl_log(enum enl_log_level level, const char *msg);

/* Test hook: lines go to fn instead of fd; NULL switches it off.  Before the first thread. */
typedef void enl_log_fn(void *ctx, int fd, const char *line, size_t len);
void enl_log_capture(enl_log_fn *fn, void *ctx);

#endif
