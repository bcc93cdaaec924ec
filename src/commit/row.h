/*
 * row - an open event that this process holds a claim for, as SQL has it.
 *
 * Ownership: a row owns its event.  Threads: one at a time.
 */
#ifndef ENL_COMMIT_ROW_H
#define ENL_COMMIT_ROW_H

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "domain/event.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct enl_waiter;

struct enl_row {
    struct enl_event *event;
    char token[ENL_TOKEN_TEXT]; /* of this claim */
    int64_t taken_us;           /* monotonic, when the take was issued: its claim's start */
    int64_t attempts;           /* this one counted */
    int64_t unanswered;
    bool live;                  /* it came with an invocation; else it was drained */
    struct enl_waiter *waiters; /* invocations that wait for its outcome; the committer's */
    struct enl_row *next;
};

void enl_row_free(struct enl_row *row); /* NULL allowed; not the rows after it */

struct enl_row_list {
    struct enl_row *first, *last;
    size_t n;
};
void enl_row_push(struct enl_row_list *list, struct enl_row *row);
void enl_row_push_front(struct enl_row_list *list, struct enl_row *row);
struct enl_row *enl_row_pop(struct enl_row_list *list); /* NULL when empty */
void enl_row_list_free(struct enl_row_list *list);

/* The event of a stored body, under the id and order key that SQL has for it. INVALID: the body
 * holds no event (a newer or older binary wrote it). */
enum enl_rc enl_row_event(const struct enl_event_options *opt, const char *event_id,
                          const char *order_key, bool generated, const char *received_at,
                          const char *body, struct enl_event **ret,
                          struct enl_err *err) ENL_MUSTCHECK;

/* Appends the rows of EVENTS_CLAIMED.  A row whose body holds no event is skipped: its claim ends
 * by itself. */
enum enl_rc enl_row_claimed(const struct enl_sql_result *claimed, const char *token,
                            int64_t taken_us, const struct enl_event_options *opt,
                            struct enl_row_list *ret, struct enl_err *err) ENL_MUSTCHECK;

/* A JSON array of texts. */
bool enl_json_add_text(struct enl_json *array, const char *text);
/* The texts of a result's column, as a batch takes them.  NULL: memory. */
struct enl_json *enl_json_column(const struct enl_sql_result *r, size_t col) ENL_MUSTCHECK;
/* Sets a member; NULL becomes JSON null. */
bool enl_json_set_text(struct enl_json *object, const char *key, const char *text);
bool enl_json_set_int(struct enl_json *object, const char *key, int64_t v);

#endif
