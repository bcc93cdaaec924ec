/* str - see str.h. */
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool enl_parse_u32(const char *s, uint32_t lo, uint32_t hi, uint32_t *ret)
{
    int64_t v = 0;

    if (*s == '-' || !enl_parse_i64(s, &v) || v < (int64_t)lo || v > (int64_t)hi) {
        return false;
    }
    *ret = (uint32_t)v;
    return true;
}

bool enl_parse_i64(const char *s, int64_t *ret)
{
    const char *digits = *s == '-' ? s + 1 : s;
    char *end = NULL;
    long long v = 0;

    if (*digits < '0' || *digits > '9') {
        return false;
    }
    errno = 0;
    v = strtoll(s, &end, 10);
    if (errno != 0 || *end != '\0') {
        return false;
    }
    *ret = v;
    return true;
}

size_t enl_utf8_character(const char *text, size_t left)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n = 0;
    uint32_t c = 0;
    uint32_t least = 0;

    if (s[0] < 0x80) {
        return 1;
    }
    if (s[0] >= 0xC2 && s[0] <= 0xDF) {
        n = 2;
        c = s[0] & 0x1FU;
        least = 0x80;
    } else if ((s[0] & 0xF0U) == 0xE0) {
        n = 3;
        c = s[0] & 0x0FU;
        least = 0x800;
    } else if (s[0] >= 0xF0 && s[0] <= 0xF4) {
        n = 4;
        c = s[0] & 0x07U;
        least = 0x10000;
    }
    if (n == 0 || n > left) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xC0U) != 0x80) {
            return 0;
        }
        c = (c << 6) | (s[i] & 0x3FU);
    }
    return c < least || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF) ? 0 : n;
}

bool enl_utf8_valid(const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = enl_utf8_character(s + i, len - i);

        if (n == 0) {
            return false;
        }
        i += n;
    }
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

void enl_trim(const char **s, size_t *len)
{
    while (*len > 0 && is_space((*s)[0])) {
        (*s)++;
        (*len)--;
    }
    while (*len > 0 && is_space((*s)[*len - 1])) {
        (*len)--;
    }
}

void enl_copy_cut(char *ret, size_t size, const char *text)
{
    size_t n = strlen(text);

    if (n >= size) {
        n = size - 1;
        while (n > 0 && ((unsigned char)text[n] & 0xC0U) == 0x80) {
            n--;
        }
    }
    memcpy(ret, text, n);
    ret[n] = '\0';
}

bool enl_ieq(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}

bool enl_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}
