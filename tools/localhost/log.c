/* log - see log.h. */
#include "log.h"

#include <stdarg.h>

void lh_log(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    flockfile(stdout);
    (void)fputs("localhost: ", stdout);
    (void)vfprintf(stdout, fmt, ap);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
    funlockfile(stdout);
    va_end(ap);
}

void lh_log_line(FILE *out, const char *prefix, const char *text, size_t len)
{
    flockfile(out);
    (void)fputs(prefix, out);
    (void)fwrite(text, 1, len, out);
    (void)fputc('\n', out);
    (void)fflush(out);
    funlockfile(out);
}
