/*
 * str - reading text from outside: numbers with bounds, UTF-8, ASCII trimming.
 *
 * Threads: any; nothing is kept.
 */
#ifndef ENL_BASE_STR_H
#define ENL_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whole decimal text, no sign, no space, within lo..hi; false leaves *ret alone. */
bool enl_parse_u32(const char *s, uint32_t lo, uint32_t hi, uint32_t *ret);
/* Whole decimal text with an optional '-'; false when it does not fit. */
bool enl_parse_i64(const char *s, int64_t *ret);

bool enl_utf8_valid(const char *s, size_t len);
/* Bytes of the character that starts at text, of which left (at least 1) are there; 0: it is none
 * (RFC 3629). */
size_t enl_utf8_character(const char *text, size_t left);

/* Moves *s and *len past ASCII white space at both ends. */
void enl_trim(const char **s, size_t *len);

/* Copies text into room for size bytes with its NUL; what is longer is cut between two characters,
 * for half a character is refused by SQL and by JSON. */
void enl_copy_cut(char *ret, size_t size, const char *text);

/* ASCII only, locale-free. */
bool enl_ieq(const char *a, const char *b);
bool enl_starts(const char *s, const char *prefix);

#endif
