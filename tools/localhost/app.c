/* app - see app.h. */
#include "app.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "function.h"
#include "log.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX ((size_t)64 * 1024)

/* A member of a member of ...: path is "a.b.c". */
static struct enl_json *dig(struct enl_json *j, const char *path)
{
    while (j && *path) {
        size_t len = strcspn(path, ".");
        ENL_AUTO_FREE char *key = enl_memdup(path, len);

        j = key ? enl_json_get(j, key) : NULL;
        path += len + (path[len] ? 1 : 0);
    }
    return j;
}

/* "hh:mm:ss", "d.hh:mm:ss", either with a fraction; "-1" is LH_NO_TIMEOUT. */
static bool parse_span(const char *text, int64_t *ret_ms)
{
    int64_t parts[3] = {0};
    int64_t days = 0;
    const char *dot = strchr(text, '.');
    const char *colon = strchr(text, ':');
    char *end = NULL;

    if (strcmp(text, "-1") == 0) {
        *ret_ms = LH_NO_TIMEOUT;
        return true;
    }
    if (dot && colon && dot < colon) {
        days = strtoll(text, &end, 10);
        text = dot + 1;
    }
    for (int i = 0; i < 3; i++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        parts[i] = strtoll(text, &end, 10);
        if (i < 2 && *end++ != ':') {
            return false;
        }
        text = end;
    }
    *ret_ms = ((days * 24 + parts[0]) * 60 + parts[1]) * 60000 + parts[2] * 1000;
    if (*text == '.') {
        *ret_ms += (int64_t)(strtod(text, NULL) * 1000);
        return true;
    }
    return *text == '\0';
}

static enum enl_rc read_span(struct enl_json *host, const char *path, int64_t *ret_ms,
                             struct enl_err *err)
{
    const struct enl_json *j = dig(host, path);

    if (!j) {
        return ENL_OK;
    }
    if (!enl_json_str(j) || !parse_span(enl_json_str(j), ret_ms)) {
        return enl_fail(err, ENL_INVALID, "host.json: %s must be \"hh:mm:ss\"", path);
    }
    return ENL_OK;
}

static enum enl_rc read_number(struct enl_json *host, const char *path, int64_t lo, int64_t hi,
                               uint32_t *ret, struct enl_err *err)
{
    const struct enl_json *j = dig(host, path);
    int64_t v = 0;

    if (!j) {
        return ENL_OK;
    }
    if (!enl_json_i64(j, &v) || v < lo || v > hi) {
        return enl_fail(err, ENL_INVALID, "host.json: %s must be a number from %lld to %lld", path,
                        (long long)lo, (long long)hi);
    }
    *ret = (uint32_t)v;
    return ENL_OK;
}

static enum enl_rc read_queues(struct lh_app *app, struct enl_json *host, struct enl_err *err)
{
    static const char encoding[] = "extensions.queues.messageEncoding";
    const char *text = enl_json_str(dig(host, encoding));
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    enum enl_rc rc = ENL_OK;

    app->batch_size = 16;
    app->max_dequeue_count = 5;
    app->max_polling_ms = 2000; /* the default in Development */
    rc = read_number(host, "extensions.queues.batchSize", 1, 32, &app->batch_size, err);
    app->new_batch_threshold = app->batch_size / 2 * (uint32_t)(cores > 0 ? cores : 1);
    rc = rc ? rc
            : read_number(host, "extensions.queues.newBatchThreshold", 0, 3000,
                          &app->new_batch_threshold, err);
    rc = rc ? rc
            : read_number(host, "extensions.queues.maxDequeueCount", 1, INT_MAX,
                          &app->max_dequeue_count, err);
    rc = rc ? rc
            : read_span(host, "extensions.queues.visibilityTimeout", &app->visibility_timeout_ms,
                        err);
    rc = rc ? rc
            : read_span(host, "extensions.queues.maxPollingInterval", &app->max_polling_ms, err);
    app->base64 = !text || !enl_ieq(text, "none");
    if (rc == ENL_OK && text && app->base64 && !enl_ieq(text, "base64")) {
        rc = enl_fail(err, ENL_INVALID, "host.json: %s must be base64 or none", encoding);
    }
    return rc;
}

static enum enl_rc read_handler(struct lh_app *app, struct enl_json *host, struct enl_err *err)
{
    struct enl_json *about = dig(host, "customHandler.description");
    const char *path = enl_json_get_str(about, "defaultExecutablePath");
    const struct enl_json *arguments = enl_json_get(about, "arguments");
    struct enl_buf joined = ENL_BUF_INIT(TEXT_MAX);

    if (!path || !*path) {
        return enl_fail(err, ENL_INVALID,
                        "host.json: no customHandler.description.defaultExecutablePath");
    }
    for (size_t i = 0; i < enl_json_len(arguments); i++) {
        const char *argument = enl_json_str(enl_json_at(arguments, i));

        enl_buf_adds(&joined, i > 0 ? " " : "");
        enl_buf_adds(&joined, argument ? argument : "");
    }
    app->arguments = enl_buf_take(&joined, NULL);
    enl_buf_done(&joined);
    app->executable = enl_strdup(path);
    app->forwarding = enl_json_true(dig(host, "customHandler.enableForwardingHttpRequest"));
    app->start_timeout_ms = 30000;
    if (!app->arguments || !app->executable) {
        return enl_fail_oom(err);
    }
    return read_span(host, "customHandler.initializationTimeout", &app->start_timeout_ms, err);
}

static enum enl_rc read_host(struct lh_app *app, struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf path = ENL_BUF_INIT(TEXT_MAX);
    ENL_AUTO_JSON struct enl_json *host = NULL;
    const char *prefix = NULL;
    const char *no_home = lh_settings_find(&app->settings, "AzureWebJobsDisableHomepage");
    enum enl_rc rc = ENL_OK;

    enl_buf_addf(&path, "%s/host.json", app->root);
    rc = lh_read_json(enl_buf_str(&path), &host, err);
    if (rc != ENL_OK) {
        return rc;
    }
    prefix = enl_json_str(dig(host, "extensions.http.routePrefix"));
    app->route_prefix = enl_strdup(prefix ? prefix : "api");
    if (!app->route_prefix) {
        return enl_fail_oom(err);
    }
    app->home_page = !no_home || !enl_ieq(no_home, "true");
    app->function_timeout_ms = 30LL * 60 * 1000;
    rc = read_span(host, "functionTimeout", &app->function_timeout_ms, err);
    rc = rc ? rc : read_handler(app, host, err);
    return rc ? rc : read_queues(app, host, err);
}

static enum enl_rc add_function(struct lh_app *app, const char *name, struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf path = ENL_BUF_INIT(TEXT_MAX);
    ENL_AUTO_JSON struct enl_json *json = NULL;
    struct enl_err why = {0};
    struct lh_function f = {0};
    struct lh_function *functions = NULL;
    enum enl_rc rc = ENL_OK;

    enl_buf_addf(&path, "%s/%s/function.json", app->root, name);
    if (access(enl_buf_str(&path), F_OK) != 0) {
        return ENL_OK;
    }
    rc = lh_read_json(enl_buf_str(&path), &json, &why);
    rc = rc ? rc : lh_function_read(app, name, json, &f, &why);
    if (rc == ENL_DENIED) {
        lh_log("function %s is disabled", name);
        return ENL_OK;
    }
    if (rc != ENL_OK) {
        lh_log("The '%s' function is in error: %s", name, why.text);
        return rc == ENL_FATAL ? enl_fail(err, rc, "%s", why.text) : ENL_OK;
    }
    functions = enl_realloc(app->functions, app->n_functions + 1, sizeof(*functions));
    if (!functions) {
        lh_function_done(&f);
        return enl_fail_oom(err);
    }
    app->functions = functions;
    app->functions[app->n_functions++] = f;
    return ENL_OK;
}

static enum enl_rc add_functions(struct lh_app *app, struct enl_err *err)
{
    struct dirent **entries = NULL;
    int n = scandir(app->root, &entries, NULL, alphasort);
    enum enl_rc rc = n < 0 ? enl_fail(err, ENL_INVALID, "%s cannot be read", app->root) : ENL_OK;

    for (int i = 0; i < n; i++) {
        if (rc == ENL_OK && entries[i]->d_name[0] != '.') {
            rc = add_function(app, entries[i]->d_name, err);
        }
        free(entries[i]);
    }
    free(entries);
    return rc;
}

enum enl_rc lh_app_load(const char *root, const char *settings, struct lh_app *ret,
                        struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf path = ENL_BUF_INIT(TEXT_MAX);
    struct lh_app app = {0};
    enum enl_rc rc = ENL_OK;

    app.root = realpath(root, NULL);
    if (!app.root) {
        return enl_fail(err, ENL_INVALID, "there is no folder %s", root);
    }
    if (settings[0] != '/') {
        enl_buf_addf(&path, "%s/", app.root);
    }
    enl_buf_adds(&path, settings);
    rc = lh_settings_load(enl_buf_str(&path), &app.settings, err);
    rc = rc ? rc : read_host(&app, err);
    rc = rc ? rc : add_functions(&app, err);
    if (rc != ENL_OK) {
        lh_app_done(&app);
        return rc;
    }
    *ret = app;
    return ENL_OK;
}

void lh_app_done(struct lh_app *app)
{
    for (size_t i = 0; i < app->n_functions; i++) {
        lh_function_done(&app->functions[i]);
    }
    free(app->functions);
    lh_settings_done(&app->settings);
    free(app->root);
    free(app->route_prefix);
    free(app->executable);
    free(app->arguments);
    *app = (struct lh_app){0};
}

const struct lh_function *lh_app_find(const struct lh_app *app, const char *name)
{
    for (size_t i = 0; i < app->n_functions; i++) {
        if (enl_ieq(app->functions[i].name, name)) {
            return &app->functions[i];
        }
    }
    return NULL;
}
