/* json_lex - see json_lex.h. */
#include "wrap/json_lex.h"

#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Characters of a number without exponent that fits a double whatever they are. */
#define PLAIN_NUMBER_MAX 300

char enl_lex_peek(struct enl_lex *l)
{
    while (l->i < l->len) {
        char c = l->s[l->i];

        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            return c;
        }
        l->i++;
    }
    return '\0';
}

bool enl_lex_take(struct enl_lex *l, char c)
{
    if (enl_lex_peek(l) != c) {
        return false;
    }
    l->i++;
    return true;
}

bool enl_lex_word(struct enl_lex *l, const char *word)
{
    size_t n = strlen(word);

    (void)enl_lex_peek(l);
    if (l->len - l->i < n || memcmp(l->s + l->i, word, n) != 0) {
        return false;
    }
    l->i += n;
    return true;
}

size_t enl_lex_string_end(const char *s, size_t len, size_t i)
{
    const size_t from = i + 1;

    for (i = from; i < len; i++) {
        const char *quote = memchr(s + i, '"', len - i);
        size_t slashes = 0;

        if (!quote) {
            break;
        }
        i = (size_t)(quote - s);
        while (i - slashes > from && s[i - slashes - 1] == '\\') {
            slashes++;
        }
        if (slashes % 2 == 0) {
            return i + 1;
        }
    }
    return len + 1;
}

char enl_lex_escape(char letter)
{
    switch (letter) {
    case '"':
    case '\\':
    case '/': return letter;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return '\0';
    }
}

/* The four hexadecimal digits at i, or -1. */
static int32_t hex4(const struct enl_lex *l, size_t i)
{
    int32_t v = 0;

    if (i > l->len || l->len - i < 4) {
        return -1;
    }
    for (size_t k = i; k < i + 4; k++) {
        char c = l->s[k];
        int digit = 0;

        if (c >= '0' && c <= '9') {
            digit = c - '0';
        } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
            digit = (c | 0x20) - 'a' + 10;
        } else {
            return -1;
        }
        v = v * 16 + digit;
    }
    return v;
}

bool enl_lex_unicode(struct enl_lex *l, uint32_t *ret)
{
    int32_t high = hex4(l, l->i);
    int32_t low = -1;

    if (high < 0) {
        return false;
    }
    l->i += 4;
    *ret = (uint32_t)high;
    if (high >= 0xD800 && high <= 0xDBFF && l->len - l->i >= 6 &&
        memcmp(l->s + l->i, "\\u", 2) == 0) {
        low = hex4(l, l->i + 2);
    }
    if (low >= 0xDC00 && low <= 0xDFFF) {
        *ret = 0x10000 + (((uint32_t)high & 0x3FFU) << 10) + ((uint32_t)low & 0x3FFU);
        l->i += 6;
    }
    return true;
}

size_t enl_lex_utf8(uint32_t c, char ret[ENL_LEX_UTF8_MAX])
{
    size_t n = 0;

    if (c < 0x80) {
        ret[n++] = (char)c;
    } else if (c < 0x800) {
        ret[n++] = (char)(0xC0U | (c >> 6));
    } else if (c < 0x10000) {
        ret[n++] = (char)(0xE0U | (c >> 12));
        ret[n++] = (char)(0x80U | ((c >> 6) & 0x3FU));
    } else {
        ret[n++] = (char)(0xF0U | (c >> 18));
        ret[n++] = (char)(0x80U | ((c >> 12) & 0x3FU));
        ret[n++] = (char)(0x80U | ((c >> 6) & 0x3FU));
    }
    if (c >= 0x80) {
        ret[n++] = (char)(0x80U | (c & 0x3FU));
    }
    return n;
}

/* One escape from behind its backslash on. */
static bool read_escape(struct enl_lex *l, struct enl_buf *out)
{
    char text[ENL_LEX_UTF8_MAX];
    char letter = '\0';
    char meant = '\0';
    uint32_t c = 0;

    if (l->i == l->len) {
        return false;
    }
    letter = l->s[l->i++];
    meant = enl_lex_escape(letter);
    if (meant != '\0') {
        enl_buf_addc(out, meant);
        return true;
    }
    if (letter != 'u' || !enl_lex_unicode(l, &c) || c == 0 || enl_lex_is_surrogate(c)) {
        return false;
    }
    enl_buf_add(out, text, enl_lex_utf8(c, text));
    return true;
}

/* Moves over characters that stand for themselves; false at one that is no UTF-8. */
static bool skip_plain(struct enl_lex *l)
{
    while (l->i < l->len) {
        unsigned char c = (unsigned char)l->s[l->i];
        size_t n = 1;

        if (c < 0x20 || c == '"' || c == '\\') {
            return true;
        }
        if (c >= 0x80) {
            n = enl_utf8_character(l->s + l->i, l->len - l->i);
        }
        if (n == 0) {
            return false;
        }
        l->i += n;
    }
    return true;
}

bool enl_lex_string(struct enl_lex *l, struct enl_buf *out)
{
    if (!enl_lex_take(l, '"')) {
        return false;
    }
    for (;;) {
        size_t from = l->i;

        if (!skip_plain(l) || l->i == l->len) {
            return false;
        }
        enl_buf_add(out, l->s + from, l->i - from);
        switch (l->s[l->i++]) {
        case '"': return true;
        case '\\':
            if (!read_escape(l, out)) {
                return false;
            }
            break;
        default: return false;
        }
    }
}

/* Moves over digits; false when there are none. */
static bool skip_digits(struct enl_lex *l)
{
    size_t from = l->i;

    while (l->i < l->len && l->s[l->i] >= '0' && l->s[l->i] <= '9') {
        l->i++;
    }
    return l->i > from;
}

static bool skip_one_of(struct enl_lex *l, const char *set)
{
    bool found = l->i < l->len && l->s[l->i] != '\0' && strchr(set, l->s[l->i]);

    l->i += found ? 1 : 0;
    return found;
}

bool enl_lex_number(struct enl_lex *l, struct enl_buf *out)
{
    bool plain = true;
    size_t at = out->len;
    size_t from = 0;
    size_t digits = 0;

    (void)enl_lex_peek(l);
    from = l->i;
    (void)skip_one_of(l, "-");
    digits = l->i;
    if (!skip_digits(l) || (l->s[digits] == '0' && l->i > digits + 1) ||
        (skip_one_of(l, ".") && !skip_digits(l))) {
        return false;
    }
    if (skip_one_of(l, "eE")) {
        plain = false;
        (void)skip_one_of(l, "+-");
        if (!skip_digits(l)) {
            return false;
        }
    }
    enl_buf_add(out, l->s + from, l->i - from);
    plain = plain && l->i - from <= PLAIN_NUMBER_MAX;
    return plain || (enl_buf_ok(out) && isfinite(strtod(out->data + at, NULL)) != 0);
}
