/* json - fuzz target: a text is JSON for our reader if it is for jansson's, and means the same. */
#include "fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *load(const char *text, size_t size)
{
    return json_loadb(text, size, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    /* jansson overlooks some NUL bytes. */
    bool has_nul = size > 0 && memchr(text, '\0', size);
    json_t *theirs = has_nul ? NULL : load(text, size);
    struct enl_json *ours = NULL;
    struct enl_json_pos pos = {0};
    struct enl_err err = {0};
    enum enl_rc rc = enl_json_parse(text, size, &ours, &pos, &err);

    if (rc == ENL_OK) {
        char *written = fuzz_dump(ours);
        json_t *again = load(written, strlen(written));

        FUZZ_CHECK(theirs && json_equal(again, theirs) == 1);
        json_decref(again);
        free(written);
    } else {
        FUZZ_CHECK(rc == ENL_INVALID && err.rc == rc && !ours && !theirs);
        FUZZ_CHECK(pos.line > 0 && pos.column > 0);
    }
    enl_json_free(ours);
    json_decref(theirs);
    return 0;
}
