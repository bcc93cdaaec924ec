/* app - see app.h. */
#include "fn/app.h"

#include <stdatomic.h>

int64_t enl_app_received_us(struct enl_app *app)
{
    int64_t now = app->clock->wall_us(app->clock->ctx);
    int64_t last = atomic_load(&app->last_received_us);
    int64_t next = 0;

    do {
        next = now > last ? now : last + 1;
    } while (!atomic_compare_exchange_weak(&app->last_received_us, &last, next));
    return next;
}
