/* test_functions - the function table against the function.json folders, host.json and the
 * settings example; routes and the number of workers. */
#include "enl_test.h"

#include "base/alloc.h"
#include "base/config.h"
#include "fn/functions.h"
#include "host/limits.h"
#include "host/route.h"
#include "wrap/json.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define QUEUE "manychat-events-queue"

static struct enl_json *read_json(const char *name)
{
    struct enl_buf b = ENL_BUF_INIT(1U << 20);
    struct enl_json *j = NULL;
    char path[512];
    char chunk[1024];
    size_t n = 0;
    FILE *f = NULL;

    (void)snprintf(path, sizeof(path), "%s/%s", ENL_TEST_ROOT, name);
    f = fopen(path, "re");
    if (!f) {
        return NULL;
    }
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0) {
        enl_buf_add(&b, chunk, n);
    }
    (void)fclose(f);
    if (enl_json_parse(enl_buf_str(&b), b.len, &j, NULL, NULL) != ENL_OK) {
        fail_msg("%s is no JSON", path);
    }
    enl_buf_done(&b);
    return j;
}

static struct enl_json *read_function(const char *name)
{
    char path[300]; /* NAME_MAX and the rest */

    (void)snprintf(path, sizeof(path), "%s/function.json", name);
    return read_json(path);
}

/* The binding of that name, NULL: none. */
static const struct enl_json *find_binding(const struct enl_json *function, const char *name)
{
    const struct enl_json *bindings = enl_json_get(function, "bindings");

    for (size_t i = 0; i < enl_json_len(bindings); i++) {
        const struct enl_json *b = enl_json_at(bindings, i);
        const char *its = enl_json_get_str(b, "name");

        if (its && strcmp(its, name) == 0) {
            return b;
        }
    }
    return NULL;
}

static void expect_str(const struct enl_json *j, const char *key, const char *want,
                       const char *label)
{
    ENL_CHECK_STR(enl_json_get_str(j, key), want, label);
}

static void check_http(const struct enl_function *f, const struct enl_json *trigger)
{
    const struct enl_json *methods = enl_json_get(trigger, "methods");
    size_t commas = 0;

    expect_str(trigger, "type", "httpTrigger", f->name);
    /* Without it the level is "function", and Azure answers 401 for us. */
    expect_str(trigger, "authLevel", "anonymous", f->name);
    expect_str(trigger, "route", f->route, f->name);
    for (const char *m = f->methods; *m != '\0'; m++) {
        commas += *m == ',' ? 1 : 0;
    }
    ENL_CHECK(enl_json_len(methods) == commas + 1, f->name);
    for (size_t i = 0; i < enl_json_len(methods); i++) {
        char upper[16] = "";
        const char *method = enl_json_str(enl_json_at(methods, i));

        for (size_t k = 0; method[k] != '\0' && k + 1 < sizeof(upper); k++) {
            upper[k] = (char)(method[k] - 'a' + 'A');
        }
        ENL_CHECK(enl_method_listed(f->methods, upper), f->name);
    }
}

static void check_queue(const struct enl_json *binding, const char *type, const char *label)
{
    ENL_CHECK(binding, label);
    expect_str(binding, "type", type, label);
    expect_str(binding, "queueName",
               strcmp(label, "dead-letter-recorder") == 0 ? QUEUE "-poison" : QUEUE, label);
    expect_str(binding, "connection", "AzureWebJobsStorage", label);
}

static void check_function(const struct enl_function *f, const struct enl_json *function)
{
    const struct enl_json *trigger = find_binding(function, f->binding);
    const struct enl_json *res = find_binding(function, "res");
    size_t expected = 1U + (f->output ? 1U : 0U) + (f->trigger == ENL_HTTP ? 1U : 0U);

    ENL_CHECK(enl_json_len(enl_json_get(function, "bindings")) == expected, f->name);
    ENL_CHECK(trigger, f->name);
    expect_str(trigger, "direction", "in", f->name);
    switch (f->trigger) {
    case ENL_HTTP:
        check_http(f, trigger);
        ENL_CHECK(res, f->name);
        expect_str(res, "type", "http", f->name);
        expect_str(res, "direction", "out", f->name);
        break;
    case ENL_QUEUE: check_queue(trigger, "queueTrigger", f->name); break;
    case ENL_TIMER: expect_str(trigger, "type", "timerTrigger", f->name); break;
    }
    if (f->output) {
        check_queue(find_binding(function, f->output), "queue", f->name);
        expect_str(find_binding(function, f->output), "direction", "out", f->name);
    }
}

static void test_rows_have_folders(void **state)
{
    (void)state;
    for (size_t i = 0; i < enl_functions_count; i++) {
        struct enl_json *function = read_function(enl_functions[i].name);

        ENL_CHECK(function, enl_functions[i].name);
        check_function(&enl_functions[i], function);
        enl_json_free(function);
    }
}

static void test_folders_have_rows(void **state)
{
    DIR *dir = opendir(ENL_TEST_ROOT);
    struct dirent *entry = NULL;
    size_t n = 0;

    (void)state;
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        struct enl_json *function = entry->d_name[0] == '.' ? NULL : read_function(entry->d_name);
        bool found = false;

        if (!function) {
            continue;
        }
        for (size_t i = 0; i < enl_functions_count; i++) {
            found = found || strcmp(enl_functions[i].name, entry->d_name) == 0;
        }
        ENL_CHECK(found, entry->d_name);
        n++;
        enl_json_free(function);
    }
    (void)closedir(dir);
    assert_int_equal(n, enl_functions_count);
}

/* A forwarded path that reached an envelope's handler would let a caller forge invocations. */
static void test_paths_are_disjoint(void **state)
{
    char param[ENL_PARAM_MAX];
    char path[128];

    (void)state;
    for (size_t i = 0; i < enl_functions_count; i++) {
        (void)snprintf(path, sizeof(path), "/%s", enl_functions[i].name);
        for (size_t k = 0; k < enl_functions_count; k++) {
            const struct enl_function *f = &enl_functions[k];

            if (f->trigger == ENL_HTTP && !enl_function_is_forwarded(&enl_functions[i])) {
                ENL_CHECK(!enl_route_match(f->route, path, param), path);
            }
        }
    }
}

static const struct enl_json *dig(const struct enl_json *j, const char *path)
{
    char copy[128];

    (void)snprintf(copy, sizeof(copy), "%s", path);
    for (char *p = copy; p && *p != '\0';) {
        char *slash = strchr(p, '/');

        if (slash) {
            *slash = '\0';
        }
        j = enl_json_get(j, p);
        p = slash ? slash + 1 : NULL;
    }
    return j;
}

static void test_host_json(void **state)
{
    static const struct {
        const char *path, *want;
    } texts[] = {
        {"version", "2.0"},
        {"extensionBundle/id", "Microsoft.Azure.Functions.ExtensionBundle"},
        {"extensionBundle/version", "[4.*, 5.0.0)"},
        {"extensions/http/routePrefix", ""},
        {"extensions/queues/visibilityTimeout", "00:00:30"},
        {"extensions/queues/maxPollingInterval", "00:00:01"},
        {"extensions/queues/messageEncoding", "base64"},
        {"customHandler/description/defaultExecutablePath", "build/enlace"},
        {"functionTimeout", "00:05:00"},
    };
    struct enl_json *host = read_json("host.json");
    int64_t n = 0;

    (void)state;
    assert_non_null(host);
    for (size_t i = 0; i < ENL_COUNT(texts); i++) {
        ENL_CHECK_STR(enl_json_str(dig(host, texts[i].path)), texts[i].want, texts[i].path);
    }
    assert_true(enl_json_true(dig(host, "customHandler/enableForwardingHttpRequest")));
    assert_true(enl_json_i64(dig(host, "extensions/queues/batchSize"), &n));
    assert_int_equal(n, ENL_BATCH_SIZE_DEFAULT);
    assert_true(enl_json_i64(dig(host, "extensions/queues/newBatchThreshold"), &n));
    assert_int_equal(n, ENL_NEW_BATCH_THRESHOLD_DEFAULT);
    assert_true(enl_json_i64(dig(host, "extensions/queues/maxDequeueCount"), &n));
    assert_int_equal(n, 5);
    enl_json_free(host);
}

static void test_settings_example(void **state)
{
    struct enl_json *file = read_json("local.settings.json.example");
    const struct enl_json *values = enl_json_get(file, "Values");

    (void)state;
    assert_non_null(file);
    /* All but the port, which the host sets. */
    for (size_t i = 0; enl_config_name(i); i++) {
        bool port = strcmp(enl_config_name(i), "FUNCTIONS_CUSTOMHANDLER_PORT") == 0;

        ENL_CHECK((enl_json_get_str(values, enl_config_name(i)) != NULL) == !port,
                  enl_config_name(i));
    }
    expect_str(values, "FUNCTIONS_WORKER_RUNTIME", "custom", "example");
    expect_str(values, "AzureWebJobsStorage", "UseDevelopmentStorage=true", "example");
    enl_json_free(file);
}

static void test_limits(void **state)
{
    static const struct {
        const char *text;
        unsigned batch, threshold;
        bool ok;
    } cases[] = {
        {"{\"extensions\":{\"queues\":{\"batchSize\":16,\"newBatchThreshold\":8}}}", 16, 8, true},
        {"{\"extensions\":{\"queues\":{\"batchSize\":33,\"newBatchThreshold\":-1}}}", 32, 256,
         true},
        {"{\"extensions\":{\"queues\":{\"batchSize\":\"16\",\"newBatchThreshold\":0}}}", 32, 0,
         true},
        {"{}", 32, 256, true},
        {"[]", 32, 256, true},
        {"", 32, 256, false},
        {"{", 32, 256, false},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        struct enl_host_limits l = {0};
        struct enl_err err = {0};
        enum enl_rc rc = enl_limits_parse(cases[i].text, strlen(cases[i].text), &l, &err);

        ENL_CHECK((rc == ENL_OK) == cases[i].ok, cases[i].text);
        ENL_CHECK(l.batch_size == cases[i].batch && l.new_batch_threshold == cases[i].threshold,
                  cases[i].text);
    }
}

static void test_limits_file(void **state)
{
    struct enl_host_limits l = {0};
    struct enl_err err = {0};

    (void)state;
    assert_int_equal(enl_limits_read(ENL_TEST_ROOT "/host.json", &l, &err), ENL_OK);
    assert_int_equal(l.batch_size, 32);
    assert_int_equal(enl_limits_read(ENL_TEST_ROOT "/no-such-file", &l, &err), ENL_INVALID);
    assert_int_equal(l.new_batch_threshold, 256);
    assert_non_null(strstr(err.text, "cannot be read"));
    assert_true(ENL_TORTURE(enl_limits_read(ENL_TEST_ROOT "/host.json", &l, NULL)) > 10);
}

static void test_workers(void **state)
{
    static const struct enl_function rows[] = {{.trigger = ENL_HTTP},
                                               {.trigger = ENL_QUEUE},
                                               {.trigger = ENL_QUEUE},
                                               {.trigger = ENL_TIMER}};
    const struct enl_host_limits l = {32, 256};
    const struct enl_host_limits huge = {32, 4096};

    (void)state;
    assert_int_equal(enl_limits_workers(&l, rows, 1), 64);
    assert_int_equal(enl_limits_workers(&l, rows, 4), 64 + 288 + 288 + 1);
    assert_int_equal(enl_limits_workers(&l, enl_functions, enl_functions_count), 64 + 2 * 288 + 1);
    assert_int_equal(enl_limits_workers(&huge, rows, 4), 4096);
}

static void test_routes(void **state)
{
    static const struct {
        const char *route, *path, *param; /* param NULL: no match */
    } cases[] = {
        {"health/{probe?}", "/health", ""},
        {"health/{probe?}", "/health/", ""},
        {"health/{probe?}", "/Health/Live", "Live"},
        {"health/{probe?}", "/health/live/", "live"},
        {"health/{probe?}", "/health/live/x", NULL},
        {"health/{probe?}", "/healthy", NULL},
        {"health/{probe?}", "/", NULL},
        {"health/{probe?}", "", NULL},
        {"health/{probe?}", "/health//", NULL},
        {"api/v1/events/{event_id}", "/api/v1/events/a%2Bb%3a~", "a+b:~"},
        {"api/v1/events/{event_id}", "/api/v1/events/a+b", "a+b"},
        {"api/v1/events/{event_id}", "/api/v1/events/", NULL},
        {"api/v1/events/{event_id}", "/api/v1/events", NULL},
        {"api/v1/events/{event_id}", "/api/v1/events/a/b", NULL},
        {"api/v1/events/{event_id}", "/api/v1/events/a%2Fb", "a/b"},
        {"api/v1/events/{event_id}", "/api/v1/events/a%2", NULL},
        {"api/v1/events/{event_id}", "/api/v1/events/%", NULL},
        {"api/v1/events/{event_id}", "/api/v1/events/%zz", NULL},
        {"api/v1/events/{event_id}", "/api/v1/events/a%00", NULL},
        {"api/v1/events/{event_id}", "/api//v1/events/a", NULL},
        {"api/v1/manychat/webhook", "/api/v1/manychat/webhook", ""},
        {"api/v1/manychat/webhook", "/api/v1/manychat/webhook/", ""},
        {"api/v1/manychat/webhook", "/api/v1/manychat", NULL},
    };
    char param[ENL_PARAM_MAX];
    char path[ENL_PARAM_MAX + 64] = "/health/";

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        bool match = enl_route_match(cases[i].route, cases[i].path, param);

        ENL_CHECK(match == (cases[i].param != NULL), cases[i].path);
        if (match) {
            ENL_CHECK_STR(param, cases[i].param, cases[i].path);
        }
    }
    memset(path + 8, 'x', ENL_PARAM_MAX - 1);
    path[8 + ENL_PARAM_MAX - 1] = '\0';
    assert_true(enl_route_match("health/{probe?}", path, param));
    path[8 + ENL_PARAM_MAX - 1] = 'x';
    assert_false(enl_route_match("health/{probe?}", path, param));
}

static void test_methods(void **state)
{
    (void)state;
    assert_true(enl_method_listed("GET, HEAD", "GET"));
    assert_true(enl_method_listed("GET, HEAD", "HEAD"));
    assert_false(enl_method_listed("GET, HEAD", "EAD"));
    assert_false(enl_method_listed("GET, HEAD", "get"));
    assert_false(enl_method_listed("GET, HEAD", ""));
    assert_false(enl_method_listed("", "GET"));
}

static int setup(void **state)
{
    (void)state;
    enl_json_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_have_folders),
        cmocka_unit_test(test_folders_have_rows),
        cmocka_unit_test(test_paths_are_disjoint),
        cmocka_unit_test(test_host_json),
        cmocka_unit_test(test_settings_example),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_limits_file),
        cmocka_unit_test(test_workers),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_methods),
    };

    return cmocka_run_group_tests_name("functions", tests, setup, NULL);
}
