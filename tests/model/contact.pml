/* contact.pml - the fields of one contact in SQL and in Odoo, and the duplicate window, as docs/protocol.md tells them; `run` checks it.
 *
 * Three events of one subscriber, 0 < 1 < 2 by their order keys, come in any order and in any batches to two committers.  At most one of them
 * is rejected by Odoo, REDELIVERED messages come twice, and LOST requests have no answer but their effect, at once or later.
 *
 * SCEN 1: partial events: 0 carries both fields, 1 the first, 2 the second.
 * SCEN 2: bodies A B A.  SCEN 3: A A B.  SCEN 4: B A A.  SCEN 5: A A A.  In these the window may hold all three, or none.
 *
 * S5: each field is the value of the newest event that carries it, in SQL and in Odoo; a duplicate counts as its first.  An event may repeat an
 * older or a newer one.  Where one with another body comes late and lies between the two, the duplicate becomes `pending`.
 *
 * -DBREAK_x takes one rule away, and the check must fail:
 *   KEY_PER_CONTACT       one order key for a whole contact              SQL_LAST_WINS, ODOO_LAST_WINS  no guard there
 *   KEYS_BEFORE_BATCH     an unsorted batch, and guards that look at the contact as it was before it
 *   KEEP_REJECTED         a rejected event's fields stay in SQL          ANY_IN_WINDOW  any equal body repeats, whatever lies between
 *   REJECTED_IS_FIRST     an event may repeat one that is rejected       NO_PROMOTE     a duplicate stays one, whatever comes between
 *   LOOK_BEFORE_LOCK      duplicates are looked for before the contact is locked
 *   OLDER_ONLY            an event repeats older ones only: then more than one of A, A, A may be sent
 */
#ifndef SCEN
#define SCEN 1
#endif
#ifndef LOST
#define LOST 1
#endif
#ifndef REDELIVERED
#define REDELIVERED 1
#endif
#define N 3
#define NOBODY 9
mtype = { NONE, RECEIVED, PENDING, SYNCED, REJECTED, DUPLICATE };

#if SCEN == 1
#define CARRIES(e, f) ((e) == 0 || (e) == (f) + 1)
#define BODY(e) (e)
#else
#define CARRIES(e, f) true
#if SCEN == 2
#define BODY(e) ((e) == 1)
#elif SCEN == 3
#define BODY(e) ((e) == 2)
#elif SCEN == 4
#define BODY(e) ((e) != 0)
#else
#define BODY(e) 0
#endif
#endif
#define VAL(e) (BODY(e) + 1)
#define BETWEEN(g, a, b) (((a) < (g) && (g) < (b)) || ((b) < (g) && (g) < (a)))
#define ISOPEN(e) (row[e] == RECEIVED || row[e] == PENDING)
#define COUNTS(e) (ISOPEN(e) || row[e] == SYNCED)

mtype row[N] = NONE;  byte first[N];    /* first: duplicate_of */
bit todo[N], bad[N], late[N], window;
byte cv[2], ck[2];                      /* contact in SQL: value and order key (event + 1) of each field */
byte ov[2], ok[2];                      /* contact in Odoo */
byte lost = LOST, redelivered = REDELIVERED;

#if defined(BREAK_SQL_LAST_WINS)
#define NEWER(e, f) true
#elif defined(BREAK_KEY_PER_CONTACT)
#define NEWER(e, f) (e + 1 > ck[0] && e + 1 > ck[1])
#elif defined(BREAK_KEYS_BEFORE_BATCH)
#define NEWER(e, f) (e + 1 > was[f])
#else
#define NEWER(e, f) (e + 1 > ck[f])
#endif

inline merge(e)         /* under the lock of the contact's row */
{
    for (f : 0 .. 1) {
        if
        :: CARRIES(e, f) && NEWER(e, f) -> cv[f] = VAL(e); ck[f] = e + 1
        :: else
        fi
    }
}

inline rebuild()
{
    for (f : 0 .. 1) {
        cv[f] = 0; ck[f] = 0;
        for (g : 0 .. N-1) { if :: COUNTS(g) && CARRIES(g, f) -> cv[f] = VAL(g); ck[f] = g + 1 :: else fi }
    }
}

#ifdef BREAK_LOOK_BEFORE_LOCK
#define SEEN(g) snap[g]
#else
#define SEEN(g) row[g]
#endif
#define STANDS(g) (SEEN(g) == RECEIVED || SEEN(g) == PENDING || SEEN(g) == SYNCED)
#ifdef BREAK_REJECTED_IS_FIRST
#define ALIVE(g) (STANDS(g) || SEEN(g) == REJECTED)
#else
#define ALIVE(g) STANDS(g)
#endif

#define OTHER(h, g, e) (SEEN(h) != NONE && BODY(h) != BODY(e) && BETWEEN(h, g, e))
#ifdef BREAK_ANY_IN_WINDOW
#define PARTED(g, e) false
#else
#define PARTED(g, e) (OTHER(0, g, e) || OTHER(1, g, e) || OTHER(2, g, e))
#endif
#define REPEATS(e, g) (BODY(g) == BODY(e) && ALIVE(g) && !PARTED(g, e))

/* Sets x: what e repeats, or NOBODY: the nearest older one, or else the nearest newer one. */
inline look_for_first(e)
{
    x = NOBODY;
#ifndef BREAK_OLDER_ONLY
    for (g : 0 .. N-1) { if :: window && g > e && x == NOBODY && REPEATS(e, g) -> x = g :: else fi };
#endif
    for (g : 0 .. N-1) { if :: window && g < e && REPEATS(e, g) -> x = g :: else fi }
}

inline t1(e)
{
    if
    :: row[e] == NONE ->
        look_for_first(e);
        if
        :: x != NOBODY -> row[e] = DUPLICATE; first[e] = x; assert(row[x] != REJECTED)
        :: else -> row[e] = RECEIVED; ask[e] = 1; merge(e)
        fi;
#ifdef BREAK_LOOK_BEFORE_LOCK
        snap[e] = row[e];
#endif
#ifndef BREAK_NO_PROMOTE
        for (g : 0 .. N-1) {
            if
            :: row[g] == DUPLICATE && BODY(g) != BODY(e) && BETWEEN(e, first[g], g) -> row[g] = PENDING; merge(g)
            :: else
            fi
        }
#endif
    :: row[e] == PENDING -> row[e] = RECEIVED; ask[e] = 1
    :: else
    fi
}

inline ingest(e)
{
    if
    :: bad[e] -> res[e] = 0
    :: !bad[e] -> res[e] = 1;
        for (f : 0 .. 1) {
            if
#if defined(BREAK_ODOO_LAST_WINS)
            :: CARRIES(e, f) -> ov[f] = VAL(e)
#elif defined(BREAK_KEY_PER_CONTACT)
            :: CARRIES(e, f) && e + 1 > ok[0] && e + 1 > ok[1] -> ov[f] = VAL(e); ok[f] = e + 1
#else
            :: CARRIES(e, f) && e + 1 > ok[f] -> ov[f] = VAL(e); ok[f] = e + 1
#endif
            :: else
            fi
        }
    fi
}

proctype Committer()
{
    byte e, f, g, n, x; bit ask[N], res[N], in[N], up, unknown; byte was[2];
#ifdef BREAK_LOOK_BEFORE_LOCK
    mtype snap[N] = NONE;
#endif
#define WORK (todo[0] || todo[1] || todo[2] || row[0] == PENDING || row[1] == PENDING || row[2] == PENDING)
end_idle:
#ifdef BREAK_LOOK_BEFORE_LOCK
    atomic { WORK; snap[0] = row[0]; snap[1] = row[1]; snap[2] = row[2] };
end_lock:
#endif
    atomic {
        WORK;
        for (e : 0 .. N-1) { if :: todo[e] || row[e] == PENDING -> if :: in[e] = 1 :: skip fi :: else fi };
        if :: !in[0] && !in[1] && !in[2] -> e = 0; goto end_idle :: else fi;
        was[0] = ck[0]; was[1] = ck[1];
#ifdef BREAK_KEYS_BEFORE_BATCH
        if :: up = 1 :: skip fi;
#endif
        for (n : 0 .. N-1) {        /* a batch is gone through in the order of its keys */
            e = (up -> N - 1 - n : n);
            if
            :: in[e] -> in[e] = 0;
                if :: redelivered > 0 && todo[e] -> redelivered-- :: todo[e] = 0 fi;
                if :: e == 0 -> t1(0) :: e == 1 -> t1(1) :: e == 2 -> t1(2) fi
            :: else
            fi
        };
        e = 0; f = 0; g = 0; n = 0; x = 0; up = 0; was[0] = 0; was[1] = 0;
        if :: !ask[0] && !ask[1] && !ask[2] -> goto end_idle :: else fi
    }
    atomic {                        /* a request, gone through in any order */
        if :: up = 1 :: up = 0 fi;
        if
        :: skip
        :: lost > 0 -> lost--; unknown = 1
        :: lost > 0 -> lost--; unknown = 1; late[0] = ask[0]; late[1] = ask[1]; late[2] = ask[2]
        fi;
        for (x : 0 .. N-1) { e = (up -> x : N - 1 - x); if :: ask[e] && !(unknown && late[e]) -> ingest(e) :: else fi };
        e = 0; f = 0; x = 0; up = 0
    }
    atomic {                        /* T2 */
        for (e : 0 .. N-1) {
            if
            :: ask[e] && unknown -> row[e] = PENDING
            :: ask[e] && !unknown && res[e] -> row[e] = SYNCED
            :: ask[e] && !unknown && !res[e] -> row[e] = REJECTED
            :: else
            fi;
            ask[e] = 0
        };
#ifndef BREAK_KEEP_REJECTED
        if :: row[0] == REJECTED || row[1] == REJECTED || row[2] == REJECTED -> rebuild() :: else fi;
#endif
        e = 0; f = 0; g = 0; x = 0; unknown = 0; res[0] = 0; res[1] = 0; res[2] = 0;
        goto end_idle
    }
}

proctype World()
{
    byte f; bit res[N];
end_world:
    do
    :: atomic { late[0] -> late[0] = 0; ingest(0); f = 0; res[0] = 0 }
    :: atomic { late[1] -> late[1] = 0; ingest(1); f = 0; res[1] = 0 }
    :: atomic { late[2] -> late[2] = 0; ingest(2); f = 0; res[2] = 0 }
    od
}

proctype AtRest()
{
    byte e, f, want, sent;
    timeout ->
    d_step {
        for (e : 0 .. N-1) {
            assert(row[e] == SYNCED || row[e] == REJECTED || row[e] == DUPLICATE);
            assert(row[e] != REJECTED || bad[e]);
            assert(row[e] != DUPLICATE || row[first[e]] == SYNCED || row[first[e]] == REJECTED)
        };
#if SCEN == 5
        if                          /* the window works: of equal bodies one is sent, in whatever order they come */
        :: window && !bad[0] && !bad[1] && !bad[2] ->
            sent = (row[0] == SYNCED) + (row[1] == SYNCED) + (row[2] == SYNCED); assert(sent == 1)
        :: else
        fi;
#endif
        for (f : 0 .. 1) {
            want = 0;
            for (e : 0 .. N-1) {
                if
                :: CARRIES(e, f) && (row[e] == SYNCED || (row[e] == DUPLICATE && row[first[e]] == SYNCED)) -> want = VAL(e)
                :: else
                fi
            };
            assert(cv[f] == want);
            assert(ov[f] == want)
        }
    }
}

init
{
    atomic {
        todo[0] = 1; todo[1] = 1; todo[2] = 1;
        if :: bad[0] = 1 :: bad[1] = 1 :: bad[2] = 1 :: skip fi;
#if SCEN > 1
        if :: window = 1 :: skip fi;
#endif
        run Committer(); run Committer(); run World(); run AtRest()
    }
}
