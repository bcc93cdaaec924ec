/* spawn - see spawn.h. */
#include "spawn.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/thread.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)64 * 1024)
#define NOT_EXECUTABLE 127 /* as shells say it */

struct lh_pipes {
    int out[2], err[2], end[2];
    pthread_t reader;
};

struct line {
    struct enl_buf text;
    FILE *to;
    const char *prefix;
};

static void flush_line(struct line *l)
{
    lh_log_line(l->to, l->prefix, enl_buf_str(&l->text), l->text.len);
    enl_buf_reset(&l->text);
}

static void pass_on(struct line *l, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n' || l->text.len >= LINE_MAX_BYTES) {
            flush_line(l);
        }
        if (data[i] != '\n') {
            enl_buf_addc(&l->text, data[i]);
        }
    }
}

/* Reads what is there; false when there is nothing. */
static bool drain(int fd, struct line *l)
{
    char chunk[8192];
    ssize_t n = read(fd, chunk, sizeof(chunk));

    if (n > 0) {
        pass_on(l, chunk, (size_t)n);
    }
    return n > 0;
}

static void *read_pipes(void *arg)
{
    const struct lh_pipes *p = arg;
    struct line out = {ENL_BUF_INIT(LINE_MAX_BYTES + 1), stdout, "handler: "};
    struct line err = {ENL_BUF_INIT(LINE_MAX_BYTES + 1), stderr, "handler: "};
    bool ending = false;

    while (!ending) {
        struct pollfd fds[3] = {{.fd = p->out[0], .events = POLLIN},
                                {.fd = p->err[0], .events = POLLIN},
                                {.fd = p->end[0], .events = POLLIN}};

        (void)poll(fds, 3, -1);
        ending = fds[2].revents != 0;
        while (drain(p->out[0], &out)) {
        }
        while (drain(p->err[0], &err)) {
        }
    }
    if (out.text.len > 0) {
        flush_line(&out);
    }
    if (err.text.len > 0) {
        flush_line(&err);
    }
    enl_buf_done(&out.text);
    enl_buf_done(&err.text);
    return NULL;
}

enum enl_rc lh_pipes_open(struct lh_pipes **ret, struct enl_err *err)
{
    struct lh_pipes *p = enl_calloc(1, sizeof(*p));
    enum enl_rc rc = ENL_OK;

    if (!p) {
        return enl_fail_oom(err);
    }
    if (pipe2(p->out, O_CLOEXEC) != 0 || pipe2(p->err, O_CLOEXEC) != 0 ||
        pipe2(p->end, O_CLOEXEC) != 0 || fcntl(p->out[0], F_SETFL, O_NONBLOCK) != 0 ||
        fcntl(p->err[0], F_SETFL, O_NONBLOCK) != 0) {
        rc = enl_fail(err, ENL_FATAL, "no pipe (errno %d)", errno);
    }
    rc = rc ? rc : enl_thread_start(&p->reader, read_pipes, p, err);
    if (rc != ENL_OK) {
        free(p); /* the process ends on this: it needs no descriptors back */
        return rc;
    }
    *ret = p;
    return ENL_OK;
}

void lh_pipes_close(struct lh_pipes *p)
{
    if (!p) {
        return;
    }
    (void)close(p->end[1]);
    (void)pthread_join(p->reader, NULL);
    (void)close(p->end[0]);
    for (int i = 0; i < 2; i++) {
        (void)close(p->out[i]);
        (void)close(p->err[i]);
    }
    free(p);
}

/* "a  b" into words; *ret ends in NULL and shares one block with its texts. */
static char **split(const char *path, const char *arguments)
{
    size_t len = strlen(arguments);
    size_t most = len / 2 + 3;
    size_t n = 0;
    char **argv = enl_malloc(most * sizeof(*argv) + strlen(path) + len + 2);
    char *text = NULL;

    if (!argv) {
        return NULL;
    }
    text = (char *)(argv + most);
    memcpy(text, path, strlen(path) + 1);
    argv[n++] = text;
    text += strlen(path) + 1;
    memcpy(text, arguments, len + 1);
    for (char *s = text + strspn(text, " \t"); *s; s += strspn(s, " \t")) {
        argv[n++] = s;
        s += strcspn(s, " \t");
        if (*s) {
            *s++ = '\0';
        }
    }
    argv[n] = NULL;
    return argv;
}

/* In the child of a process with threads: async-signal-safe calls only. */
static _Noreturn void become(const struct lh_app *app, const struct lh_pipes *pipes, pid_t parent,
                             char **argv)
{
    static const char text[] = "localhost: the handler's program cannot be executed\n";
    struct sigaction normal = {.sa_handler = SIG_DFL};
    sigset_t none;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(NOT_EXECUTABLE); /* the parent died before the line above */
    }
    (void)setpgid(0, 0); /* Ctrl-C is for the host alone */
    (void)sigaction(SIGPIPE, &normal, NULL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)dup2(pipes->out[1], STDOUT_FILENO);
    (void)dup2(pipes->err[1], STDERR_FILENO);
    (void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    if (chdir(app->root) == 0) {
        (void)execvpe(argv[0], argv, app->settings.items);
    }
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(NOT_EXECUTABLE);
}

enum enl_rc lh_spawn(const struct lh_app *app, const struct lh_pipes *pipes, pid_t *ret,
                     struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf path = ENL_BUF_INIT(LINE_MAX_BYTES);
    ENL_AUTO_FREE char **argv = NULL;
    pid_t parent = getpid();
    pid_t pid = 0;

    if (app->executable[0] != '/') {
        enl_buf_addf(&path, "%s/%s", app->root, app->executable);
    }
    if (app->executable[0] == '/' || access(enl_buf_str(&path), F_OK) != 0) {
        enl_buf_reset(&path);
        enl_buf_adds(&path, app->executable);
    }
    argv = split(enl_buf_str(&path), app->arguments);
    if (!argv) {
        return enl_fail_oom(err);
    }
    pid = fork();
    if (pid == 0) {
        become(app, pipes, parent, argv);
    }
    if (pid < 0) {
        return enl_fail(err, ENL_RETRY, "no process (errno %d)", errno);
    }
    *ret = pid;
    return ENL_OK;
}
