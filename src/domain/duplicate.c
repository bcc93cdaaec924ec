/* duplicate - see duplicate.h. */
#include "domain/duplicate.h"

#include "domain/event.h"

#include <stdlib.h>
#include <string.h>

#define US_PER_S 1000000LL

static int by_subscriber_and_key(const void *a, const void *b)
{
    const struct enl_neighbour *x = a;
    const struct enl_neighbour *y = b;
    int order = strcmp(x->subscriber_id, y->subscriber_id);

    return order != 0 ? order : strcmp(x->order_key, y->order_key);
}

static bool same_subscriber(const struct enl_neighbour *a, const struct enl_neighbour *b)
{
    return strcmp(a->subscriber_id, b->subscriber_id) == 0;
}

static bool same_body(const struct enl_neighbour *a, const struct enl_neighbour *b)
{
    return strcmp(a->body_hash, b->body_hash) == 0;
}

static bool is_alive(const char *status)
{
    return status && (strcmp(status, "received") == 0 || strcmp(status, "pending") == 0 ||
                      strcmp(status, "synced") == 0);
}

static bool is_stored_duplicate(const struct enl_neighbour *e)
{
    return e->status && strcmp(e->status, "duplicate") == 0 && e->first_order_key;
}

/* The id in an order key may itself hold ':', but the first one ends the digits. */
static bool order_time(const char *key, int64_t *ret_us)
{
    const char *colon = key ? strchr(key, ':') : NULL;

    return colon && enl_order_key_read(key, colon + 1, ret_us);
}

static bool is_within(const char *key, const char *other, uint32_t window_s)
{
    int64_t a = 0;
    int64_t b = 0;

    return order_time(key, &a) && order_time(other, &b) &&
           (a > b ? a - b : b - a) <= (int64_t)window_s * US_PER_S;
}

/* Whether an event of the batch with another body lies between a duplicate and what it repeats. */
static bool is_parted(const struct enl_neighbour *events, size_t n, size_t duplicate)
{
    const struct enl_neighbour *d = &events[duplicate];
    bool older = strcmp(d->first_order_key, d->order_key) < 0;

    for (size_t i = duplicate; older ? i-- > 0 : ++i < n;) {
        const struct enl_neighbour *e = &events[i];

        if (!same_subscriber(e, d) || (strcmp(e->order_key, d->first_order_key) <= 0) == older) {
            return false;
        }
        if (!e->status && !same_body(e, d)) {
            return true;
        }
    }
    return false;
}

/* Whether another may repeat the event. */
static bool counts(const struct enl_neighbour *e)
{
    return e->status ? is_alive(e->status) || e->promoted : !e->first_id;
}

/* What lies beyond the outermost stored event was not looked at: what that one repeats is known
 * all the same. */
static const char *first_of(const struct enl_neighbour *outermost, const char *key,
                            uint32_t window_s)
{
    bool known = is_stored_duplicate(outermost) && is_alive(outermost->first_status);

    return known && is_within(key, outermost->first_order_key, window_s) ? outermost->first_id
                                                                         : NULL;
}

/* What the event repeats among those before or after it; NULL: nothing.  All of the batch that are
 * before it are decided, those after it are not. */
static const char *find_first(const struct enl_neighbour *events, size_t n, size_t own, bool older,
                              uint32_t window_s)
{
    const struct enl_neighbour *e = &events[own];
    size_t n_stored = 0;

    for (size_t i = own; older ? i-- > 0 : ++i < n;) {
        const struct enl_neighbour *f = &events[i];

        if (!same_subscriber(f, e) || !same_body(f, e)) {
            return NULL;
        }
        if ((f->status || older) && counts(f)) {
            return is_within(e->order_key, f->order_key, window_s) ? f->event_id : NULL;
        }
        n_stored += f->status ? 1 : 0;
        if (n_stored == ENL_NEIGHBOURS_MAX) {
            return first_of(f, e->order_key, window_s);
        }
    }
    return NULL;
}

void enl_duplicates_find(struct enl_neighbour *events, size_t n, uint32_t window_s)
{
    qsort(events, n, sizeof(*events), by_subscriber_and_key);
    for (size_t i = 0; i < n; i++) {
        events[i].promoted = is_stored_duplicate(&events[i]) && is_parted(events, n, i);
    }
    for (size_t i = 0; i < n && window_s > 0; i++) {
        struct enl_neighbour *e = &events[i];

        if (e->status || !e->generated) {
            continue;
        }
        e->first_id = find_first(events, n, i, true, window_s);
        if (!e->first_id) {
            e->first_id = find_first(events, n, i, false, window_s);
        }
    }
}
