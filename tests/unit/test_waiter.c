/* test_waiter - invocations that wait: outcomes, deadlines, drain, what the SQL thread takes. */
#include "commit_help.h"

#include "base/thread.h"
#include "commit/waiter.h"

#include <pthread.h>
#include <sched.h>

#define FAR_US 600000000 /* ten minutes: no test gets there */

#define NEWER "{\"v\":2}"

static int64_t now_us(void)
{
    return enl_clock_system.mono_us(NULL);
}

/* A message of that id whose text has at least len bytes. */
static char *message_text(const char *id, size_t len)
{
    char *body = help_repeat("{\"id\":\"1\",\"name\":\"", "x", len, "\"}");
    struct help_message m = {0};
    char *text = NULL;

    help_message_make(&m, body, id, true, RECEIVED_US);
    text = enl_strdup(m.text);
    assert_non_null(text);
    help_message_done(&m);
    free(body);
    return text;
}

static struct enl_waiter *new_waiter(const char *text, unsigned deliveries)
{
    struct enl_waiter *w = NULL;
    struct enl_err err = {0};

    const struct enl_waiter_message message = {
        .text = text, .len = strlen(text), .deliveries = deliveries};

    if (enl_waiter_new(&message, &w, &err) != ENL_OK) {
        fail_msg("%s", err.text);
    }
    return w;
}

/* An invocation on a thread of its own. */
struct invocation {
    struct enl_waiters *set;
    struct enl_waiter *waiter;
    int64_t deadline_us;
    struct enl_commit_result result;
    pthread_t thread;
};

static void *wait_for_outcome(void *arg)
{
    struct invocation *i = arg;

    enl_waiters_wait(i->set, i->waiter, i->deadline_us, &i->result);
    return NULL;
}

static size_t count_queue(const struct enl_waiters *set)
{
    size_t n = 0;

    for (const struct enl_waiter *w = set->first; w; w = w->next) {
        n++;
    }
    return n;
}

/* Starts one and returns when it is in the queue, behind all others. */
static void start(struct invocation *i, struct enl_waiters *set, const char *id, size_t len,
                  unsigned deliveries)
{
    char *text = message_text(id, len);
    size_t before = 0;

    *i = (struct invocation){.set = set, .deadline_us = now_us() + FAR_US};
    i->waiter = new_waiter(text, deliveries);
    free(text);
    (void)pthread_mutex_lock(&set->mutex);
    before = count_queue(set);
    assert_int_equal(enl_thread_start(&i->thread, wait_for_outcome, i, NULL), ENL_OK);
    while (count_queue(set) == before) {
        (void)pthread_cond_wait(&set->work, &set->mutex);
    }
    (void)pthread_mutex_unlock(&set->mutex);
}

static void expect(struct invocation *i, enum enl_outcome outcome, const char *id,
                   const char *detail)
{
    (void)pthread_join(i->thread, NULL);
    ENL_CHECK_STR(enl_outcome_name(i->result.outcome), enl_outcome_name(outcome), id);
    ENL_CHECK_STR(i->result.event_id, id, id);
    ENL_CHECK_STR(i->result.detail, detail, id);
}

static void test_new(void **state)
{
    static const char *const bad[] = {"", "x", "[]", "{}", "{\"v\":1}", "{\"v\":0}", "null"};
    struct enl_waiter *w = NULL;
    char *text = message_text("e-1", 1);
    const struct enl_waiter_message message = {.text = text, .len = strlen(text), .deliveries = 1};

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(bad); i++) {
        const struct enl_waiter_message no_event = {
            .text = bad[i], .len = strlen(bad[i]), .deliveries = 1};

        ENL_CHECK(enl_waiter_new(&no_event, &w, NULL) == ENL_INVALID, bad[i]);
        ENL_CHECK(!w, bad[i]);
    }
    assert_true(ENL_TORTURE(enl_waiter_new(&message, &w, NULL)) > 2);
    assert_string_equal(w->result.event_id, "e-1");
    assert_string_equal(w->text, text);
    {
        struct enl_waiters set;
        struct enl_commit_result r;

        enl_waiters_init(&set, &enl_clock_system);
        enl_waiters_wait(&set, w, 0, &r);
        enl_waiters_done(&set);
    }
    free(text);
}

/* The deadline has passed before anybody looked: the message goes back, and nothing stays. */
static void test_deadline(void **state)
{
    struct enl_waiters set;
    struct enl_commit_result r = {0};
    char *text = message_text("e-1", 1);

    (void)state;
    enl_waiters_init(&set, &enl_clock_system);
    for (int i = 0; i < 3; i++) {
        enl_waiters_wait(&set, new_waiter(text, 1), now_us() - 1, &r);
        assert_int_equal(r.outcome, ENL_OUTCOME_HAND_BACK);
        assert_string_equal(r.event_id, "e-1");
        assert_string_equal(r.detail, "SQL did not confirm it in time");
        assert_null(enl_waiters_take(&set, 10, 1000000));
        assert_null(set.all);
    }
    enl_waiters_wait(&set, new_waiter(NEWER, 1), now_us() - 1, &r);
    assert_int_equal(r.outcome, ENL_OUTCOME_HAND_BACK);
    assert_string_equal(r.event_id, "");
    assert_string_equal(r.detail, "the message is of a newer version");
    enl_waiters_done(&set);
    free(text);
}

/* A message of a newer version is held, and the SQL thread never sees it. */
static void test_newer(void **state)
{
    struct enl_waiters set;
    struct invocation i = {.set = &set, .deadline_us = now_us() + FAR_US};
    bool there = false;

    (void)state;
    enl_waiters_init(&set, &enl_clock_system);
    i.waiter = new_waiter(NEWER, 5);
    assert_int_equal(enl_thread_start(&i.thread, wait_for_outcome, &i, NULL), ENL_OK);
    while (!there) {
        (void)pthread_mutex_lock(&set.mutex);
        there = set.all != NULL;
        (void)pthread_mutex_unlock(&set.mutex);
        (void)sched_yield();
    }
    assert_null(enl_waiters_take(&set, 10, 1000000));
    enl_waiters_drain(&set);
    expect(&i, ENL_OUTCOME_HAND_BACK, "", "the process is stopping");
    enl_waiters_done(&set);
}

static void test_outcomes(void **state)
{
    static const enum enl_outcome outcomes[] = {ENL_OUTCOME_SAFE, ENL_OUTCOME_REJECTED,
                                                ENL_OUTCOME_HAND_BACK};
    struct enl_waiters set;

    (void)state;
    enl_waiters_init(&set, &enl_clock_system);
    for (size_t k = 0; k < 2 * ENL_COUNT(outcomes); k++) {
        struct invocation i;
        struct enl_waiter *w = NULL;

        start(&i, &set, "e-1", 1, 1);
        w = enl_waiters_take(&set, 10, 1000000);
        assert_ptr_equal(w, i.waiter);
        assert_null(w->next);
        if (k % 2 == 0) {
            enl_waiter_confirm(&set, w);
        }
        assert_ptr_equal(enl_waiters_prune(&set, w), w);
        enl_waiter_finish(&set, w, outcomes[k / 2], "why");
        expect(&i, outcomes[k / 2], "e-1", "why");
        assert_null(set.all);
    }
    enl_waiters_done(&set);
}

/* Who is confirmed is safe; who is not gets the message back; now and later. */
static void test_drain(void **state)
{
    struct enl_waiters set;
    struct invocation i[3];
    struct enl_waiter *confirmed = NULL;
    struct enl_waiter *taken = NULL;
    struct enl_commit_result r = {0};
    char *text = message_text("late", 1);

    (void)state;
    enl_waiters_init(&set, &enl_clock_system);
    start(&i[0], &set, "confirmed", 1, 1);
    start(&i[1], &set, "taken", 1, 1);
    confirmed = enl_waiters_take(&set, 1, 1000000);
    taken = enl_waiters_take(&set, 1, 1000000);
    start(&i[2], &set, "queued", 1, 1);
    enl_waiter_confirm(&set, confirmed);
    enl_waiters_drain(&set);
    expect(&i[0], ENL_OUTCOME_SAFE, "confirmed", "");
    expect(&i[1], ENL_OUTCOME_HAND_BACK, "taken", "the process is stopping");
    expect(&i[2], ENL_OUTCOME_HAND_BACK, "queued", "the process is stopping");
    assert_null(enl_waiters_take(&set, 10, 1000000));
    /* The two that the SQL thread has are its to free, one way or the other. */
    assert_null(enl_waiters_prune(&set, taken));
    enl_waiter_finish(&set, confirmed, ENL_OUTCOME_REJECTED, "too late");
    enl_waiters_wait(&set, new_waiter(text, 1), now_us() + FAR_US, &r);
    assert_int_equal(r.outcome, ENL_OUTCOME_HAND_BACK);
    assert_string_equal(r.detail, "the process is stopping");
    assert_null(set.all);
    assert_null(set.first);
    enl_waiters_done(&set);
    free(text);
}

/* Of a list, those that were left are freed; the others keep their order. */
static void test_prune(void **state)
{
    static const struct {
        const char *list, *want; /* capitals were left */
    } cases[] = {{"a", "a"},    {"A", ""},     {"abc", "abc"}, {"Abc", "bc"},
                 {"aBc", "ac"}, {"abC", "ab"}, {"ABc", "c"},   {"ABC", ""}};
    struct enl_waiters set;

    (void)state;
    enl_waiters_init(&set, &enl_clock_system);
    assert_null(enl_waiters_prune(&set, NULL));
    for (size_t k = 0; k < ENL_COUNT(cases); k++) {
        struct enl_waiter *list = NULL;
        struct enl_waiter **end = &list;
        char got[8] = "";

        for (const char *c = cases[k].list; *c != '\0'; c++) {
            const char id[2] = {*c, '\0'};
            char *text = message_text(id, 1);

            *end = new_waiter(text, 1);
            (*end)->left = *c < 'a';
            end = &(*end)->next;
            free(text);
        }
        list = enl_waiters_prune(&set, list);
        while (list) {
            struct enl_waiter *w = list;

            list = w->next;
            (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s", w->result.event_id);
            w->left = true;
            enl_waiter_finish(&set, w, ENL_OUTCOME_SAFE, "");
        }
        ENL_CHECK_STR(got, cases[k].want, cases[k].list);
    }
    enl_waiters_done(&set);
}

/* Batches of what waits, in order: "a b" for one of two; each letter has a thread of its own. */
static void test_take(void **state)
{
    static const struct {
        const char *label;
        size_t max_n, max_len; /* in units of a message with 1,000 bytes more than none */
        const char *waiting;   /* a letter each: lower case 1 unit, upper case 4 units, followed by
                                  its deliveries */
        const char *want;      /* batches, separated by a space */
    } cases[] = {
        {"nothing", 10, 100, "", ""},
        {"all at once", 10, 100, "a1b1c1", "abc"},
        {"bounded by count", 2, 100, "a1b1c1d1e1", "ab cd e"},
        {"one at a time", 1, 100, "a1b1", "a b"},
        {"bounded by bytes", 10, 2, "a1b1c1d1e1", "ab cd e"},
        {"the first whatever its size", 10, 2, "A1b1C1", "A b C"},
        {"a big one waits for the next", 10, 5, "a1B1c1D1e1", "aB cD e"},
        {"deliveries that are not known", 10, 100, "a0b0c0", "abc"},
        {"two deliveries", 10, 100, "a2b2", "ab"},
        {"three deliveries: alone", 10, 100, "a3b1", "a b"},
        {"in the middle", 10, 100, "a1b1c3d1e1", "ab c de"},
        {"at the end", 10, 100, "a1b5", "a b"},
        {"several", 10, 100, "a3b4c9", "a b c"},
    };
    char *unit_text = message_text("u", 1000);
    size_t unit = strlen(unit_text) + 10;

    (void)state;
    for (size_t k = 0; k < ENL_COUNT(cases); k++) {
        struct enl_waiters set;
        struct invocation i[8];
        struct enl_buf got = ENL_BUF_INIT(1000);
        struct enl_waiter *list = NULL;
        size_t n = 0;

        enl_waiters_init(&set, &enl_clock_system);
        for (const char *c = cases[k].waiting; *c != '\0'; c += 2) {
            const char id[2] = {c[0], '\0'};

            start(&i[n++], &set, id, c[0] >= 'a' ? 1000 : 3 * unit + 1000, (unsigned)(c[1] - '0'));
        }
        while ((list = enl_waiters_take(&set, cases[k].max_n, cases[k].max_len * unit)) != NULL) {
            enl_buf_adds(&got, got.len > 0 ? " " : "");
            while (list) {
                struct enl_waiter *w = list;

                list = w->next;
                enl_buf_adds(&got, w->result.event_id);
                enl_waiter_finish(&set, w, ENL_OUTCOME_SAFE, "");
            }
        }
        ENL_CHECK_STR(enl_buf_str(&got), cases[k].want, cases[k].label);
        for (size_t j = 0; j < n; j++) {
            (void)pthread_join(i[j].thread, NULL);
        }
        enl_buf_done(&got);
        enl_waiters_done(&set);
    }
    free(unit_text);
}

#define PRODUCERS 6
#define EACH      60

struct crowd {
    struct enl_waiters set;
    char *text;
    pthread_mutex_t mutex;
    size_t counts[3]; /* of outcomes */
    size_t running;   /* producers */
};

/* Some come too late, some leave soon, some stay. */
static void *produce(void *arg)
{
    static const int64_t patience_us[] = {-1, 0, 50, 300, FAR_US, FAR_US};
    struct crowd *c = arg;

    for (size_t i = 0; i < EACH; i++) {
        struct enl_commit_result r = {0};

        enl_waiters_wait(&c->set, new_waiter(c->text, 1),
                         now_us() + patience_us[i % ENL_COUNT(patience_us)], &r);
        (void)pthread_mutex_lock(&c->mutex);
        c->counts[r.outcome]++;
        (void)pthread_mutex_unlock(&c->mutex);
    }
    (void)pthread_mutex_lock(&c->set.mutex);
    c->running--;
    (void)pthread_cond_signal(&c->set.work);
    (void)pthread_mutex_unlock(&c->set.mutex);
    return NULL;
}

static bool crowd_waits(struct crowd *c)
{
    bool more = false;

    (void)pthread_mutex_lock(&c->set.mutex);
    while (!c->set.first && c->running > 0) {
        (void)pthread_cond_wait(&c->set.work, &c->set.mutex);
    }
    more = c->set.first != NULL;
    (void)pthread_mutex_unlock(&c->set.mutex);
    return more;
}

static void serve(struct crowd *c)
{
    struct enl_waiter *list = enl_waiters_take(&c->set, 4, 1000000);
    size_t n = 0;

    list = enl_waiters_prune(&c->set, list);
    for (struct enl_waiter *w = list; w; w = w->next) {
        if (n++ % 2 == 0) {
            enl_waiter_confirm(&c->set, w);
        }
    }
    while (list) {
        struct enl_waiter *w = list;

        list = w->next;
        enl_waiter_finish(&c->set, w, n-- % 3 == 0 ? ENL_OUTCOME_REJECTED : ENL_OUTCOME_SAFE, "");
    }
}

/* Everybody gets exactly one outcome, whoever comes first, and all is freed. */
static void test_crowd(void **state)
{
    struct crowd c = {.text = message_text("e-1", 10), .running = PRODUCERS};
    pthread_t threads[PRODUCERS];

    (void)state;
    enl_waiters_init(&c.set, &enl_clock_system);
    (void)pthread_mutex_init(&c.mutex, NULL);
    for (size_t i = 0; i < PRODUCERS; i++) {
        assert_int_equal(enl_thread_start(&threads[i], produce, &c, NULL), ENL_OK);
    }
    while (crowd_waits(&c)) {
        serve(&c);
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    assert_int_equal(c.counts[0] + c.counts[1] + c.counts[2], PRODUCERS * EACH);
    /* Those whose time was over when they came. */
    assert_true(c.counts[ENL_OUTCOME_SAFE] + c.counts[ENL_OUTCOME_REJECTED] >=
                PRODUCERS * EACH / 3);
    assert_null(c.set.all);
    (void)pthread_mutex_destroy(&c.mutex);
    enl_waiters_done(&c.set);
    free(c.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),   cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_newer), cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_drain), cmocka_unit_test(test_prune),
        cmocka_unit_test(test_take),  cmocka_unit_test(test_crowd),
    };

    return cmocka_run_group_tests_name("waiter", tests, help_setup, NULL);
}
