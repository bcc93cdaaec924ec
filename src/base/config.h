/*
 * config - every app setting, in one table.
 *
 * ENL_SETTINGS is the only place where a setting exists: it makes the fields of struct
 * enl_config, the loader and the table that `enlace settings` prints.  A wrong value never stops
 * the service: the default stays, and the setting's name and the reason (never its value) go to
 * wrong[], which /health shows.  A Key Vault reference that the platform could not resolve arrives
 * as its own text; it counts as missing, never as a value that somebody could guess.
 *
 * Ownership: strings are borrowed from the getenv that was injected and must outlive the config.
 *            Secrets are not wiped: the environment keeps them as long as the process lives.
 * Threads:   constant after loading.
 */
#ifndef ENL_BASE_CONFIG_H
#define ENL_BASE_CONFIG_H

#include "base/cron.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ENL_DUPLICATE_WINDOW_MAX_S 3600

/* field, environment name, type, default, min, max (of an integer; bytes of a text), meaning.
 * RATE: a positive decimal, min and max in thousandths. */
#define ENL_SETTINGS(X)                                                                            \
    X(port, "FUNCTIONS_CUSTOMHANDLER_PORT", U32, "", 1, 65535,                                     \
      "Port that the Functions host tells the handler to listen on; the host sets it")             \
    X(api_key, "API_KEY", SECRET, "", 0, 16384,                                                    \
      "Keys that callers may show as `X-API-Key` or `Authorization: Bearer`, separated by "        \
      "commas; without one the webhook answers 503")                                               \
    X(database_url, "DATABASE_URL", SECRET, "", 0, 16384,                                          \
      "Database; empty is a SQLite file, which is an error in Azure")                              \
    X(odoo_host, "ODOO_HOST", STR, "", 0, 255, "Host name of Odoo, without scheme or path")        \
    X(odoo_port, "ODOO_PORT", U32, "8069", 1, 65535, "Port of Odoo")                               \
    X(odoo_protocol, "ODOO_PROTOCOL", PROTOCOL, "jsonrpc", 0, 0,                                   \
      "`jsonrpc`, or `jsonrpc+ssl` for TLS")                                                       \
    X(odoo_ca_file, "ODOO_CA_FILE", STR, "", 0, 1024,                                              \
      "PEM file of the authorities that Odoo's certificate may come from; empty: the system's")    \
    X(odoo_db, "ODOO_DB", STR, "", 0, 255, "Database of Odoo")                                     \
    X(odoo_user, "ODOO_USER", STR, "", 0, 255, "Login of Odoo's integration user")                 \
    X(odoo_password, "ODOO_PASSWORD", SECRET, "", 0, 16384, "Password or API key of that user")    \
    X(odoo_rate, "ODOO_MAX_REQUESTS_PER_SECOND", RATE, "1", 10, 100000,                            \
      "Requests to Odoo per second, of all instances together; fractions allowed")                 \
    X(odoo_timeout_s, "ODOO_TIMEOUT_SECONDS", U32, "60", 5, 100,                                   \
      "Seconds that one request to Odoo may take")                                                 \
    X(odoo_turn_slack_ms, "ODOO_TURN_SLACK_MS", U32, "50", 25, 5000,                               \
      "Milliseconds by which two turns of the shared rate may differ; the same everywhere")        \
    X(duplicate_window_s, "DUPLICATE_WINDOW_SECONDS", U32, "10", 0, ENL_DUPLICATE_WINDOW_MAX_S,    \
      "Seconds in which the same body of the same contact is a duplicate; 0 switches it off")      \
    X(local_utc_offset, "LOCAL_UTC_OFFSET", OFFSET, "+00:00", 0, 0,                                \
      "Offset of dates that come without one")                                                     \
    X(state_custom_field, "STATE_CUSTOM_FIELD", STR, "estado", 1, 255,                             \
      "Custom field that holds the state")                                                         \
    X(queue_hold_s, "QUEUE_HOLD_SECONDS", U32, "200", 1, 200,                                      \
      "Seconds that a queue message is held while SQL is away, before it is handed back")          \
    X(sync_schedule, "SYNC_SCHEDULE", CRON, "0 * * * * *", 0, 0,                                   \
      "NCRONTAB of the minutes, in UTC, in which `scheduled-sync` does its work; it is called "    \
      "every minute")                                                                              \
    X(sync_compare_days, "SYNC_COMPARE_DAYS", U32, "7", 0, 366,                                    \
      "Days back for which `scheduled-sync` looks whether Odoo still has every synced event; 0 "   \
      "switches it off")

#define ENL_CTYPE_STR      const char *
#define ENL_CTYPE_SECRET   const char *
#define ENL_CTYPE_PROTOCOL const char *
#define ENL_CTYPE_OFFSET   const char *
#define ENL_CTYPE_U32      uint32_t
#define ENL_CTYPE_RATE     double
#define ENL_CTYPE_CRON     const char *

enum enl_setting_id {
#define X(field, env, type, def, lo, hi, doc) ENL_SETTING_##field,
    ENL_SETTINGS(X)
#undef X
        ENL_SETTINGS_COUNT
};

struct enl_wrong_setting {
    const char *name; /* of the environment variable */
    char reason[64];  /* "not an integer in 1..65535"; without the value */
};

struct enl_config {
#define X(field, env, type, def, lo, hi, doc) ENL_CTYPE_##type field;
    ENL_SETTINGS(X)
#undef X
    /* derived */
    bool odoo_tls;
    int utc_offset_min;
    struct enl_cron sync_cron;
    bool in_azure; /* WEBSITE_INSTANCE_ID or WEBSITE_SITE_NAME is set.  CONTAINER_NAME says nothing:
                      other container hosts set it too. */
    bool odoo_configured; /* host, database, user and password are all there */
    /* Each setting at most once; never the port, which only matters to serve. */
    struct enl_wrong_setting wrong[ENL_SETTINGS_COUNT];
    size_t n_wrong;
    char port_reason[64]; /* why port is 0: "is missing", "is not an integer in 1..65535" */
};

typedef const char *enl_getenv_fn(void *ctx, const char *name);

/* Fills *cfg from get(); an empty value counts as missing. */
void enl_config_load(struct enl_config *cfg, enl_getenv_fn *get, void *ctx);

/* The next key of API_KEY from *pos on (start with 0), trimmed; empty ones are skipped. */
bool enl_config_next_key(const struct enl_config *cfg, size_t *pos, const char **ret_key,
                         size_t *ret_len);

/* The i-th of what is wrong with the settings, in *ret: wrong[], then what only all of them
 * together show (no API_KEY, a DATABASE_URL that is wrong in Azure).  False: there are not so many.
 */
bool enl_config_problem(const struct enl_config *cfg, size_t i, struct enl_wrong_setting *ret);

/* Names of the ODOO_ settings without which there is no Odoo, "ODOO_HOST, ODOO_DB"; "" none. */
#define ENL_ODOO_MISSING_TEXT 64
void enl_config_odoo_missing(const struct enl_config *cfg, char ret_text[ENL_ODOO_MISSING_TEXT]);

/* The driver that an ODBC connection string begins with ("Driver={name};..", in any case), of a
 * file the last part of its path; false, "", when url is no such string. */
#define ENL_ODBC_DRIVER_TEXT 128
bool enl_config_odbc_driver(const char *url, char ret_name[ENL_ODBC_DRIVER_TEXT]);

/* DATABASE_URL means a local file although we run in Azure, where it is one instance's and is lost
 * with it: a configuration error. */
bool enl_config_database_is_wrong(const struct enl_config *cfg);

/* One markdown row per setting; secrets show no default. */
void enl_config_print_doc(FILE *out);
/* The i-th setting's environment name, NULL after the last. */
const char *enl_config_name(size_t i);

#endif
