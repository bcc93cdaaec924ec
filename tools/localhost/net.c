/* net - see net.h. */
#include "net.h"

#include "base/clock.h"
#include "base/str.h"
#include "wrap/crypto.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX   ((size_t)256 * 1024 * 1024)
#define S_PER_DAY  86400
#define DATE_LEAST 19 /* Newtonsoft tries texts of 19 to 40 characters */
#define DATE_MOST  40

/* Bytes of the longest start of s that could begin a character (Unicode's "maximal subpart"). */
static size_t bad_bytes(const char *s, size_t left)
{
    unsigned char c = (unsigned char)s[0];
    size_t want = c >= 0xF0 && c <= 0xF4 ? 4 : c >= 0xE0 ? 3 : 2;
    size_t n = 1;

    if (c < 0xC2 || c > 0xF4) {
        return 1;
    }
    while (n < want && n < left && ((unsigned char)s[n] & 0xC0U) == 0x80) {
        unsigned char d = (unsigned char)s[n];

        if (n == 1 && ((c == 0xE0 && d < 0xA0) || (c == 0xED && d > 0x9F) ||
                       (c == 0xF0 && d < 0x90) || (c == 0xF4 && d > 0x8F))) {
            break;
        }
        n++;
    }
    return n;
}

/* Bytes of the character at s, 0 when there is none. */
static size_t good_bytes(const char *s, size_t left)
{
    unsigned char c = (unsigned char)s[0];
    size_t n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;

    return n <= left && enl_utf8_valid(s, n) ? n : 0;
}

void lh_net_clean(const char *text, size_t len, struct enl_buf *out)
{
    if (enl_utf8_valid(text, len)) {
        enl_buf_add(out, text, len);
        return;
    }
    for (size_t i = 0; i < len;) {
        size_t n = good_bytes(text + i, len - i);

        if (n > 0) {
            enl_buf_add(out, text + i, n);
        } else {
            enl_buf_adds(out, "\xEF\xBF\xBD");
            n = bad_bytes(text + i, len - i);
        }
        i += n;
    }
}

/* The escape of the character at s (n bytes), NULL when it stands for itself. */
static const char *escape_of(const char *s, size_t n)
{
    if (n == 2 && memcmp(s, "\xC2\x85", 2) == 0) {
        return "\\u0085";
    }
    if (n == 3 && memcmp(s, "\xE2\x80\xA8", 3) == 0) {
        return "\\u2028";
    }
    if (n == 3 && memcmp(s, "\xE2\x80\xA9", 3) == 0) {
        return "\\u2029";
    }
    switch (*s) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\b': return "\\b";
    case '\t': return "\\t";
    case '\n': return "\\n";
    case '\f': return "\\f";
    case '\r': return "\\r";
    default: return NULL;
    }
}

static void add_escaped(const char *s, size_t len, struct enl_buf *out)
{
    size_t from = 0;

    for (size_t i = 0; i < len;) {
        size_t n = good_bytes(s + i, len - i);
        const char *escape = escape_of(s + i, n);

        if (escape || (unsigned char)s[i] < 0x20) {
            enl_buf_add(out, s + from, i - from);
            if (escape) {
                enl_buf_adds(out, escape);
            } else {
                enl_buf_addf(out, "\\u%04x", (unsigned)(unsigned char)s[i]);
            }
            from = i + n;
        }
        i += n;
    }
    enl_buf_add(out, s + from, len - from);
}

void lh_net_literal(const char *text, size_t len, struct enl_buf *out)
{
    ENL_AUTO_BUF struct enl_buf clean = ENL_BUF_INIT(TEXT_MAX);

    enl_buf_addc(out, '"');
    if (enl_utf8_valid(text, len)) {
        add_escaped(text, len, out);
    } else {
        lh_net_clean(text, len, &clean);
        add_escaped(enl_buf_str(&clean), clean.len, out);
        out->failed = out->failed || !enl_buf_ok(&clean);
    }
    enl_buf_addc(out, '"');
}

void lh_net_twice(const char *text, size_t len, struct enl_buf *out)
{
    ENL_AUTO_BUF struct enl_buf once = ENL_BUF_INIT(TEXT_MAX);

    lh_net_literal(text, len, &once);
    lh_net_literal(enl_buf_str(&once), once.len, out);
    out->failed = out->failed || !enl_buf_ok(&once);
}

struct date {
    int64_t s;    /* seconds since 1970, UTC unless zone is 0 */
    char frac[8]; /* digits without trailing zeros */
    char zone;    /* 'Z', '+' an offset (then moved to UTC), 0 none given */
};

static bool two_digits(const char *s, int most, int *ret)
{
    if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9') {
        return false;
    }
    *ret = (s[0] - '0') * 10 + (s[1] - '0');
    return *ret <= most;
}

static bool read_day_and_time(const char *s, struct date *d)
{
    int century = 0;
    int year = 0;
    int month = 0;
    int day = 0;
    int h = 0;
    int m = 0;
    int sec = 0;

    if (!two_digits(s, 99, &century) || !two_digits(s + 2, 99, &year) || s[4] != '-' ||
        !two_digits(s + 5, 12, &month) || s[7] != '-' || !two_digits(s + 8, 31, &day) ||
        s[10] != 'T' || !two_digits(s + 11, 23, &h) || s[13] != ':' ||
        !two_digits(s + 14, 59, &m) || s[16] != ':' || !two_digits(s + 17, 59, &sec)) {
        return false;
    }
    year += century * 100;
    if (year < 1 || month < 1 || day < 1 || day > enl_days_in_month(year, month)) {
        return false;
    }
    d->s = enl_days_from_date((struct enl_date){year, month, day}) * S_PER_DAY + h * 3600LL +
           m * 60LL + sec;
    return true;
}

static const char *read_fraction(const char *s, struct date *d)
{
    size_t n = 0;

    if (*s != '.') {
        return s;
    }
    s++;
    while (s[n] >= '0' && s[n] <= '9') {
        n++;
    }
    if (n == 0) {
        return NULL;
    }
    memcpy(d->frac, s, n > 7 ? 7 : n); /* .NET counts in 100 ns */
    for (size_t k = n > 7 ? 7 : n; k > 0 && d->frac[k - 1] == '0'; k--) {
        d->frac[k - 1] = '\0';
    }
    return s + n;
}

static bool read_zone(const char *s, struct date *d)
{
    int h = 0;
    int m = 0;
    const char *rest = s + 3;

    if (s[0] == '\0') {
        return true;
    }
    if (s[0] == 'Z') {
        d->zone = 'Z';
        return s[1] == '\0';
    }
    if ((s[0] != '+' && s[0] != '-') || !two_digits(s + 1, 23, &h)) {
        return false;
    }
    rest += *rest == ':' ? 1 : 0;
    if (*rest != '\0' && (!two_digits(rest, 59, &m) || rest[2] != '\0')) {
        return false;
    }
    d->zone = '+';
    d->s -= (s[0] == '-' ? -1LL : 1LL) * (h * 3600LL + m * 60LL);
    return true;
}

static bool read_date(const char *s, struct date *ret)
{
    struct date d = {0};
    size_t len = strlen(s);
    const char *zone = NULL;

    if (len < DATE_LEAST || len > DATE_MOST || !read_day_and_time(s, &d)) {
        return false;
    }
    zone = read_fraction(s + DATE_LEAST, &d);
    if (!zone || !read_zone(zone, &d)) {
        return false;
    }
    *ret = d;
    return true;
}

static void split_date(const struct date *d, struct enl_date *ret_day, int *ret_second)
{
    int64_t days = (d->s >= 0 ? d->s : d->s - (S_PER_DAY - 1)) / S_PER_DAY;

    *ret_day = enl_date_from_days(days);
    *ret_second = (int)(d->s - days * S_PER_DAY);
}

static void write_date(const struct date *d, struct enl_buf *out)
{
    struct enl_date day = {0};
    int s = 0;

    split_date(d, &day, &s);
    enl_buf_addf(out, "\"%04d-%02d-%02dT%02d:%02d:%02d%s%s%s\"", day.year, day.month, day.day,
                 s / 3600, s / 60 % 60, s % 60, d->frac[0] ? "." : "", d->frac,
                 d->zone == 'Z'   ? "Z"
                 : d->zone == '+' ? "+00:00"
                                  : "");
}

struct digits {
    bool negative;
    char text[24]; /* without a point; it belongs after the first */
    size_t n;
    int exponent;
};

/* The fewest digits that read back as v. */
static struct digits shortest(double v)
{
    struct digits d = {0};
    char text[40] = "";

    for (int precision = 0; precision <= 16; precision++) {
        double back = 0;

        (void)snprintf(text, sizeof(text), "%.*e", precision, v);
        back = strtod(text, NULL);
        if (!(back < v) && !(back > v)) {
            break;
        }
    }
    d.negative = text[0] == '-';
    for (const char *s = text; *s && *s != 'e'; s++) {
        if (*s >= '0' && *s <= '9') {
            d.text[d.n++] = *s;
        }
    }
    d.exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    return d;
}

/* As .NET's "R": plain from 1E-04 up to 1E+15. */
static void write_double(double v, struct enl_buf *out)
{
    struct digits d = shortest(v);

    enl_buf_adds(out, d.negative ? "-" : "");
    if (d.exponent >= 15 || d.exponent < -4) {
        enl_buf_addf(out, "%c%s%sE%c%02d", d.text[0], d.n > 1 ? "." : "", d.text + 1,
                     d.exponent < 0 ? '-' : '+', d.exponent < 0 ? -d.exponent : d.exponent);
        return;
    }
    if (d.exponent < 0) {
        enl_buf_addf(out, "0.%.*s%s", -d.exponent - 1, "000", d.text);
        return;
    }
    for (int i = 0; i <= d.exponent || (size_t)i < d.n; i++) {
        enl_buf_adds(out, i == d.exponent + 1 ? "." : "");
        enl_buf_addc(out, (char)((size_t)i < d.n ? d.text[i] : '0'));
    }
}

/* plain: without the ".0" that JSON output adds to a double that shows neither point nor E. */
static void write_number(const char *number, bool plain, struct enl_buf *out)
{
    size_t from = out->len;

    if (!strpbrk(number, ".eE")) {
        enl_buf_adds(out, strcmp(number, "-0") == 0 ? "0" : number);
        return;
    }
    write_double(strtod(number, NULL), out);
    if (!plain && enl_buf_ok(out) && !strpbrk(out->data + from, ".E")) {
        enl_buf_adds(out, ".0");
    }
}

static void write_string(const char *s, struct enl_buf *out)
{
    struct date d = {0};

    if (read_date(s, &d)) {
        write_date(&d, out);
    } else {
        lh_net_literal(s, strlen(s), out);
    }
}

static void new_line(int level, struct enl_buf *out)
{
    if (level >= 0) {
        enl_buf_addf(out, "\n%*s", 2 * level, "");
    }
}

static void write_value(const struct enl_json *j, int level, struct enl_buf *out);

static void write_items(const struct enl_json *j, int level, struct enl_buf *out)
{
    size_t n = enl_json_len(j);

    enl_buf_addc(out, '[');
    for (size_t i = 0; i < n; i++) {
        enl_buf_adds(out, i > 0 ? "," : "");
        new_line(level, out);
        write_value(enl_json_at(j, i), level, out);
    }
    if (n > 0) {
        new_line(level < 0 ? level : level - 1, out);
    }
    enl_buf_addc(out, ']');
}

static void write_members(const struct enl_json *j, int level, struct enl_buf *out)
{
    bool any = false;

    enl_buf_addc(out, '{');
    for (void *it = enl_json_iter(j); it; it = enl_json_next(j, it)) {
        const char *key = enl_json_key(it);

        enl_buf_adds(out, any ? "," : "");
        new_line(level, out);
        lh_net_literal(key, strlen(key), out);
        enl_buf_adds(out, level < 0 ? ":" : ": ");
        write_value(enl_json_value(it), level, out);
        any = true;
    }
    if (any) {
        new_line(level < 0 ? level : level - 1, out);
    }
    enl_buf_addc(out, '}');
}

/* level: of the enclosing value, -1 for compact. */
static void write_value(const struct enl_json *j, int level, struct enl_buf *out)
{
    switch (enl_json_type(j)) {
    case ENL_JSON_NULL: enl_buf_adds(out, "null"); return;
    case ENL_JSON_BOOL: enl_buf_adds(out, enl_json_true(j) ? "true" : "false"); return;
    case ENL_JSON_NUMBER: write_number(enl_json_number(j), false, out); return;
    case ENL_JSON_STRING: write_string(enl_json_str(j), out); return;
    case ENL_JSON_ARRAY: write_items(j, level < 0 ? level : level + 1, out); return;
    case ENL_JSON_OBJECT: write_members(j, level < 0 ? level : level + 1, out); return;
    }
}

void lh_net_write(const struct enl_json *j, enum lh_net_style style, struct enl_buf *out)
{
    write_value(j, style == LH_NET_COMPACT ? -1 : 0, out);
}

void lh_net_text(const struct enl_json *j, struct enl_buf *out)
{
    const char *s = enl_json_str(j);
    struct date d = {0};
    struct enl_date day = {0};
    int second = 0;

    if (s && read_date(s, &d)) {
        split_date(&d, &day, &second);
        enl_buf_addf(out, "%02d/%02d/%04d %02d:%02d:%02d", day.month, day.day, day.year,
                     second / 3600, second / 60 % 60, second % 60);
    } else if (s) {
        enl_buf_adds(out, s);
    } else if (enl_json_is(j, ENL_JSON_NUMBER)) {
        write_number(enl_json_number(j), true, out);
    } else if (enl_json_is(j, ENL_JSON_BOOL)) {
        enl_buf_adds(out, enl_json_true(j) ? "True" : "False");
    } else if (!enl_json_is(j, ENL_JSON_NULL)) {
        lh_net_write(j, LH_NET_INDENTED, out);
    }
}

bool lh_net_base64(const char *text, size_t len, struct enl_buf *out)
{
    ENL_AUTO_BUF struct enl_buf dense = ENL_BUF_INIT(TEXT_MAX);

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\0' || !strchr(" \t\r\n", text[i])) {
            enl_buf_addc(&dense, text[i]);
        }
    }
    return enl_buf_ok(&dense) &&
           enl_base64_decode(enl_buf_str(&dense), dense.len, out, NULL) == ENL_OK;
}
