/*
 * migrations - the schema's numbered files, as the build makes them into texts.
 *
 * One array for each file of migrations/<dialect>/, named after it; a dialect lists its own.
 */
#ifndef ENL_STORE_MIGRATIONS_H
#define ENL_STORE_MIGRATIONS_H

extern const char enl_migration_sqlite_0001_spine[];
extern const char enl_migration_sqlite_0002_turns[];
extern const char enl_migration_sqlite_0003_sync[];
extern const char enl_migration_postgres_0001_spine[];
extern const char enl_migration_postgres_0002_turns[];
extern const char enl_migration_postgres_0003_sync[];
extern const char enl_migration_tsql_0001_spine[];
extern const char enl_migration_tsql_0002_turns[];
extern const char enl_migration_tsql_0003_sync[];

#endif
