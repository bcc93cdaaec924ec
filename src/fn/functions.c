/* functions - see functions.h. */
#include "fn/functions.h"

const struct enl_function enl_functions[] = {
    ENL_HTTP_FUNCTION("manychat-webhook", "req", "event", "POST", "api/v1/manychat/webhook",
                      enl_fn_manychat_webhook),
    ENL_QUEUE_FUNCTION("queue-processor", "event", "back", enl_fn_queue_processor),
    ENL_QUEUE_FUNCTION("dead-letter-recorder", "event", "back", enl_fn_dead_letter_recorder),
    ENL_TIMER_FUNCTION("scheduled-sync", "timer", enl_fn_scheduled_sync),
    ENL_HTTP_FUNCTION("health", "req", NULL, "GET, HEAD", "health/{probe?}", enl_fn_health),
    ENL_HTTP_FUNCTION("events", "req", NULL, "GET", "api/v1/events/{event_id}", enl_fn_events),
};

const size_t enl_functions_count = sizeof(enl_functions) / sizeof(enl_functions[0]);
