/* lease.pml - turns for requests to Odoo: one row in SQL, the database's clock, two instances, as docs/protocol.md tells it; `run` checks it.
 *
 * Clocks are kept as what is left or what has passed, up to where it no longer matters: so the model has no end of time, and deaths and
 * throttling answers may come as often as they like.
 *
 * S6: no two requests within RATE; and once a Retry-After is committed none goes out before it is over, but what had its turn before, at
 * most SLACK ago.  Between the answer and its T2 the lease is as before.
 *
 * -DBREAK_x takes one rule away, and the check must fail:
 *   NO_SLACK    a turn sets next_at RATE ahead, without the slack       NO_DEADLINE  a turn is used however late its answer came
 *   BOOK_AHEAD  next_at moves for each that asks, who then waits        NO_GUARD     the turn is read first and written afterwards
 *   OWN_CLOCK   next_at is compared with an instance's own clock, and one is a tick ahead
 */
#define RATE 4
#define SLACK 1
#define RETRY_AFTER 6
#ifdef BREAK_NO_SLACK
#define INTERVAL RATE
#else
#define INTERVAL (RATE + SLACK)
#endif
#ifdef BREAK_OWN_CLOCK
#define AHEAD me
#else
#define AHEAD 0
#endif

byte wait;              /* next_at - now */
byte since = RATE;      /* now - the last request, up to RATE */
byte closed;            /* what is left of a committed Retry-After */
byte closed_since;      /* how long it is committed, up to SLACK + 1 */
byte age[2];            /* now - when the turn was asked for, up to SLACK + 1 */
byte slot[2];           /* BOOK_AHEAD: until the booked turn */

inline send()
{
    assert(since >= RATE);
    assert(closed == 0 || closed_since <= SLACK);
    since = 0;
    if :: throttled = 1 :: throttled = 0 fi
}

proctype Instance(byte me)
{
    bit mine, throttled;
end_idle:
    do
    :: atomic { since <= RATE -> age[me] = 0 };
#if defined(BREAK_BOOK_AHEAD)
       atomic { wait <= 2 * INTERVAL + RETRY_AFTER -> slot[me] = wait; wait = wait + INTERVAL };
       atomic { slot[me] == 0 -> send() };
#else
#ifdef BREAK_NO_GUARD
       atomic { mine = (wait == 0) };
       atomic { if :: mine -> wait = INTERVAL :: else fi };
#else
       atomic { if :: wait <= AHEAD -> wait = INTERVAL + AHEAD; mine = 1 :: else -> mine = 0 fi };
#endif
       atomic {
           if
           :: mine -> skip                                  /* killed, or SQL's answer lost: the turn is, too */
#ifdef BREAK_NO_DEADLINE
           :: mine -> send()
#else
           :: mine && age[me] <= SLACK -> send()            /* a later one is thrown away */
#endif
           :: !mine -> skip
           fi;
           mine = 0; age[me] = 0
       };
#endif
       atomic {                                             /* T2, whenever it comes */
           if
           :: throttled -> wait = (wait > RETRY_AFTER -> wait : RETRY_AFTER);
               closed_since = (closed > 0 -> closed_since : 0); closed = RETRY_AFTER
           :: !throttled -> skip
           fi;
           throttled = 0
       }
    od
}

#define DOWN(x) x = (x > 0 -> x - 1 : 0)
#define UP(x, top) x = (x < top -> x + 1 : top)

proctype Clock()
{
end_clock:
    do
    :: atomic { since <= RATE ->
        DOWN(wait); DOWN(closed); DOWN(slot[0]); DOWN(slot[1]);
        UP(since, RATE); UP(closed_since, SLACK + 1); UP(age[0], SLACK + 1); UP(age[1], SLACK + 1)
    }
    od
}

init { atomic { run Instance(0); run Instance(1); run Clock() } }
