/*
 * net - how the host's .NET libraries write and rewrite JSON (Newtonsoft's defaults).
 *
 * Numbers with a fraction or exponent become doubles, texts that look like an ISO date become
 * dates (the host runs in UTC), and both are written in .NET's own way: that is what rewrites a
 * queue output and the values of Metadata.
 *
 * Threads: any; nothing is kept.
 */
#ifndef LH_NET_H
#define LH_NET_H

#include "base/buf.h"
#include "wrap/json.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends text with every byte that is no UTF-8 replaced by U+FFFD, as a .NET decoder does. */
void lh_net_clean(const char *text, size_t len, struct enl_buf *out);

/* Appends text as a JSON string literal (cleaned as above). */
void lh_net_literal(const char *text, size_t len, struct enl_buf *out);
/* Appends a JSON string literal whose content is itself the literal of text. */
void lh_net_twice(const char *text, size_t len, struct enl_buf *out);

enum lh_net_style { LH_NET_COMPACT, LH_NET_INDENTED };
/* Appends j re-serialised. */
void lh_net_write(const struct enl_json *j, enum lh_net_style style, struct enl_buf *out);

/* Appends what (string)value gives in .NET: 1.0 -> 1, true -> True, a date -> 11/23/2026 23:22:55;
 * nothing for null; objects and arrays indented. */
void lh_net_text(const struct enl_json *j, struct enl_buf *out);

/* Convert.FromBase64String: white space is skipped.  False: not base64, out unchanged. */
bool lh_net_base64(const char *text, size_t len, struct enl_buf *out);

#endif
