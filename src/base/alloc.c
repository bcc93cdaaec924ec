/* alloc - see alloc.h. */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

static _Atomic unsigned fail_at;

static int must_fail(void)
{
    unsigned n = atomic_load_explicit(&fail_at, memory_order_relaxed);

    while (n > 0 && !atomic_compare_exchange_weak_explicit(
                        &fail_at, &n, n - 1, memory_order_relaxed, memory_order_relaxed)) {
    }
    return n == 1;
}

unsigned enl_alloc_fail_at(unsigned n)
{
    return atomic_exchange_explicit(&fail_at, n, memory_order_relaxed);
}

void *enl_malloc(size_t size)
{
    return must_fail() ? NULL : malloc(size);
}

void *enl_calloc(size_t n, size_t size)
{
    return must_fail() ? NULL : calloc(n, size);
}

void *enl_realloc(void *p, size_t n, size_t size)
{
    if (must_fail() || n == 0 || size == 0 || n > SIZE_MAX / size) {
        return NULL;
    }
    return realloc(p, n * size);
}

char *enl_strdup(const char *s)
{
    return enl_memdup(s, strlen(s));
}

char *enl_memdup(const char *s, size_t len)
{
    char *p = len == SIZE_MAX ? NULL : enl_malloc(len + 1);

    if (p) {
        if (len > 0) {
            memcpy(p, s, len);
        }
        p[len] = '\0';
    }
    return p;
}
