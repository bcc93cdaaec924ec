"""schedule - what a run of the fault suite does, made from its seed alone: events, deliveries, faults."""
import dataclasses
import itertools
import json
import random

HOSTS = 2
RATE = 250  # deliveries a second
FIRST_US = 1_777_975_200_000_000  # 2026-05-05T10:00:00Z, the order time of the first event
STEP_US = 4000  # between two events' order times
PAGE_ID_MAX = 128  # characters; more are let through by the handler, and refused by Odoo
REFUSED_BY_ODOO = f"page_id is longer than {PAGE_ID_MAX} characters"
REFUSED_BY_SQL = "no-such-text-in-this-database"
# The second host has no recorder, so that its poison queue keeps what comes there: with no more kills than
# this, none of its messages is delivered five times without an answer.
KILLS_WITHOUT_RECORDER = 4
STORM_S = 12  # SQL away while the first host's handler dies again and again: its messages become poison


@dataclasses.dataclass(frozen=True)
class Event:
    """kind: good, bad (Odoo refuses it), data (SQL refuses it), repeat (the service's id, a body that another
    event has too), conflict (an id that another event has too), malformed (a message that is none)."""
    number: int
    kind: str
    event_id: str | None  # None: the webhook makes one
    subscriber: str
    body: str
    message: str | None  # None: it comes by the webhook


@dataclasses.dataclass(frozen=True)
class Delivery:
    at: float
    host: int
    number: int


@dataclasses.dataclass(frozen=True)
class Fault:
    """lane: odoo, sql, host0, host1; faults of one lane come one after the other."""
    at: float
    lane: str
    kind: str
    values: dict

    def __str__(self):
        values = "".join(f" {name}={value}" for name, value in self.values.items())
        return f"{self.at:6.2f} {self.lane:5} {self.kind}{values}"


@dataclasses.dataclass(frozen=True)
class Schedule:
    seed: int
    database: str
    events: tuple
    deliveries: tuple
    faults: tuple


def make(seed, count, database, calm=False):
    """The schedule of a seed; calm: without faults."""
    dice = random.Random(f"{seed} {count} {database}")
    events = tuple(_events(dice, seed, count, database))
    deliveries = tuple(sorted(_deliveries(dice, events), key=lambda delivery: delivery.at))
    end = deliveries[-1].at + 4
    faults = () if calm else tuple(sorted(_faults(dice, database, end), key=lambda fault: fault.at))
    return Schedule(seed, database, events, deliveries, faults)


def outage(store, seed, count, database, seconds):
    """Good events alone, which arrive while one of the stores is away; store: odoo or sql."""
    dice = random.Random(f"outage {store} {seed} {count} {database}")
    events, deliveries = [], []
    for number in range(count):
        subscriber = f"s{seed}-{number % (count // 6)}"
        order_us = FIRST_US + number * STEP_US
        event_id = f"e{seed}-{number}"
        if number % 10:
            events.append(_queued(number, "good", event_id, subscriber, _body(dice, number, "good", subscriber), order_us))
        else:
            body = _body(dice, number, "good", subscriber, event_id=event_id, datetime_actual=_time(order_us))
            events.append(Event(number, "good", event_id, subscriber, body, None))
        deliveries.append(Delivery(1 + number * (seconds - 2) / count, number % HOSTS, number))
    kind = {"odoo": "stop", "sql": "crash" if database == "postgresql" else "lock"}[store]
    return Schedule(seed, database, tuple(events), tuple(deliveries), (Fault(0, store, kind, {"seconds": seconds}),))


# Events

def _events(dice, seed, count, database):
    kinds = _kinds(dice, count, database)
    subscribers = [f"s{seed}-{k}" for k in range(max(2, count // 6))]
    before = None
    for number, kind in enumerate(kinds):
        subscriber = subscribers[int(len(subscribers) * dice.random() ** 2)]
        order_us = FIRST_US + number * STEP_US
        if dice.random() < 0.05:
            order_us -= dice.randrange(4) * STEP_US  # two events of one time: then the ids decide
        if kind == "malformed":
            before = Event(number, kind, None, subscriber, "", _no_event(dice, seed, number))
        elif kind == "repeat" and before and before.kind == "repeat" and before.message and dice.random() < 0.6:
            before = _queued(number, kind, f"g{seed}-{number}", before.subscriber, before.body, order_us)
        elif kind == "conflict" and before and before.kind == "good" and before.message:
            body = _body(dice, number, kind, before.subscriber)
            before = _queued(number, kind, before.event_id, before.subscriber, body, order_us)
        elif kind in ("good", "repeat") and dice.random() < 0.04:
            event_id = f"w{seed}-{number}" if kind == "good" else None
            body = _body(dice, number, kind, subscriber, event_id=event_id, datetime_actual=_time(order_us))
            before = Event(number, kind, event_id, subscriber, body, None)
        else:
            kind = "good" if kind == "conflict" else kind
            event_id = f"{'g' if kind == 'repeat' else 'e'}{seed}-{number}"
            before = _queued(number, kind, event_id, subscriber, _body(dice, number, kind, subscriber), order_us)
        yield before


def _kinds(dice, count, database):
    """Some of each, shuffled; repeats in groups, so that one follows the other."""
    rare = {"bad": max(3, count // 80), "conflict": max(2, count // 150), "malformed": max(2, count // 500),
            "data": max(1, count // 1000) if database == "postgresql" else 0}
    kinds = [[kind] for kind, times in rare.items() for _ in range(times)]
    kinds += [["repeat"] * dice.randint(1, 3) for _ in range(max(3, count // 50))]
    kinds += [["good"]] * (count - sum(map(len, kinds)))
    dice.shuffle(kinds)
    return [kind for group in kinds for kind in group][:count]


def _body(dice, number, kind, subscriber, **more):
    """Carries some of the fields, so that each field of a contact has a newest event of its own."""
    body = {"id": subscriber, "custom_fields": {"number": number}, **more}
    values = {"name": f"Ana {number}", "first_name": f"Ana{number} ñ", "email": f"a{number}@example.com",
              "phone": f"+506{number:08}", "canal": dice.choice(["whatsapp", "instagram"]),
              "estado_inicial": f"state {number}", "campaign_id": number, "summary": f"about {number}",
              "optin_email": dice.random() < 0.5}
    body.update((name, values[name]) for name in sorted(values) if dice.random() < 0.4)
    for name in ("edad", "Ciudad "):
        if dice.random() < 0.3:
            body["custom_fields"][name] = dice.choice([None, "", number, [number], f"x{number}"])
    if kind == "bad":
        body["page_id"] = "p" * (PAGE_ID_MAX + 1)
    if kind == "data":
        body["custom_fields"]["what"] = REFUSED_BY_SQL
    return json.dumps(body, ensure_ascii=False)


def _queued(number, kind, event_id, subscriber, body, order_us):
    """As the webhook writes it: docs/architecture.md."""
    message = {"v": 1, "event_id": event_id, "generated": kind == "repeat", "received_at": _time(order_us),
               "order_key": f"{order_us:016x}:{event_id}", "raw": body}
    return Event(number, kind, event_id, subscriber, body, json.dumps(message, ensure_ascii=False))


def _no_event(dice, seed, number):
    return dice.choice([
        f"no JSON {seed} {number}", json.dumps({"no": "event", "number": number, "seed": seed}),
        json.dumps({"v": 1, "event_id": f"m{seed}-{number}", "generated": False, "raw": "{}"})])


def _time(order_us):
    seconds, us = divmod(order_us - FIRST_US + 36_000_000_000, 1_000_000)
    return f"2026-05-05T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{us // 1000:03}Z"


# Deliveries

def _deliveries(dice, events):
    for event in events:
        at = event.number / RATE
        late = dice.uniform(0, 4) if dice.random() < 0.15 else dice.uniform(0, 0.3)
        yield Delivery(at + late, dice.randrange(HOSTS), event.number)
        if event.message is None and event.event_id is None:
            continue  # the same post again would be another event
        again = 1 if dice.random() < 0.15 else 4 if dice.random() < 0.02 else 0
        for _ in range(again):
            yield Delivery(at + dice.uniform(0, 6), dice.randrange(HOSTS), event.number)


# Faults

def _faults(dice, database, end):
    kinds = {"odoo": ODOO, "sql": POSTGRESQL if database == "postgresql" else SQLITE, "host0": HOST_0, "host1": HOST_1}
    storm = None
    if end > STORM_S + 6 and dice.random() < 0.35:
        storm = Fault(round(dice.uniform(2, end - STORM_S), 2), "sql", "storm", {"seconds": STORM_S, "kills": dice.randint(15, 20)})
        yield storm
    for lane, lane_kinds in kinds.items():
        drawn = _lane(dice, lane, lane_kinds, end)
        if lane == "host1":
            drawn = itertools.islice(drawn, KILLS_WITHOUT_RECORDER)
        for fault in drawn:
            seconds = fault.values.get("seconds", 0)
            if storm and lane in ("sql", "host0") and storm.at - seconds - 2 < fault.at < storm.at + STORM_S + 1:
                continue
            yield fault


def _lane(dice, lane, kinds, end):
    at = dice.uniform(1, 3)
    while at < end:
        name = dice.choices(list(kinds), [weight for weight, _ in kinds.values()])[0]
        values = kinds[name][1](dice)
        yield Fault(round(at, 2), lane, name, values)
        at += values.get("seconds", 0) + dice.uniform(1, 4)


def _away(least, most):
    return lambda dice: {"seconds": round(dice.uniform(least, most), 2)}


def _order(**values):
    """An order of the simulator; ranges are drawn from."""
    def drawn(dice):
        return {name: dice.randint(*value) if isinstance(value, tuple) else value for name, value in values.items()}
    return drawn


# Kind -> (weight, values).  The time-outs are those of run.py: 5 s a request.
ODOO = {
    "stop": (2, _away(1, 4)),
    "down": (2, _away(1, 4)),
    "slow": (2, _order(mode="slow", seconds=(1, 3), when="after", times=(1, 3))),
    "late": (1, _order(mode="slow", seconds=7, when="after", times=1)),
    "late_effect": (1, _order(mode="slow", seconds=7, when="before", times=1)),
    "reset_before": (2, _order(mode="reset_before", times=(1, 2))),
    "reset_after_commit": (4, _order(mode="reset_after_commit", times=(1, 3))),
    "throttle": (4, lambda dice: {"status": 429, "retry_after": dice.choice(["1", "2", "3"]), "times": dice.randint(1, 4)}),
    "unavailable": (1, _order(status=503, times=(1, 2))),
    "bad_gateway": (2, _order(status=502, commit=True, times=(1, 2))),
    "non_json": (1, _order(mode="non_json", times=1)),
    "no_result": (1, _order(mode="no_result", commit=True, times=1)),
    "serialization": (1, _order(mode="error", error="serialization", times=(1, 2))),
    "access_error": (1, _order(mode="error", error="access_error", times=1)),
    "access_denied": (1, _order(mode="error", error="access_denied", times=(1, 2))),
    "retry": (1, _order(mode="retry", times=(1, 2))),
}
POSTGRESQL = {
    "crash": (3, _away(0.3, 6)),
    "terminate": (4, _order(times=(1, 8))),
    "lock": (2, _away(0.5, 3)),
    "end_claims": (2, _order()),
}
SQLITE = {
    "lock": (4, _away(0.3, 6)),
    "end_claims": (1, _order()),
}
HOST_1 = {
    "kill_handler": (4, _order()),
    "kill_host": (3, _away(0.2, 3)),
}
# A handler that stops refuses calls for seconds, in which a message would fail several times: the host without
# a recorder does not do it.
HOST_0 = {**HOST_1, "stop_handler": (2, _order())}
