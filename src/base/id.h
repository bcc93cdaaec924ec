/*
 * id - random identifiers: UUIDv7 for events, tokens for claims.
 *
 * Both draw from getrandom(2).  Threads: any.
 */
#ifndef ENL_BASE_ID_H
#define ENL_BASE_ID_H

#include "base/err.h"

#include <stdint.h>

#define ENL_UUID_TEXT  37 /* 36 characters and the NUL */
#define ENL_TOKEN_TEXT 33 /* 128 bits as hexadecimal digits and the NUL */

/* RFC 9562 version 7: sorts by time, 74 random bits.  RETRY when the kernel gives no randomness. */
enum enl_rc enl_uuid7(int64_t wall_ms, char ret_text[ENL_UUID_TEXT],
                      struct enl_err *err) ENL_MUSTCHECK;

enum enl_rc enl_token(char ret_text[ENL_TOKEN_TEXT], struct enl_err *err) ENL_MUSTCHECK;

/* Uniform in 0..below-1 for jitter, not for secrets; 0 when below is 0. */
uint32_t enl_jitter(uint32_t below);

#endif
