/*
 * check - `enlace check`: settings, SQL and Odoo tried once, a line for each, before anything runs.
 *
 * It changes nothing, and takes turns of the shared lease for its two requests to Odoo.
 *
 * Threads: one, with a stack for I/O.  Waits at most 60 s for each turn, and the time-outs of SQL
 * and Odoo.
 */
#ifndef ENL_COMMIT_CHECK_H
#define ENL_COMMIT_CHECK_H

#include "base/clock.h"
#include "base/config.h"

#include <stdbool.h>
#include <stdio.h>

/* Writes the lines to out, without secrets.  True: all is well. */
bool enl_check(const struct enl_config *cfg, const struct enl_clock *clock, FILE *out);

#endif
