/* fair.pml - rows that wait, against live events that may come for ever, as docs/protocol.md tells it; `run` checks it with weak fairness.
 *
 * Each turn one instance sends a request of at most ROOM rows.  Row 0 is a killer: no request that holds it is ever answered.  Row 1 is good.
 * Half of the room is for drained rows, oldest first; an attempt without an answer sends a row to the back.  A row that had two of them is a
 * suspect: it is sent alone, and so may be a good row that was twice in the killer's company.
 *
 * L1: the good row is delivered.  While others wait, each instance's EVERY-th request is a suspect's when there is one, the older one's.
 * Not as in the code: that rejects a killer at its 5th attempt; here it stays for ever.
 *
 * -DBREAK_x takes one rule away, and the check must fail:
 *   LIVE_FIRST     live events first, rows get what room is left         ONE_DRAINER   only instance 1 drains; 2 may win every turn
 *   NO_SUSPECTS    rows are never sent alone: the batch is repeated      SUSPECTS_LAST a suspect only when there is nothing else
 *   NO_BACK        rows stay in front however often they got no answer
 */
#define ROOM 2
#define GOOD 1
#define ALONE 2                         /* attempts without an answer that make a suspect */
#define EVERY 4                         /* requests of an instance, of which one is a suspect's */

byte live, turn;
byte unanswered[2];                     /* up to ALONE */
bit done;                               /* of row 1 */
bit front;                              /* which row is the older one */
byte usual[3];                          /* an instance's requests since a suspect's, up to EVERY - 1 */

ltl L1 { <> done }

#define WAITS(r) ((r) == 0 || !done)
#ifdef BREAK_NO_SUSPECTS
#define SUSPECT(r) false
#else
#define SUSPECT(r) (WAITS(r) && unanswered[r] == ALONE)
#endif
#define USUAL(r) (WAITS(r) && !SUSPECT(r))

#ifdef BREAK_ONE_DRAINER
#define DRAINS (me == 1)
#else
#define DRAINS true
#endif
#define SOME_SUSPECT (DRAINS && (SUSPECT(0) || SUSPECT(1)))
#define SOME_USUAL (live > 0 || (DRAINS && (USUAL(0) || USUAL(1))))

active proctype Callers() { do :: live < ROOM -> live++ :: break od }

inline no_answer(r) { unanswered[r] = (unanswered[r] < ALONE -> unanswered[r] + 1 : ALONE) }

inline to_the_back(r)
{
#ifndef BREAK_NO_BACK
    front = 1 - r
#else
    skip
#endif
}

inline send(l, k, g)                    /* live rows; the killer; the good one */
{
    if
    :: k && g -> no_answer(0); no_answer(1);
        if :: to_the_back(0) :: to_the_back(1) fi
    :: k && !g -> no_answer(0); to_the_back(0)
    :: !k && g -> done = 1; live = live - l
    :: else -> live = live - l
    fi
}

inline send_suspect()
{
    usual[me] = 0;
    if
    :: SUSPECT(front) -> send(0, front == 0, front == 1)
    :: else -> send(0, front == 1, front == 0)
    fi
}

inline send_usual()
{
    usual[me] = (usual[me] < EVERY - 1 -> usual[me] + 1 : EVERY - 1);
    if
    :: DRAINS && room >= 2 -> send(live, USUAL(0), USUAL(1))
    :: DRAINS && room == 1 && USUAL(front) -> send(1, front == 0, front == 1)
    :: DRAINS && room == 1 && !USUAL(front) && USUAL(1 - front) -> send(1, front == 1, front == 0)
    :: else -> send(live, 0, 0)
    fi
}

active [2] proctype Instance()
{
    byte room, me = _pid;
    do
    :: atomic {
        turn == 0 -> turn = me;
#ifdef BREAK_LIVE_FIRST
        room = ROOM - live;
#else
        room = (live == 0 -> ROOM : ROOM / 2);
#endif
        if
#ifdef BREAK_SUSPECTS_LAST
        :: SOME_SUSPECT && !SOME_USUAL -> send_suspect()
        :: SOME_USUAL -> send_usual()
#else
        :: SOME_SUSPECT && (!SOME_USUAL || usual[me] == EVERY - 1) -> send_suspect()
        :: SOME_USUAL && (!SOME_SUSPECT || usual[me] < EVERY - 1) -> send_usual()
#endif
        :: !SOME_USUAL && !SOME_SUSPECT -> skip
        fi;
        room = 0
       }
       turn = 0
    od
}
