/* log - see log.h. */
#include "base/log.h"

#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define CUT      "..."
#define CUT_ROOM (sizeof(CUT "\"\n") - 1) /* kept free, so that a cut value can be closed */

static enl_log_fn *capture_fn;
static void *capture_ctx;

static const char *const level_names[] = {[ENL_LOG_DEBUG] = "debug",
                                          [ENL_LOG_INFO] = "info",
                                          [ENL_LOG_WARN] = "warn",
                                          [ENL_LOG_ERROR] = "error"};

void enl_log_capture(enl_log_fn *fn, void *ctx)
{
    capture_fn = fn;
    capture_ctx = ctx;
}

static bool add(struct enl_log_line *l, const char *s, size_t len)
{
    if (l->full || len > ENL_LOG_MAX - CUT_ROOM - l->len) {
        l->full = true;
        return false;
    }
    memcpy(l->text + l->len, s, len);
    l->len += len;
    return true;
}

static bool is_plain(const char *s)
{
    for (size_t i = 0; s[i] != '\0'; i++) {
        bool alnum = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'A' && s[i] <= 'Z') ||
                     (s[i] >= 'a' && s[i] <= 'z');

        if (!alnum && !strchr("._:/@+,-~", s[i])) {
            return false;
        }
    }
    return s[0] != '\0';
}

/* Bytes of the UTF-8 character at s, which ends in a NUL; 0 when there is none. */
static size_t character(const char *s)
{
    size_t n = 1;

    while (n < 4 && ((unsigned char)s[n] & 0xC0U) == 0x80) {
        n++;
    }
    return enl_utf8_valid(s, n) ? n : 0;
}

/* Adds one character of a quoted value; returns the bytes of it, 0 when the line is full. */
static size_t add_character(struct enl_log_line *l, const char *s)
{
    unsigned char c = (unsigned char)*s;
    size_t n = character(s);
    char escaped[8];

    if (c == '"' || c == '\\') {
        escaped[0] = '\\';
        escaped[1] = *s;
        return add(l, escaped, 2) ? 1 : 0;
    }
    if (c == '\n' || c == '\r' || c == '\t') {
        escaped[0] = '\\';
        escaped[1] = 't';
        if (c != '\t') {
            escaped[1] = c == '\n' ? 'n' : 'r';
        }
        return add(l, escaped, 2) ? 1 : 0;
    }
    if (c < 0x20 || c == 0x7F || n == 0) {
        (void)snprintf(escaped, sizeof(escaped), "\\x%02x", (unsigned)c);
        return add(l, escaped, 4) ? 1 : 0;
    }
    return add(l, s, n) ? n : 0;
}

static void add_quoted(struct enl_log_line *l, const char *s)
{
    size_t n = 1;

    for (; *s != '\0' && n > 0; s += n) {
        n = add_character(l, s);
    }
    if (l->full) {
        memcpy(l->text + l->len, CUT, sizeof(CUT) - 1);
        l->len += sizeof(CUT) - 1;
        l->text[l->len++] = '"';
    } else {
        /* One byte of the room kept free: a cut never needs more than the rest. */
        l->text[l->len++] = '"';
        l->full = l->len > ENL_LOG_MAX - CUT_ROOM;
    }
}

static bool add_key(struct enl_log_line *l, const char *key, const char *open)
{
    size_t before = l->len;

    if ((before == 0 || add(l, " ", 1)) && add(l, key, strlen(key)) && add(l, open, strlen(open))) {
        return true;
    }
    l->len = before;
    return false;
}

void enl_log_str(struct enl_log_line *l, const char *key, const char *value)
{
    const char *v = value ? value : "";
    size_t before = l->len;

    if (is_plain(v)) {
        if (add_key(l, key, "=") && add(l, v, strlen(v))) {
            return;
        }
        if (before == l->len) {
            return;
        }
        l->len = before;
        l->full = false;
    }
    if (add_key(l, key, "=\"")) {
        add_quoted(l, v);
    }
}

void enl_log_int(struct enl_log_line *l, const char *key, int64_t value)
{
    char text[24]; /* a sign and 19 digits */

    (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    enl_log_str(l, key, text);
}

void enl_log_begin(struct enl_log_line *l, enum enl_log_level level, const char *msg)
{
    l->level = level;
    l->len = 0;
    l->full = false;
    enl_log_str(l, "level", level_names[level]);
    if (add_key(l, "msg", "=\"")) {
        add_quoted(l, msg);
    }
}

static void mask_warn(char *text, size_t len)
{
    for (size_t i = 0; i + 4 <= len; i++) {
        if (strncasecmp(text + i, "warn", 4) == 0) {
            text[i + 1] = '*';
        }
    }
}

void enl_log_end(struct enl_log_line *l)
{
    int fd = l->level >= ENL_LOG_WARN ? STDERR_FILENO : STDOUT_FILENO;
    ssize_t n = 0;

    if (l->level == ENL_LOG_ERROR) {
        mask_warn(l->text, l->len);
    }
    l->text[l->len++] = '\n';
    if (capture_fn) {
        capture_fn(capture_ctx, fd, l->text, l->len);
        return;
    }
    /* Where a log line cannot be written there is nobody to tell. */
    do {
        n = write(fd, l->text, l->len);
    } while (n < 0 && errno == EINTR);
}

void enl_log(enum enl_log_level level, const char *msg)
{
    struct enl_log_line l;

    enl_log_begin(&l, level, msg);
    enl_log_end(&l);
}
