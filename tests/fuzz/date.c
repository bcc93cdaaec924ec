/* date - fuzz target: dates as flows send them. */
#include "domain/date.h"

#include "base/clock.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static const int64_t spans_ms[] = {[ENL_PRECISION_DAY] = 86400000,
                                   [ENL_PRECISION_MINUTE] = 60000,
                                   [ENL_PRECISION_SECOND] = 1000,
                                   [ENL_PRECISION_MILLISECOND] = 1};

static void check(const char *text, int offset_min, const struct enl_moment *at_utc)
{
    struct enl_moment m = {-1, ENL_PRECISION_SECOND};
    struct enl_moment again = {0};
    char utc[ENL_TIME_TEXT];
    int64_t ms = 0;

    if (!enl_date_read(text, offset_min, &m)) {
        FUZZ_CHECK(m.ms == -1 && m.precision == ENL_PRECISION_SECOND);
        return;
    }
    FUZZ_CHECK(m.ms >= 0 && m.precision <= ENL_PRECISION_MILLISECOND);
    FUZZ_CHECK(enl_date_last_ms(&m) == m.ms + spans_ms[m.precision] - 1);
    enl_time_format(m.ms, utc);
    FUZZ_CHECK(utc[0] == '1' || utc[0] == '2');
    FUZZ_CHECK(enl_time_parse(utc, &ms) && ms == m.ms);
    FUZZ_CHECK(enl_date_read(utc, 123, &again) && again.ms == m.ms);
    FUZZ_CHECK(again.precision == ENL_PRECISION_MILLISECOND);
    /* Either the text has an offset of its own, or the given one moves it. */
    if (at_utc->ms >= 0) {
        FUZZ_CHECK(m.precision == at_utc->precision);
        FUZZ_CHECK(m.ms == at_utc->ms || m.ms == at_utc->ms - offset_min * 60000LL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int offsets_min[] = {0, -180, 330, 1439, -1439};
    char *text = fuzz_text(data, size);
    struct enl_moment at_utc = {-1, ENL_PRECISION_SECOND};

    (void)enl_date_read(text, 0, &at_utc);
    for (size_t i = 0; i < sizeof(offsets_min) / sizeof(offsets_min[0]); i++) {
        check(text, offsets_min[i], &at_utc);
    }
    free(text);
    return 0;
}
