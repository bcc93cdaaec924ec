/*
 * functions - THE table: every Azure function of this app.
 *
 * A row and a folder with function.json belong together; a unit test compares them.
 */
#ifndef ENL_FN_FUNCTIONS_H
#define ENL_FN_FUNCTIONS_H

#include "host/functions.h"

extern const struct enl_function enl_functions[];
extern const size_t enl_functions_count;

enl_http_fn enl_fn_manychat_webhook;
enl_queue_fn enl_fn_queue_processor;
enl_queue_fn enl_fn_dead_letter_recorder;
enl_timer_fn enl_fn_scheduled_sync;
enl_http_fn enl_fn_health;
enl_http_fn enl_fn_events;

#endif
