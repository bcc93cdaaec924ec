/* crypto - see crypto.h. */
#include "wrap/crypto.h"

#include "base/alloc.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

enum enl_rc enl_sha256(const void *data, size_t len, char ret_hex[ENL_SHA256_TEXT],
                       struct enl_err *err)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned int n = 0;

    if (EVP_Digest(data, len, md, &n, EVP_sha256(), NULL) != 1) {
        return enl_fail_oom(err);
    }
    for (size_t i = 0; i < n; i++) {
        ret_hex[2 * i] = hex[md[i] >> 4];
        ret_hex[2 * i + 1] = hex[md[i] & 0x0FU];
    }
    ret_hex[2 * (size_t)n] = '\0';
    return ENL_OK;
}

bool enl_secret_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && CRYPTO_memcmp(a, b, a_len) == 0;
}

void enl_secret_wipe(void *p, size_t len)
{
    OPENSSL_cleanse(p, len);
}

void enl_base64_encode(const void *data, size_t len, struct enl_buf *out)
{
    char *room = NULL;

    if (len > INT_MAX / 2) {
        out->failed = true;
        return;
    }
    room = enl_buf_room(out, (len + 2) / 3 * 4);
    if (room) {
        /* The NUL that it writes is the buffer's. */
        enl_buf_wrote(out, (size_t)EVP_EncodeBlock((unsigned char *)room, data, (int)len));
    }
}

static bool is_base64(const char *text, size_t len)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t padding = 0;

    if (len % 4 != 0 || len > INT_MAX) {
        return false;
    }
    while (padding < 2 && padding < len && text[len - 1 - padding] == '=') {
        padding++;
    }
    for (size_t i = 0; i < len - padding; i++) {
        if (text[i] == '\0' || !strchr(alphabet, text[i])) {
            return false;
        }
    }
    return true;
}

enum enl_rc enl_base64_decode(const char *text, size_t len, struct enl_buf *out,
                              struct enl_err *err)
{
    ENL_AUTO_FREE unsigned char *bytes = NULL;
    size_t n = len / 4 * 3;

    if (!is_base64(text, len)) {
        return enl_fail(err, ENL_INVALID, "not base64");
    }
    bytes = enl_malloc(n + 1);
    if (!bytes) {
        return enl_fail_oom(err);
    }
    if (len > 0 && EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len) < 0) {
        return enl_fail(err, ENL_INVALID, "not base64");
    }
    /* EVP_DecodeBlock counts the padding as zero bytes. */
    n -= len > 0 && text[len - 1] == '=' ? 1 : 0;
    n -= len > 1 && text[len - 2] == '=' ? 1 : 0;
    enl_buf_add(out, bytes, n);
    return enl_buf_ok(out) ? ENL_OK : enl_fail_oom(err);
}
