/* test_committer - committer and reader as wholes: start, end, and memory that ends on the way. */
#include "commit_help.h"

#include "commit/committer.h"
#include "commit/reader.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

/* A clock that stands, an hour ahead of the time that waits go by: nothing that is to happen later
 * ever does, and no wait ends by itself.  Whoever did not start the test waits at the gate. */
struct gate {
    pthread_t owner;
    pthread_mutex_t mutex;
    int64_t now_us;
};

static int64_t gated_now(void *ctx)
{
    struct gate *g = ctx;

    if (!pthread_equal(pthread_self(), g->owner)) {
        (void)pthread_mutex_lock(&g->mutex);
        (void)pthread_mutex_unlock(&g->mutex);
    }
    return g->now_us;
}

static void gate_init(struct gate *g)
{
    *g = (struct gate){.owner = pthread_self(),
                       .now_us = enl_clock_system.mono_us(NULL) + 3600000000LL};
    (void)pthread_mutex_init(&g->mutex, NULL);
}

static struct enl_config config_of(const struct help_db *db, char *url, size_t size)
{
    struct enl_config cfg = help_config(url);

    (void)snprintf(url, size, "sqlite:///%s/" HELP_FILE, db->dir);
    cfg.odoo_host = cfg.odoo_db = cfg.odoo_user = cfg.odoo_password = "x";
    cfg.odoo_configured = true;
    cfg.odoo_rate = 1;
    cfg.queue_hold_s = 1;
    return cfg;
}

/* A call that left while its message waited for SQL: what is kept of it ends with the committer,
 * as a leak check tells. */
static void test_stop_with_messages_held(void **state)
{
    /* No database that could be opened; a call waits so long that the thread has its message. */
    const struct enl_config cfg = {.database_url = "nonsense", .queue_hold_s = 1, .odoo_rate = 1};
    struct enl_committer *c = NULL;
    struct enl_commit_result result = {0};
    struct help_message m = {0};

    (void)state;
    help_message_make(&m, "{\"id\":\"1\"}", "held", true, RECEIVED_US);
    assert_int_equal(enl_committer_start(&cfg, &enl_clock_system, &c, NULL), ENL_OK);
    enl_committer_commit(c, m.text, strlen(m.text), 1, &result);
    assert_int_equal(result.outcome, ENL_OUTCOME_HAND_BACK);
    assert_string_equal(result.event_id, "held");
    enl_committer_stop(c);
    help_message_done(&m);
}

/* A start that memory does not suffice for fails: one that went on would do without SQL for good.
 */
static void test_torture_start(void **state)
{
    char url[160] = "";
    const struct enl_config cfg = config_of(*state, url, sizeof(url));
    struct gate gate;
    const struct enl_clock clock = {gated_now, gated_now, &gate};
    struct enl_torture t = {0};
    struct enl_torture of_reader = {0};

    gate_init(&gate);
    while (enl_torture_next(&t)) {
        struct enl_committer *c = NULL;
        enum enl_rc rc = ENL_OK;

        (void)pthread_mutex_lock(&gate.mutex);
        rc = enl_committer_start(&cfg, &clock, &c, NULL);
        enl_torture_end(&t, rc);
        (void)pthread_mutex_unlock(&gate.mutex);
        enl_committer_stop(c);
    }
    assert_true(t.n > 5);
    while (enl_torture_next(&of_reader)) {
        struct enl_reader *r = NULL;
        enum enl_rc rc = ENL_OK;

        (void)pthread_mutex_lock(&gate.mutex);
        rc = enl_reader_start(&cfg, &clock, &r, NULL);
        enl_torture_end(&of_reader, rc);
        (void)pthread_mutex_unlock(&gate.mutex);
        enl_reader_stop(r);
    }
    assert_true(of_reader.n > 2);
    (void)pthread_mutex_destroy(&gate.mutex);
}

static enum enl_health_state wait_probed(struct enl_reader *r, struct enl_health *ret)
{
    do {
        (void)sched_yield();
        enl_reader_health(r, ret);
    } while (ret->sql.state == ENL_HEALTH_UNKNOWN);
    return ret->sql.state;
}

/* A probe without memory is no schema that is missing. */
static void test_torture_probe(void **state)
{
    char url[160] = "";
    const struct enl_config cfg = config_of(*state, url, sizeof(url));
    struct gate gate;
    const struct enl_clock clock = {gated_now, gated_now, &gate};
    struct enl_torture t = {0};
    unsigned unnoticed = 0;

    gate_init(&gate);
    while (!t.done) {
        struct enl_reader *r = NULL;
        struct enl_health h;
        enum enl_health_state sql = ENL_HEALTH_UNKNOWN;

        (void)pthread_mutex_lock(&gate.mutex);
        assert_int_equal(enl_reader_start(&cfg, &clock, &r, NULL), ENL_OK);
        (void)enl_torture_next(&t);
        (void)pthread_mutex_unlock(&gate.mutex);
        sql = wait_probed(r, &h);
        enl_torture_survived(&t);
        unnoticed += !t.done && sql == ENL_HEALTH_OK ? 1 : 0;
        assert_int_equal(sql, t.done || sql == ENL_HEALTH_OK ? ENL_HEALTH_OK : ENL_HEALTH_DOWN);
        assert_string_equal(h.sql.reason, sql == ENL_HEALTH_OK ? "" : "out of memory");
        enl_reader_stop(r);
    }
    assert_true(t.n > 10);
    /* The rollback after the last answer: the next probe has a new connection. */
    assert_true(unnoticed <= 1);
    (void)pthread_mutex_destroy(&gate.mutex);
}

static void test_torture_look_up(void **state)
{
    struct help_db *db = *state;
    char url[160] = "";
    const struct enl_config cfg = config_of(db, url, sizeof(url));
    struct gate gate;
    const struct enl_clock clock = {gated_now, gated_now, &gate};
    struct help_batch b = {0};
    struct enl_reader *r = NULL;
    struct enl_health h;
    struct enl_torture t = {0};

    gate_init(&gate);
    help_add(&b, "{\"id\":\"1\",\"subscribed\":\"never\"}", "e-1", 0);
    help_t1(db, &b, "tok");
    help_sql(db, "UPDATE events SET status = 'rejected', error_code = 'c', last_error = 'e', "
                 "odoo_id = 7");
    assert_int_equal(enl_reader_start(&cfg, &clock, &r, NULL), ENL_OK);
    assert_int_equal(wait_probed(r, &h), ENL_HEALTH_OK);
    while (enl_torture_next(&t)) {
        struct enl_buf out = ENL_BUF_INIT(65536);

        enl_torture_end(&t, enl_reader_event(r, "e-1", &out, NULL));
        if (t.done) {
            assert_non_null(strstr(enl_buf_str(&out), "\"field\":\"subscribed\""));
            assert_non_null(strstr(enl_buf_str(&out), "\"error\":{\"code\":\"c\""));
        } else {
            assert_int_equal(out.len, 0);
        }
        enl_buf_done(&out);
    }
    assert_true(t.n > 30);
    enl_reader_stop(r);
    help_batch_done(&b);
    (void)pthread_mutex_destroy(&gate.mutex);
}

/* Clients that ask without a pause. */
struct asking {
    struct enl_reader *reader;
    atomic_bool over;
    atomic_int_fast64_t ahead_us; /* of the real time: what the reader takes for now */
};

static int64_t now_ahead(void *ctx)
{
    struct asking *a = ctx;

    return enl_clock_system.mono_us(NULL) + atomic_load(&a->ahead_us);
}

static void *ask(void *arg)
{
    struct asking *a = arg;

    while (!atomic_load(&a->over)) {
        struct enl_buf out = ENL_BUF_INIT(262144);

        (void)!enl_reader_event(a->reader, "slow", &out, NULL);
        enl_buf_done(&out);
    }
    return NULL;
}

/* SQL that works must not be told to hang because many ask it. */
static void test_look_ups_put_no_probe_off(void **state)
{
    struct help_db *db = *state;
    char url[160] = "";
    const struct enl_config cfg = config_of(db, url, sizeof(url));
    struct asking a = {0};
    const struct enl_clock clock = {now_ahead, now_ahead, &a};
    struct help_batch b = {0};
    struct enl_health h;
    pthread_t clients[16];
    int64_t patience_us = enl_clock_system.mono_us(NULL) + 20000000;

    /* Its answer takes so long that there is always somebody who waits. */
    help_add(&b, "{\"id\":\"1\"}", "slow", 0);
    help_t1(db, &b, "tok");
    help_sql(db, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50000) "
                 "UPDATE events SET warnings = (SELECT '[' || group_concat(1) || ']' FROM n)");
    assert_int_equal(enl_reader_start(&cfg, &clock, &a.reader, NULL), ENL_OK);
    assert_int_equal(wait_probed(a.reader, &h), ENL_HEALTH_OK);
    assert_int_equal(h.pending, 1);
    help_sql(db, "UPDATE events SET status = 'synced'");
    for (size_t i = 0; i < ENL_COUNT(clients); i++) {
        assert_int_equal(pthread_create(&clients[i], NULL, ask, &a), 0);
    }
    atomic_store(&a.ahead_us, 6000000);
    do {
        (void)sched_yield();
        enl_reader_health(a.reader, &h);
    } while (h.pending != 0 && enl_clock_system.mono_us(NULL) < patience_us);
    atomic_store(&a.over, true);
    for (size_t i = 0; i < ENL_COUNT(clients); i++) {
        (void)pthread_join(clients[i], NULL);
    }
    assert_int_equal(h.pending, 0);
    enl_reader_stop(a.reader);
    help_batch_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop_with_messages_held),
        HELP_DB_TEST(test_torture_start),
        HELP_DB_TEST(test_torture_probe),
        HELP_DB_TEST(test_torture_look_up),
        HELP_DB_TEST(test_look_ups_put_no_probe_off),
    };

    return cmocka_run_group_tests_name("committer", tests, help_quiet_setup, help_sql_teardown);
}
