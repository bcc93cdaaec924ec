/*
 * duplicate - which events only repeat another one of their subscriber, and which no longer do.
 *
 * ManyChat gives no event id, so a flow that posts twice makes two events of one.  An event whose
 * id the service made repeats another when both have the same body, their order times lie within
 * the window, and no event with another body lies between them in order_key: else A, B, A would
 * end as B.  What it repeats counts: it is neither rejected nor itself a duplicate.  It is the
 * nearest older one, or else the nearest newer one: an event that arrives late may repeat what came
 * before it.  A caller's own ids are believed.
 *
 * An event with another body that arrives late may lie between a stored duplicate and what that
 * repeats.  Then the duplicate is promoted: it counts again.
 *
 * Ownership: everything is borrowed.  Threads: any; nothing is kept.
 */
#ifndef ENL_DOMAIN_DUPLICATE_H
#define ENL_DOMAIN_DUPLICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Stored events on either side of an event that are looked at.  One would do for all but oddities
 * (several rejected ones in a row), for duplicates name what they repeat; sixteen are more than a
 * flow posts again, and a flood of one subscriber's events costs no more.  Where there are more:
 * an event beyond repeats what the outermost of them repeats, if that lies in the window; and of
 * the duplicates to promote only these are, which is enough for the contact: the nearest one that
 * counts again carries what the others carry. */
#define ENL_NEIGHBOURS_MAX 16

/* An event of a subscriber: a stored one, or one of the batch that is about to be. */
struct enl_neighbour {
    const char *subscriber_id;
    const char *event_id;
    const char *order_key;
    const char *body_hash;
    const char *status;   /* as stored; NULL: of the batch */
    bool generated;       /* of the batch: the service made its id */
    size_t entry;         /* the caller's */
    const char *first_id; /* what it repeats: of a stored duplicate as stored, of one of the batch
                             set by enl_duplicates_find; NULL: nothing */
    const char *first_order_key; /* of a stored duplicate: of what it repeats */
    const char *first_status;
    bool promoted; /* set by enl_duplicates_find: a stored duplicate that counts again */
};

/* Decides over the events of a batch.  They come with the stored ones around each (as many as
 * there are, up to ENL_NEIGHBOURS_MAX older and as many newer ones), each once, of any number of
 * subscribers, in any order; they are left sorted by subscriber and order_key.  window_s 0:
 * nothing of the batch is a duplicate, but duplicates are promoted all the same. */
void enl_duplicates_find(struct enl_neighbour *events, size_t n, uint32_t window_s);

#endif
