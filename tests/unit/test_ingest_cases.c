/* test_ingest_cases - the client over what the addon answered on a real Odoo. */
#include "domain_help.h"

#include "odoo/odoo.h"

#define EVENTS_MAX 64 /* of a recorded call */

static const char *kind_name(enum enl_verdict_kind kind)
{
    static const char *const names[] = {"none", "created", "duplicate", "rejected", "retry"};

    return names[kind];
}

/* A number of an object, 0 where there is none. */
static int64_t number(const struct enl_json *o, const char *key)
{
    int64_t v = 0;

    (void)enl_json_get_i64(o, key, &v);
    return v;
}

static void check_verdict(const struct enl_verdict *v, const struct enl_json *item,
                          const char *label)
{
    const char *code = enl_json_get_str(item, "code");
    const char *error = enl_json_get_str(item, "error");

    ENL_CHECK_STR(kind_name(v->kind), enl_json_get_str(item, "status"), label);
    ENL_CHECK(v->id == number(item, "id"), label);
    ENL_CHECK(v->contact_id == number(item, "contact_id"), label);
    if (v->kind == ENL_VERDICT_REJECTED) {
        ENL_CHECK_STR(v->code, code, label);
        ENL_CHECK_STR(v->error, error, label);
        ENL_CHECK(strstr(v->error, "Traceback") == NULL, label);
    }
}

/* Calls in which an id stands twice are no calls of ours: T1 makes one row of an id. */
static bool ids_of(const struct enl_json *results, const char *ids[EVENTS_MAX])
{
    size_t n = enl_json_len(results);

    assert_in_range(n, 0, EVENTS_MAX);
    for (size_t i = 0; i < n; i++) {
        ids[i] = enl_json_get_str(enl_json_at(results, i), "event_id");
        for (size_t k = 0; k < i && ids[i]; k++) {
            if (strcmp(ids[i], ids[k]) == 0) {
                return false;
            }
        }
        if (!ids[i]) {
            return false;
        }
    }
    return true;
}

static bool check_results(const struct enl_json *result, const char *label)
{
    const struct enl_json *results = enl_json_get(result, "results");
    const char *ids[EVENTS_MAX];
    size_t n = enl_json_len(results);
    struct enl_odoo_reply r = {0};
    struct enl_err err = {0};

    if (!ids_of(results, ids)) {
        return false;
    }
    ENL_CHECK(enl_odoo_verdicts(result, ids, n, &r, &err) == ENL_OK, label);
    ENL_CHECK(r.n_verdicts == n, label);
    for (size_t i = 0; i < n; i++) {
        check_verdict(&r.verdicts[i], enl_json_at(results, i), label);
    }
    enl_odoo_reply_done(&r);
    return true;
}

/* The envelope that Odoo puts around an error. */
static void check_error(const struct enl_json *error, const char *label)
{
    struct enl_http_response res = {.outcome = ENL_HTTP_ANSWERED,
                                    .status = 200,
                                    .retry_after_ms = -1,
                                    .body = ENL_BUF_INIT(65536)};
    struct enl_json *result = NULL;
    struct enl_odoo_reply r = {0};

    enl_buf_adds(&res.body, "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":200,\"data\":");
    enl_json_dump(error, false, &res.body);
    enl_buf_adds(&res.body, "}}");
    ENL_CHECK(enl_odoo_classify(&res, &r, &result, NULL) == ENL_OK, label);
    ENL_CHECK(r.class != ENL_ODOO_ANSWERED && r.answered && !result, label);
    if (strcmp(enl_json_get_str(error, "name"), "odoo.exceptions.AccessError") == 0) {
        ENL_CHECK(r.class == ENL_ODOO_CONFIG, label);
    }
    enl_http_response_done(&res);
}

static void check_case(const struct enl_json *one, size_t *answers, size_t *errors)
{
    const char *label = enl_json_get_str(one, "name");
    const struct enl_json *calls = enl_json_get(one, "calls");

    for (size_t k = 0; k < enl_json_len(calls); k++) {
        const struct enl_json *call = enl_json_at(calls, k);
        const char *method = enl_json_get_str(call, "method");

        if (enl_json_get(call, "error")) {
            check_error(enl_json_get(call, "error"), label);
            (*errors)++;
        } else if (strcmp(method, "ingest") == 0) {
            *answers += check_results(enl_json_get(call, "result"), label) ? 1 : 0;
        }
    }
}

/* One case a line.  One of them holds what our parser refuses in whatever it reads (U+0000, half a
 * surrogate), so that no event of ours can hold it either. */
static void test_recorded(void **state)
{
    FILE *f = fopen(ENL_TEST_DATA "/odoo-ingest-cases.json", "rb");
    char *line = NULL;
    size_t room = 0;
    size_t answers = 0;
    size_t errors = 0;
    size_t refused = 0;

    (void)state;
    assert_non_null(f);
    while (getline(&line, &room, f) > 0) {
        struct enl_json *one = NULL;

        if (strncmp(line, "{\"name\"", 7) != 0) {
            continue;
        }
        line[strcspn(line, "\n")] = '\0';
        line[strlen(line) - 1] = line[strlen(line) - 1] == ',' ? ' ' : line[strlen(line) - 1];
        if (enl_json_parse(line, strlen(line), &one, NULL, NULL) == ENL_OK) {
            check_case(one, &answers, &errors);
        } else {
            refused++;
        }
        enl_json_free(one);
    }
    free(line);
    (void)fclose(f);
    /* Not a file that became empty, or another one. */
    assert_in_range(answers, 25, 1000);
    assert_in_range(errors, 2, 1000);
    assert_int_equal(refused, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
    };

    enl_json_init();
    return cmocka_run_group_tests_name("ingest_cases", tests, NULL, NULL);
}
