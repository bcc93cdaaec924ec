/*
 * neighbours - the stored events around those of a batch, as domain/duplicate.h wants them.
 *
 * Ownership: a neighbour borrows its texts from the rows or the event that it was made of.
 * Threads:   any.
 */
#ifndef ENL_COMMIT_NEIGHBOURS_H
#define ENL_COMMIT_NEIGHBOURS_H

#include "domain/duplicate.h"
#include "domain/event.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

/* Adds the event to the batch of EVENTS_NEAR.  Asked for is what lies within the longest window
 * that can be set, whatever is set now: duplicates may be stored that an earlier setting made.
 * False: memory. */
bool enl_neighbours_ask(struct enl_json *batch, const struct enl_event *e);

struct enl_neighbour enl_neighbour_stored(const struct enl_sql_result *near, size_t row);
struct enl_neighbour enl_neighbour_new(const struct enl_event *e, size_t entry);

#endif
