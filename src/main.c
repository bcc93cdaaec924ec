/* main - wires settings, libraries, server, reader and committer together; serves until a signal.
 *
 * Exit status: 2 for a command or a port that is wrong; 200 after a signal, which the Functions
 * host takes for a restart that was meant (0 would never be restarted). */
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/stop.h"
#include "commit/check.h"
#include "fn/app.h"
#include "fn/functions.h"
#include "host/limits.h"
#include "host/server.h"
#include "store/migrate.h"
#include "wrap/http.h"
#include "wrap/json.h"
#include "wrap/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE   2
#define EXIT_RESTART 200
#define STOP_S       20       /* from the signal to the end, at most */
#define DRAIN_US     17000000 /* of it for the calls in progress */

static const char *from_environment(void *ctx, const char *name)
{
    (void)ctx;
    return getenv(name);
}

static void log_failure(enum enl_log_level level, const char *msg, const struct enl_err *err)
{
    struct enl_log_line l;

    enl_log_begin(&l, level, msg);
    enl_log_str(&l, "err", err->text);
    enl_log_end(&l);
}

static void log_settings(const struct enl_config *cfg)
{
    struct enl_wrong_setting wrong;

    for (size_t i = 0; enl_config_problem(cfg, i, &wrong); i++) {
        struct enl_log_line l;

        enl_log_begin(&l, ENL_LOG_WARN, "a setting is wrong, and as if it were not there");
        enl_log_str(&l, "setting", wrong.name);
        enl_log_str(&l, "reason", wrong.reason);
        enl_log_end(&l);
    }
}

static enum enl_rc start_server(const struct enl_host *host, const struct enl_config *cfg,
                                struct enl_server **ret, struct enl_err *err)
{
    struct enl_host_limits limits = {0};
    struct enl_err why = {0};

    if (cfg->port == 0) {
        return enl_fail(err, ENL_INVALID, "FUNCTIONS_CUSTOMHANDLER_PORT is %s", cfg->port_reason);
    }
    if (enl_limits_read("host.json", &limits, &why) != ENL_OK) {
        log_failure(ENL_LOG_WARN, "host.json cannot be used, defaults are", &why);
    }
    return enl_server_start(host, (uint16_t)cfg->port,
                            enl_limits_workers(&limits, host->functions, host->n_functions), ret,
                            err);
}

static enum enl_rc start_workers(struct enl_app *app, struct enl_err *err)
{
    struct enl_reader *reader = NULL;
    struct enl_committer *committer = NULL;
    enum enl_rc rc = enl_reader_start(app->cfg, app->clock, &reader, err);

    if (rc == ENL_OK) {
        app->reader = reader;
        rc = enl_committer_start(app->cfg, app->clock, &committer, err);
        app->committer = committer;
    }
    return rc;
}

/* Webhooks are answered to the end, queue calls that are not confirmed go back to the queue. */
static void stop(struct enl_app *app, struct enl_server *server)
{
    enl_stop_within(STOP_S, EXIT_RESTART);
    enl_log(ENL_LOG_INFO, "stopping");
    enl_committer_drain(app->committer);
    if (enl_server_drain(server, app->clock->mono_us(app->clock->ctx) + DRAIN_US)) {
        enl_server_stop(server);
        enl_committer_stop(app->committer);
        enl_reader_stop(app->reader);
    }
    enl_log(ENL_LOG_INFO, "stopped");
}

/* Returns the exit status.  The port answers before SQL is thought of: the host waits for it. */
static int serve(const struct enl_config *cfg)
{
    struct enl_app app = {.cfg = cfg, .clock = &enl_clock_system};
    const struct enl_host host = {enl_functions, enl_functions_count, &app, &enl_clock_system};
    struct enl_server *server = NULL;
    struct enl_err err = {0};
    struct enl_log_line l;

    enl_stop_prepare();
    app.started_us = app.clock->mono_us(app.clock->ctx);
    if (start_server(&host, cfg, &server, &err) != ENL_OK) {
        log_failure(ENL_LOG_ERROR, "cannot serve", &err);
        return EXIT_USAGE;
    }
    log_settings(cfg);
    if (start_workers(&app, &err) != ENL_OK) {
        log_failure(ENL_LOG_ERROR, "cannot start", &err);
        return EXIT_FAILURE;
    }
    enl_log_begin(&l, ENL_LOG_INFO, "serving");
    enl_log_str(&l, "version", ENL_VERSION);
    enl_log_int(&l, "port", cfg->port);
    enl_log_int(&l, "wrong_settings", (int64_t)cfg->n_wrong);
    enl_log_end(&l);
    enl_stop_wait();
    stop(&app, server);
    return EXIT_RESTART;
}

static int migrate(const struct enl_config *cfg)
{
    struct enl_err err = {0};

    if (enl_migrate_run(cfg, &err) != ENL_OK) {
        log_failure(ENL_LOG_ERROR, "migrate", &err);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static int check(const struct enl_config *cfg)
{
    bool good = enl_check(cfg, &enl_clock_system, stdout);

    return fflush(stdout) == 0 && good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(const struct enl_config *cfg, int (*command)(const struct enl_config *cfg))
{
    struct enl_err err = {0};

    if (enl_http_global_init(&err) != ENL_OK || enl_sql_global_init(&err) != ENL_OK) {
        log_failure(ENL_LOG_ERROR, "cannot start", &err);
        return EXIT_FAILURE;
    }
    return command(cfg);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const struct enl_config *cfg);
    } commands[] = {{"migrate", migrate}, {"check", check}};
    struct enl_config cfg;

    enl_json_init();
    enl_config_load(&cfg, from_environment, NULL);
    if (argc == 2 && strcmp(argv[1], "settings") == 0) {
        enl_config_print_doc(stdout);
        return EXIT_SUCCESS;
    }
    /* Not through exit(): a thread may hang in a library that exit() takes down. */
    if (argc == 1) {
        _exit(run(&cfg, serve));
    }
    for (size_t i = 0; argc == 2 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            _exit(run(&cfg, commands[i].run));
        }
    }
    (void)fputs("usage: enlace            serve the Functions host\n"
                "       enlace settings   print the table of settings\n"
                "       enlace migrate    bring the SQL schema up\n"
                "       enlace check      try settings, SQL and Odoo, and say what is wrong\n",
                stderr);
    return EXIT_USAGE;
}
