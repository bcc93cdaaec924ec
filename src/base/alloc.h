/*
 * alloc - the only place that calls malloc.
 *
 * Every allocation may fail and every caller says so (ENL_FATAL); tests make the n-th one fail.
 *
 * Ownership: what is returned is freed with free().
 * Threads:   any; enl_alloc_fail_at() counts the allocations of all threads together.
 */
#ifndef ENL_BASE_ALLOC_H
#define ENL_BASE_ALLOC_H

#include "base/err.h"

#include <stddef.h>
#include <stdlib.h>

/* Each returns NULL when memory is exhausted.  calloc and realloc check n * size;
 * realloc refuses to make nothing of something. */
void *enl_malloc(size_t size) ENL_MUSTCHECK;
void *enl_calloc(size_t n, size_t size) ENL_MUSTCHECK;
void *enl_realloc(void *p, size_t n, size_t size) ENL_MUSTCHECK;
char *enl_strdup(const char *s) ENL_MUSTCHECK;
char *enl_memdup(const char *s, size_t len) ENL_MUSTCHECK; /* adds a NUL */

/* Test hook: the n-th allocation from now (1 is the next) fails, once; 0 switches it off.  Returns
 * what was left of the n before: 0 when that allocation has failed. */
unsigned enl_alloc_fail_at(unsigned n);

static inline void enl_auto_free_(void *p)
{
    void **pp = p;

    free(*pp);
    *pp = NULL;
}
/* Frees a local at the end of its scope. */
#define ENL_AUTO_FREE __attribute__((cleanup(enl_auto_free_)))

/* Moves ownership out of an ENL_AUTO_FREE variable: leaves NULL behind. */
#define ENL_TAKE(p)                                                                                \
    __extension__({                                                                                \
        __typeof__(p) enl_taken_ = (p);                                                            \
        (p) = NULL;                                                                                \
        enl_taken_;                                                                                \
    })

#endif
