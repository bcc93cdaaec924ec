/* store - see store.h. */
#include "store.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define BUSY_MS 10000 /* another host may write */

#define COLUMNS "seq,id,wire,pop_receipt,inserted_ms,expires_ms,visible_ms,dequeue_count"

static const char schema[] =
    "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
    "CREATE TABLE IF NOT EXISTS queues(name TEXT PRIMARY KEY);"
    "CREATE TABLE IF NOT EXISTS messages(seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    "queue TEXT NOT NULL,id TEXT NOT NULL,wire BLOB NOT NULL,pop_receipt TEXT NOT NULL,"
    "inserted_ms INTEGER NOT NULL,expires_ms INTEGER NOT NULL,visible_ms INTEGER NOT NULL,"
    "dequeue_count INTEGER NOT NULL,owner TEXT);"
    "CREATE INDEX IF NOT EXISTS messages_by_time ON messages(queue,visible_ms,seq);"
    "CREATE TABLE IF NOT EXISTS timers(name TEXT PRIMARY KEY,last_us INTEGER NOT NULL,"
    "next_us INTEGER NOT NULL);";

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    ADD_QUEUE,
    PUT,
    PEEK,
    TAKE,
    DELETE,
    RELEASE,
    LEAVE,
    COPY,
    RENEW,
    EXPIRE,
    CLEAR,
    REVEAL,
    COUNTS,
    LIST,
    TIMER_GET,
    TIMER_SET,
    N_STATEMENTS
};

static const char *const texts[N_STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [ADD_QUEUE] = "INSERT INTO queues VALUES(?1) ON CONFLICT DO NOTHING",
    [PUT] = "INSERT INTO messages(queue,id,wire,pop_receipt,inserted_ms,expires_ms,visible_ms,"
            "dequeue_count) VALUES(?1,?2,?3,'',?4,?5,?4,0)",
    [PEEK] = "SELECT " COLUMNS " FROM messages WHERE queue=?1 AND visible_ms<=?2"
             " ORDER BY visible_ms,seq LIMIT ?3",
    [TAKE] = "UPDATE messages SET visible_ms=?2,dequeue_count=dequeue_count+1,pop_receipt=?3,"
             "owner=?4 WHERE seq=?1",
    [DELETE] = "DELETE FROM messages WHERE seq=?1 AND pop_receipt=?2",
    [RELEASE] = "UPDATE messages SET visible_ms=?3,owner=NULL WHERE seq=?1 AND pop_receipt=?2",
    [LEAVE] = "UPDATE messages SET owner=NULL WHERE seq=?1 AND pop_receipt=?2",
    [COPY] = "INSERT INTO messages(queue,id,wire,pop_receipt,inserted_ms,expires_ms,visible_ms,"
             "dequeue_count) SELECT ?3,?4,wire,'',?5,?6,?5,0 FROM messages"
             " WHERE seq=?1 AND pop_receipt=?2",
    [RENEW] = "UPDATE messages SET visible_ms=?3 WHERE queue=?1 AND owner=?2 AND visible_ms<?4",
    [EXPIRE] = "DELETE FROM messages WHERE queue=?1 AND expires_ms<=?2",
    [CLEAR] = "DELETE FROM messages WHERE queue=?1",
    [REVEAL] = "UPDATE messages SET visible_ms=?2,owner=NULL"
               " WHERE queue=?1 AND visible_ms>?2 AND owner IS NOT ?3",
    [COUNTS] = "SELECT q.name,count(m.seq),coalesce(sum(m.visible_ms<=?1),0) FROM queues q"
               " LEFT JOIN messages m ON m.queue=q.name GROUP BY q.name ORDER BY q.name",
    [LIST] = "SELECT " COLUMNS " FROM messages WHERE queue=?1 ORDER BY seq",
    [TIMER_GET] = "SELECT last_us,next_us FROM timers WHERE name=?1",
    [TIMER_SET] = "INSERT INTO timers VALUES(?1,?2,?3) ON CONFLICT(name) DO UPDATE SET"
                  " last_us=?2,next_us=?3",
};

struct lh_store {
    sqlite3 *db;
    pthread_mutex_t lock;
    char owner[ENL_TOKEN_TEXT];
    sqlite3_stmt *statements[N_STATEMENTS];
};

static int64_t now_ms(void)
{
    return enl_clock_system.wall_us(NULL) / 1000;
}

static enum enl_rc fail(const struct lh_store *s, struct enl_err *err)
{
    return enl_fail(err, ENL_RETRY, "queue store: %s", sqlite3_errmsg(s->db));
}

static enum enl_rc prepare(struct lh_store *s, struct enl_err *err)
{
    for (int i = 0; i < N_STATEMENTS; i++) {
        if (sqlite3_prepare_v3(s->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i],
                               NULL) != SQLITE_OK) {
            return fail(s, err);
        }
    }
    return ENL_OK;
}

enum enl_rc lh_store_open(const char *path, struct lh_store **ret, struct enl_err *err)
{
    struct lh_store *s = enl_calloc(1, sizeof(*s));
    enum enl_rc rc = ENL_OK;

    if (!s) {
        return enl_fail_oom(err);
    }
    rc = enl_token(s->owner, err);
    if (rc != ENL_OK) {
        free(s);
        return rc;
    }
    (void)pthread_mutex_init(&s->lock, NULL);
    if (sqlite3_open(path, &s->db) != SQLITE_OK ||
        sqlite3_busy_timeout(s->db, BUSY_MS) != SQLITE_OK ||
        sqlite3_exec(s->db, schema, NULL, NULL, NULL) != SQLITE_OK) {
        rc = fail(s, err);
    }
    rc = rc ? rc : prepare(s, err);
    if (rc != ENL_OK) {
        lh_store_close(s);
        return rc;
    }
    *ret = s;
    return ENL_OK;
}

void lh_store_close(struct lh_store *s)
{
    if (!s) {
        return;
    }
    for (int i = 0; i < N_STATEMENTS; i++) {
        (void)sqlite3_finalize(s->statements[i]);
    }
    (void)sqlite3_close(s->db);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

void lh_message_done(struct lh_message *m)
{
    free(m->id);
    free(m->wire);
    free(m->pop_receipt);
    *m = (struct lh_message){0};
}

static void lock(struct lh_store *s)
{
    (void)pthread_mutex_lock(&s->lock);
}

static void unlock(struct lh_store *s)
{
    (void)pthread_mutex_unlock(&s->lock);
}

static sqlite3_stmt *bind_text(struct lh_store *s, enum statement which, int at, const char *text)
{
    (void)sqlite3_bind_text(s->statements[which], at, text, -1, SQLITE_STATIC);
    return s->statements[which];
}

static sqlite3_stmt *bind_int(struct lh_store *s, enum statement which, int at, int64_t v)
{
    (void)sqlite3_bind_int64(s->statements[which], at, v);
    return s->statements[which];
}

/* Runs a statement that gives no rows, the lock held. */
static enum enl_rc run(struct lh_store *s, enum statement which, struct enl_err *err)
{
    sqlite3_stmt *st = s->statements[which];
    enum enl_rc rc = sqlite3_step(st) == SQLITE_DONE ? ENL_OK : fail(s, err);

    (void)sqlite3_reset(st);
    (void)sqlite3_clear_bindings(st);
    return rc;
}

static enum enl_rc finish(struct lh_store *s, enum enl_rc rc, struct enl_err *err)
{
    if (rc == ENL_OK) {
        return run(s, COMMIT, err);
    }
    (void)run(s, ROLLBACK, err);
    return rc;
}

enum enl_rc lh_store_add_queue(struct lh_store *s, const char *queue, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    lock(s);
    (void)bind_text(s, ADD_QUEUE, 1, queue);
    rc = run(s, ADD_QUEUE, err);
    unlock(s);
    return rc;
}

enum enl_rc lh_store_put(struct lh_store *s, const char *queue, const char *wire, size_t len,
                         struct enl_err *err)
{
    char id[ENL_UUID_TEXT];
    int64_t now = now_ms();
    enum enl_rc rc = enl_uuid7(now, id, err);

    if (rc == ENL_OK && len > LH_WIRE_MAX) {
        rc = enl_fail(err, ENL_INVALID, "413: a message of %zu bytes is over 64 KiB", len);
    }
    if (rc != ENL_OK) {
        return rc;
    }
    lock(s);
    rc = run(s, BEGIN, err);
    if (rc == ENL_OK) {
        (void)bind_text(s, ADD_QUEUE, 1, queue);
        rc = run(s, ADD_QUEUE, err);
        (void)bind_text(s, PUT, 1, queue);
        (void)bind_text(s, PUT, 2, id);
        (void)sqlite3_bind_blob64(s->statements[PUT], 3, wire, len, SQLITE_STATIC);
        (void)bind_int(s, PUT, 4, now);
        (void)bind_int(s, PUT, 5, now + LH_TTL_MS);
        rc = rc ? rc : run(s, PUT, err);
        rc = finish(s, rc, err);
    }
    unlock(s);
    return rc;
}

static char *column_text(sqlite3_stmt *st, int i)
{
    const void *data = sqlite3_column_blob(st, i);
    size_t len = (size_t)sqlite3_column_bytes(st, i);

    return enl_memdup(data ? data : "", len);
}

static enum enl_rc read_message(sqlite3_stmt *st, struct lh_message *ret, struct enl_err *err)
{
    struct lh_message m = {.seq = sqlite3_column_int64(st, 0),
                           .id = column_text(st, 1),
                           .wire = column_text(st, 2),
                           .wire_len = (size_t)sqlite3_column_bytes(st, 2),
                           .pop_receipt = column_text(st, 3),
                           .inserted_ms = sqlite3_column_int64(st, 4),
                           .expires_ms = sqlite3_column_int64(st, 5),
                           .visible_ms = sqlite3_column_int64(st, 6),
                           .dequeue_count = sqlite3_column_int64(st, 7)};

    if (!m.id || !m.wire || !m.pop_receipt) {
        lh_message_done(&m);
        return enl_fail_oom(err);
    }
    *ret = m;
    return ENL_OK;
}

static enum enl_rc take_one(struct lh_store *s, struct lh_message *m, int64_t now,
                            struct enl_err *err)
{
    char receipt[ENL_TOKEN_TEXT];
    enum enl_rc rc = enl_token(receipt, err);
    char *copy = rc == ENL_OK ? enl_strdup(receipt) : NULL;

    if (!copy) {
        return enl_fail_oom(err);
    }
    free(m->pop_receipt);
    m->pop_receipt = copy;
    m->visible_ms = now + LH_LEASE_MS;
    m->dequeue_count++;
    (void)bind_int(s, TAKE, 1, m->seq);
    (void)bind_int(s, TAKE, 2, m->visible_ms);
    (void)bind_text(s, TAKE, 3, m->pop_receipt);
    (void)bind_text(s, TAKE, 4, s->owner);
    return run(s, TAKE, err);
}

/* Within a transaction. */
static enum enl_rc take_all(struct lh_store *s, const char *queue, size_t max,
                            struct lh_message *ret, size_t *ret_n, struct enl_err *err)
{
    int64_t now = now_ms();
    sqlite3_stmt *peek = bind_text(s, PEEK, 1, queue);
    enum enl_rc rc = ENL_OK;

    (void)bind_text(s, EXPIRE, 1, queue);
    (void)bind_int(s, EXPIRE, 2, now);
    rc = run(s, EXPIRE, err);
    (void)bind_int(s, PEEK, 2, now);
    (void)bind_int(s, PEEK, 3, (int64_t)max);
    while (rc == ENL_OK && *ret_n < max && sqlite3_step(peek) == SQLITE_ROW) {
        rc = read_message(peek, &ret[*ret_n], err);
        *ret_n += rc == ENL_OK ? 1 : 0;
    }
    (void)sqlite3_reset(peek);
    for (size_t i = 0; i < *ret_n && rc == ENL_OK; i++) {
        rc = take_one(s, &ret[i], now, err);
    }
    return rc;
}

enum enl_rc lh_store_take(struct lh_store *s, const char *queue, size_t max, struct lh_message *ret,
                          size_t *ret_n, struct enl_err *err)
{
    size_t n = 0;
    enum enl_rc rc = ENL_OK;

    lock(s);
    rc = run(s, BEGIN, err);
    if (rc == ENL_OK) {
        rc = finish(s, take_all(s, queue, max, ret, &n, err), err);
    }
    unlock(s);
    if (rc != ENL_OK) {
        for (size_t i = 0; i < n; i++) {
            lh_message_done(&ret[i]);
        }
        return rc;
    }
    *ret_n = n;
    return ENL_OK;
}

/* Runs a statement on the one message that m's receipt still holds, the lock held. */
static enum enl_rc run_on(struct lh_store *s, enum statement which, const struct lh_message *m,
                          struct enl_err *err)
{
    (void)bind_int(s, which, 1, m->seq);
    (void)bind_text(s, which, 2, m->pop_receipt);
    return run(s, which, err);
}

enum enl_rc lh_store_delete(struct lh_store *s, const struct lh_message *m, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    lock(s);
    rc = run_on(s, DELETE, m, err);
    unlock(s);
    return rc;
}

enum enl_rc lh_store_release(struct lh_store *s, const struct lh_message *m, int64_t after_ms,
                             struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    lock(s);
    (void)bind_int(s, RELEASE, 3, now_ms() + after_ms);
    rc = run_on(s, RELEASE, m, err);
    unlock(s);
    return rc;
}

enum enl_rc lh_store_leave(struct lh_store *s, const struct lh_message *m, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    lock(s);
    rc = run_on(s, LEAVE, m, err);
    unlock(s);
    return rc;
}

enum enl_rc lh_store_move(struct lh_store *s, const struct lh_message *m, const char *to,
                          struct enl_err *err)
{
    char id[ENL_UUID_TEXT];
    int64_t now = now_ms();
    enum enl_rc rc = enl_uuid7(now, id, err);

    if (rc != ENL_OK) {
        return rc;
    }
    lock(s);
    rc = run(s, BEGIN, err);
    if (rc == ENL_OK) {
        (void)bind_text(s, ADD_QUEUE, 1, to);
        rc = run(s, ADD_QUEUE, err);
        (void)bind_text(s, COPY, 3, to);
        (void)bind_text(s, COPY, 4, id);
        (void)bind_int(s, COPY, 5, now);
        (void)bind_int(s, COPY, 6, now + LH_TTL_MS);
        rc = rc ? rc : run_on(s, COPY, m, err);
        rc = rc ? rc : run_on(s, DELETE, m, err);
        rc = finish(s, rc, err);
    }
    unlock(s);
    return rc;
}

enum enl_rc lh_store_renew(struct lh_store *s, const char *queue, struct enl_err *err)
{
    int64_t now = now_ms();
    enum enl_rc rc = ENL_OK;

    lock(s);
    (void)bind_text(s, RENEW, 1, queue);
    (void)bind_text(s, RENEW, 2, s->owner);
    (void)bind_int(s, RENEW, 3, now + LH_LEASE_MS);
    (void)bind_int(s, RENEW, 4, now + LH_LEASE_MS / 2);
    rc = run(s, RENEW, err);
    unlock(s);
    return rc;
}

enum enl_rc lh_store_clear(struct lh_store *s, const char *queue, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    lock(s);
    (void)bind_text(s, CLEAR, 1, queue);
    rc = run(s, CLEAR, err);
    unlock(s);
    return rc;
}

enum enl_rc lh_store_reveal(struct lh_store *s, const char *queue, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    lock(s);
    (void)bind_text(s, REVEAL, 1, queue);
    (void)bind_int(s, REVEAL, 2, now_ms());
    (void)bind_text(s, REVEAL, 3, s->owner);
    rc = run(s, REVEAL, err);
    unlock(s);
    return rc;
}

enum enl_rc lh_store_each_queue(struct lh_store *s, void (*fn)(void *ctx, const struct lh_count *),
                                void *ctx, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;
    sqlite3_stmt *st = NULL;
    int step = SQLITE_ROW;

    lock(s);
    st = bind_int(s, COUNTS, 1, now_ms());
    while ((step = sqlite3_step(st)) == SQLITE_ROW) {
        struct lh_count c = {.visible = sqlite3_column_int64(st, 2)};

        c.invisible = sqlite3_column_int64(st, 1) - c.visible;
        (void)snprintf(c.queue, sizeof(c.queue), "%s", (const char *)sqlite3_column_text(st, 0));
        fn(ctx, &c);
    }
    if (step != SQLITE_DONE) {
        rc = fail(s, err);
    }
    (void)sqlite3_reset(st);
    unlock(s);
    return rc;
}

enum enl_rc lh_store_each_message(struct lh_store *s, const char *queue,
                                  void (*fn)(void *ctx, const struct lh_message *), void *ctx,
                                  struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;
    sqlite3_stmt *st = NULL;

    lock(s);
    st = bind_text(s, LIST, 1, queue);
    while (rc == ENL_OK && sqlite3_step(st) == SQLITE_ROW) {
        struct lh_message m = {0};

        rc = read_message(st, &m, err);
        if (rc == ENL_OK) {
            fn(ctx, &m);
            lh_message_done(&m);
        }
    }
    (void)sqlite3_reset(st);
    unlock(s);
    return rc;
}

enum enl_rc lh_store_timer_get(struct lh_store *s, const char *name, int64_t *ret_last_us,
                               int64_t *ret_next_us, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;
    sqlite3_stmt *st = NULL;
    int step = 0;

    *ret_last_us = 0;
    *ret_next_us = 0;
    lock(s);
    st = bind_text(s, TIMER_GET, 1, name);
    step = sqlite3_step(st);
    if (step == SQLITE_ROW) {
        *ret_last_us = sqlite3_column_int64(st, 0);
        *ret_next_us = sqlite3_column_int64(st, 1);
    } else if (step != SQLITE_DONE) {
        rc = fail(s, err);
    }
    (void)sqlite3_reset(st);
    unlock(s);
    return rc;
}

enum enl_rc lh_store_timer_set(struct lh_store *s, const char *name, int64_t last_us,
                               int64_t next_us, struct enl_err *err)
{
    enum enl_rc rc = ENL_OK;

    lock(s);
    (void)bind_text(s, TIMER_SET, 1, name);
    (void)bind_int(s, TIMER_SET, 2, last_us);
    (void)bind_int(s, TIMER_SET, 3, next_us);
    rc = run(s, TIMER_SET, err);
    unlock(s);
    return rc;
}
