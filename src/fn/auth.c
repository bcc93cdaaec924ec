/* auth - see auth.h. */
#include "fn/auth.h"

#include "base/str.h"
#include "wrap/crypto.h"

#include <string.h>
#include <strings.h>

/* The key that the request shows; false when it shows none, or not exactly one. */
static bool shown_key(const struct enl_http_req *req, const char **ret_key, size_t *ret_len)
{
    static const char scheme[] = "Bearer ";
    size_t n = 0;
    const char *key = enl_http_header(req, "X-API-Key", &n);
    size_t len = key ? strlen(key) : 0;

    if (key) {
        enl_trim(&key, &len);
    }
    if (n > 1 || len > 0) {
        *ret_key = key;
        *ret_len = len;
        return n == 1;
    }
    key = enl_http_header(req, "Authorization", &n);
    if (n != 1 || strncasecmp(key, scheme, sizeof(scheme) - 1) != 0) {
        return false;
    }
    key += sizeof(scheme) - 1;
    len = strlen(key);
    enl_trim(&key, &len);
    *ret_key = key;
    *ret_len = len;
    return len > 0;
}

bool enl_auth(const struct enl_config *cfg, const struct enl_http_req *req, struct enl_reply *reply)
{
    const char *shown = "";
    size_t shown_len = 0;
    const char *key = NULL;
    size_t len = 0;
    size_t pos = 0;
    size_t n_keys = 0;
    unsigned matches = 0;
    bool shows = shown_key(req, &shown, &shown_len);

    while (enl_config_next_key(cfg, &pos, &key, &len)) {
        n_keys++;
        matches |= enl_secret_equal(shown, shown_len, key, len) ? 1U : 0U;
    }
    if (n_keys == 0) {
        enl_reply_problem(reply, &(struct enl_problem){.status = 503,
                                                       .detail = "the setting API_KEY is missing"});
        return false;
    }
    if (!shows || matches == 0) {
        enl_reply_problem(reply,
                          &(struct enl_problem){.status = 401, .detail = "no valid key was shown"});
        enl_reply_header(reply, "WWW-Authenticate", "Bearer");
        return false;
    }
    return true;
}
