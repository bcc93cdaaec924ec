/*
 * json_lex - the words of a JSON text: strings, numbers, literals; no tree.
 *
 * Strict as RFC 8259 has it.  What is read is appended to a buffer; whether that had room is asked
 * of the buffer.
 *
 * Ownership: the text is borrowed.
 * Threads:   a lexer is used by one thread at a time.
 */
#ifndef ENL_WRAP_JSON_LEX_H
#define ENL_WRAP_JSON_LEX_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct enl_lex {
    const char *s;
    size_t len;
    size_t i; /* what is read next */
};

/* The next character that is no white space, which it moves to; '\0' at the end. */
char enl_lex_peek(struct enl_lex *l);
/* Moves over white space and the character; false when another comes next. */
bool enl_lex_take(struct enl_lex *l, char c);
/* The same for a literal such as "true". */
bool enl_lex_word(struct enl_lex *l, const char *word);

/* Index behind the string whose first quote is at i, which is not looked into; len + 1: it has no
 * end. */
size_t enl_lex_string_end(const char *s, size_t len, size_t i);

/* A string from its first quote to behind its last.  False: no string, a control character, a
 * wrong escape, U+0000, a lone surrogate, no UTF-8. */
bool enl_lex_string(struct enl_lex *l, struct enl_buf *out);

/* A number, as it is written.  False: none, or one too large for a double. */
bool enl_lex_number(struct enl_lex *l, struct enl_buf *out);

/* What a backslash and the letter stand for; '\0': nothing ('u' is not of these). */
char enl_lex_escape(char letter);
/* The code point of the four hexadecimal digits that are read next, and of the escape behind them
 * where the two are a pair of surrogates; a lone one is given as it is.  False: no digits. */
bool enl_lex_unicode(struct enl_lex *l, uint32_t *ret);
static inline bool enl_lex_is_surrogate(uint32_t c)
{
    return c >= 0xD800 && c <= 0xDFFF;
}
#define ENL_LEX_UTF8_MAX 4
/* Writes a code point as UTF-8, without a NUL; returns the number of bytes. */
size_t enl_lex_utf8(uint32_t c, char ret[ENL_LEX_UTF8_MAX]);

#endif
