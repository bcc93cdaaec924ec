/* neighbours - see neighbours.h. */
#include "commit/neighbours.h"

#include "base/config.h"
#include "commit/row.h"

#include <inttypes.h>
#include <stdio.h>

#define REACH_US (ENL_DUPLICATE_WINDOW_MAX_S * 1000000LL)

bool enl_neighbours_ask(struct enl_json *batch, const struct enl_event *e)
{
    struct enl_json *o = enl_json_new_object();
    int64_t at = 0;
    char lo[17] = ""; /* digits only: lo is less than any key of its microsecond, and so is hi */
    char hi[17] = "";

    if (enl_order_key_read(e->order_key, e->event_id, &at)) {
        (void)snprintf(lo, sizeof(lo), "%016" PRIx64,
                       (uint64_t)(at > REACH_US ? at - REACH_US : 0));
        (void)snprintf(hi, sizeof(hi), "%016" PRIx64, (uint64_t)at + (uint64_t)REACH_US + 1);
    }
    if (o && enl_json_set_text(o, "s", e->subscriber_id) &&
        enl_json_set_text(o, "k", e->order_key) && enl_json_set_text(o, "lo", lo) &&
        enl_json_set_text(o, "hi", hi)) {
        return enl_json_append(batch, o);
    }
    enl_json_free(o);
    return false;
}

struct enl_neighbour enl_neighbour_stored(const struct enl_sql_result *near, size_t row)
{
    return (struct enl_neighbour){.subscriber_id = enl_sql_cell(near, row, 0),
                                  .event_id = enl_sql_cell(near, row, 1),
                                  .order_key = enl_sql_cell(near, row, 2),
                                  .body_hash = enl_sql_cell(near, row, 3),
                                  .status = enl_sql_cell(near, row, 4),
                                  .first_id = enl_sql_cell(near, row, 5),
                                  .first_order_key = enl_sql_cell(near, row, 6),
                                  .first_status = enl_sql_cell(near, row, 7)};
}

struct enl_neighbour enl_neighbour_new(const struct enl_event *e, size_t entry)
{
    return (struct enl_neighbour){.subscriber_id = e->subscriber_id,
                                  .event_id = e->event_id,
                                  .order_key = e->order_key,
                                  .body_hash = e->body_hash,
                                  .generated = e->generated,
                                  .entry = entry};
}
