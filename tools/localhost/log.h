/*
 * log - lines of the stand-in itself and of the handler, whole lines only.
 *
 * Threads: any.
 */
#ifndef LH_LOG_H
#define LH_LOG_H

#include "base/err.h"

#include <stddef.h>
#include <stdio.h>

/* One line on stdout, after "localhost: ". */
void lh_log(const char *fmt, ...) ENL_PRINTF(1, 2);

/* One line of another's text (no line end in it) on out, after prefix. */
void lh_log_line(FILE *out, const char *prefix, const char *text, size_t len);

#endif
