/*
 * body - where the contact stands in a posted body, and the paths that name places in it.
 *
 * The contact is at the top or under one wrapper; scalars beside the wrapper count where the
 * contact has no such key of its own.  null and "" are absent (docs/webhook.md W2, W5).
 *
 * Ownership: all is borrowed from the parsed body.  Threads: one at a time.
 */
#ifndef ENL_DOMAIN_BODY_H
#define ENL_DOMAIN_BODY_H

#include "domain/event.h"
#include "wrap/json.h"

#include <stdbool.h>

#define ENL_PATH_TEXT 96 /* as the field of a warning and of a refusal */

struct enl_body {
    const struct enl_json *top;
    const struct enl_json *contact; /* top, or the wrapper's object */
    const char *wrapper;            /* NULL: the contact is at the top */
    const char *id_key;             /* "manychat_id" makes it a flat body; else "id" */
};

struct enl_found {
    const struct enl_json *value;
    const char *key;
    bool beside; /* read beside the wrapper */
};

/* Neither null nor "". */
bool enl_body_present(const struct enl_json *value);

/* False when no id stands anywhere; ret then names the place where one was looked for. */
bool enl_body_locate(const struct enl_json *top, struct enl_body *ret);

/* False when the key is absent. */
bool enl_body_find(const struct enl_body *b, const char *key, struct enl_found *ret);

/* The path from the top, cut at a character; name is that of a custom field, or NULL. */
void enl_body_path(const struct enl_body *b, const struct enl_found *f, const char *name,
                   char ret_path[ENL_PATH_TEXT]);

/* Adds a warning; those beyond ENL_WARNINGS_MAX are dropped. */
void enl_body_warn(const struct enl_body *b, const struct enl_found *f, const char *name,
                   const char *detail, struct enl_event *e);

#endif
