/*
 * url_parts - what the forms of DATABASE_URL have in common; only for url*.c.
 *
 * Nothing here ever puts a part of the URL into an error.
 *
 * Pure.  Threads: any.
 */
#ifndef ENL_STORE_URL_PARTS_H
#define ENL_STORE_URL_PARTS_H

#include "base/buf.h"
#include "base/err.h"
#include "store/url.h"

#include <stdbool.h>
#include <stddef.h>

#define ENL_URL_PART_MAX 512 /* bytes of a user, password, database or file name, with the NUL */
#define ENL_URL_HOST_MAX 256
/* Connection strings are given to drivers whole or not at all. */
#define ENL_URL_BUF ENL_BUF_INIT(ENL_CONNECTION_MAX - 1)

/* A second writer waits this long; the driver's own default is about 100 s. */
#define ENL_URL_SQLITE_TIMEOUT "5000"
/* Milliseconds.  A partitioned client keeps no lock for long, and a stalled network ends. */
#define ENL_URL_POSTGRES_SESSION                                                                   \
    "{SET lock_timeout = 5000;SET idle_in_transaction_session_timeout = 15000;"                    \
    "SET statement_timeout = 15000;SET TIME ZONE 'UTC'}"
#define ENL_URL_POSTGRES_NETWORK "tcp_user_timeout=15000 keepalives_idle=10 keepalives_interval=5"

struct enl_url_parts {
    char user[ENL_URL_PART_MAX];
    char password[ENL_URL_PART_MAX];
    char host[ENL_URL_HOST_MAX];
    char port[8]; /* as it was where the URL names none */
    char database[ENL_URL_PART_MAX];
};

/* A parameter that a form takes, and where its value goes. */
struct enl_url_param {
    const char *key; /* in any case */
    char *to;
    size_t room;
};
struct enl_url_params {
    const struct enl_url_param *known;
    size_t n;
    bool plus;          /* a "+" in a value is a space */
    const char *others; /* what an unknown one is told */
};

enum enl_rc enl_url_wrong(struct enl_err *err, const char *what);

/* What stands after "scheme://". */
enum enl_rc enl_url_read(const char *rest, const struct enl_url_params *params,
                         struct enl_url_parts *ret, struct enl_err *err) ENL_MUSTCHECK;

/* user and database of a connection string in which only the password may be in braces. */
enum enl_rc enl_url_check_names(const struct enl_url_parts *p, struct enl_err *err) ENL_MUSTCHECK;

bool enl_url_is_loopback(const char *host);

/* FreeTDS takes a connection string for Latin-1, whatever its ClientCharset: other texts would not
 * arrive as they are. */
enum enl_rc enl_url_check_ascii(const char *conn, struct enl_err *err) ENL_MUSTCHECK;

/* "key={value};": between braces any character may stand, a closing brace doubled. */
void enl_url_add_braced(struct enl_buf *b, const char *key, const char *value);

/* The finished string becomes the target, with the store's own time for a login. */
enum enl_rc enl_url_finish(const struct enl_buf *b, const struct enl_dialect *dialect,
                           struct enl_store_target *ret, struct enl_err *err) ENL_MUSTCHECK;

/* url_tsql.c: what stands after "mssql+pyodbc://". */
enum enl_rc enl_url_tsql(const char *rest, struct enl_store_target *ret,
                         struct enl_err *err) ENL_MUSTCHECK;
/* url_raw.c: a connection string that begins with its driver. */
enum enl_rc enl_url_raw(const char *conn, const char *driver, struct enl_store_target *ret,
                        struct enl_err *err) ENL_MUSTCHECK;

#endif
