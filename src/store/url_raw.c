/* url_raw - DATABASE_URL as an ODBC connection string that begins with its driver. */
#include "store/url_parts.h"

#include "base/str.h"

#include <string.h>
#include <strings.h>

enum kind { SQLITE, POSTGRES, MICROSOFT, FREETDS };

/* Parts of a driver's name, or of its file's. */
static const struct {
    const char *part;
    enum kind kind;
} drivers[] = {
    {"sqlite", SQLITE},
    {"postgres", POSTGRES},
    {"psqlodbc", POSTGRES},
    {"freetds", FREETDS},
    {"tdsodbc", FREETDS},
    {"msodbcsql", MICROSOFT},
    {"for sql server", MICROSOFT},
};

static const struct enl_dialect *const dialects[] = {
    [SQLITE] = &enl_dialect_sqlite,
    [POSTGRES] = &enl_dialect_postgres,
    [MICROSOFT] = &enl_dialect_tsql,
    [FREETDS] = &enl_dialect_tsql,
};

static const char *const encrypted_by[] = {
    [POSTGRES] = "SSLmode=verify-full",
    [MICROSOFT] = "Encrypt=yes",
    [FREETDS] = "Encryption=require",
};

/* What the service relies on, where the string says nothing of it. */
static const struct {
    enum kind kind;
    const char *key, *value;
} added[] = {
    {SQLITE, "Timeout", ENL_URL_SQLITE_TIMEOUT},
    {SQLITE, "JournalMode", "WAL"},
    {SQLITE, "SyncPragma", "NORMAL"},
    {SQLITE, "FKSupport", "1"},
    {POSTGRES, "Protocol", "7.4-1"},
    {POSTGRES, "UseServerSidePrepare", "0"},
    {POSTGRES, "pqopt", "{connect_timeout=5 " ENL_URL_POSTGRES_NETWORK "}"},
    {POSTGRES, "ConnSettings", ENL_URL_POSTGRES_SESSION},
    {MICROSOFT, "Encrypt", "yes"},
    {FREETDS, "TDS_Version", "7.4"},
    {FREETDS, "ClientCharset", "UTF-8"},
};

/* Where several keywords name the server. */
static const char *const server_keys[] = {"Server", "Servername", "Addr", "Address"};

struct pair {
    const char *key, *value; /* into the string, the value without its braces */
    size_t key_len, len;
};

/* The end of a value in braces, past them; NULL when it has none. */
static const char *braced_end(const char *s)
{
    while (*s != '\0' && (*s != '}' || s[1] == '}')) {
        s += *s == '}' ? 2 : 1;
    }
    return *s == '}' && (s[1] == ';' || s[1] == '\0') ? s + 1 : NULL;
}

/* Reads the pair at *pos and moves past it; false at the end, or with *pos NULL where it is
 * malformed. */
static bool next_pair(const char **pos, struct pair *ret)
{
    const char *s = *pos + strspn(*pos, "; ");
    const char *end = s + strcspn(s, ";");
    const char *equals = memchr(s, '=', (size_t)(end - s));

    if (*s == '\0') {
        *pos = s;
        return false;
    }
    *pos = NULL;
    if (!equals || equals == s) {
        return false;
    }
    *ret = (struct pair){.key = s, .key_len = (size_t)(equals - s), .value = equals + 1};
    while (ret->key[ret->key_len - 1] == ' ') {
        ret->key_len--;
    }
    if (*ret->value == '{') {
        ret->value++;
        end = braced_end(ret->value);
        if (!end) {
            return false;
        }
        ret->len = (size_t)(end - ret->value) - 1;
    } else {
        ret->len = (size_t)(end - ret->value);
    }
    *pos = end;
    return true;
}

static bool is_key(const struct pair *p, const char *key)
{
    return strlen(key) == p->key_len && strncasecmp(p->key, key, p->key_len) == 0;
}

/* The value of a keyword, false when it is not there; one that does not fit is cut. */
static bool get(const char *conn, const char *key, char *out, size_t room)
{
    struct pair p;

    while (next_pair(&conn, &p)) {
        if (is_key(&p, key)) {
            size_t len = p.len < room - 1 ? p.len : room - 1;

            memcpy(out, p.value, len);
            out[len] = '\0';
            return true;
        }
    }
    return false;
}

static bool has(const char *conn, const char *key)
{
    char value[2];

    return get(conn, key, value, sizeof(value));
}

/* Well-formed, no keyword twice (drivers differ in which one counts), and nothing that stands
 * elsewhere. */
static enum enl_rc check_form(const char *conn, struct enl_err *err)
{
    const char *pos = conn;
    struct pair p;

    while (next_pair(&pos, &p)) {
        const char *rest = pos;
        struct pair other;

        while (next_pair(&rest, &other)) {
            if (other.key_len == p.key_len && strncasecmp(other.key, p.key, p.key_len) == 0) {
                return enl_url_wrong(err, "a keyword stands twice in the connection string");
            }
        }
        if (is_key(&p, "DSN") || is_key(&p, "FILEDSN")) {
            return enl_url_wrong(err, "a connection string with a driver takes no DSN");
        }
    }
    return pos ? ENL_OK : enl_url_wrong(err, "the connection string is malformed");
}

/* The one server that the string names.  "tcp:host,port" and "host\instance" are Microsoft's; libpq
 * takes a comma for another host. */
static enum enl_rc read_server(const char *conn, enum kind kind, char ret_host[ENL_URL_HOST_MAX],
                               struct enl_err *err)
{
    char value[ENL_URL_HOST_MAX] = "";
    const char *host = value;
    size_t found = 0;

    for (size_t i = 0; i < sizeof(server_keys) / sizeof(server_keys[0]); i++) {
        found += get(conn, server_keys[i], value, sizeof(value)) ? 1 : 0;
    }
    if (found != 1 || value[0] == '\0') {
        return enl_url_wrong(err, found > 1 ? "the connection string names two servers"
                                            : "the connection string names no Server");
    }
    if (kind == MICROSOFT) {
        host += strncasecmp(host, "tcp:", 4) == 0 ? 4 : 0;
        value[strcspn(value, ",\\")] = '\0';
    }
    if (kind == FREETDS && (strchr(host, ',') || strncasecmp(host, "tcp:", 4) == 0)) {
        return enl_url_wrong(err, "FreeTDS takes Server=host;Port=number");
    }
    memcpy(ret_host, host, strlen(host) + 1);
    return ENL_OK;
}

/* libpq's own options would count instead of the driver's. */
static bool pqopt_reroutes(const char *conn)
{
    static const char *const names[] = {"host", "service", "sslmode"};
    char value[ENL_URL_PART_MAX] = "";
    const char *s = value;

    if (!get(conn, "pqopt", value, sizeof(value))) {
        return false;
    }
    while (*s != '\0') {
        s += strspn(s, " ");
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            if (enl_starts(s, names[i])) {
                return true;
            }
        }
        s += strcspn(s, " ");
    }
    return false;
}

static bool is_encrypted(const char *conn, enum kind kind)
{
    static const struct {
        enum kind kind;
        const char *key, *value;
    } safe[] = {
        {POSTGRES, "SSLmode", "require"},     {POSTGRES, "SSLmode", "verify-ca"},
        {POSTGRES, "SSLmode", "verify-full"}, {FREETDS, "Encryption", "require"},
        {MICROSOFT, "Encrypt", "yes"},        {MICROSOFT, "Encrypt", "true"},
        {MICROSOFT, "Encrypt", "mandatory"},  {MICROSOFT, "Encrypt", "strict"},
    };
    char value[16] = "";

    if (kind == MICROSOFT && !has(conn, "Encrypt")) {
        return true; /* it is added */
    }
    for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++) {
        if (safe[i].kind == kind && get(conn, safe[i].key, value, sizeof(value)) &&
            enl_ieq(value, safe[i].value)) {
            return true;
        }
    }
    return false;
}

static enum enl_rc check_network(const char *conn, enum kind kind, struct enl_err *err)
{
    char host[ENL_URL_HOST_MAX];
    char trust[8] = "";
    bool section = kind == FREETDS && has(conn, "Servername");
    enum enl_rc rc = read_server(conn, kind, host, err);

    if (rc != ENL_OK) {
        return rc;
    }
    /* CA is SSLmode's short name. */
    if (kind == POSTGRES && (pqopt_reroutes(conn) || has(conn, "CA"))) {
        return enl_url_wrong(err, "Server and SSLmode stand in the connection string itself");
    }
    if (!section && enl_url_is_loopback(host)) {
        return ENL_OK;
    }
    if (!is_encrypted(conn, kind)) {
        return enl_fail(err, ENL_INVALID,
                        "DATABASE_URL: an unencrypted connection to another machine is refused, "
                        "it needs %s",
                        encrypted_by[kind]);
    }
    if (kind == FREETDS && !section &&
        !(get(conn, "TrustServerCertificate", trust, sizeof(trust)) && enl_ieq(trust, "yes"))) {
        return enl_url_wrong(
            err, "FreeTDS cannot verify the server's certificate: it needs "
                 "TrustServerCertificate=yes to reach another machine, or use Microsoft's driver");
    }
    return ENL_OK;
}

static bool find_kind(const char *driver, enum kind *ret)
{
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        if (strcasestr(driver, drivers[i].part)) {
            *ret = drivers[i].kind;
            return true;
        }
    }
    return false;
}

enum enl_rc enl_url_raw(const char *conn, const char *driver, struct enl_store_target *ret,
                        struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf b = ENL_URL_BUF;
    enum kind kind = SQLITE;
    enum enl_rc rc = ENL_OK;

    if (!find_kind(driver, &kind)) {
        return enl_url_wrong(err, "the driver is none of SQLite3, PostgreSQL, FreeTDS, "
                                  "\"ODBC Driver NN for SQL Server\"");
    }
    rc = check_form(conn, err);
    rc = rc == ENL_OK && kind != SQLITE ? check_network(conn, kind, err) : rc;
    rc = rc == ENL_OK && kind == FREETDS ? enl_url_check_ascii(conn, err) : rc;
    if (rc != ENL_OK) {
        return rc;
    }
    enl_buf_adds(&b, conn);
    if (conn[strlen(conn) - 1] != ';') {
        enl_buf_addc(&b, ';');
    }
    for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++) {
        if (added[i].kind == kind && !has(conn, added[i].key)) {
            enl_buf_addf(&b, "%s=%s;", added[i].key, added[i].value);
        }
    }
    return enl_url_finish(&b, dialects[kind], ret, err);
}
