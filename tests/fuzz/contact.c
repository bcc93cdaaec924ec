/* contact - fuzz target: up to three bodies, one a line, merged into a contact in every order. */
#include "domain/contact.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS 3

/* The contact as text: its fields and the keys of each. */
static char *merge(struct enl_event *const e[EVENTS], const int order[EVENTS])
{
    struct enl_buf text = ENL_BUF_INIT(SIZE_MAX / 8);
    struct enl_contact c = {0};

    FUZZ_CHECK(enl_contact_init(&c, NULL) == ENL_OK);
    for (int i = 0; i < EVENTS; i++) {
        if (e[order[i]]) {
            FUZZ_CHECK(enl_contact_merge(&c, e[order[i]], NULL, NULL) == ENL_OK);
        }
    }
    FUZZ_CHECK(enl_json_len(c.fields) == enl_json_len(c.keys));
    enl_json_dump(c.fields, true, &text);
    enl_json_dump(c.keys, true, &text);
    FUZZ_CHECK(enl_buf_ok(&text));
    enl_contact_done(&c);
    return enl_buf_take(&text, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const ids[EVENTS] = {"e-2", "e-1", "e-10"};
    static const int orders[][EVENTS] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    const struct enl_event_options opt = fuzz_options();
    struct enl_event *e[EVENTS] = {NULL};
    char *text = fuzz_text(data, size);
    char *line = text;
    char *want = NULL;

    for (int i = 0; i < EVENTS; i++) {
        size_t len = strcspn(line, "\n");
        const struct enl_event_source src = {.raw = line,
                                             .raw_len = len,
                                             .received_us = FUZZ_RECEIVED_US + i / 2,
                                             .known_id = ids[i],
                                             .known_generated = true};
        struct enl_refusal why = {0};

        (void)!enl_event_read(&src, &opt, &e[i], &why, NULL);
        line += len + (line[len] == '\n' ? 1 : 0);
    }
    want = merge(e, orders[0]);
    for (size_t i = 1; i < sizeof(orders) / sizeof(orders[0]); i++) {
        char *got = merge(e, orders[i]);

        FUZZ_CHECK(strcmp(got, want) == 0);
        free(got);
    }
    for (int i = 0; i < EVENTS; i++) {
        enl_event_free(e[i]);
    }
    free(want);
    free(text);
    return 0;
}
