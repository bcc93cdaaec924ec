/*
 * migrate - brings the schema up: numbered files, in order, in one locked transaction.
 *
 * Threads: as the store.
 */
#ifndef ENL_STORE_MIGRATE_H
#define ENL_STORE_MIGRATE_H

#include "base/config.h"
#include "base/err.h"
#include "store/store.h"

/* Applies what is missing.  *ret_version is the schema's version afterwards: greater than
 * enl_migrate_known() when a newer binary was here.  RETRY: SQL is away or another migrates. */
enum enl_rc enl_migrate(struct enl_store *s, int *ret_version, struct enl_err *err) ENL_MUSTCHECK;

/* The version that this binary brings. */
int enl_migrate_known(const struct enl_dialect *d);

/* `enlace migrate`: opens what the settings name, migrates, and records ODOO_TURN_SLACK_MS as the
 * one that all instances must share. */
enum enl_rc enl_migrate_run(const struct enl_config *cfg, struct enl_err *err) ENL_MUSTCHECK;

#endif
