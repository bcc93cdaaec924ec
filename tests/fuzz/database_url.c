/* database_url - fuzz target: DATABASE_URL in all its forms, and that no error repeats a part.
 *
 * What becomes of a URL is read as ODBC reads it: no value may bring a keyword of its own. */
#include "fuzz.h"
#include "store/url.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET "qZ7xK9wQ"
#define PLACES 32 /* where the secret is tried in one input */

static void check_error(const struct enl_err *err)
{
    FUZZ_CHECK(err->rc == ENL_INVALID && enl_starts(err->text, "DATABASE_URL: "));
    for (const char *c = err->text; *c != '\0'; c++) {
        FUZZ_CHECK(*c >= ' ' && *c <= '~');
    }
}

/* The same with a secret after each of its first separators. */
static void check_silence(const char *url)
{
    size_t len = strlen(url);
    char *copy = malloc(len + sizeof(SECRET));
    int places = 0;

    FUZZ_CHECK(copy);
    for (size_t at = 0; at <= len && places < PLACES; at++) {
        struct enl_store_target t = {0};
        struct enl_err err = {0};

        if (at > 0 && at < len && !strchr(":/@?&=;{,", url[at - 1])) {
            continue;
        }
        places++;
        (void)snprintf(copy, len + sizeof(SECRET), "%.*s" SECRET "%s", (int)at, url, url + at);
        if (enl_database_url(copy, &t, &err) != ENL_OK) {
            check_error(&err);
            FUZZ_CHECK(!strstr(err.text, SECRET));
        }
    }
    free(copy);
}

/* The end of a value: its semicolon or the string's end. */
static const char *value_end(const char *s)
{
    if (*s == '{') {
        s++;
        while (*s != '}' || s[1] == '}') {
            FUZZ_CHECK(*s != '\0');
            s += *s == '}' ? 2 : 1;
        }
        s++;
        FUZZ_CHECK(*s == ';');
    }
    return s + strcspn(s, ";");
}

/* The keywords of a connection string, joined by spaces. */
static void list_keys(const char *conn, char *ret, size_t size)
{
    size_t used = 0;

    while (*conn != '\0') {
        size_t len = strcspn(conn, "=");

        FUZZ_CHECK(conn[len] == '=');
        used += (size_t)snprintf(ret + used, size - used, "%s%.*s", used > 0 ? " " : "", (int)len,
                                 conn);
        FUZZ_CHECK(used < size);
        conn = value_end(conn + len + 1);
        conn += *conn == ';' ? 1 : 0;
    }
}

static void check_keys(const char *url, const struct enl_store_target *t)
{
    const char *want = NULL;
    char keys[ENL_CONNECTION_MAX];

    if (*url == '\0' || enl_starts(url, "sqlite:")) {
        want = "Driver Database Timeout JournalMode SyncPragma FKSupport";
    } else if (enl_starts(url, "postgres")) {
        want = "Driver Server Port Database UID PWD Protocol UseServerSidePrepare SSLmode pqopt "
               "ConnSettings";
    } else if (enl_starts(url, "mssql") && enl_starts(t->conn, "Driver=FreeTDS;")) {
        want = "Driver Server Port Database UID PWD TDS_Version ClientCharset Encryption";
    } else if (enl_starts(url, "mssql")) {
        want = "Driver Server Database UID PWD Encrypt TrustServerCertificate Connection Timeout";
    } else {
        return; /* a connection string stays as it is */
    }
    list_keys(t->conn, keys, sizeof(keys));
    FUZZ_CHECK(strcmp(keys, want) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct enl_store_target t = {.login_s = 1234, .conn = "untouched"};
    char *url = fuzz_text(data, size);
    struct enl_err err = {0};

    if (enl_database_url(url, &t, &err) == ENL_OK) {
        FUZZ_CHECK(err.rc == ENL_OK && t.dialect && t.login_s <= 60);
        FUZZ_CHECK(memchr(t.conn, '\0', sizeof(t.conn)));
        check_keys(url, &t);
    } else {
        check_error(&err);
        FUZZ_CHECK(!t.dialect && t.login_s == 1234 && strcmp(t.conn, "untouched") == 0);
    }
    check_silence(url);
    free(url);
    return 0;
}
