/*
 * crypto - the only user of OpenSSL: hashes, base64, secrets.
 *
 * Threads: any; nothing is kept.
 */
#ifndef ENL_WRAP_CRYPTO_H
#define ENL_WRAP_CRYPTO_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define ENL_SHA256_TEXT 65 /* 64 hexadecimal digits and the NUL */

enum enl_rc enl_sha256(const void *data, size_t len, char ret_hex[ENL_SHA256_TEXT],
                       struct enl_err *err) ENL_MUSTCHECK;

/* Takes a time that depends on the two lengths only. */
bool enl_secret_equal(const char *a, size_t a_len, const char *b, size_t b_len);
void enl_secret_wipe(void *p, size_t len);

/* Standard alphabet with padding (RFC 4648, 4), no line ends. */
void enl_base64_encode(const void *data, size_t len, struct enl_buf *out);
/* Strict: INVALID for any other character, wrong padding or length. */
enum enl_rc enl_base64_decode(const char *text, size_t len, struct enl_buf *out,
                              struct enl_err *err) ENL_MUSTCHECK;

#endif
