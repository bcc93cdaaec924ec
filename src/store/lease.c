/* lease - see lease.h. */
#include "store/lease.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_TEXT ENL_LEASE_NUMBER /* a 64-bit integer and its NUL */

static void number(int64_t v, char ret[NUMBER_TEXT])
{
    (void)snprintf(ret, NUMBER_TEXT, "%lld", (long long)v);
}

uint32_t enl_lease_interval_ms(double rate, uint32_t slack_ms)
{
    /* Rounded up: a millisecond too long is only slower. */
    uint32_t ms = (uint32_t)(1000.0 / rate);

    return ms + ((double)ms * rate < 1000.0 ? 1 : 0) + slack_ms;
}

enum enl_rc enl_lease_turn(struct enl_store *s, const struct enl_turn *turn, int64_t *ret_wait_ms,
                           struct enl_err *err)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result r = {0};
    char interval[NUMBER_TEXT];
    char median[NUMBER_TEXT];
    char thrown[NUMBER_TEXT];
    const char *params[4] = {turn->token, interval, median, thrown};
    enum enl_rc rc = ENL_OK;
    int64_t wait = 0;

    number(turn->interval_ms, interval);
    number(turn->median_ms, median);
    number(turn->thrown, thrown);
    rc = enl_store_run(s, ENL_SQL_LEASE_TURN, params, 4, &r, err);
    if (rc != ENL_OK || r.affected == 1) {
        if (rc == ENL_OK) {
            *ret_wait_ms = 0;
        }
        return rc;
    }
    enl_sql_result_done(&r);
    rc = enl_store_run(s, ENL_SQL_LEASE_READ, NULL, 0, &r, err);
    if (rc == ENL_OK) {
        wait = enl_sql_cell_i64(&r, 0, 0);
        *ret_wait_ms = wait > 0 ? wait : 1;
    }
    return rc;
}

void enl_turn_times_add(struct enl_turn_times *t, int64_t us)
{
    t->us[t->n++ % ENL_TURN_TIMES] = us;
}

static int by_size(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;

    return (*x > *y) - (*x < *y);
}

uint32_t enl_turn_times_median_ms(const struct enl_turn_times *t)
{
    int64_t sorted[ENL_TURN_TIMES];
    size_t n = t->n < ENL_TURN_TIMES ? t->n : ENL_TURN_TIMES;

    memcpy(sorted, t->us, sizeof(sorted));
    qsort(sorted, n, sizeof(sorted[0]), by_size);
    return n > 0 ? (uint32_t)((sorted[n / 2] + 999) / 1000) : 0;
}

bool enl_lease_is_tight(uint32_t slack_ms, int64_t median_ms)
{
    return (int64_t)slack_ms < ENL_SLACK_TURNS * median_ms;
}

static enum enl_rc run_number(struct enl_store *s, enum enl_statement statement, int64_t v,
                              struct enl_sql_result *ret, struct enl_err *err)
{
    char text[NUMBER_TEXT];
    const char *params[1] = {text};

    number(v, text);
    return enl_store_run(s, statement, params, 1, ret, err);
}

struct enl_store_call enl_lease_move(int64_t ms, char text[ENL_LEASE_NUMBER])
{
    number(ms, text);
    return (struct enl_store_call){
        .statement = ENL_SQL_LEASE_MOVE, .params = {text}, .n_params = 1};
}

enum enl_rc enl_lease_share_slack(struct enl_store *s, uint32_t slack_ms, bool *ret_same,
                                  struct enl_err *err)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result r = {0};
    enum enl_rc rc = run_number(s, ENL_SQL_LEASE_SLACK, slack_ms, NULL, err);

    rc = rc == ENL_OK ? enl_store_run(s, ENL_SQL_LEASE_READ, NULL, 0, &r, err) : rc;
    if (rc == ENL_OK) {
        *ret_same = enl_sql_cell_i64(&r, 0, 1) == (int64_t)slack_ms;
    }
    return rc;
}

enum enl_rc enl_lease_set_slack(struct enl_store *s, uint32_t slack_ms, struct enl_err *err)
{
    return run_number(s, ENL_SQL_LEASE_SLACK_FORCE, slack_ms, NULL, err);
}

static const char *const state_names[] = {"closed", "open", "half_open"};

static enum enl_breaker_state state_of(const char *name)
{
    for (size_t i = 0; name && i < sizeof(state_names) / sizeof(state_names[0]); i++) {
        if (strcmp(name, state_names[i]) == 0) {
            return (enum enl_breaker_state)i;
        }
    }
    return ENL_BREAKER_CLOSED;
}

static const char *text_of(const struct enl_sql_result *r, size_t col)
{
    const char *text = enl_sql_cell(r, 0, col);

    return text ? text : "";
}

void enl_breaker_parse(const struct enl_sql_result *r, struct enl_breaker *ret)
{
    *ret = (struct enl_breaker){.state = state_of(enl_sql_cell(r, 0, 0)),
                                .failures = enl_sql_cell_i64(r, 0, 2),
                                .delay_ms = enl_sql_cell_i64(r, 0, 3),
                                .probe_in_ms = enl_sql_cell_i64(r, 0, 4),
                                .max_rows = enl_sql_cell_i64(r, 0, 5),
                                .answer_ms = enl_sql_cell_i64(r, 0, 6),
                                .requests = enl_sql_cell_i64(r, 0, 7),
                                .same_count = enl_sql_cell_i64(r, 0, 8)};
    (void)snprintf(ret->reason, sizeof(ret->reason), "%s", text_of(r, 1));
    (void)snprintf(ret->same_text, sizeof(ret->same_text), "%s", text_of(r, 9));
}

enum enl_rc enl_breaker_read(struct enl_store *s, struct enl_breaker *ret, struct enl_err *err)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result r = {0};
    enum enl_rc rc = enl_store_run(s, ENL_SQL_BREAKER_READ, NULL, 0, &r, err);

    if (rc == ENL_OK) {
        enl_breaker_parse(&r, ret);
    }
    return rc;
}

enum enl_rc enl_breaker_probe(struct enl_store *s, bool *ret_mine, struct enl_err *err)
{
    ENL_AUTO_SQL_RESULT struct enl_sql_result r = {0};
    enum enl_rc rc = run_number(s, ENL_SQL_BREAKER_PROBE, ENL_BREAKER_PROBE_HOLD_MS, &r, err);

    if (rc == ENL_OK) {
        *ret_mine = r.affected == 1;
    }
    return rc;
}

static void open_breaker(struct enl_breaker *b, const char *reason)
{
    int64_t delay = b->state == ENL_BREAKER_OPEN ? b->delay_ms * 2 : ENL_BREAKER_FIRST_MS;

    b->delay_ms = delay < ENL_BREAKER_MOST_MS ? delay : ENL_BREAKER_MOST_MS;
    b->state = ENL_BREAKER_OPEN;
    enl_copy_cut(b->reason, sizeof(b->reason), reason ? reason : "no answer");
}

static void close_breaker(struct enl_breaker *b)
{
    switch (b->state) {
    case ENL_BREAKER_OPEN:
        b->state = ENL_BREAKER_HALF;
        b->max_rows = ENL_BREAKER_HALF_OPEN;
        break;
    case ENL_BREAKER_HALF:
        b->max_rows *= 2;
        b->state = b->max_rows >= ENL_BREAKER_CLOSED_AT ? ENL_BREAKER_CLOSED : ENL_BREAKER_HALF;
        break;
    case ENL_BREAKER_CLOSED: break;
    }
    b->delay_ms = 0;
    b->reason[0] = '\0';
}

/* Counts rejections that came one after the other with the same words. */
static void count_rejections(struct enl_breaker *b, const struct enl_breaker_report *r)
{
    if (r->any_ok || r->same_rejects == 0) {
        b->same_count = 0;
        b->same_text[0] = '\0';
    }
    if (r->same_rejects > 0 && !r->any_ok) {
        char text[sizeof(b->same_text)];

        enl_copy_cut(text, sizeof(text), r->same_text);
        b->same_count = (strcmp(text, b->same_text) == 0 ? b->same_count : 0) + r->same_rejects;
        memcpy(b->same_text, text, strlen(text) + 1);
    }
}

void enl_breaker_after(struct enl_breaker *b, const struct enl_breaker_report *r,
                       bool *ret_ignore_rejections)
{
    *ret_ignore_rejections = false;
    if (r->throttled) {
        return;
    }
    if (r->config) {
        b->failures = 0;
        open_breaker(b, r->reason);
        return;
    }
    if (!r->answered) {
        b->failures++;
        if (b->failures >= ENL_BREAKER_FAILURES || b->state != ENL_BREAKER_CLOSED) {
            open_breaker(b, r->reason);
        }
        return;
    }
    b->failures = 0;
    count_rejections(b, r);
    if (b->same_count > ENL_BREAKER_SAME_REJECTS) {
        *ret_ignore_rejections = true;
        /* Odoo's own words may quote a lead, and the reason is shown to anybody. */
        open_breaker(b, "many events in a row were rejected with one and the same text");
        return;
    }
    close_breaker(b);
}

struct enl_store_call enl_breaker_write(const struct enl_breaker *b, bool answered,
                                        struct enl_breaker_texts *texts)
{
    struct enl_store_call call = {.statement = ENL_SQL_BREAKER_WRITE,
                                  .params = {state_names[b->state], b->reason, texts->failures,
                                             texts->delay, texts->rows, answered ? "1" : "0",
                                             texts->same, b->same_text},
                                  .n_params = 8};

    number(b->failures, texts->failures);
    number(b->delay_ms, texts->delay);
    number(b->max_rows, texts->rows);
    number(b->same_count, texts->same);
    return call;
}
