/* id - see id.h. */
#include "base/id.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static enum enl_rc fill(unsigned char *bytes, size_t len, struct enl_err *err)
{
    /* Up to 256 bytes come whole or not at all (getrandom(2)). */
    if (getrandom(bytes, len, 0) != (ssize_t)len) {
        return enl_fail(err, ENL_RETRY, "no random bytes from the kernel");
    }
    return ENL_OK;
}

static void to_hex(const unsigned char *bytes, size_t len, char *ret_text)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        ret_text[2 * i] = hex[bytes[i] >> 4];
        ret_text[2 * i + 1] = hex[bytes[i] & 0x0FU];
    }
    ret_text[2 * len] = '\0';
}

enum enl_rc enl_uuid7(int64_t wall_ms, char ret_text[ENL_UUID_TEXT], struct enl_err *err)
{
    unsigned char b[16];
    char hex[ENL_TOKEN_TEXT];
    enum enl_rc rc = fill(b, sizeof(b), err);

    if (rc != ENL_OK) {
        return rc;
    }
    for (int i = 0; i < 6; i++) {
        b[i] = (unsigned char)((uint64_t)wall_ms >> (40 - 8 * i));
    }
    b[6] = (unsigned char)((b[6] & 0x0FU) | 0x70U);
    b[8] = (unsigned char)((b[8] & 0x3FU) | 0x80U);
    to_hex(b, sizeof(b), hex);
    (void)snprintf(ret_text, ENL_UUID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
                   hex + 16, hex + 20);
    return ENL_OK;
}

enum enl_rc enl_token(char ret_text[ENL_TOKEN_TEXT], struct enl_err *err)
{
    unsigned char b[16];
    enum enl_rc rc = fill(b, sizeof(b), err);

    if (rc == ENL_OK) {
        to_hex(b, sizeof(b), ret_text);
    }
    return rc;
}

uint32_t enl_jitter(uint32_t below)
{
    uint32_t v = 0;

    if (below == 0 || fill((unsigned char *)&v, sizeof(v), NULL) != ENL_OK) {
        return 0;
    }
    return v % below;
}
