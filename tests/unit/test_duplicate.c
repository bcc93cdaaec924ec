/* test_duplicate - which events only repeat another, and which no longer do (docs/protocol.md). */
#include "domain_help.h"

#include "domain/duplicate.h"

#include <stdbool.h>
#include <stdlib.h>

#define WINDOW_S   10
#define CASE_MAX   9
#define EVENTS_MAX 128

/* An event: how is a status as stored, ">id" for a stored duplicate of that one, "new" for one of
 * the batch, "own" for one of the batch with a caller's id. */
struct given {
    const char *id, *body;
    int at_ms;
    const char *how;
};

/* A list of events as enl_duplicates_find takes it, with room for the texts. */
struct list {
    struct enl_neighbour events[EVENTS_MAX];
    char keys[EVENTS_MAX][ENL_ORDER_KEY_MAX + 1];
    size_t n;
};

static void add(struct list *l, const char *subscriber, const struct given *g)
{
    struct enl_neighbour *e = &l->events[l->n];
    char *key = l->keys[l->n];

    assert_in_range(l->n, 0, EVENTS_MAX - 1);
    (void)snprintf(key, sizeof(l->keys[0]), "%016" PRIx64 ":%s",
                   (uint64_t)(RECEIVED_US + g->at_ms * 1000LL), g->id);
    *e = (struct enl_neighbour){.subscriber_id = subscriber,
                                .event_id = g->id,
                                .order_key = key,
                                .body_hash = g->body,
                                .entry = l->n};
    if (strcmp(g->how, "new") == 0 || strcmp(g->how, "own") == 0) {
        e->generated = strcmp(g->how, "new") == 0;
    } else if (g->how[0] == '>') {
        e->status = "duplicate";
        e->first_id = g->how + 1;
    } else {
        e->status = g->how;
    }
    l->n++;
}

/* What a stored duplicate repeats is read with it, whether it is near or not. */
static void join(struct list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        for (size_t k = 0; l->events[i].status && l->events[i].first_id && k < l->n; k++) {
            if (strcmp(l->events[k].event_id, l->events[i].first_id) == 0) {
                l->events[i].first_order_key = l->events[k].order_key;
                l->events[i].first_status = l->events[k].status;
            }
        }
    }
}

/* "b>a" for one of the batch that repeats, "b^" for a duplicate that is promoted: in the order of
 * the keys. */
static void expect(const struct list *l, const char *want, const char *label)
{
    struct enl_buf got = ENL_BUF_INIT(4096);

    for (size_t i = 0; i < l->n; i++) {
        const struct enl_neighbour *e = &l->events[i];

        ENL_CHECK(i == 0 || strcmp(e->subscriber_id, e[-1].subscriber_id) > 0 ||
                      strcmp(e->order_key, e[-1].order_key) > 0,
                  label);
        if (e->promoted) {
            enl_buf_addf(&got, "%s%s^", got.len > 0 ? " " : "", e->event_id);
        } else if (!e->status && e->first_id) {
            enl_buf_addf(&got, "%s%s>%s", got.len > 0 ? " " : "", e->event_id, e->first_id);
        }
    }
    ENL_CHECK_STR(enl_buf_str(&got), want, label);
    enl_buf_done(&got);
}

static const struct {
    const char *label;
    struct given events[CASE_MAX];
    const char *want;
} cases[] = {
    {"A A", {{"a", "A", 0, "received"}, {"b", "A", 5, "new"}}, "b>a"},
    {"pending", {{"a", "A", 0, "pending"}, {"b", "A", 5, "new"}}, "b>a"},
    {"synced", {{"a", "A", 0, "synced"}, {"b", "A", 5, "new"}}, "b>a"},
    {"rejected: is tried itself", {{"a", "A", 0, "rejected"}, {"b", "A", 5, "new"}}, ""},
    {"a status of later times", {{"a", "A", 0, "parked"}, {"b", "A", 5, "new"}}, ""},
    {"another body", {{"a", "A", 0, "received"}, {"b", "B", 5, "new"}}, ""},
    {"nothing stored", {{"b", "A", 5, "new"}}, ""},
    {"a caller's own id is believed", {{"a", "A", 0, "synced"}, {"b", "A", 5, "own"}}, ""},
    {"a caller's own id is repeated", {{"a", "A", 0, "own"}, {"b", "A", 5, "new"}}, "b>a"},
    {"the same microsecond, a greater id", {{"a", "A", 5, "synced"}, {"b", "A", 5, "new"}}, "b>a"},
    {"the same microsecond, a lesser id", {{"b", "A", 5, "synced"}, {"a", "A", 5, "new"}}, "a>b"},
    {"ids with a colon", {{"a:1", "A", 0, "synced"}, {"b:1", "A", 5, "new"}}, "b:1>a:1"},
    {"exactly the window", {{"a", "A", 0, "synced"}, {"b", "A", 10000, "new"}}, "b>a"},
    {"more than the window", {{"a", "A", 0, "synced"}, {"b", "A", 10001, "new"}}, ""},
    {"older, exactly the window", {{"b", "A", 10000, "synced"}, {"a", "A", 0, "new"}}, "a>b"},
    {"older, more than the window", {{"b", "A", 10001, "synced"}, {"a", "A", 0, "new"}}, ""},

    {"A B A", {{"a", "A", 0, "synced"}, {"b", "B", 1, "synced"}, {"c", "A", 2, "new"}}, ""},
    {"A B A, B rejected",
     {{"a", "A", 0, "synced"}, {"b", "B", 1, "rejected"}, {"c", "A", 2, "new"}},
     ""},
    {"A B A, the first late",
     {{"b", "B", 1, "synced"}, {"c", "A", 2, "synced"}, {"a", "A", 0, "new"}},
     ""},
    {"A B A, all at once", {{"a", "A", 0, "new"}, {"b", "B", 1, "new"}, {"c", "A", 2, "new"}}, ""},
    {"A B A, a stored one between two of the batch",
     {{"a", "A", 0, "new"}, {"b", "B", 1, "synced"}, {"c", "A", 2, "new"}},
     ""},
    {"B behind both is not between",
     {{"a", "A", 0, "synced"}, {"c", "A", 2, "new"}, {"d", "B", 3, "synced"}},
     "c>a"},

    {"the older one before the nearer, newer one",
     {{"a", "A", 0, "synced"}, {"c", "A", 6, "synced"}, {"b", "A", 5, "new"}},
     "b>a"},
    {"the newer one where the older is behind another body",
     {{"a", "A", 0, "synced"},
      {"b", "B", 1, "synced"},
      {"d", "A", 6, "synced"},
      {"c", "A", 5, "new"}},
     "c>d"},
    {"the newer one where the older is rejected",
     {{"a", "A", 0, "rejected"}, {"c", "A", 6, "synced"}, {"b", "A", 5, "new"}},
     "b>c"},
    {"past a rejected one",
     {{"a", "A", 0, "synced"}, {"b", "A", 1, "rejected"}, {"c", "A", 2, "new"}},
     "c>a"},

    {"the nearest is a duplicate: its first counts",
     {{"a", "A", 0, "synced"}, {"b", "A", 5000, ">a"}, {"c", "A", 9000, "new"}},
     "c>a"},
    {"in the window of the duplicate but not of its first",
     {{"a", "A", 0, "synced"}, {"b", "A", 5000, ">a"}, {"c", "A", 12000, "new"}},
     ""},
    {"its first was rejected",
     {{"a", "A", 0, "rejected"}, {"b", "A", 5, ">a"}, {"c", "A", 9, "new"}},
     ""},
    {"the nearest is a duplicate of a newer one",
     {{"a", "A", 0, ">c"}, {"c", "A", 9, "synced"}, {"b", "A", 5, "new"}},
     "b>c"},
    {"between a duplicate and its first, of the same body",
     {{"a", "A", 0, "synced"}, {"c", "A", 9, ">a"}, {"b", "A", 5, "new"}},
     "b>a"},

    {"late B between A and its duplicate",
     {{"a", "A", 0, "synced"}, {"c", "A", 9, ">a"}, {"b", "B", 5, "new"}},
     "c^"},
    {"with a caller's own id",
     {{"a", "A", 0, "synced"}, {"c", "A", 9, ">a"}, {"b", "B", 5, "own"}},
     "c^"},
    {"an older duplicate",
     {{"a", "A", 0, ">c"}, {"c", "A", 9, "synced"}, {"b", "B", 5, "new"}},
     "a^"},
    {"between the duplicates: what lies behind it",
     {{"a", "A", 0, "synced"},
      {"b", "A", 1, ">a"},
      {"d", "A", 3, ">a"},
      {"e", "A", 4, ">a"},
      {"c", "B", 2, "new"}},
     "d^ e^"},
    {"on either side",
     {{"a", "A", 0, ">c"}, {"c", "A", 4, "synced"}, {"e", "A", 8, ">c"}, {"b", "B", 2, "new"}},
     "a^"},
    {"before both", {{"b", "A", 1, "synced"}, {"c", "A", 9, ">b"}, {"a", "B", 0, "new"}}, ""},
    {"after both", {{"b", "A", 1, "synced"}, {"c", "A", 9, ">b"}, {"d", "B", 10, "new"}}, ""},
    {"the first's microsecond, a lesser id",
     {{"b", "A", 1, "synced"}, {"c", "A", 9, ">b"}, {"a", "B", 1, "new"}},
     ""},
    {"the first's microsecond, a greater id",
     {{"a", "A", 1, "synced"}, {"c", "A", 9, ">a"}, {"b", "B", 1, "new"}},
     "c^"},
    {"a first that was rejected: its replay must not end below B",
     {{"a", "A", 0, "rejected"}, {"c", "A", 9, ">a"}, {"b", "B", 5, "new"}},
     "c^"},
    {"known already: it has promoted what it could",
     {{"a", "A", 0, "synced"}, {"c", "A", 9, ">a"}, {"b", "B", 5, "synced"}},
     ""},
    {"its first is not known", {{"c", "A", 9, ">a"}, {"b", "B", 5, "new"}}, ""},
    {"beyond the window that is set now",
     {{"a", "A", 0, "synced"}, {"c", "A", 60000, ">a"}, {"b", "B", 30000, "new"}},
     "c^"},

    {"A A in the batch", {{"a", "A", 0, "new"}, {"b", "A", 1, "new"}}, "b>a"},
    {"A A A in the batch",
     {{"a", "A", 0, "new"}, {"b", "A", 1, "new"}, {"c", "A", 2, "new"}},
     "b>a c>a"},
    {"A A B in the batch",
     {{"a", "A", 0, "new"}, {"b", "A", 1, "new"}, {"c", "B", 2, "new"}},
     "b>a"},
    {"a chain in the batch is as long as the window",
     {{"a", "A", 0, "new"}, {"b", "A", 9000, "new"}, {"c", "A", 11000, "new"}},
     "b>a"},
    {"A A, the first stored, B between in the batch",
     {{"a", "A", 0, "synced"}, {"b", "B", 1, "new"}, {"c", "A", 2, "new"}},
     ""},
    {"A A, the last stored, B between in the batch",
     {{"c", "A", 2, "synced"}, {"b", "B", 1, "new"}, {"a", "A", 0, "new"}},
     ""},
    {"a new one repeats what is promoted with it",
     {{"a", "A", 0, "synced"}, {"c", "A", 3, ">a"}, {"b", "B", 1, "new"}, {"d", "A", 4, "new"}},
     "c^ d>c"},
    {"two late ones of one body, the second repeats the first",
     {{"a", "A", 0, "synced"}, {"d", "A", 9, ">a"}, {"b", "B", 4, "new"}, {"c", "B", 5, "new"}},
     "c>b d^"},
};

/* The same in any order in which they are given. */
static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ENL_COUNT(cases); i++) {
        size_t n = 0;

        while (n < CASE_MAX && cases[i].events[n].id) {
            n++;
        }
        for (size_t turn = 0; turn < 2 * n; turn++) {
            struct list l = {0};

            for (size_t k = 0; k < n; k++) {
                size_t at = (turn + (turn < n ? k : n - k)) % n;

                add(&l, "1", &cases[i].events[at]);
            }
            join(&l);
            enl_duplicates_find(l.events, l.n, WINDOW_S);
            expect(&l, cases[i].want, cases[i].label);
        }
    }
}

/* Switched off: nothing becomes a duplicate; what is one of old is promoted all the same. */
static void test_off(void **state)
{
    static const struct given events[] = {
        {"a", "A", 0, "synced"}, {"b", "B", 1, "new"}, {"c", "A", 2, ">a"}, {"d", "A", 3, "new"}};
    struct list l = {0};

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(events); i++) {
        add(&l, "1", &events[i]);
    }
    join(&l);
    enl_duplicates_find(l.events, l.n, 0);
    expect(&l, "c^", "off");
}

/* What others do is nobody else's. */
static void test_subscribers(void **state)
{
    static const struct given a = {"a", "A", 0, "synced"}, b = {"b", "B", 1, "new"},
                              c = {"c", "A", 2, "new"}, d = {"d", "A", 3, ">a"};
    struct list l = {0};

    (void)state;
    add(&l, "2", &c);
    add(&l, "1", &a);
    add(&l, "3", &b);
    add(&l, "1", &d);
    join(&l);
    enl_duplicates_find(l.events, l.n, WINDOW_S);
    expect(&l, "", "others");
    assert_int_equal(l.events[2].entry, 0);
    assert_int_equal(l.events[3].entry, 2);
}

/* More than are looked at: the outermost duplicate still says what is repeated. */
static void test_flood(void **state)
{
    static const struct {
        const char *label;
        int first_ms; /* of what they repeat: it is not among them */
        const char *status, *want;
    } firsts[] = {
        {"it counts", 0, "synced", "n>f"},
        {"it was rejected", 0, "rejected", ""},
        {"it is out of the window", -10000, "synced", ""},
    };
    char ids[ENL_NEIGHBOURS_MAX][8];

    (void)state;
    for (size_t i = 0; i < ENL_COUNT(firsts); i++) {
        struct given first = {"f", "A", firsts[i].first_ms, firsts[i].status};
        struct given fresh = {"n", "A", 1000, "new"};
        struct list l = {0};

        for (int k = 0; k < ENL_NEIGHBOURS_MAX; k++) {
            struct given g = {ids[k], "A", 10 + k, ">f"};

            (void)snprintf(ids[k], sizeof(ids[k]), "d%02d", k);
            add(&l, "1", &g);
        }
        add(&l, "1", &fresh);
        add(&l, "1", &first);
        join(&l);
        l.n--;
        enl_duplicates_find(l.events, l.n, WINDOW_S);
        expect(&l, firsts[i].want, firsts[i].label);
    }
}

/* One more than are looked at around an event may hide another body: then it counts. */
static void test_beyond(void **state)
{
    struct given first = {"f", "A", 0, "synced"};
    struct given fresh = {"n", "A", 1000, "new"};
    char ids[ENL_NEIGHBOURS_MAX][8];
    struct list l = {0};

    (void)state;
    add(&l, "1", &first);
    for (int k = 0; k < ENL_NEIGHBOURS_MAX; k++) {
        struct given g = {ids[k], "A", 10 + k, "rejected"};

        (void)snprintf(ids[k], sizeof(ids[k]), "d%02d", k);
        add(&l, "1", &g);
    }
    add(&l, "1", &fresh);
    enl_duplicates_find(l.events, l.n, WINDOW_S);
    expect(&l, "", "not looked at");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),       cmocka_unit_test(test_off),
        cmocka_unit_test(test_subscribers), cmocka_unit_test(test_flood),
        cmocka_unit_test(test_beyond),
    };

    return cmocka_run_group_tests_name("duplicate", tests, help_setup, NULL);
}
