/* err - see err.h. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

enum enl_rc enl_fail(struct enl_err *err, enum enl_rc rc, const char *fmt, ...)
{
    va_list ap;

    if (!err || err->rc != ENL_OK) {
        return rc;
    }
    err->rc = rc;
    va_start(ap, fmt);
    (void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    return rc;
}

enum enl_rc enl_fail_oom(struct enl_err *err)
{
    return enl_fail(err, ENL_FATAL, "out of memory");
}

const char *enl_rc_name(enum enl_rc rc)
{
    switch (rc) {
    case ENL_OK: return "ok";
    case ENL_INVALID: return "invalid";
    case ENL_DENIED: return "denied";
    case ENL_RETRY: return "retry";
    case ENL_FATAL: return "fatal";
    }
    return "unknown";
}
