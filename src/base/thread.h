/*
 * thread - threads with a real stack, and timed waits on the monotonic clock.
 *
 * civetweb's workers have about 100 KB of stack: whatever does I/O or recurses runs here.
 */
#ifndef ENL_BASE_THREAD_H
#define ENL_BASE_THREAD_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Bytes.  JSON of 2,048 levels takes jansson about 0.5 MiB to read and more to write and free;
 * only touched pages cost memory. */
#define ENL_THREAD_STACK ((size_t)4 * 1024 * 1024)

typedef void *enl_thread_fn(void *arg);

/* Started joinable.  RETRY when the system has no more threads. */
enum enl_rc enl_thread_start(pthread_t *ret_thread, enl_thread_fn *fn, void *arg,
                             struct enl_err *err) ENL_MUSTCHECK;

/* Runs fn(arg) on a stack of ENL_THREAD_STACK and waits for its end. */
enum enl_rc enl_thread_call(void (*fn)(void *arg), void *arg, struct enl_err *err) ENL_MUSTCHECK;

/* Gives the kernel back what the calling thread, which is not the first, has touched of its stack
 * below the caller's frame: a thread that will wait for long need not hold what it once needed. */
void enl_thread_release_stack(void);

/* A condition whose timed wait takes enl_clock_system's mono_us. */
void enl_cond_init(pthread_cond_t *cond);
/* False when until_us (monotonic, microseconds) passed; true may be spurious. */
bool enl_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_us);

#endif
