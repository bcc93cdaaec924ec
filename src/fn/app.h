/*
 * app - what the functions share: settings, clock, and the two that do I/O.
 *
 * Ownership: main.c owns the app and all that it points to.
 * Threads:   any; committer and reader are NULL until they run (the server answers before).
 */
#ifndef ENL_FN_APP_H
#define ENL_FN_APP_H

#include "base/clock.h"
#include "base/config.h"
#include "commit/committer.h"
#include "commit/reader.h"

#include <stdint.h>

#ifndef ENL_VERSION
#define ENL_VERSION "1.0.0"
#endif

struct enl_app {
    const struct enl_config *cfg;
    const struct enl_clock *clock;
    struct enl_committer *_Atomic committer;
    struct enl_reader *_Atomic reader;
    int64_t started_us; /* monotonic */
    _Atomic int64_t last_received_us;
};

/* Microseconds since 1970 for the reception of an event: unique and rising in the process, so that
 * two events of one instant keep their order. */
int64_t enl_app_received_us(struct enl_app *app);

#endif
