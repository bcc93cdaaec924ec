/*
 * stop - the signals that end the service, and an end that nothing can hold up.
 *
 * Threads: all of it from main; enl_stop_prepare before the first thread is started.
 */
#ifndef ENL_BASE_STOP_H
#define ENL_BASE_STOP_H

/* SIGTERM and SIGINT wait for enl_stop_wait, in all threads to come; SIGPIPE is ignored. */
void enl_stop_prepare(void);

/* Returns when one of the two came. */
void enl_stop_wait(void);

/* In seconds_left from now the process ends with this status, whatever its threads do: one that
 * hangs in a driver cannot be ended otherwise. */
void enl_stop_within(unsigned seconds_left, int status);

#endif
