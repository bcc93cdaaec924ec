/* test_url - DATABASE_URL: what each form becomes, and what is refused without being repeated. */
#include "base/config.h"
#include "enl_test.h"
#include "store/url.h"

#include <stdio.h>
#include <string.h>

#define TAIL "Protocol=7.4-1;UseServerSidePrepare=0;"
#define SESSION                                                                                    \
    "ConnSettings={SET lock_timeout = 5000;SET idle_in_transaction_session_timeout = 15000;"       \
    "SET statement_timeout = 15000;SET TIME ZONE 'UTC'};"
#define NETWORK "tcp_user_timeout=15000 keepalives_idle=10 keepalives_interval=5"
#define PG(host, port, db, user, pw, mode, timeout, more)                                          \
    "Driver=PostgreSQL Unicode;Server=" host ";Port=" port ";Database=" db ";UID=" user            \
    ";PWD={" pw "};" TAIL "SSLmode=" mode ";pqopt={connect_timeout=" timeout " " NETWORK more      \
    "};" SESSION
#define MS(version, host, port, db, user, pw, encrypt, trust, timeout)                             \
    "Driver={ODBC Driver " version " for SQL Server};Server=tcp:" host "," port ";Database=" db    \
    ";UID=" user ";PWD={" pw "};Encrypt=" encrypt ";TrustServerCertificate=" trust                 \
    ";Connection Timeout=" timeout ";"
#define FREE(host, port, db, user, pw, encryption)                                                 \
    "Driver=FreeTDS;Server=" host ";Port=" port ";Database=" db ";UID=" user ";PWD=" pw            \
    ";TDS_Version=7.4;ClientCharset=UTF-8;Encryption=" encryption ";"
#define MSURL(rest)   "mssql+pyodbc://" rest "driver=ODBC+Driver+17+for+SQL+Server"
#define FREEURL(rest) "mssql+pyodbc://" rest "driver=FreeTDS"
#define LITE_TAIL     "Timeout=5000;JournalMode=WAL;SyncPragma=NORMAL;FKSupport=1;"
#define PG_TAIL       TAIL "pqopt={connect_timeout=5 " NETWORK "};" SESSION
#define FREE_TAIL     "TDS_Version=7.4;ClientCharset=UTF-8;"
#define LITE(file)                                                                                 \
    "Driver=SQLite3;Database=" file ";Timeout=5000;JournalMode=WAL;SyncPragma=NORMAL;FKSupport=1"

static void good(void **state)
{
    static const struct {
        const char *name, *url, *conn;
    } cases[] = {
        {"nothing", "", LITE("enlace.db")},
        {"a relative file", "sqlite:///data/x.db", LITE("data/x.db")},
        {"an absolute file", "sqlite:////var/lib/x y.db", LITE("/var/lib/x y.db")},
        {"all of it", "postgresql://u:p@127.0.0.1:5433/db",
         PG("127.0.0.1", "5433", "db", "u", "p", "prefer", "5", "")},
        {"the short scheme", "postgres://u:p@localhost/db",
         PG("localhost", "5432", "db", "u", "p", "prefer", "5", "")},
        {"no user", "postgresql://localhost/db",
         PG("localhost", "5432", "db", "", "", "prefer", "5", "")},
        {"no password", "postgresql://u@localhost/db",
         PG("localhost", "5432", "db", "u", "", "prefer", "5", "")},
        {"IPv6", "postgresql://u:p@[::1]:99/db",
         PG("::1", "99", "db", "u", "p", "prefer", "5", "")},
        {"another machine is verified", "postgresql://u:p@db.example.org/db",
         PG("db.example.org", "5432", "db", "u", "p", "verify-full", "5", "")},
        {"unless it says otherwise", "postgresql://u:p@db.example.org/db?sslmode=require",
         PG("db.example.org", "5432", "db", "u", "p", "require", "5", "")},
        {"parameters",
         "postgresql://u:p@h/db?sslmode=verify-ca&sslrootcert=%2Fetc%2Fca.pem&connect_timeout=9",
         PG("h", "5432", "db", "u", "p", "verify-ca", "9", " sslrootcert=/etc/ca.pem")},
        {"disabled here", "postgresql://u:p@127.0.0.1/db?sslmode=disable",
         PG("127.0.0.1", "5432", "db", "u", "p", "disable", "5", "")},
        {"an encoded password", "postgresql://u:p%3Bw%7Dd%20%C3%B1%25@localhost/db",
         PG("localhost", "5432", "db", "u", "p;w}}d \xc3\xb1%", "prefer", "5", "")},
        {"a bare @ in the password", "postgresql://u:p@ss@localhost/db",
         PG("localhost", "5432", "db", "u", "p@ss", "prefer", "5", "")},
        {"a user and a database with a space", "postgresql://a%20b:p@localhost/c%20d",
         PG("localhost", "5432", "c d", "a b", "p", "prefer", "5", "")},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct enl_store_target t = {.login_s = 1234}; /* of another URL */
        struct enl_err err = {0};

        ENL_CHECK(enl_database_url(cases[i].url, &t, &err) == ENL_OK, cases[i].name);
        ENL_CHECK(strcmp(t.conn, cases[i].conn) == 0, cases[i].name);
        ENL_CHECK(t.login_s == 0, cases[i].name);
        ENL_CHECK(t.dialect == (strstr(cases[i].conn, "SQLite3") ? &enl_dialect_sqlite
                                                                 : &enl_dialect_postgres),
                  cases[i].name);
    }
}

static void check_good(const char *name, const char *url, const char *conn,
                       const struct enl_dialect *dialect, unsigned login_s)
{
    struct enl_store_target t = {0};
    struct enl_err err = {0};

    ENL_CHECK(enl_database_url(url, &t, &err) == ENL_OK, name);
    ENL_CHECK_STR(t.conn, conn, name);
    ENL_CHECK(t.dialect == dialect, name);
    ENL_CHECK(t.login_s == login_s, name);
}

static void sql_server(void **state)
{
    static const struct {
        const char *name, *url, *conn;
        unsigned login_s;
    } cases[] = {
        {"Microsoft's", MSURL("u:p@h.database.windows.net:1434/db?"),
         MS("17", "h.database.windows.net", "1434", "db", "u", "p", "yes", "no", "5"), 5},
        {"another version, another case",
         "mssql+pyodbc://u:p@h/db?DRIVER=odbc%20driver%2018%20for%20sql%20server",
         "Driver={odbc driver 18 for sql server};Server=tcp:h,1433;Database=db;UID=u;PWD={p};"
         "Encrypt=yes;TrustServerCertificate=no;Connection Timeout=5;",
         5},
        {"a server's own certificate", MSURL("u:p@h/db?TrustServerCertificate=yes&Encrypt=yes&"),
         MS("17", "h", "1433", "db", "u", "p", "yes", "yes", "5"), 5},
        {"this machine is verified too", MSURL("u:p@localhost/db?"),
         MS("17", "localhost", "1433", "db", "u", "p", "yes", "no", "5"), 5},
        {"this machine in plain", MSURL("u:p@127.0.0.1/db?encrypt=No&"),
         MS("17", "127.0.0.1", "1433", "db", "u", "p", "No", "no", "5"), 5},
        {"IPv6", MSURL("u:p@[::1]:99/db?encrypt=no&"),
         MS("17", "::1", "99", "db", "u", "p", "no", "no", "5"), 5},
        {"connect_timeout", MSURL("u:p@h/db?connect_timeout=30&"),
         MS("17", "h", "1433", "db", "u", "p", "yes", "no", "30"), 30},
        {"timeout", MSURL("u:p@h/db?timeout=60&"),
         MS("17", "h", "1433", "db", "u", "p", "yes", "no", "60"), 60},
        {"Azure's long user name", MSURL("u%40srv:p@h/db?"),
         MS("17", "h", "1433", "db", "u@srv", "p", "yes", "no", "5"), 5},
        {"a plus is a plus but in a value", MSURL("u+1:p+2@h/d+3?"),
         MS("17", "h", "1433", "d+3", "u+1", "p+2", "yes", "no", "5"), 5},
        {"a password with everything", MSURL("u:%7Ba%3Bb%7Dc%3D%27%22%20@%C3%B1%25%7D@h/db?"),
         MS("17", "h", "1433", "db", "u", "{a;b}}c='\" @\xc3\xb1%}}", "yes", "no", "5"), 5},
        {"FreeTDS here", FREEURL("u:p@localhost/db?"),
         FREE("localhost", "1433", "db", "u", "p", "require"), 5},
        {"FreeTDS here in plain", FREEURL("u:p@127.0.0.1:5/db?Encrypt=no&"),
         FREE("127.0.0.1", "5", "db", "u", "p", "off"), 5},
        {"FreeTDS elsewhere", FREEURL("u:p@h/db?TrustServerCertificate=yes&timeout=9&"),
         FREE("h", "1433", "db", "u", "p", "require"), 9},
        {"FreeTDS and a brace", FREEURL("u:a%7Db%7B%20%3D@localhost/db?"),
         FREE("localhost", "1433", "db", "u", "a}b{ =", "require"), 5},
        {"FreeTDS and a semicolon", FREEURL("u:a%3Bb%7B@localhost/db?"),
         FREE("localhost", "1433", "db", "u", "{a;b{}", "require"), 5},
        {"FreeTDS and a brace at the front", FREEURL("u:%7Ba@localhost/db?"),
         FREE("localhost", "1433", "db", "u", "{{a}", "require"), 5},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        check_good(cases[i].name, cases[i].url, cases[i].conn, &enl_dialect_tsql, cases[i].login_s);
    }
}

static void connection_strings(void **state)
{
    static const struct {
        const char *name, *url, *more; /* more: what is added, with the ";" before it */
        const struct enl_dialect *dialect;
    } cases[] = {
        {"SQLite", "Driver=SQLite3;Database=/x/y.db", ";" LITE_TAIL, &enl_dialect_sqlite},
        {"SQLite by its file", "DRIVER={/usr/lib/libsqlite3odbc.so};Database=x;", LITE_TAIL,
         &enl_dialect_sqlite},
        {"SQLite with options of its own",
         "driver=SQLite3;Database=x;timeout=9;FKSupport=0;JOURNALMODE=WAL;SyncPragma=FULL;", "",
         &enl_dialect_sqlite},
        {"PostgreSQL here", "Driver=PostgreSQL Unicode;Server=127.0.0.1;Database=d;UID=u;PWD=p;",
         PG_TAIL, &enl_dialect_postgres},
        {"PostgreSQL by its file, verified",
         "Driver=/p/psqlodbcw.so;Servername=h;SSLmode=verify-full;Database=d", ";" PG_TAIL,
         &enl_dialect_postgres},
        {"PostgreSQL with options of its own",
         "Driver={PostgreSQL Unicode};Server=h;SSLMODE=require;pqopt={sslrootcert=/hosts/ca.pem};"
         "ConnSettings={SET x = 1;SET y = 2};Protocol=7.4-2;UseServerSidePrepare=1;",
         "", &enl_dialect_postgres},
        {"Microsoft's",
         "Driver={ODBC Driver 18 for SQL Server};Server=tcp:h,1433;UID=u;PWD={a}};b}",
         ";Encrypt=yes;", &enl_dialect_tsql},
        {"Microsoft's, not verified",
         "Driver={ODBC Driver 17 for SQL Server};Address=h;Encrypt=Strict;"
         "TrustServerCertificate=yes;",
         "", &enl_dialect_tsql},
        {"Microsoft's here in plain",
         "Driver=ODBC Driver 17 for SQL Server;Server=tcp:localhost\\x,1433;Encrypt=no;", "",
         &enl_dialect_tsql},
        {"Microsoft's by its file", "Driver=/opt/libmsodbcsql-17.10.so;Server=h", ";Encrypt=yes;",
         &enl_dialect_tsql},
        {"FreeTDS here in plain", "Driver=FreeTDS;Server=127.0.0.1;Port=1433;", FREE_TAIL,
         &enl_dialect_tsql},
        {"FreeTDS by its file, elsewhere",
         "Driver=/postgres/libtdsodbc.so;Server=h;Encryption=require;TrustServerCertificate=yes;",
         FREE_TAIL, &enl_dialect_tsql},
        {"FreeTDS with a section of freetds.conf",
         "Driver=FreeTDS;Servername=s;Encryption=require;ClientCharset=UTF-8;tds_version=7.3", ";",
         &enl_dialect_tsql},
        {"empty parts and spaces", "Driver=FreeTDS;; Server = ::1 ;", NULL, NULL},
        {"empty parts", "Driver=FreeTDS;; Server =::1;;", FREE_TAIL, &enl_dialect_tsql},
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        char conn[ENL_CONNECTION_MAX];

        if (!cases[i].more) {
            struct enl_store_target t = {0};

            /* A space is a part of the name: no loopback's. */
            ENL_CHECK(enl_database_url(cases[i].url, &t, NULL) == ENL_INVALID, cases[i].name);
            continue;
        }
        (void)snprintf(conn, sizeof(conn), "%s%s", cases[i].url, cases[i].more);
        check_good(cases[i].name, cases[i].url, conn, cases[i].dialect, 0);
    }
}

/* In Azure the settings refuse exactly what becomes a file. */
static void sqlite_is_one_thing(void **state)
{
    static const char *const urls[] = {
        "",
        "sqlite:///x.db",
        "Driver=SQLite3;Database=x.db",
        "driver={/x/libsqlite3odbc.so};Database=x.db",
        "Driver=/sqlite/libtdsodbc.so;Server=localhost;Database=sqlite",
        "Driver=FreeTDS;Server=localhost;PWD=sqlite",
        "Driver=PostgreSQL;Server=localhost;Database=sqlite",
        MSURL("u:sqlite@h/sqlite?"),
        "postgresql://u:driver=sqlite@h/sqlite",
    };

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(urls); i++) {
        struct enl_config cfg = {.database_url = urls[i], .in_azure = true};
        struct enl_store_target t = {0};

        ENL_CHECK(enl_database_url(urls[i], &t, NULL) == ENL_OK, urls[i]);
        ENL_CHECK(enl_config_database_is_wrong(&cfg) == (t.dialect == &enl_dialect_sqlite),
                  urls[i]);
    }
}

static void bad(void **state)
{
    static const struct {
        const char *name, *url, *says;
    } cases[] = {
        {"another database", "oracle://u:s3cret@h/db", "understood"},
        {"no scheme", "s3cret", "understood"},
        {"a file without a name", "sqlite:///", "file name"},
        {"a file with a semicolon", "sqlite:///s3cret;x", "file name"},
        {"no host", "postgresql:///db", "host"},
        {"no host after the user", "postgresql://u:s3cret@/db", "host"},
        {"a host with a semicolon", "postgresql://u:s3cret@h%3Bx/db", "host"},
        {"a bracket too few", "postgresql://u:s3cret@[::1/db", "host"},
        {"no database", "postgresql://u:s3cret@h", "database"},
        {"an empty database", "postgresql://u:s3cret@h/", "database"},
        {"a database with a brace", "postgresql://u:s3cret@localhost/a%7D", "braces"},
        {"a user with a semicolon", "postgresql://a%3B:s3cret@localhost/db", "semicolons"},
        {"port 0", "postgresql://u:s3cret@h:0/db", "port"},
        {"port 65536", "postgresql://u:s3cret@h:65536/db", "port"},
        {"port x", "postgresql://u:s3cret@h:x/db", "port"},
        {"port empty", "postgresql://u:s3cret@h:/db", "port"},
        {"text after a bracket", "postgresql://u:s3cret@[::1]x/db", "port"},
        {"half an escape", "postgresql://u:s3cret%4@h/db", "percent-encode"},
        {"an escape cut off", "postgresql://u:s3cret%@h/db", "percent-encode"},
        {"an escaped NUL", "postgresql://u:s3cret%00@h/db", "percent-encode"},
        {"an unknown parameter", "postgresql://u:s3cret@h/db?application_name=s3cret", "not known"},
        {"a parameter without a value", "postgresql://u:s3cret@h/db?sslmode", "no value"},
        {"an unknown sslmode", "postgresql://u:s3cret@h/db?sslmode=s3cret", "sslmode"},
        {"sslmode prefer", "postgresql://u:s3cret@h/db?sslmode=prefer", "sslmode"},
        {"unencrypted to another machine", "postgresql://u:s3cret@h/db?sslmode=disable", "refused"},
        {"a time-out too long", "postgresql://u:s3cret@h/db?connect_timeout=61", "connect_timeout"},
        {"a certificate's name with a quote", "postgresql://u:s3cret@h/db?sslrootcert=a'b",
         "sslrootcert"},
        {"a name that only looks like this machine's",
         "postgresql://u:s3cret@127.x/db?sslmode=disable", "refused"},
        {"no driver", "mssql+pyodbc://u:s3cret@h/db", "driver is missing"},
        {"another driver", "mssql+pyodbc://u:s3cret@h/db?driver=s3cret", "neither"},
        {"a driver with more", "mssql+pyodbc://u:s3cret@h/db?driver=FreeTDS%3BServer=s3cret",
         "neither"},
        {"half a driver", "mssql+pyodbc://u:s3cret@h/db?driver=ODBC+Driver+for+SQL+Server",
         "neither"},
        {"an unknown parameter of SQL Server's", MSURL("u:s3cret@h/db?MARS=s3cret&"), "not known"},
        {"Encrypt of no kind", MSURL("u:s3cret@h/db?Encrypt=s3cret&"), "yes or no"},
        {"a value that is too long", MSURL("u:s3cret@h/db?Encrypt=s3crets3cret&"), "malformed"},
        {"TrustServerCertificate of no kind", MSURL("u:s3cret@h/db?trustservercertificate=1&"),
         "yes or no"},
        {"SQL Server in plain", MSURL("u:s3cret@h/db?Encrypt=no&TrustServerCertificate=yes&"),
         "refused"},
        {"FreeTDS in plain", FREEURL("u:s3cret@h/db?Encrypt=no&TrustServerCertificate=yes&"),
         "refused"},
        {"FreeTDS to another machine", FREEURL("u:s3cret@h/db?"), "cannot verify"},
        {"FreeTDS that should verify", FREEURL("u:s3cret@h/db?TrustServerCertificate=no&"),
         "cannot verify"},
        {"SQL Server's port", MSURL("u:s3cret@h:s3cret/db?"), "port"},
        {"a host with a comma", MSURL("u:s3cret@h,1433/db?"), "host"},
        {"a host with an instance", MSURL("u:s3cret@h%5Cx/db?"), "host"},
        {"SQL Server without a database", MSURL("u:s3cret@h?"), "database"},
        {"SQL Server's user with a brace", MSURL("s3cret%7B:p@h/db?"), "braces"},
        {"SQL Server's time-out", MSURL("u:s3cret@h/db?timeout=0&"), "connect_timeout"},
        {"a password that FreeTDS cannot be told", FREEURL("u:s3cret%3B%7D@localhost/db?"),
         "password"},
        {"the same with a brace at the front", FREEURL("u:%7Bs3cret%7D@localhost/db?"), "password"},
        {"a password that FreeTDS would change", FREEURL("u:s3cret%C3%B1@localhost/db?"), "ASCII"},
        {"the same in a string", "Driver=FreeTDS;Server=localhost;PWD=s3cret\xc3\xb1", "ASCII"},
        {"an unknown driver in a string", "Driver=s3cret;Server=localhost", "none of"},
        {"no driver in a string", "Driver=;Server=s3cret", "none of"},
        {"a string without its driver in front", "Server=s3cret;Driver=FreeTDS", "understood"},
        {"no server", "Driver=FreeTDS;PWD=s3cret;", "no Server"},
        {"an empty server", "Driver=FreeTDS;Server=;PWD=s3cret;", "no Server"},
        {"two servers", "Driver=FreeTDS;Server=localhost;Servername=s3cret", "two servers"},
        {"a server twice", "Driver=FreeTDS;Server=localhost;server=s3cret", "twice"},
        {"encryption twice", "Driver=FreeTDS;Server=h;Encryption=require;Encryption=off", "twice"},
        {"a DSN", "Driver=FreeTDS;Server=localhost;DSN=s3cret", "DSN"},
        {"a part without a value", "Driver=FreeTDS;Server=localhost;s3cret", "malformed"},
        {"a part without a name", "Driver=FreeTDS;Server=localhost;=s3cret", "malformed"},
        {"a brace that nothing closes", "Driver=FreeTDS;Server=localhost;PWD={s3cret", "malformed"},
        {"a brace inside of braces", "Driver=FreeTDS;Server=localhost;PWD={s}3cret};", "malformed"},
        {"text after a brace", "Driver={FreeTDS}s3cret;Server=localhost", "malformed"},
        {"FreeTDS' string in plain", "Driver=FreeTDS;Server=h;PWD=s3cret", "Encryption=require"},
        {"what FreeTDS does not know", "Driver=FreeTDS;Server=h;Encrypt=yes;PWD=s3cret",
         "Encryption=require"},
        {"FreeTDS' string with a request", "Driver=FreeTDS;Server=h;Encryption=request",
         "Encryption=require"},
        {"FreeTDS' section in plain", "Driver=FreeTDS;Servername=localhost;PWD=s3cret",
         "Encryption=require"},
        {"FreeTDS' string not verified", "Driver=FreeTDS;Server=h;Encryption=require;PWD=s3cret",
         "cannot verify"},
        {"Microsoft's server for FreeTDS", "Driver=FreeTDS;Server=tcp:localhost;PWD=s3cret",
         "Port=number"},
        {"Microsoft's port for FreeTDS", "Driver=FreeTDS;Server=localhost,1433;PWD=s3cret",
         "Port=number"},
        {"Microsoft's string in plain",
         "Driver={ODBC Driver 17 for SQL Server};Server=tcp:h,1433;Encrypt=no;PWD=s3cret",
         "Encrypt=yes"},
        {"Microsoft's string, perhaps in plain",
         "Driver={ODBC Driver 18 for SQL Server};Server=h;Encrypt=optional", "Encrypt=yes"},
        {"PostgreSQL's string in plain", "Driver=PostgreSQL Unicode;Server=h;PWD=s3cret",
         "SSLmode=verify-full"},
        {"PostgreSQL's string, disable", "Driver=psqlodbc;Server=h;SSLmode=disable", "SSLmode="},
        {"PostgreSQL's string, allow", "Driver=psqlodbc;Server=h;SSLmode=allow", "SSLmode="},
        {"PostgreSQL's string, prefer", "Driver=psqlodbc;Server=h;SSLmode=prefer", "SSLmode="},
        {"PostgreSQL's two servers", "Driver=psqlodbc;Server=127.0.0.1,s3cret", "SSLmode="},
        {"PostgreSQL's short name", "Driver=psqlodbc;Server=h;SSLmode=require;CA=d", "itself"},
        {"PostgreSQL's mode by the back door",
         "Driver=psqlodbc;Server=h;SSLmode=require;pqopt={connect_timeout=5 sslmode=disable}",
         "itself"},
        {"PostgreSQL's server by the back door",
         "Driver=psqlodbc;Server=localhost;pqopt={hostaddr=s3cret}", "itself"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct enl_store_target t = {0};
        struct enl_err err = {0};

        ENL_CHECK(enl_database_url(cases[i].url, &t, &err) == ENL_INVALID, cases[i].name);
        ENL_CHECK(strncmp(err.text, "DATABASE_URL: ", 14) == 0, cases[i].name);
        ENL_CHECK(strstr(err.text, cases[i].says) != NULL, cases[i].name);
        ENL_CHECK(strstr(err.text, "s3cret") == NULL, cases[i].name);
        ENL_CHECK(t.conn[0] == '\0' && !t.dialect, cases[i].name);
    }
}

static void long_parts(void **state)
{
    char url[4096];

    (void)state;
    for (size_t len = 500; len < 4000; len += 500) {
        struct enl_store_target t = {0};
        struct enl_err err = {0};

        memset(url, 'x', sizeof(url));
        memcpy(url, "postgresql://u:", 15);
        memcpy(url + len, "@localhost/db", 14);
        ENL_CHECK(enl_database_url(url, &t, &err) == (len < 520 ? ENL_OK : ENL_INVALID), "length");
        memcpy(url, "Driver=FreeTDS;Server=::1;PWD=", 30);
        url[len] = '\0';
        ENL_CHECK(enl_database_url(url, &t, NULL) == (len < 2010 ? ENL_OK : ENL_INVALID), "length");
    }
}

/* One of each form. */
static void torture(void **state)
{
    static const char *const urls[] = {"",
                                       "sqlite:///x.db",
                                       "postgresql://u:p@127.0.0.1:5433/db?sslmode=disable",
                                       MSURL("u:p@h/db?TrustServerCertificate=yes&"),
                                       FREEURL("u:p@127.0.0.1:5/db?Encrypt=no&"),
                                       "Driver=SQLite3;Database=/x/y.db"};

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(urls); i++) {
        struct enl_store_target t;

        ENL_CHECK(ENL_TORTURE(enl_database_url(urls[i], &t, NULL)) > 0, urls[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(sql_server),
        cmocka_unit_test(connection_strings),
        cmocka_unit_test(sqlite_is_one_thing),
        cmocka_unit_test(bad),
        cmocka_unit_test(long_parts),
        cmocka_unit_test(torture),
    };

    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
