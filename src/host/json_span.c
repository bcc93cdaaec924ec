/* json_span - see json_span.h. */
#include "host/json_span.h"

#include "wrap/json_lex.h"

#include <stdint.h>
#include <string.h>

#define NONE SIZE_MAX /* the text ends before the thing does */

static size_t skip_space(const char *s, size_t len, size_t i)
{
    while (i < len && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r')) {
        i++;
    }
    return i;
}

/* Index after the string whose first quote is at i. */
static size_t string_end(const char *s, size_t len, size_t i)
{
    size_t end = enl_lex_string_end(s, len, i);

    return end <= len ? end : NONE;
}

/* Index after the object or array that begins at i. */
static size_t container_end(const char *s, size_t len, size_t i)
{
    size_t depth = 0;

    while (i < len) {
        if (s[i] == '"') {
            i = string_end(s, len, i);
            continue;
        }
        if (s[i] == '{' || s[i] == '[') {
            depth++;
        } else if (s[i] == '}' || s[i] == ']') {
            depth--;
            if (depth == 0) {
                return i + 1;
            }
        }
        i++;
    }
    return NONE;
}

/* Index after the value that begins at i; NONE also when there is none. */
static size_t value_end(const char *s, size_t len, size_t i)
{
    size_t from = i;

    if (i >= len) {
        return NONE;
    }
    if (s[i] == '"') {
        return string_end(s, len, i);
    }
    if (s[i] == '{' || s[i] == '[') {
        return container_end(s, len, i);
    }
    while (i < len && !strchr(",:]}\"[{ \t\r\n", s[i])) {
        i++;
    }
    /* A scalar at the very end may be cut short, but only a whole text can end in one. */
    return i > from ? i : NONE;
}

bool enl_span_whole(const char *text, size_t len, struct enl_span *ret)
{
    size_t from = skip_space(text, len, 0);
    size_t end = value_end(text, len, from);

    if (end == NONE || skip_space(text, len, end) != len) {
        return false;
    }
    *ret = (struct enl_span){text + from, end - from};
    return true;
}

/* A member's name and the colon, from i on; returns the index of its value, or NONE. */
static size_t read_name(const char *s, size_t len, size_t i, struct enl_span *ret_name)
{
    size_t end = 0;

    i = skip_space(s, len, i);
    if (i >= len || s[i] != '"') {
        return NONE;
    }
    end = string_end(s, len, i);
    if (end == NONE) {
        return NONE;
    }
    *ret_name = (struct enl_span){s + i, end - i};
    i = skip_space(s, len, end);
    return i < len && s[i] == ':' ? skip_space(s, len, i + 1) : NONE;
}

/* A pass over the text with the picks that are still to be looked for at this level. */
struct pass {
    const char *s;
    size_t len;
    struct enl_pick *picks;
    size_t n;
    unsigned level; /* of path */
    bool live[ENL_PICKS_MAX];
};

static size_t pick_members(const struct pass *p, size_t i);

/* The value at i of the member of that name; returns the index after it, or NONE. */
static size_t pick_value(const struct pass *outer, struct enl_span name, size_t i)
{
    struct pass p = *outer;
    bool deeper = false;
    size_t end = NONE;

    p.level++;
    for (size_t k = 0; k < p.n; k++) {
        struct enl_pick *pick = &p.picks[k];

        p.live[k] = outer->live[k] && enl_span_equals(name, pick->path[outer->level]);
        if (p.live[k]) {
            bool is_last = p.level == ENL_PICK_DEPTH || !pick->path[p.level];

            pick->value = (struct enl_span){is_last && i < p.len ? p.s + i : NULL, 0};
            p.live[k] = !is_last;
            deeper = deeper || !is_last;
        }
    }
    if (deeper && i < p.len && p.s[i] == '{') {
        end = pick_members(&p, i + 1);
    } else {
        end = value_end(p.s, p.len, i);
    }
    for (size_t k = 0; k < p.n; k++) {
        if (end < p.len && p.picks[k].value.text == p.s + i) {
            p.picks[k].value.len = end - i;
        }
    }
    return end;
}

/* The members of the object whose '{' is before i; returns the index after its '}', or NONE. */
static size_t pick_members(const struct pass *p, size_t i)
{
    struct enl_span name = {0};

    i = skip_space(p->s, p->len, i);
    if (i < p->len && p->s[i] == '}') {
        return i + 1;
    }
    for (;;) {
        i = read_name(p->s, p->len, i, &name);
        if (i == NONE) {
            return NONE;
        }
        i = pick_value(p, name, i);
        if (i == NONE) {
            return NONE;
        }
        i = skip_space(p->s, p->len, i);
        if (i >= p->len || (p->s[i] != ',' && p->s[i] != '}')) {
            return NONE;
        }
        if (p->s[i] == '}') {
            return i + 1;
        }
        i++;
    }
}

bool enl_span_pick(const char *text, size_t len, struct enl_pick *picks, size_t n)
{
    struct pass p = {.s = text, .len = len, .picks = picks, .n = n};
    size_t i = skip_space(text, len, 0);

    for (size_t k = 0; k < n; k++) {
        picks[k].value = (struct enl_span){NULL, 0};
        p.live[k] = true;
    }
    if (i >= len || text[i] != '{') {
        return false;
    }
    i = pick_members(&p, i + 1);
    return i != NONE && skip_space(text, len, i) == len;
}

enum enl_step enl_span_step(struct enl_span container, size_t *pos, struct enl_span *ret_name,
                            struct enl_span *ret_value)
{
    const char *s = container.text;
    char open = '\0';
    bool first = *pos == 0;
    size_t end = NONE;
    size_t i = 0;

    if (container.len > 1) {
        open = s[0];
    }
    if (open != '{' && open != '[') {
        return ENL_STEP_WRONG;
    }
    i = skip_space(s, container.len, first ? 1 : *pos);
    if (i + 1 >= container.len) {
        return ENL_STEP_END;
    }
    if (!first) {
        if (s[i] != ',') {
            return ENL_STEP_WRONG;
        }
        i = skip_space(s, container.len, i + 1);
    }
    *ret_name = (struct enl_span){"", 0};
    if (open == '{') {
        i = read_name(s, container.len, i, ret_name);
    }
    if (i != NONE) {
        end = value_end(s, container.len, i);
        *ret_value = (struct enl_span){s + i, end == NONE ? 0 : end - i};
    }
    *pos = end;
    return end == NONE ? ENL_STEP_WRONG : ENL_STEP_ITEM;
}

bool enl_span_is_string(struct enl_span s)
{
    return s.len >= 2 && s.text[0] == '"' && s.text[s.len - 1] == '"';
}

bool enl_span_equals(struct enl_span s, const char *string)
{
    return enl_span_is_string(s) && strlen(string) == s.len - 2 &&
           memcmp(s.text + 1, string, s.len - 2) == 0;
}

/* What one escape stands for, from behind its backslash on; 0 bytes: it is wrong. */
static size_t decode_escape(struct enl_lex *l, char ret[ENL_LEX_UTF8_MAX])
{
    char letter = '\0';
    uint32_t c = 0;

    if (l->i == l->len) {
        return 0;
    }
    letter = l->s[l->i++];
    ret[0] = enl_lex_escape(letter);
    if (ret[0] != '\0') {
        return 1;
    }
    if (letter != 'u' || !enl_lex_unicode(l, &c)) {
        return 0;
    }
    return enl_lex_utf8(enl_lex_is_surrogate(c) ? 0xFFFD : c, ret);
}

bool enl_span_decode(struct enl_span s, struct enl_buf *out)
{
    struct enl_lex l = {.s = s.text, .len = s.len - 1, .i = 1};
    char *room = NULL;
    size_t n = 0;

    if (!enl_span_is_string(s)) {
        return false;
    }
    /* No escape is shorter than what it stands for. */
    room = enl_buf_room(out, l.len - l.i);
    if (!room) {
        return true;
    }
    for (;;) {
        const char *escape = memchr(l.s + l.i, '\\', l.len - l.i);
        size_t plain = (escape ? (size_t)(escape - l.s) : l.len) - l.i;
        char decoded[ENL_LEX_UTF8_MAX];
        size_t n_decoded = 0;

        memcpy(room + n, l.s + l.i, plain);
        n += plain;
        if (!escape) {
            enl_buf_wrote(out, n);
            return true;
        }
        l.i += plain + 1;
        n_decoded = decode_escape(&l, decoded);
        if (n_decoded == 0) {
            return false;
        }
        memcpy(room + n, decoded, n_decoded);
        n += n_decoded;
    }
}
