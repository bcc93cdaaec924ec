/* row - see row.h. */
#include "commit/row.h"

#include "base/alloc.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

void enl_row_free(struct enl_row *row)
{
    if (row) {
        enl_event_free(row->event);
        free(row);
    }
}

void enl_row_push(struct enl_row_list *list, struct enl_row *row)
{
    row->next = NULL;
    if (list->last) {
        list->last->next = row;
    } else {
        list->first = row;
    }
    list->last = row;
    list->n++;
}

void enl_row_push_front(struct enl_row_list *list, struct enl_row *row)
{
    row->next = list->first;
    list->first = row;
    if (!list->last) {
        list->last = row;
    }
    list->n++;
}

struct enl_row *enl_row_pop(struct enl_row_list *list)
{
    struct enl_row *row = list->first;

    if (row) {
        list->first = row->next;
        list->n--;
        if (!list->first) {
            list->last = NULL;
        }
        row->next = NULL;
    }
    return row;
}

void enl_row_list_free(struct enl_row_list *list)
{
    struct enl_row *row = NULL;

    while ((row = enl_row_pop(list)) != NULL) {
        enl_row_free(row);
    }
}

enum enl_rc enl_row_event(const struct enl_event_options *opt, const char *event_id,
                          const char *order_key, bool generated, const char *received_at,
                          const char *body, struct enl_event **ret, struct enl_err *err)
{
    struct enl_event_source src = {
        .raw = body, .raw_len = strlen(body), .known_id = event_id, .known_generated = generated};
    struct enl_refusal why = {0};
    int64_t received_ms = 0;
    enum enl_rc rc = ENL_OK;

    if (!enl_time_parse(received_at, &received_ms)) {
        return enl_fail(err, ENL_INVALID, "a stored received_at is no time");
    }
    src.received_us = received_ms * 1000;
    rc = enl_event_read(&src, opt, ret, &why, err);
    if (rc == ENL_OK) {
        /* The key was made once, at reception, with more digits than received_at has. */
        (void)snprintf((*ret)->order_key, sizeof((*ret)->order_key), "%s", order_key);
    }
    return rc;
}

static const char *text_of(const struct enl_sql_result *r, size_t row, size_t col)
{
    const char *text = enl_sql_cell(r, row, col);

    return text ? text : "";
}

static enum enl_rc add_claimed(const struct enl_sql_result *r, size_t i, const char *token,
                               int64_t taken_us, const struct enl_event_options *opt,
                               struct enl_row_list *ret, struct enl_err *err)
{
    struct enl_event *event = NULL;
    struct enl_row *row = NULL;
    enum enl_rc rc =
        enl_row_event(opt, text_of(r, i, 0), text_of(r, i, 1), enl_sql_cell_i64(r, i, 2) != 0,
                      text_of(r, i, 3), text_of(r, i, 4), &event, NULL);

    if (rc != ENL_OK) {
        struct enl_log_line l;

        if (rc == ENL_FATAL) {
            return enl_fail_oom(err);
        }
        enl_log_begin(&l, ENL_LOG_ERROR, "what SQL has of an event cannot be read, it stays there");
        enl_log_str(&l, "event_id", text_of(r, i, 0));
        enl_log_end(&l);
        return ENL_OK;
    }
    row = enl_calloc(1, sizeof(*row));
    if (!row) {
        enl_event_free(event);
        return enl_fail_oom(err);
    }
    row->event = event;
    row->taken_us = taken_us;
    row->attempts = enl_sql_cell_i64(r, i, 5);
    row->unanswered = enl_sql_cell_i64(r, i, 6);
    (void)snprintf(row->token, sizeof(row->token), "%s", token);
    enl_row_push(ret, row);
    return ENL_OK;
}

enum enl_rc enl_row_claimed(const struct enl_sql_result *claimed, const char *token,
                            int64_t taken_us, const struct enl_event_options *opt,
                            struct enl_row_list *ret, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    for (size_t i = 0; i < claimed->rows && rc == ENL_OK; i++) {
        rc = add_claimed(claimed, i, token, taken_us, opt, ret, err);
    }
    return rc;
}

bool enl_json_add_text(struct enl_json *array, const char *text)
{
    return enl_json_append(array, enl_json_new_str(text));
}

struct enl_json *enl_json_column(const struct enl_sql_result *r, size_t col)
{
    struct enl_json *texts = enl_json_new_array();

    for (size_t i = 0; texts && i < r->rows; i++) {
        if (!enl_json_add_text(texts, enl_sql_cell(r, i, col))) {
            enl_json_free(texts);
            return NULL;
        }
    }
    return texts;
}

bool enl_json_set_text(struct enl_json *object, const char *key, const char *text)
{
    return enl_json_set(object, key, text ? enl_json_new_str(text) : enl_json_new_null());
}

bool enl_json_set_int(struct enl_json *object, const char *key, int64_t v)
{
    return enl_json_set(object, key, enl_json_new_i64(v));
}
