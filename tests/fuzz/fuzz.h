/* fuzz - what the fuzz targets share: the entry point, and checks that abort. */
#ifndef ENL_TEST_FUZZ_H
#define ENL_TEST_FUZZ_H

#include "domain/event.h"
#include "wrap/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What libFuzzer calls, and replay.c where there is no libFuzzer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An invariant of the target. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fuzz_abort(__FILE__, __LINE__, #condition);                                            \
        }                                                                                          \
    } while (0)
_Noreturn void fuzz_abort(const char *file, int line, const char *condition);

/* The input up to its first NUL; the caller frees. */
char *fuzz_text(const uint8_t *data, size_t size);
bool fuzz_is_utf8(const char *text); /* NULL allowed */
/* Compact with sorted keys; the caller frees. */
char *fuzz_dump(const struct enl_json *j);

#define FUZZ_RECEIVED_US 1778068800123456LL /* 2026-05-06T12:00:00.123456Z */
#define FUZZ_NEW_ID      "01890000-0000-7000-8000-000000000000"

struct enl_event_options fuzz_options(void);
/* What holds for every event, whatever it was read from. */
void fuzz_check_event(const struct enl_event *e);
/* Both are the same event; received only to the millisecond. */
void fuzz_check_same(const struct enl_event *a, const struct enl_event *b);
/* checked is e as one reads it with check_only. */
void fuzz_check_checked(const struct enl_event *checked, const struct enl_event *e);

#endif
