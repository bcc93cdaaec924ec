/* limits - see limits.h. */
#include "host/limits.h"

#include "base/buf.h"
#include "wrap/json.h"

#include <stdio.h>

#define FORWARDED_WORKERS 64
#define WORKERS_MAX       4096       /* threads: above this the machine, not the host, decides */
#define FILE_MAX          (1U << 20) /* bytes */

static void read_number(const struct enl_json *queues, const char *name, int64_t lo, int64_t hi,
                        unsigned *ret)
{
    int64_t v = 0;

    if (enl_json_get_i64(queues, name, &v) && v >= lo && v <= hi) {
        *ret = (unsigned)v;
    }
}

static void set_defaults(struct enl_host_limits *ret)
{
    *ret = (struct enl_host_limits){.batch_size = ENL_BATCH_SIZE_DEFAULT,
                                    .new_batch_threshold = ENL_NEW_BATCH_THRESHOLD_DEFAULT};
}

enum enl_rc enl_limits_parse(const char *text, size_t len, struct enl_host_limits *ret,
                             struct enl_err *err)
{
    ENL_AUTO_JSON struct enl_json *root = NULL;
    const struct enl_json *queues = NULL;
    enum enl_rc rc = ENL_OK;

    set_defaults(ret);
    if (enl_json_depth(text, len) > ENL_JSON_SHALLOW) {
        return enl_fail(err, ENL_INVALID, "host.json is nested too deep");
    }
    rc = enl_json_parse(text, len, &root, NULL, err);
    if (rc != ENL_OK) {
        return rc;
    }
    queues = enl_json_get(enl_json_get(root, "extensions"), "queues");
    read_number(queues, "batchSize", 1, 32, &ret->batch_size);
    read_number(queues, "newBatchThreshold", 0, WORKERS_MAX, &ret->new_batch_threshold);
    return ENL_OK;
}

enum enl_rc enl_limits_read(const char *path, struct enl_host_limits *ret, struct enl_err *err)
{
    ENL_AUTO_BUF struct enl_buf text = ENL_BUF_INIT(FILE_MAX);
    FILE *f = fopen(path, "re");
    char chunk[2048];
    size_t n = 0;
    enum enl_rc rc = ENL_OK;

    while (f && (n = fread(chunk, 1, sizeof(chunk), f)) > 0) {
        enl_buf_add(&text, chunk, n);
    }
    if (!enl_buf_ok(&text) && !text.overflow) {
        rc = enl_fail_oom(err);
    } else if (!f || ferror(f) || text.overflow) {
        rc = enl_fail(err, ENL_INVALID, "%s cannot be read", path);
    }
    if (f) {
        (void)fclose(f);
    }
    if (rc != ENL_OK) {
        set_defaults(ret);
        return rc;
    }
    return enl_limits_parse(enl_buf_str(&text), text.len, ret, err);
}

unsigned enl_limits_workers(const struct enl_host_limits *l, const struct enl_function *functions,
                            size_t n)
{
    unsigned workers = FORWARDED_WORKERS;

    for (size_t i = 0; i < n; i++) {
        switch (functions[i].trigger) {
        case ENL_HTTP: break;
        case ENL_QUEUE: workers += l->batch_size + l->new_batch_threshold; break;
        case ENL_TIMER: workers += 1; break;
        }
    }
    return workers < WORKERS_MAX ? workers : WORKERS_MAX;
}
