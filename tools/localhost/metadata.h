/*
 * metadata - the binding data of an invocation: names (in any case once) to JSON values.
 *
 * Ownership: lh_metadata_done() frees it.
 * Threads:   one thread at a time.
 */
#ifndef LH_METADATA_H
#define LH_METADATA_H

#include "base/buf.h"
#include "pairs.h"

#include <stdint.h>

struct lh_metadata {
    struct lh_pairs items; /* the values are JSON texts */
    bool failed;
};

#define LH_AUTO_METADATA __attribute__((cleanup(lh_metadata_done)))

void lh_metadata_done(struct lh_metadata *m);

/* The value as JSON, replacing what has that name; the name first given stays. */
void lh_metadata_set(struct lh_metadata *m, const char *name, const char *json);
/* The text, encoded twice. */
void lh_metadata_set_text(struct lh_metadata *m, const char *name, const char *text);
bool lh_metadata_has(const struct lh_metadata *m, const char *name);
/* Every top-level member of a JSON object; nothing when text is none.  except: NULL, or a name
 * that is left out. */
void lh_metadata_add_object(struct lh_metadata *m, const char *text, size_t len,
                            const char *except);
/* MethodName, UtcNow, RandGuid. */
void lh_metadata_set_sys(struct lh_metadata *m, const char *name, const char *method);
void lh_metadata_write(const struct lh_metadata *m, struct enl_buf *out);

/* "2026-11-23T23:22:55" of microseconds since 1970, then digits of a second's fraction (0 or 7),
 * then the zone. */
void lh_add_time(int64_t us, bool fraction, const char *zone, struct enl_buf *out);

#endif
