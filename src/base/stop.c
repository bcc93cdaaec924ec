/* stop - see stop.h. */
#include "base/stop.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t exit_status;

static void leave(int signal)
{
    (void)signal;
    _exit(exit_status);
}

static void fill(sigset_t *ret_set)
{
    (void)sigemptyset(ret_set);
    (void)sigaddset(ret_set, SIGTERM);
    (void)sigaddset(ret_set, SIGINT);
}

void enl_stop_prepare(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set;

    (void)sigaction(SIGPIPE, &ignore, NULL);
    fill(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void enl_stop_wait(void)
{
    sigset_t set;
    int signal = 0;

    fill(&set);
    while (sigwait(&set, &signal) != 0) {
    }
}

void enl_stop_within(unsigned seconds_left, int status)
{
    struct sigaction action = {.sa_handler = leave};

    exit_status = status;
    (void)sigaction(SIGALRM, &action, NULL);
    (void)alarm(seconds_left);
}
