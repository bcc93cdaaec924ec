/* url - see url.h. */
#include "store/url.h"

#include "base/config.h"
#include "base/str.h"
#include "store/url_parts.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_FILE "enlace.db" /* in the app's root, the handler's working directory */

/* SQLite's driver takes no braces: its file name ends at a semicolon, but the driver manager looks
 * for a closing brace where it begins with one. */
static enum enl_rc sqlite_target(const char *path, struct enl_store_target *ret,
                                 struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf b = ENL_URL_BUF;

    if (*path == '\0' || *path == '{' || strlen(path) >= ENL_URL_PART_MAX || strchr(path, ';')) {
        return enl_url_wrong(err, "no usable file name after sqlite:///");
    }
    enl_buf_addf(&b,
                 "Driver=SQLite3;Database=%s;Timeout=" ENL_URL_SQLITE_TIMEOUT
                 ";JournalMode=WAL;SyncPragma=NORMAL;FKSupport=1",
                 path);
    return enl_url_finish(&b, &enl_dialect_sqlite, ret, err);
}

#define SSLMODE_MAX 16

static enum enl_rc check_sslmode(char sslmode[SSLMODE_MAX], const char *host, struct enl_err *err)
{
    static const char *const modes[] = {"disable", "require", "verify-ca", "verify-full"};

    if (sslmode[0] == '\0') {
        (void)snprintf(sslmode, SSLMODE_MAX, "%s",
                       enl_url_is_loopback(host) ? "prefer" : "verify-full");
        return ENL_OK;
    }
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(sslmode, modes[i]) == 0) {
            return i > 0 || enl_url_is_loopback(host)
                       ? ENL_OK
                       : enl_url_wrong(err,
                                       "an unencrypted connection to another machine is refused");
        }
    }
    return enl_url_wrong(err, "sslmode is none of disable, require, verify-ca, verify-full");
}

static enum enl_rc postgres_target(const char *rest, struct enl_store_target *ret,
                                   struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf b = ENL_URL_BUF;
    struct enl_url_parts p = {.port = "5432"};
    char sslmode[SSLMODE_MAX] = "";
    char sslrootcert[ENL_URL_PART_MAX] = "";
    char connect_timeout[8] = "5";
    const struct enl_url_param known[] = {
        {"sslmode", sslmode, sizeof(sslmode)},
        {"sslrootcert", sslrootcert, sizeof(sslrootcert)},
        {"connect_timeout", connect_timeout, sizeof(connect_timeout)},
    };
    const struct enl_url_params params = {
        .known = known,
        .n = sizeof(known) / sizeof(known[0]),
        .others = "a parameter is not known (sslmode, sslrootcert, connect_timeout are)"};
    uint32_t timeout = 0;
    enum enl_rc rc = enl_url_read(rest, &params, &p, err);

    rc = rc == ENL_OK ? check_sslmode(sslmode, p.host, err) : rc;
    if (rc != ENL_OK) {
        return rc;
    }
    if (!enl_parse_u32(connect_timeout, 1, 60, &timeout)) {
        return enl_url_wrong(err, "connect_timeout is no number in 1..60");
    }
    if (strpbrk(sslrootcert, " '\\{};")) {
        return enl_url_wrong(err, "sslrootcert is no usable file name");
    }
    /* The driver takes braces off a password only; other values end at a semicolon. */
    rc = enl_url_check_names(&p, err);
    if (rc != ENL_OK) {
        return rc;
    }
    enl_buf_addf(&b, "Driver=PostgreSQL Unicode;Server=%s;Port=%s;Database=%s;UID=%s;", p.host,
                 p.port, p.database, p.user);
    enl_url_add_braced(&b, "PWD", p.password);
    /* Protocol 7.4-1: an error ends the transaction; no savepoint for each statement. */
    enl_buf_addf(&b, "Protocol=7.4-1;UseServerSidePrepare=0;SSLmode=%s;", sslmode);
    enl_buf_addf(&b, "pqopt={connect_timeout=%u " ENL_URL_POSTGRES_NETWORK "%s%s};",
                 (unsigned)timeout, sslrootcert[0] ? " sslrootcert=" : "", sslrootcert);
    enl_buf_adds(&b, "ConnSettings=" ENL_URL_POSTGRES_SESSION ";");
    return enl_url_finish(&b, &enl_dialect_postgres, ret, err);
}

enum enl_rc enl_database_url(const char *url, struct enl_store_target *ret, struct enl_err *err)
{
    char driver[ENL_ODBC_DRIVER_TEXT];

    if (*url == '\0') {
        return sqlite_target(DEFAULT_FILE, ret, err);
    }
    if (enl_starts(url, "sqlite:///")) {
        return sqlite_target(url + strlen("sqlite:///"), ret, err);
    }
    if (enl_starts(url, "postgresql://") || enl_starts(url, "postgres://")) {
        return postgres_target(strstr(url, "://") + 3, ret, err);
    }
    if (enl_starts(url, "mssql+pyodbc://")) {
        return enl_url_tsql(url + strlen("mssql+pyodbc://"), ret, err);
    }
    if (enl_config_odbc_driver(url, driver)) {
        return enl_url_raw(url, driver, ret, err);
    }
    return enl_url_wrong(
        err, "only sqlite:///path, postgresql://user:password@host/database, "
             "mssql+pyodbc://user:password@host/database?driver=name and Driver=name;.. "
             "are understood");
}
