/* function - see function.h. */
#include "function.h"

#include "base/alloc.h"
#include "base/cron.h"
#include "base/str.h"
#include "route.h"

#include <stdio.h>
#include <string.h>

/* Copies binding[key] with its %NAME% resolved. */
static enum enl_rc copy_text(const struct lh_app *app, const struct enl_json *binding,
                             const char *key, char **ret, struct enl_err *err)
{
    const char *text = enl_json_get_str(binding, key);

    if (!text || !*text) {
        return enl_fail(err, ENL_INVALID, "a binding has no '%s'", key);
    }
    if (*ret) {
        return enl_fail(err, ENL_INVALID, "two bindings give a '%s'", key);
    }
    return lh_settings_resolve(&app->settings, text, ret, err);
}

static enum enl_rc read_methods(struct lh_function *f, const struct enl_json *methods,
                                struct enl_err *err)
{
    size_t n = enl_json_len(methods);

    if (n == 0) {
        return ENL_OK;
    }
    f->methods = enl_calloc(n, sizeof(*f->methods));
    if (!f->methods) {
        return enl_fail_oom(err);
    }
    for (size_t i = 0; i < n; i++) {
        const char *method = enl_json_str(enl_json_at(methods, i));

        if (!method) {
            return enl_fail(err, ENL_INVALID, "'methods' must hold texts");
        }
        f->methods[i] = enl_strdup(method);
        if (!f->methods[i]) {
            return enl_fail_oom(err);
        }
        f->n_methods++;
    }
    return ENL_OK;
}

static enum enl_rc read_http_trigger(const struct lh_app *app, const struct enl_json *binding,
                                     struct lh_function *f, struct enl_err *err)
{
    const char *auth = enl_json_get_str(binding, "authLevel");
    const char *route = enl_json_get_str(binding, "route");
    enum enl_rc rc = ENL_OK;

    f->kind = LH_HTTP;
    f->anonymous = auth && enl_ieq(auth, "anonymous");
    if (!route || !*route) {
        route = f->name;
    }
    rc = lh_settings_resolve(&app->settings, route, &f->route, err);
    if (rc == ENL_OK && f->route[0] == '/') {
        memmove(f->route, f->route + 1, strlen(f->route));
    }
    rc = rc ? rc : lh_route_check(f->route, err);
    return rc ? rc : read_methods(f, enl_json_get(binding, "methods"), err);
}

static enum enl_rc read_timer(const struct lh_app *app, const struct enl_json *binding,
                              struct lh_function *f, struct enl_err *err)
{
    const struct enl_json *monitor = enl_json_get(binding, "useMonitor");
    struct enl_cron cron = {0};
    enum enl_rc rc = copy_text(app, binding, "schedule", &f->schedule, err);

    f->kind = LH_TIMER;
    f->use_monitor = monitor ? (enl_json_true(monitor) ? 1 : 0) : -1;
    f->at_start = enl_json_true(enl_json_get(binding, "runOnStartup"));
    return rc ? rc : enl_cron_parse(f->schedule, &cron, err);
}

static enum enl_rc read_trigger(const struct lh_app *app, const struct enl_json *binding,
                                const char *type, struct lh_function *f, struct enl_err *err)
{
    enum enl_rc rc = copy_text(app, binding, "name", &f->binding, err);
    const char *data_type = enl_json_get_str(binding, "dataType");

    if (rc != ENL_OK) {
        return rc;
    }
    if (enl_ieq(type, "httpTrigger")) {
        return read_http_trigger(app, binding, f, err);
    }
    if (enl_ieq(type, "timerTrigger")) {
        return read_timer(app, binding, f, err);
    }
    if (enl_ieq(type, "queueTrigger")) {
        f->kind = LH_QUEUE;
        f->binary = data_type && enl_ieq(data_type, "binary");
        return copy_text(app, binding, "queueName", &f->queue, err);
    }
    return enl_fail(err, ENL_INVALID, "the binding type '%s' is not supported here", type);
}

static enum enl_rc read_output(const struct lh_app *app, const struct enl_json *binding,
                               const char *type, struct lh_function *f, struct enl_err *err)
{
    struct lh_output *outputs = NULL;
    struct lh_output *o = NULL;
    enum enl_rc rc = ENL_OK;

    if (enl_ieq(type, "http")) {
        return copy_text(app, binding, "name", &f->http_out, err);
    }
    if (!enl_ieq(type, "queue")) {
        return enl_fail(err, ENL_INVALID, "the binding type '%s' is not supported here", type);
    }
    outputs = enl_realloc(f->outputs, f->n_outputs + 1, sizeof(*outputs));
    if (!outputs) {
        return enl_fail_oom(err);
    }
    f->outputs = outputs;
    o = &f->outputs[f->n_outputs++];
    *o = (struct lh_output){0};
    rc = copy_text(app, binding, "name", &o->name, err);
    return rc ? rc : copy_text(app, binding, "queueName", &o->queue, err);
}

static enum enl_rc read_bindings(const struct lh_app *app, const struct enl_json *bindings,
                                 struct lh_function *f, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    for (size_t i = 0; i < enl_json_len(bindings) && rc == ENL_OK; i++) {
        const struct enl_json *b = enl_json_at(bindings, i);
        const char *type = enl_json_get_str(b, "type");
        const char *direction = enl_json_get_str(b, "direction");
        bool out = direction && enl_ieq(direction, "out");

        if (!type) {
            rc = enl_fail(err, ENL_INVALID, "a binding has no 'type'");
        } else if (out) {
            rc = read_output(app, b, type, f, err);
        } else {
            rc = read_trigger(app, b, type, f, err);
        }
    }
    if (rc == ENL_OK && !f->binding) {
        rc = enl_fail(err, ENL_INVALID, "there is no trigger");
    }
    return rc;
}

static bool is_disabled(const struct lh_app *app, const char *name, const struct enl_json *json)
{
    char setting[256];
    const char *value = NULL;

    (void)snprintf(setting, sizeof(setting), "AzureWebJobs.%s.Disabled", name);
    value = lh_settings_find(&app->settings, setting);
    return (value && (enl_ieq(value, "true") || enl_ieq(value, "1"))) ||
           enl_json_true(enl_json_get(json, "disabled"));
}

enum enl_rc lh_function_read(const struct lh_app *app, const char *name,
                             const struct enl_json *json, struct lh_function *ret,
                             struct enl_err *err)
{
    struct lh_function f = {.name = enl_strdup(name)};
    enum enl_rc rc = f.name ? ENL_OK : enl_fail_oom(err);

    if (rc == ENL_OK && is_disabled(app, name, json)) {
        rc = enl_fail(err, ENL_DENIED, "disabled");
    }
    rc = rc ? rc : read_bindings(app, enl_json_get(json, "bindings"), &f, err);
    if (rc != ENL_OK) {
        lh_function_done(&f);
        return rc;
    }
    f.forwarded = app->forwarding && f.kind == LH_HTTP && f.http_out && f.n_outputs == 0;
    *ret = f;
    return ENL_OK;
}

void lh_function_done(struct lh_function *f)
{
    for (size_t i = 0; i < f->n_methods; i++) {
        free(f->methods[i]);
    }
    for (size_t i = 0; i < f->n_outputs; i++) {
        free(f->outputs[i].name);
        free(f->outputs[i].queue);
    }
    free(f->methods);
    free(f->outputs);
    free(f->name);
    free(f->binding);
    free(f->route);
    free(f->http_out);
    free(f->queue);
    free(f->schedule);
    *f = (struct lh_function){0};
}
