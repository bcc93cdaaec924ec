/*
 * url - DATABASE_URL in the forms that people know, as an ODBC connection string.
 *
 *   (empty)                                          the file enlace.db, SQLite
 *   sqlite:///path, sqlite:////absolute/path         SQLite
 *   postgresql://user:password@host:port/database    PostgreSQL; postgres:// too
 *   mssql+pyodbc://user:password@host:port/database?driver=ODBC+Driver+17+for+SQL+Server
 *                                                    SQL Server, Azure SQL; driver=FreeTDS too
 *   Driver=...;Server=...;...                        an ODBC connection string of one of these
 *
 * User, password and database may be percent-encoded and hold any character, for FreeTDS any ASCII
 * one.  PostgreSQL takes the parameters sslmode, sslrootcert and connect_timeout; SQL Server takes
 * driver, Encrypt, TrustServerCertificate and connect_timeout (or timeout), where a "+" is a space.
 *
 * A connection to another machine is encrypted and its certificate verified unless the settings say
 * otherwise; an unencrypted one is refused.  FreeTDS verifies nothing that a connection string
 * could ask for, so to another machine it wants TrustServerCertificate=yes (or, in a connection
 * string, a Servername whose section in freetds.conf has a `ca file`).  A connection string stays
 * as it is; what the service relies on is added where it says nothing of it.
 *
 * Pure.  Threads: any.
 */
#ifndef ENL_STORE_URL_H
#define ENL_STORE_URL_H

#include "base/err.h"
#include "store/dialect.h"

#define ENL_CONNECTION_MAX 2048 /* bytes of a connection string and its NUL */

/* Which database the settings name, and how ODBC reaches it. */
struct enl_store_target {
    const struct enl_dialect *dialect;
    unsigned login_s;              /* seconds that the login may take; 0: the store's default */
    char conn[ENL_CONNECTION_MAX]; /* ODBC connection string: a secret */
};

/* INVALID: err says what is wrong, naming DATABASE_URL and never repeating a part of it. */
enum enl_rc enl_database_url(const char *url, struct enl_store_target *ret,
                             struct enl_err *err) ENL_MUSTCHECK;

#endif
