/* commit.pml - an event's life between a storage queue, SQL and Odoo, as docs/protocol.md tells it; `run` beside it checks it.
 *
 * A step is one SQL transaction, one request to Odoo or one answer to the host, and a process can be killed between any two.  A transaction
 * is confirmed, or it is not, and then nobody knows whether it was applied.  A request to Odoo is answered event by event, or has no answer:
 * then nothing happened, all of it did, or all of it will, later.  Time is free: a claim may end at any moment, a drain may come or not.
 *
 * Not in the code yet, here as the protocol will have it: the replay of a dead letter by a person and its DELETE (Operator).  LOOKED_UP is
 * the look-up of scheduled-sync; without it (-DNO_LOOK_UP) an event can be rejected and in Odoo.
 *
 * Coarser than the code: one committer is two processes here (Worker: invocations; Drain), so that either dies alone.  The breaker is a
 * choice in each T1 (claim or not) and in each request (an event may always come back untried: no turn in time, breaker open, `retry`,
 * throttled, refused connection, configuration error, or the same rejection too often in a row).
 *
 * Bounds, by -D: NEV events; NMSG messages (message i is of event i % NEV: more messages than events are one id sent twice); NWORK, NDRAIN;
 * MAXDEQ deliveries before the poison queue; FAULTS in all, of any kind: a transaction or a request whose outcome is unknown, a kill, a
 * message that shows again while it is worked on, an invocation that stops waiting.  NBAD events that Odoo may reject until somebody mends
 * it; REPLAYS, EXPS: how often the operator replays and deletes.  Besides, each a part of the code:
 *   HAND_BACK   a T1 not confirmed in time gives the message back as a new one; without it the host gives the invocation up (functionTimeout)
 *   CONFLICT    message 1 has another body under the same id
 *   DATA        SQL may refuse event 0's data
 *   KILLER      an event that repeatedly gets no answer is rejected in the end, class `transient`
 *
 * -DBREAK_x takes one rule away, and the check must fail:
 *   ACK_UNSTORED       200 although T1 is not confirmed                     DRAIN_PENDING_ONLY  a dead owner's `received` row is not drained
 *   CLAIM_FOREVER      claims do not end                                    NO_DEAD_LETTER      T2 writes a rejection without dead letter
 *   RECORDER_BURIES    the recorder makes an unknown event a dead letter    RECORDER_FAILS      the recorder answers 500
 *   OPTIMIST           no answer counts as success                          NOT_IDEMPOTENT      Odoo's event_id is not unique
 *   FAIL_FOR_ODOO      500 when Odoo gave no answer                         NO_GUARD            T2 writes over whatever status there is
 *   VERDICT_NO_TOKEN   `rejected` is written without the claim's token      FREE_NO_TOKEN       so is `pending`
 *   SYNC_OPEN_ONLY     `synced` does not overrule `rejected` (with NO_LOOK_UP, which would mend it)
 *   DEAD_STAYS_OPEN    `synced` leaves the dead letter open                 ONE_TOKEN           one token for all claims of a process
 *   UNTRIED_IS_VERDICT an untried event counts as rejected                  DATA_NO_DEAD_LETTER refused data leave no dead letter
 *   DELETE_FIRST       handing back deletes before the copy is put          FAIL_UNSTORED       500 instead of handing back
 *   CONFLICT_IS_KNOWN  a known id is known, whatever its body               CONFLICT_CLAIMS_500 a conflict fails its invocation
 *   REPLAY_BY_QUEUE    a replay only queues the message                     REPLAY_ON_DELIVERY  it re-opens the row only when that arrives
 *   EXPUNGED_RETURNS   a late message brings a deleted payload back
 */
#ifndef NEV
#define NEV 1
#endif
#ifndef NMSG
#define NMSG 1
#endif
#ifndef NWORK
#define NWORK 1
#endif
#ifndef NDRAIN
#define NDRAIN 1
#endif
#ifndef MAXDEQ
#define MAXDEQ 2
#endif
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef NBAD
#define NBAD 1
#endif
#ifndef REPLAYS
#define REPLAYS 1
#endif
#ifndef EXPS
#define EXPS 1
#endif
#ifdef HAND_BACK
#define COPIES (2 * FAULTS) /* a fault makes a batch of two handed back */
#else
#define COPIES 0
#endif
#define SLOTS (NMSG + REPLAYS + COPIES)
#if SLOTS > 8 || NEV > 2 || (NEV > 1 && (defined(HAND_BACK) || defined(CONFLICT) || defined(DATA)))
#error "these bounds are more than the model has places for"
#endif

#define NOBODY 0  /* claim_token NULL */
#define DEAD 99   /* a token that no running round has */
#define NOMSG 9
#define LEFT 99   /* in place of a receipt: the invocation is over */

mtype = { NONE, RECEIVED, PENDING, SYNCED, REJECTED };                /* events.status; NONE: no row */
mtype = { OPEN, REPLAYED, RESOLVED, EXPUNGED };                       /* dead_letters.status; NONE: no row */
mtype = { ABSENT, VISIBLE, INFLIGHT, POISON, PINFLIGHT, GONE, LOST }; /* where a message is */
mtype = { OK, REFUSED, UNTRIED, NOANSWER, DONE, LATER };              /* of a request; the first four also of an event in it */
mtype = { BY_T1, BY_KILL, BY_VERDICT, BY_ODOO };                      /* why a delivery failed */

/* SQL */
mtype row[NEV] = NONE;  byte tok[NEV];  bit claim[NEV]; /* claim: claim_until is still to come */
mtype dl[NEV] = NONE;   bit payload[NEV];  bit maybe[NEV]; /* maybe_sent */
/* Odoo */
bit present[NEV];  byte created[NEV];  bit bad[NEV];  bit late[NEV];
/* the queue and its poison queue; a receipt is the count of its delivery */
mtype loc[SLOTS] = ABSENT;  byte cnt[SLOTS];
byte faults = FAULTS, replays = REPLAYS, exps = EXPS, queued;
bit verdict[NEV];       /* Odoo did reject it once */
#ifdef HAND_BACK
byte copies;
#endif
#ifdef KILLER
bit gaveup[NEV];
#define GAVEUP(e) gaveup[e]
#else
#define GAVEUP(e) false
#endif
#ifdef DATA
bit unfit;
#define UNFIT unfit
#else
#define UNFIT false
#endif
#ifdef CONFLICT
byte first = NOMSG;     /* whose body the row has */
bit conflict[2];        /* dead letter of class conflict, under the message's own hash */
#define OTHER_BODY(m) (first != NOMSG && first != ((m) == 1))
#define IN_CONFLICT(m) (conflict[(m) == 1])
#else
#define OTHER_BODY(m) false
#define IN_CONFLICT(m) false
#endif

#if NEV == 1
#define EV(m) 0
#else
#define EV(m) ((m) < NMSG -> (m) % NEV : 0)      /* replays are of event 0 */
#endif
#define ISOPEN(e) (row[e] == RECEIVED || row[e] == PENDING)
#ifdef BREAK_DRAIN_PENDING_ONLY
#define DRAINABLE(e) (row[e] == PENDING && !claim[e])
#else
#define DRAINABLE(e) (ISOPEN(e) && !claim[e])
#endif
#if NEV > 1
#define SOME_DRAINABLE (DRAINABLE(0) || DRAINABLE(1))
#else
#define SOME_DRAINABLE DRAINABLE(0)
#endif

/* ---- what is around -------------------------------------------------------------------------------------------------------------------- */

inline transaction()
{
    if
    :: applied = 1; confirmed = 1
    :: faults > 0 -> faults--; applied = 0; confirmed = 0
    :: faults > 0 -> faults--; applied = 1; confirmed = 0
    fi
}

inline ingest(e)
{
    if
#ifdef BREAK_NOT_IDEMPOTENT
    :: !bad[e] -> present[e] = 1; created[e]++
#else
    :: present[e] -> skip
    :: !present[e] && !bad[e] -> present[e] = 1; created[e]++
#endif
    :: else -> skip
    fi;
    assert(created[e] <= 1)                                                                 /* S2 */
}

inline request()        /* with every event that is ours */
{
    if
    :: what = OK
    :: faults > 0 -> faults--; what = NOANSWER
    :: faults > 0 -> faults--; what = DONE
    :: faults > 0 -> faults--; what = LATER
    fi;
    for (e : 0 .. NEV-1) {
        res[e] = NONE;
        if
        :: ask[e] ->
            if
            :: what == OK ->
                if
                :: ingest(e);
                    if :: present[e] -> res[e] = OK :: else -> res[e] = REFUSED; verdict[e] = 1 fi
#ifdef BREAK_UNTRIED_IS_VERDICT
                :: res[e] = REFUSED
#else
                :: res[e] = UNTRIED
#endif
                fi
            :: what == NOANSWER -> res[e] = NOANSWER
            :: what == DONE -> ingest(e); res[e] = NOANSWER
            :: what == LATER -> late[e] = 1; res[e] = NOANSWER
            fi;
#ifdef BREAK_OPTIMIST
            if :: res[e] == NOANSWER -> res[e] = OK :: else fi
#endif
        :: else
        fi
    }
    what = NONE
}

/* The host deletes, shows again, or moves to the poison queue, while the receipt is the message's latest. */
inline settle(i, r, good, cause)
{
    if
    :: cnt[i] == r && (loc[i] == INFLIGHT || loc[i] == VISIBLE) ->
        if
        :: good -> loc[i] = GONE; cnt[i] = 0
        :: !good && cnt[i] >= MAXDEQ ->
            assert(cause != BY_ODOO);                                                       /* S4 */
#ifdef HAND_BACK
            assert(cause != BY_T1);
#endif
            assert(cause != BY_VERDICT || verdict[EV(i)] || UNFIT || GAVEUP(EV(i)));
            loc[i] = POISON; cnt[i] = 0
        :: else -> loc[i] = VISIBLE
        fi
    :: else
    fi
}

#ifdef HAND_BACK
/* The host puts the output, then deletes; in between it can die. */
inline hand_back(i, r)
{
    if
    :: loc[NMSG + REPLAYS + copies] = VISIBLE; copies++; settle(i, r, 1, BY_T1)
#ifdef BREAK_DELETE_FIRST
    :: faults > 0 -> faults--; settle(i, r, 1, BY_T1)
#else
    :: faults > 0 -> faults--; loc[NMSG + REPLAYS + copies] = VISIBLE; copies++; settle(i, r, 0, BY_KILL)
#endif
    fi;
    r = LEFT
}
#endif

/* A claim's token is of that claim alone: a round that is over leaves none that anybody has. */
inline orphan()
{
#ifdef BREAK_ONE_TOKEN
    skip
#else
    for (e : 0 .. NEV-1) { if :: tok[e] == me -> tok[e] = DEAD :: else fi }
#endif
}

inline die() { faults--; orphan() }

/* ---- the transactions ------------------------------------------------------------------------------------------------------------------- */

inline free(e) { tok[e] = NOBODY; claim[e] = 0 }

inline take(e)          /* a holder before us that never settled may have sent, or may still */
{
    if :: tok[e] != NOBODY && tok[e] != me -> maybe[e] = 1 :: else fi;
    tok[e] = me; claim[e] = 1
}

/* T1 for one message.  may: the breaker is closed, and a known event is due. */
inline t1(m)
{
    e = EV(m);
    if
    :: row[e] == NONE && UNFIT ->
        row[e] = REJECTED; payload[e] = 1;
#ifndef BREAK_DATA_NO_DEAD_LETTER
        dl[e] = OPEN
#endif
    :: row[e] == NONE && !UNFIT ->
        payload[e] = 1;
#ifdef CONFLICT
        first = (m == 1);
#endif
        if :: may -> row[e] = RECEIVED; tok[e] = me; claim[e] = 1 :: else -> row[e] = PENDING fi
#if defined(CONFLICT) && !defined(BREAK_CONFLICT_IS_KNOWN)
    :: row[e] != NONE && OTHER_BODY(m) -> conflict[m == 1] = 1
#endif
#ifdef BREAK_REPLAY_ON_DELIVERY
    :: row[e] == REJECTED && dl[e] == REPLAYED -> row[e] = PENDING; tok[e] = me; claim[e] = 1
#endif
    :: ISOPEN(e) && !OTHER_BODY(m) && may && (!claim[e] || tok[e] == me) -> take(e)
    :: else
    fi
}

inline reject(e)
{
    row[e] = REJECTED; free(e);
#ifndef BREAK_NO_DEAD_LETTER
    dl[e] = OPEN
#endif
}

#ifdef BREAK_NO_GUARD
#define MY_VERDICT(e) true
#define MY_CLAIM(e) true
#else
#ifdef BREAK_VERDICT_NO_TOKEN
#define MY_VERDICT(e) ISOPEN(e)
#else
#define MY_VERDICT(e) (ISOPEN(e) && tok[e] == me)
#endif
#ifdef BREAK_FREE_NO_TOKEN
#define MY_CLAIM(e) ISOPEN(e)
#else
#define MY_CLAIM(e) (ISOPEN(e) && tok[e] == me)
#endif
#endif
#ifdef BREAK_SYNC_OPEN_ONLY
#define SYNCABLE(e) ISOPEN(e)
#else
#define SYNCABLE(e) (ISOPEN(e) || row[e] == REJECTED)       /* a fact needs no claim */
#endif

inline t2(e)
{
    if
    :: res[e] == OK ->
        if :: SYNCABLE(e) -> row[e] = SYNCED; free(e) :: else fi;
#ifndef BREAK_DEAD_STAYS_OPEN
        if :: row[e] == SYNCED && (dl[e] == OPEN || dl[e] == REPLAYED) -> dl[e] = RESOLVED :: else fi
#endif
    :: res[e] == REFUSED && MY_VERDICT(e) -> reject(e)
    :: res[e] == UNTRIED && MY_CLAIM(e) -> row[e] = PENDING; free(e)
    :: res[e] == NOANSWER && MY_CLAIM(e) -> row[e] = PENDING; maybe[e] = 1; free(e)
#ifdef KILLER
    :: res[e] == NOANSWER && maybe[e] && MY_VERDICT(e) -> gaveup[e] = 1; reject(e)
#endif
    :: else
    fi
}

/* ---- invocations: a batch of one or two messages ----------------------------------------------------------------------------------------- */

#define SHOWN(n, where) (n < SLOTS && loc[(n < SLOTS -> n : 0)] == where)
#define SOME(where) \
    (SHOWN(0, where) || SHOWN(1, where) || SHOWN(2, where) || SHOWN(3, where) || SHOWN(4, where) || SHOWN(5, where) || \
     SHOWN(6, where) || SHOWN(7, where))

inline any_of(i, where)
{
    if
    :: SHOWN(0, where) -> i = 0
    :: SHOWN(1, where) -> i = 1
    :: SHOWN(2, where) -> i = 2
    :: SHOWN(3, where) -> i = 3
    :: SHOWN(4, where) -> i = 4
    :: SHOWN(5, where) -> i = 5
    :: SHOWN(6, where) -> i = 6
    :: SHOWN(7, where) -> i = 7
    fi
}

inline receive(i, r)
{
    any_of(i, VISIBLE);
    cnt[i]++;
    if :: cnt[i] > MAXDEQ -> cnt[i] = 0; loc[i] = POISON; i = NOMSG :: else -> loc[i] = INFLIGHT; r = cnt[i] fi
}

inline answer(i, r)
{
    if
    :: i != NOMSG && r != LEFT ->
        e = EV(i);
#ifdef BREAK_ACK_UNSTORED
        settle(i, r, !(known[e] == REJECTED), BY_VERDICT)
#else
        if
        :: known[e] == NONE ->
#if defined(HAND_BACK) && !defined(BREAK_FAIL_UNSTORED)
            hand_back(i, r)
#else
            settle(i, r, 0, BY_T1)
#endif
#ifdef BREAK_CONFLICT_CLAIMS_500
        :: known[e] != NONE && IN_CONFLICT(i) -> settle(i, r, 0, BY_VERDICT)
#endif
        :: known[e] == REJECTED && !IN_CONFLICT(i) -> settle(i, r, 0, BY_VERDICT)
#ifdef BREAK_FAIL_FOR_ODOO
        :: known[e] != NONE && known[e] != REJECTED && res[e] == NOANSWER -> settle(i, r, 0, BY_ODOO)
        :: known[e] != NONE && known[e] != REJECTED && res[e] != NOANSWER -> settle(i, r, 1, BY_VERDICT)
#else
        :: else -> settle(i, r, 1, BY_VERDICT)
#endif
        fi
#endif
    :: else
    fi
}

#define STATUS(e) (row[e] == REJECTED && dl[e] == EXPUNGED -> SYNCED : row[e])     /* what was deleted is done with: 200 */
#define MINE(i, e) (i != NOMSG && EV(i) == e && !OTHER_BODY(i))

proctype Worker(byte me)
{
    byte i1, i2, r1, r2, e; bit ask[NEV]; bit any, may, applied, confirmed;
    mtype known[NEV] = NONE; mtype res[NEV] = NONE; mtype what = NONE;
end_idle:
    atomic {
        SOME(VISIBLE);
        i1 = NOMSG; i2 = NOMSG;
        receive(i1, r1); if :: i1 == NOMSG -> i1 = 0; i2 = 0; goto end_idle :: else fi;
        if :: receive(i2, r2) :: skip fi
    }
T1: atomic {
        if :: faults > 0 -> die(); goto killed :: skip fi;
#ifdef HAND_BACK
        if                                              /* the invocation's time is over, or the process stops, while T1 still runs */
        :: faults > 0 && r1 != LEFT -> faults--; hand_back(i1, r1)
        :: skip
        fi;
#endif
        if :: may = 1 :: may = 0 fi;
        transaction();
        if :: applied -> t1(i1); if :: i2 != NOMSG -> t1(i2) :: else fi :: else fi;
        may = 0; any = 0;
        if
        :: confirmed ->
            for (e : 0 .. NEV-1) {
                if
                :: e == EV(i1) || (i2 != NOMSG && e == EV(i2)) ->
                    known[e] = STATUS(e);
                    ask[e] = ISOPEN(e) && tok[e] == me && (MINE(i1, e) || MINE(i2, e)); any = any || ask[e]
                :: else
                fi
            }
        :: !confirmed -> if :: e = 0; applied = 0; goto T1 :: e = 0; applied = 0; goto ans fi   /* the same T1 again, or out of time */
        fi;
        applied = 0; confirmed = 0; e = 0;
        if :: any -> any = 0 :: else -> goto ans fi
    }
OD: atomic {
        if :: faults > 0 -> die(); goto killed :: skip fi;
        request(); e = 0
    }
T2: atomic {
        if :: faults > 0 -> die(); goto killed :: skip fi;
        transaction();
        for (e : 0 .. NEV-1) { if :: ask[e] && applied -> t2(e) :: else fi };
        if
        :: confirmed -> for (e : 0 .. NEV-1) { if :: ask[e] -> known[e] = STATUS(e) :: else fi }
        :: !confirmed -> if :: e = 0; applied = 0; goto T2 :: skip fi               /* the same T2 again, or 200 and leave it to a drain */
        fi;
        applied = 0; confirmed = 0; e = 0
    }
ans: atomic {
        if :: faults > 0 -> die(); goto killed :: skip fi;
        answer(i1, r1); answer(i2, r2); goto clean
    }
killed: atomic {
        if :: i1 != NOMSG -> settle(i1, r1, 0, BY_KILL) :: else fi;
        if :: i2 != NOMSG -> settle(i2, r2, 0, BY_KILL) :: else fi;
clean:  orphan(); i1 = 0; i2 = 0; r1 = 0; r2 = 0; any = 0; applied = 0; confirmed = 0;
        for (e : 0 .. NEV-1) { ask[e] = 0; known[e] = NONE; res[e] = NONE }; e = 0;
        goto end_idle
    }
}

/* ---- rows that nobody holds --------------------------------------------------------------------------------------------------------------- */

proctype Drain(byte me)
{
    byte e; bit ask[NEV]; bit any, applied, confirmed; mtype res[NEV] = NONE; mtype what = NONE;
end_idle:
    atomic {
        SOME_DRAINABLE;
        transaction();
        for (e : 0 .. NEV-1) {
            if :: DRAINABLE(e) && applied -> take(e) :: else fi;
            ask[e] = confirmed && ISOPEN(e) && tok[e] == me;
            any = any || ask[e]
        }
        applied = 0; confirmed = 0; e = 0;
        if :: any -> any = 0 :: else -> goto clean fi
    }
OD: atomic {
        if :: faults > 0 -> die(); goto clean :: skip fi;
        request(); e = 0
    }
T2: atomic {
        if :: faults > 0 -> die(); goto clean :: skip fi;
        transaction();
        for (e : 0 .. NEV-1) { if :: ask[e] && applied -> t2(e) :: else fi };
        if :: confirmed :: !confirmed -> if :: e = 0; applied = 0; goto T2 :: skip fi fi;
clean:  orphan(); any = 0; applied = 0; confirmed = 0;
        for (e : 0 .. NEV-1) { ask[e] = 0; res[e] = NONE }; e = 0;
        goto end_idle
    }
}

/* ---- dead-letter-recorder: stores without a claim, never fails ----------------------------------------------------------------------------- */

proctype Recorder()
{
    byte i, e; bit applied, confirmed;
end_idle:
    atomic { SOME(POISON); any_of(i, POISON); loc[i] = PINFLIGHT; e = EV(i) }
R1: atomic {
        if :: faults > 0 -> faults--; loc[i] = POISON; i = 0; e = 0; goto end_idle :: skip fi;
        transaction();
        if
        :: applied ->
            if
            :: row[e] == NONE && UNFIT -> row[e] = REJECTED; payload[e] = 1; dl[e] = OPEN
            :: row[e] == NONE && !UNFIT ->
#ifdef BREAK_RECORDER_BURIES
                dl[e] = OPEN
#else
#ifdef CONFLICT
                first = (i == 1);
#endif
                row[e] = PENDING; payload[e] = 1
#endif
#if defined(CONFLICT) && !defined(BREAK_CONFLICT_IS_KNOWN)
            :: row[e] != NONE && OTHER_BODY(i) -> conflict[i == 1] = 1
#endif
#ifdef BREAK_EXPUNGED_RETURNS
            :: row[e] == REJECTED && dl[e] == EXPUNGED -> payload[e] = 1
#endif
            :: else
            fi
        :: else
        fi;
        if
        :: confirmed -> loc[i] = GONE
        :: !confirmed ->
#ifdef BREAK_RECORDER_FAILS
            if :: applied = 0; goto R1 :: loc[i] = LOST fi      /* the host calls no function again for it */
#else
            if :: applied = 0; goto R1 :: loc[i] = POISON fi    /* handed back to the poison queue */
#endif
        fi;
        i = 0; e = 0; applied = 0; confirmed = 0;
        goto end_idle
    }
}

/* ---- people and time ------------------------------------------------------------------------------------------------------------------------ */

proctype Operator()     /* not in the code yet */
{
    bit applied, confirmed;
end_idle:
    do
    :: atomic { replays > 0 && dl[0] == OPEN && row[0] == REJECTED && !UNFIT -> replays--;
        transaction();
        if
        :: applied ->
#if !defined(BREAK_REPLAY_BY_QUEUE) && !defined(BREAK_REPLAY_ON_DELIVERY)
            row[0] = PENDING; free(0);
#endif
            dl[0] = REPLAYED
        :: else
        fi };
        atomic { if
        :: confirmed -> if :: loc[NMSG + queued] = VISIBLE; queued++ :: skip fi    /* the output may be lost: it only hastens */
        :: else
        fi; applied = 0; confirmed = 0 }
    :: atomic { exps > 0 && dl[0] == OPEN && row[0] == REJECTED -> exps--;
        transaction(); if :: applied -> dl[0] = EXPUNGED; payload[0] = 0 :: else fi; applied = 0; confirmed = 0 }
    od
}

/* Not in the code yet. */
#define LOOKED_UP(e) \
    atomic { row[e] == REJECTED && maybe[e] && present[e] -> row[e] = SYNCED; \
        if :: dl[e] == OPEN || dl[e] == REPLAYED -> dl[e] = RESOLVED :: else fi }

proctype World()
{
    byte e;
end_idle:
    do
    :: atomic { bad[0] && verdict[0] -> bad[0] = 0 }                                        /* somebody mends Odoo */
    :: atomic { faults > 0 && loc[0] == INFLIGHT -> faults--; loc[0] = VISIBLE }            /* its lock was not renewed */
    :: atomic { late[0] -> late[0] = 0; ingest(0) }
#ifndef BREAK_CLAIM_FOREVER
    :: atomic { claim[0] -> claim[0] = 0 }                                                  /* whether its owner lives or not */
#endif
#ifndef NO_LOOK_UP
    :: LOOKED_UP(0)
#endif
#if NEV > 1
    :: atomic { late[1] -> late[1] = 0; ingest(1) }
#ifndef BREAK_CLAIM_FOREVER
    :: atomic { claim[1] -> claim[1] = 0 }
#endif
#ifndef NO_LOOK_UP
    :: LOOKED_UP(1)
#endif
#endif
    od
}

/* ---- properties ----------------------------------------------------------------------------------------------------------------------------- */

proctype Always()
{
end_watch:
    do
    :: atomic { row[0] == SYNCED && !present[0] -> assert(false) }                          /* S3 */
    :: atomic { dl[0] == EXPUNGED && payload[0] -> assert(false) }                          /* S7 */
#if NEV > 1
    :: atomic { row[1] == SYNCED && !present[1] -> assert(false) }
#endif
    od
}

proctype AtRest()       /* S1: nothing can move any more */
{
    byte i;
    timeout ->
    d_step {
        for (i : 0 .. NEV-1) {
            assert((row[i] == SYNCED && present[i]) || (row[i] == REJECTED && (dl[i] == OPEN || dl[i] == EXPUNGED)));
            assert(row[i] != SYNCED || dl[i] == NONE || dl[i] == RESOLVED || dl[i] == EXPUNGED);
            assert(!(row[i] == REJECTED && present[i]));                                    /* S8 */
            assert(verdict[i] || UNFIT || GAVEUP(i) || row[i] == SYNCED)                    /* only what was rejected is a dead letter */
        }
#ifdef CONFLICT
        assert(first == 0 || conflict[0]);                                                  /* no body is lost */
        assert(first == 1 || conflict[1]);
#endif
        for (i : 0 .. SLOTS-1) { assert(loc[i] == GONE || loc[i] == ABSENT) }
    }
}

init
{
    byte i;
    atomic {
        for (i : 0 .. NMSG-1) { loc[i] = VISIBLE };
        for (i : 0 .. NBAD-1) { if :: bad[i] = 1 :: skip fi };
#ifdef DATA
        if :: unfit = 1 :: skip fi;
#endif
        for (i : 1 .. NWORK)  { run Worker(i) };
        for (i : 1 .. NDRAIN) { run Drain(10 + i) };
        run Recorder(); run Operator(); run World(); run Always(); run AtRest();
        i = 0
    }
}
