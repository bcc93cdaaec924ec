/* enl_test - cmocka, whose header needs these four before it, in this order. */
#ifndef ENL_TEST_H
#define ENL_TEST_H
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/alloc.h"
#include "base/err.h"

#include <stdbool.h>
#include <string.h>

#define ENL_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Asserts inside a table of labelled cases. */
#define ENL_CHECK(cond, label)          enl_check_((cond), (label), #cond, __FILE__, __LINE__)
#define ENL_CHECK_STR(got, want, label) enl_check_str_((got), (want), (label), __FILE__, __LINE__)

static inline void enl_check_(bool ok, const char *label, const char *cond, const char *file,
                              int line)
{
    if (!ok) {
        print_error("case: %s\nnot so: %s\n", label, cond);
        _fail(file, line);
    }
}

static inline void enl_check_str_(const char *got, const char *want, const char *label,
                                  const char *file, int line)
{
    if (!got || !want || strcmp(got, want) != 0) {
        print_error("case: %s\n<%s> is not <%s>\n", label, got ? got : "NULL",
                    want ? want : "NULL");
        _fail(file, line);
    }
}

/* Torture: what is tested runs again and again, the first time with its first allocation failing,
 * then with its second, until none fails.
 *
 *     struct enl_torture t = {0};
 *
 *     while (enl_torture_next(&t)) {
 *         enum enl_rc rc = enl_f(&x);
 *
 *         enl_torture_end(&t, rc);
 *         ...                        no allocation fails here any more
 *     }
 *
 * Only allocations of our own fail, and jansson's, which are made by ours.  Those of the ODBC
 * manager and its drivers, libcurl, OpenSSL, civetweb and libc do not: how their failures come to
 * us (a SQLSTATE, a CURLcode, NULL) is what the tests of each wrapper are for.
 */
struct enl_torture {
    unsigned n; /* the allocation that fails; at last how many there are, and one */
    bool done;  /* none failed */
};

#define ENL_TORTURE_MOST 20000 /* allocations: what needs more than that never ends */

static inline bool enl_torture_next(struct enl_torture *t)
{
    if (t->done) {
        return false;
    }
    assert_in_range(++t->n, 1, ENL_TORTURE_MOST);
    (void)enl_alloc_fail_at(t->n);
    return true;
}

/* Ends what may fail.  For what may lose something without a word, as a log line: what it must not
 * lose is the caller's to check. */
static inline void enl_torture_survived(struct enl_torture *t)
{
    t->done = enl_alloc_fail_at(0) > 0;
}

/* Ends what may fail: FATAL when an allocation failed, OK when none did, and nothing else. */
static inline void enl_torture_end(struct enl_torture *t, enum enl_rc rc)
{
    enl_torture_survived(t);
    if (rc != (t->done ? ENL_OK : ENL_FATAL)) {
        fail_msg("allocation %u %s, but the outcome is \"%s\"", t->n,
                 t->done ? "did not fail" : "failed", enl_rc_name(rc));
    }
}

/* The same for one call that leaves nothing to look at; gives how many allocations it makes. */
#define ENL_TORTURE(call)                                                                          \
    __extension__({                                                                                \
        struct enl_torture torture_ = {0};                                                         \
                                                                                                   \
        while (enl_torture_next(&torture_)) {                                                      \
            enl_torture_end(&torture_, (call));                                                    \
        }                                                                                          \
        torture_.n - 1;                                                                            \
    })

#endif
