/* json - see json.h. */
#include "wrap/json.h"

#include "base/alloc.h"
#include "base/str.h"
#include "wrap/json_lex.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MARK       '\x01'
#define MARK_TEXT  "\\u0001" /* MARK as JSON writes it */
#define MARK_LEN   (sizeof(MARK_TEXT) - 1)
#define MARK_ROOM  2 /* of a number, which has no quotes */
#define MARKED_MAX (SIZE_MAX / 8)
#define ESCAPE_MAX 6 /* characters of "\\u001f" */

static json_t *inner(const struct enl_json *j)
{
    return (json_t *)(uintptr_t)j;
}

static struct enl_json *outer(json_t *j)
{
    return (struct enl_json *)j;
}

/* Whether an allocation of jansson's failed: what came to nothing may have been right. */
static _Thread_local bool exhausted;

static void *counted_malloc(size_t size)
{
    void *p = enl_malloc(size);

    exhausted = exhausted || !p;
    return p;
}

void enl_json_init(void)
{
    json_set_alloc_funcs(counted_malloc, free);
    json_object_seed(0);
}

size_t enl_json_depth(const char *text, size_t len)
{
    size_t depth = 0;
    size_t most = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"') {
            i = enl_lex_string_end(text, len, i) - 1;
        } else if (text[i] == '{' || text[i] == '[') {
            depth++;
            most = depth > most ? depth : most;
        } else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
            depth--;
        }
    }
    return most;
}

/* Whether what ends before i is a key: no key is ever marked. */
static bool colon_follows(const char *text, size_t len, size_t i)
{
    while (i < len && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r')) {
        i++;
    }
    return i < len && text[i] == ':';
}

static bool has_mark(const char *s, size_t len)
{
    return len >= MARK_LEN && memcmp(s, MARK_TEXT, MARK_LEN) == 0;
}

static void unmark(const char *text, size_t len, struct enl_buf *out)
{
    size_t copied = 0;

    for (size_t i = 0; i < len; i++) {
        size_t end = 0;

        if (text[i] != '"') {
            continue;
        }
        end = enl_lex_string_end(text, len, i) - 1;
        if (has_mark(text + i + 1, end - i - 1) && !colon_follows(text, len, end + 1)) {
            bool number = text[i + 1 + MARK_LEN] == 'n';
            size_t skip = i + 2 + MARK_LEN;

            enl_buf_add(out, text + copied, i + (number ? 0 : 1) - copied);
            enl_buf_add(out, text + skip, end - skip);
            copied = number ? end + 1 : end;
        }
        i = end;
    }
    enl_buf_add(out, text + copied, len - copied);
}

/* The place and the reason: jansson's reader tells both, and refuses what ours does. */
static enum enl_rc refuse(const char *text, size_t len, struct enl_json_pos *ret_pos,
                          struct enl_err *err)
{
    json_error_t e = {0};

    json_decref(json_loadb(text, len, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &e));
    if (exhausted || json_error_code(&e) == json_error_out_of_memory) {
        return enl_fail_oom(err);
    }
    if (ret_pos) {
        *ret_pos = (struct enl_json_pos){.line = e.line > 0 ? e.line : 1,
                                         .column = e.column > 0 ? e.column : 1};
    }
    switch (json_error_code(&e)) {
    case json_error_stack_overflow:
        return enl_fail(err, ENL_INVALID, "nested deeper than %d levels", ENL_JSON_DEPTH_MAX);
    case json_error_invalid_utf8: return enl_fail(err, ENL_INVALID, "not UTF-8");
    case json_error_premature_end_of_input:
        return enl_fail(err, ENL_INVALID, "the JSON text ends too early");
    case json_error_end_of_input_expected:
        return enl_fail(err, ENL_INVALID, "text after the end of the JSON text");
    case json_error_null_character:
    case json_error_null_byte_in_key: return enl_fail(err, ENL_INVALID, "U+0000 is not allowed");
    case json_error_numeric_overflow: return enl_fail(err, ENL_INVALID, "a number is out of range");
    case json_error_unknown:
    case json_error_out_of_memory:
    case json_error_cannot_open_file:
    case json_error_invalid_argument:
    case json_error_invalid_syntax:
    case json_error_invalid_format:
    case json_error_wrong_type:
    case json_error_null_value:
    case json_error_duplicate_key:
    case json_error_item_not_found:
    case json_error_index_out_of_range: break;
    }
    /* jansson's text quotes what it met; the body must not come into a log by that way. */
    return enl_fail(err, ENL_INVALID, "%s",
                    strstr(e.text, "Unicode") ? "a lone surrogate is not allowed" : "not JSON");
}

/* jansson overlooks a NUL byte after a number or a literal, so it does not get to see one. */
static enum enl_rc refuse_nul(const char *text, const char *nul, struct enl_json_pos *ret_pos,
                              struct enl_err *err)
{
    struct enl_json_pos pos = {.line = 1, .column = 1};

    for (; text < nul; text++) {
        if (*text == '\n') {
            pos.line++;
            pos.column = 1;
        } else if (((unsigned char)*text & 0xC0U) != 0x80) {
            pos.column++;
        }
    }
    if (ret_pos) {
        *ret_pos = pos;
    }
    return enl_fail(err, ENL_INVALID, "U+0000 is not allowed");
}

struct reader {
    struct enl_lex lex;
    struct enl_buf scratch; /* keys of the objects that are being read, then what is read now */
    unsigned depth;
};

static json_t *read_value(struct reader *r);

/* The last bytes of scratch, which go. */
static json_t *take_string(struct reader *r, size_t from, size_t at)
{
    json_t *j = NULL;

    if (enl_buf_ok(&r->scratch)) {
        j = json_stringn_nocheck(r->scratch.data + from, r->scratch.len - from);
    }
    r->scratch.len = at;
    return j;
}

static json_t *read_string(struct reader *r)
{
    size_t at = r->scratch.len;
    size_t from = at + 2;

    enl_buf_adds(&r->scratch, "\x01s");
    if (!enl_lex_string(&r->lex, &r->scratch)) {
        return NULL;
    }
    if (r->scratch.len > from && r->scratch.data[from] == MARK) {
        from = at;
    }
    return take_string(r, from, at);
}

static json_t *read_number(struct reader *r)
{
    size_t at = r->scratch.len;

    enl_buf_adds(&r->scratch, "\x01n");
    return enl_lex_number(&r->lex, &r->scratch) ? take_string(r, at, at) : NULL;
}

static bool read_member(struct reader *r, json_t *object)
{
    size_t at = r->scratch.len;
    size_t len = 0;
    json_t *value = NULL;
    bool set = false;

    if (!enl_lex_string(&r->lex, &r->scratch) || !enl_lex_take(&r->lex, ':')) {
        return false;
    }
    len = r->scratch.len - at;
    value = read_value(r);
    set = value &&
          json_object_setn_new_nocheck(object, enl_buf_str(&r->scratch) + at, len, value) == 0;
    r->scratch.len = at;
    return set;
}

static bool read_item(struct reader *r, json_t *array)
{
    json_t *value = read_value(r);

    return value && json_array_append_new(array, value) == 0;
}

static bool read_content(struct reader *r, json_t *container, char close)
{
    r->lex.i++;
    if (enl_lex_take(&r->lex, close)) {
        return true;
    }
    do {
        if (!(close == '}' ? read_member(r, container) : read_item(r, container))) {
            return false;
        }
    } while (enl_lex_take(&r->lex, ','));
    return enl_lex_take(&r->lex, close);
}

static json_t *read_container(struct reader *r, json_t *container, char close)
{
    if (container && read_content(r, container, close)) {
        return container;
    }
    json_decref(container);
    return NULL;
}

/* NULL: no value, or no memory. */
static json_t *read_value(struct reader *r)
{
    json_t *j = NULL;

    if (r->depth == ENL_JSON_DEPTH_MAX) {
        return NULL;
    }
    r->depth++;
    switch (enl_lex_peek(&r->lex)) {
    case '{': j = read_container(r, json_object(), '}'); break;
    case '[': j = read_container(r, json_array(), ']'); break;
    case '"': j = read_string(r); break;
    case 't': j = enl_lex_word(&r->lex, "true") ? json_true() : NULL; break;
    case 'f': j = enl_lex_word(&r->lex, "false") ? json_false() : NULL; break;
    case 'n': j = enl_lex_word(&r->lex, "null") ? json_null() : NULL; break;
    default: j = read_number(r); break;
    }
    r->depth--;
    return j;
}

enum enl_rc enl_json_parse(const char *text, size_t len, struct enl_json **ret,
                           struct enl_json_pos *ret_pos, struct enl_err *err)
{
    /* A literal with its quotes is no shorter than what it stands for with its mark. */
    struct reader r = {.lex = {.s = text, .len = len}, .scratch = ENL_BUF_INIT(len + MARK_ROOM)};
    const char *nul = len > 0 ? memchr(text, '\0', len) : NULL;
    json_t *j = NULL;
    bool whole = false;

    if (ret_pos) {
        *ret_pos = (struct enl_json_pos){0, 0};
    }
    if (nul) {
        return refuse_nul(text, nul, ret_pos, err);
    }
    exhausted = false;
    j = read_value(&r);
    (void)enl_lex_peek(&r.lex);
    whole = j && r.lex.i == len;
    exhausted = exhausted || !enl_buf_ok(&r.scratch);
    enl_buf_done(&r.scratch);
    if (whole && !exhausted) {
        *ret = outer(j);
        return ENL_OK;
    }
    json_decref(j);
    return exhausted ? enl_fail_oom(err) : refuse(text, len, ret_pos, err);
}

void enl_json_free(struct enl_json *j)
{
    json_decref(inner(j));
}

struct enl_json *enl_json_ref(struct enl_json *j)
{
    return outer(json_incref(inner(j)));
}

static bool is_marked(const json_t *j, char kind)
{
    const char *s = json_string_value(j);

    return s && s[0] == MARK && s[1] == kind;
}

enum enl_json_type enl_json_type(const struct enl_json *j)
{
    const json_t *in = inner(j);

    if (!in) {
        return ENL_JSON_NULL;
    }
    switch (json_typeof(in)) {
    case JSON_OBJECT: return ENL_JSON_OBJECT;
    case JSON_ARRAY: return ENL_JSON_ARRAY;
    case JSON_STRING: return is_marked(in, 'n') ? ENL_JSON_NUMBER : ENL_JSON_STRING;
    case JSON_INTEGER:
    case JSON_REAL: return ENL_JSON_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE: return ENL_JSON_BOOL;
    case JSON_NULL: break;
    }
    return ENL_JSON_NULL;
}

bool enl_json_is(const struct enl_json *j, enum enl_json_type type)
{
    return enl_json_type(j) == type;
}

const char *enl_json_str(const struct enl_json *j)
{
    const json_t *in = inner(j);

    if (!enl_json_is(j, ENL_JSON_STRING)) {
        return NULL;
    }
    return is_marked(in, 's') ? json_string_value(in) + 2 : json_string_value(in);
}

const char *enl_json_number(const struct enl_json *j)
{
    return enl_json_is(j, ENL_JSON_NUMBER) ? json_string_value(inner(j)) + 2 : NULL;
}

bool enl_json_i64(const struct enl_json *j, int64_t *ret)
{
    const char *text = enl_json_number(j);

    return text && enl_parse_i64(text, ret);
}

bool enl_json_true(const struct enl_json *j)
{
    return j && json_is_true(inner(j));
}

struct enl_json *enl_json_get(const struct enl_json *j, const char *key)
{
    return outer(json_object_get(inner(j), key));
}

const char *enl_json_get_str(const struct enl_json *j, const char *key)
{
    return enl_json_str(enl_json_get(j, key));
}

bool enl_json_get_i64(const struct enl_json *j, const char *key, int64_t *ret)
{
    return enl_json_i64(enl_json_get(j, key), ret);
}

size_t enl_json_len(const struct enl_json *j)
{
    return enl_json_is(j, ENL_JSON_ARRAY) ? json_array_size(inner(j)) : json_object_size(inner(j));
}

struct enl_json *enl_json_at(const struct enl_json *array, size_t i)
{
    return outer(json_array_get(inner(array), i));
}

void *enl_json_iter(const struct enl_json *object)
{
    return json_object_iter(inner(object));
}

void *enl_json_next(const struct enl_json *object, void *it)
{
    return json_object_iter_next(inner(object), it);
}

const char *enl_json_key(void *it)
{
    return json_object_iter_key(it);
}

struct enl_json *enl_json_value(void *it)
{
    return outer(json_object_iter_value(it));
}

struct enl_json *enl_json_new_object(void)
{
    return outer(json_object());
}

struct enl_json *enl_json_new_array(void)
{
    return outer(json_array());
}

struct enl_json *enl_json_new_str(const char *s)
{
    return enl_json_new_strn(s, strlen(s));
}

struct enl_json *enl_json_new_strn(const char *s, size_t len)
{
    if (len > 0 && s[0] == MARK) {
        ENL_AUTO_BUF struct enl_buf b = ENL_BUF_INIT(MARKED_MAX);

        enl_buf_adds(&b, "\x01s");
        enl_buf_add(&b, s, len);
        return enl_buf_ok(&b) ? outer(json_stringn(enl_buf_str(&b), b.len)) : NULL;
    }
    return outer(json_stringn(s, len));
}

struct enl_json *enl_json_new_i64(int64_t v)
{
    char text[24]; /* MARK, 'n', a sign and 19 digits */

    (void)snprintf(text, sizeof(text), "\x01n%lld", (long long)v);
    return outer(json_string(text));
}

struct enl_json *enl_json_new_bool(bool v)
{
    return outer(json_boolean(v));
}

struct enl_json *enl_json_new_null(void)
{
    return outer(json_null());
}

bool enl_json_set(struct enl_json *object, const char *key, struct enl_json *value)
{
    return json_object_set_new(inner(object), key, inner(value)) == 0;
}

bool enl_json_append(struct enl_json *array, struct enl_json *value)
{
    return json_array_append_new(inner(array), inner(value)) == 0;
}

bool enl_json_equal(const struct enl_json *a, const struct enl_json *b)
{
    return json_equal(inner(a), inner(b)) == 1;
}

static int append(const char *data, size_t len, void *ctx)
{
    struct enl_buf *b = ctx;

    enl_buf_add(b, data, len);
    return enl_buf_ok(b) ? 0 : -1;
}

void enl_json_dump(const struct enl_json *j, bool sorted, struct enl_buf *out)
{
    ENL_AUTO_BUF struct enl_buf marked = ENL_BUF_INIT(MARKED_MAX);
    size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | (sorted ? JSON_SORT_KEYS : 0U);

    if (json_dump_callback(inner(j), append, &marked, flags) != 0 || !enl_buf_ok(&marked)) {
        out->failed = true;
        return;
    }
    unmark(enl_buf_str(&marked), marked.len, out);
}

static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

/* Writes the escape and returns where it ends. */
static char *write_escape(unsigned char c, char *to)
{
    static const char hex[] = "0123456789abcdef";
    static const char control[] = "uuuuuuuubtnufruuuuuuuuuuuuuuuuuu";
    char letter = (char)c;

    if (c < 0x20) {
        letter = control[c];
    }
    *to++ = '\\';
    *to++ = letter;
    if (letter == 'u') {
        *to++ = '0';
        *to++ = '0';
        *to++ = hex[c >> 4];
        *to++ = hex[c & 0x0FU];
    }
    return to;
}

void enl_json_quote(const char *text, size_t len, struct enl_buf *out)
{
    char escape[ESCAPE_MAX];
    size_t n = len + 2;
    char *to = NULL;

    for (size_t i = 0; i < len; i++) {
        if (needs_escape((unsigned char)text[i])) {
            n += (size_t)(write_escape((unsigned char)text[i], escape) - escape) - 1;
        }
    }
    to = enl_buf_room(out, n);
    if (!to) {
        return;
    }
    *to++ = '"';
    for (size_t i = 0; i < len; i++) {
        if (needs_escape((unsigned char)text[i])) {
            to = write_escape((unsigned char)text[i], to);
        } else {
            *to++ = text[i];
        }
    }
    *to = '"';
    enl_buf_wrote(out, n);
}
