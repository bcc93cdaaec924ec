/* url_tsql - SQL Server's form of DATABASE_URL, for Microsoft's driver and for FreeTDS. */
#include "store/url_parts.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DRIVER_MAX 64

struct options {
    char driver[DRIVER_MAX];
    char encrypt[8];
    char trust[8];
    char timeout[8];
    bool loopback;
};

/* "ODBC Driver 17 for SQL Server" */
static bool is_microsoft(const char *driver)
{
    static const char before[] = "ODBC Driver ";
    size_t digits = 0;

    if (strncasecmp(driver, before, strlen(before)) != 0) {
        return false;
    }
    driver += strlen(before);
    digits = strspn(driver, "0123456789");
    return digits > 0 && enl_ieq(driver + digits, " for SQL Server");
}

static bool is_freetds(const char *driver)
{
    return enl_ieq(driver, "FreeTDS");
}

static bool is_yes_or_no(const char *value)
{
    return enl_ieq(value, "yes") || enl_ieq(value, "no");
}

static enum enl_rc check(const struct options *o, struct enl_err *err)
{
    if (o->driver[0] == '\0') {
        return enl_url_wrong(
            err, "the driver is missing: driver=ODBC+Driver+17+for+SQL+Server or driver=FreeTDS");
    }
    if (!is_microsoft(o->driver) && !is_freetds(o->driver)) {
        return enl_url_wrong(
            err, "the driver is neither \"ODBC Driver NN for SQL Server\" nor \"FreeTDS\"");
    }
    if (!is_yes_or_no(o->encrypt) || !is_yes_or_no(o->trust)) {
        return enl_url_wrong(err, "Encrypt and TrustServerCertificate are yes or no");
    }
    if (enl_ieq(o->encrypt, "no") && !o->loopback) {
        return enl_url_wrong(err, "an unencrypted connection to another machine is refused");
    }
    if (is_freetds(o->driver) && !o->loopback && enl_ieq(o->trust, "no")) {
        return enl_url_wrong(
            err, "FreeTDS cannot verify the server's certificate: it needs "
                 "TrustServerCertificate=yes to reach another machine, or use Microsoft's driver");
    }
    return ENL_OK;
}

/* Braces mean the same to Microsoft's driver as to ODBC. */
static enum enl_rc microsoft(const struct enl_url_parts *p, const struct options *o,
                             unsigned timeout, struct enl_store_target *ret, struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf b = ENL_URL_BUF;

    enl_buf_addf(&b, "Driver={%s};Server=tcp:%s,%s;Database=%s;UID=%s;", o->driver, p->host,
                 p->port, p->database, p->user);
    enl_url_add_braced(&b, "PWD", p->password);
    enl_buf_addf(&b, "Encrypt=%s;TrustServerCertificate=%s;Connection Timeout=%u;", o->encrypt,
                 o->trust, timeout);
    return enl_url_finish(&b, &enl_dialect_tsql, ret, err);
}

/* FreeTDS before 1.4 takes a doubled brace for two, later ones for one; none of them minds a brace
 * in a value that does not begin with one. */
static enum enl_rc add_freetds_password(struct enl_buf *b, const char *password,
                                        struct enl_err *err)
{
    bool braces = password[0] == '{' || strchr(password, ';');

    if (braces && strchr(password, '}')) {
        return enl_url_wrong(err, "FreeTDS takes no password with both a closing brace and a "
                                  "semicolon or a leading brace");
    }
    enl_buf_addf(b, braces ? "PWD={%s};" : "PWD=%s;", password);
    return ENL_OK;
}

/* It knows no "Encrypt" and no "host,port". */
static enum enl_rc freetds(const struct enl_url_parts *p, const struct options *o,
                           struct enl_store_target *ret, struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf b = ENL_URL_BUF;
    enum enl_rc rc = ENL_OK;

    enl_buf_addf(&b, "Driver=FreeTDS;Server=%s;Port=%s;Database=%s;UID=%s;", p->host, p->port,
                 p->database, p->user);
    rc = add_freetds_password(&b, p->password, err);
    rc = rc == ENL_OK && enl_buf_ok(&b) ? enl_url_check_ascii(enl_buf_str(&b), err) : rc;
    if (rc != ENL_OK) {
        return rc;
    }
    enl_buf_addf(&b, "TDS_Version=7.4;ClientCharset=UTF-8;Encryption=%s;",
                 enl_ieq(o->encrypt, "no") ? "off" : "require");
    return enl_url_finish(&b, &enl_dialect_tsql, ret, err);
}

enum enl_rc enl_url_tsql(const char *rest, struct enl_store_target *ret, struct enl_err *err)
{
    struct enl_url_parts p = {.port = "1433"};
    struct options o = {.encrypt = "yes", .trust = "no", .timeout = "5"};
    const struct enl_url_param known[] = {
        {"driver", o.driver, sizeof(o.driver)},
        {"encrypt", o.encrypt, sizeof(o.encrypt)},
        {"TrustServerCertificate", o.trust, sizeof(o.trust)},
        {"connect_timeout", o.timeout, sizeof(o.timeout)},
        {"timeout", o.timeout, sizeof(o.timeout)},
    };
    const struct enl_url_params params = {
        .known = known,
        .n = sizeof(known) / sizeof(known[0]),
        .plus = true,
        .others = "a parameter is not known (driver, Encrypt, TrustServerCertificate, "
                  "connect_timeout are)"};
    uint32_t timeout = 0;
    enum enl_rc rc = enl_url_read(rest, &params, &p, err);

    if (rc != ENL_OK) {
        return rc;
    }
    o.loopback = enl_url_is_loopback(p.host);
    rc = check(&o, err);
    rc = rc == ENL_OK ? enl_url_check_names(&p, err) : rc;
    if (rc != ENL_OK) {
        return rc;
    }
    if (!enl_parse_u32(o.timeout, 1, 60, &timeout)) {
        return enl_url_wrong(err, "connect_timeout is no number in 1..60");
    }
    rc = is_freetds(o.driver) ? freetds(&p, &o, ret, err)
                              : microsoft(&p, &o, (unsigned)timeout, ret, err);
    if (rc == ENL_OK) {
        /* FreeTDS has no keyword for it, and Microsoft's own is the attribute's. */
        ret->login_s = (unsigned)timeout;
    }
    return rc;
}
