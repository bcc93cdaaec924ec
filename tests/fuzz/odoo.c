/* odoo - fuzz target: an answer of Odoo, classified and read into verdicts. */
#include "odoo/odoo.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define IDS_MAX 8

/* The ids that the answer names, behind one that it may lack. */
static size_t find_ids(const struct enl_json *result, const char *ids[IDS_MAX])
{
    const struct enl_json *results = enl_json_get(result, "results");
    size_t n = 0;

    ids[n++] = "e-1";
    for (size_t i = 0; i < enl_json_len(results) && n < IDS_MAX; i++) {
        const char *id = enl_json_get_str(enl_json_at(results, i), "event_id");

        if (id) {
            ids[n++] = id;
        }
    }
    return n;
}

static void check_verdict(const struct enl_verdict *v)
{
    size_t chars = 0;

    FUZZ_CHECK(v->kind <= ENL_VERDICT_RETRY);
    FUZZ_CHECK((v->kind == ENL_VERDICT_REJECTED) == (v->error != NULL));
    FUZZ_CHECK((v->kind == ENL_VERDICT_REJECTED) || v->code[0] == '\0');
    FUZZ_CHECK(memchr(v->code, '\0', sizeof(v->code)) && fuzz_is_utf8(v->code));
    FUZZ_CHECK(fuzz_is_utf8(v->error));
    for (const char *c = v->error; c && *c != '\0'; c++) {
        chars += ((unsigned char)*c & 0xC0U) != 0x80 ? 1 : 0;
    }
    FUZZ_CHECK(chars < ENL_ODOO_ERROR_MAX);
}

static void check_verdicts(const struct enl_json *result, struct enl_odoo_reply *r)
{
    const char *ids[IDS_MAX];
    size_t n = find_ids(result, ids);
    struct enl_err err = {0};
    enum enl_rc rc = enl_odoo_verdicts(result, ids, n, r, &err);

    if (rc != ENL_OK) {
        FUZZ_CHECK(rc == ENL_INVALID && err.rc == rc && !r->verdicts && r->n_verdicts == 0);
        return;
    }
    FUZZ_CHECK(r->n_verdicts == n);
    for (size_t i = 0; i < n; i++) {
        check_verdict(&r->verdicts[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct enl_http_response res = {.outcome = ENL_HTTP_ANSWERED,
                                    .status = 200,
                                    .retry_after_ms = -1,
                                    .body = ENL_BUF_INIT(ENL_ODOO_RESPONSE_MAX)};
    struct enl_odoo_reply r = {0};
    struct enl_json *result = NULL;

    enl_buf_add(&res.body, data, size);
    FUZZ_CHECK(enl_odoo_classify(&res, &r, &result, NULL) == ENL_OK);
    enl_http_response_done(&res);
    FUZZ_CHECK(r.class <= ENL_ODOO_DENIED && !r.throttled && !r.maybe_done);
    FUZZ_CHECK((r.class == ENL_ODOO_ANSWERED) == (r.reason[0] == '\0'));
    FUZZ_CHECK(fuzz_is_utf8(r.reason) && !strpbrk(r.reason, "\r\n"));
    FUZZ_CHECK(r.answered || (r.class == ENL_ODOO_PERHAPS && !r.transient));
    FUZZ_CHECK(!result || r.class == ENL_ODOO_ANSWERED);
    check_verdicts(result, &r);
    enl_odoo_reply_done(&r);
    enl_json_free(result);
    return 0;
}
