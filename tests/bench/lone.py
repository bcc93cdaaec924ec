"""lone - what one event takes on an idle system, from the queue's delivery to the answer, both stores done."""
import json
import random
import statistics
import time

from common import Client, Figure, Messages, handlers, invocation, neighbours, percentile
from stack import Postgresql, Sqlite

EVENTS = 30
SPACING_S = 1.15  # a turn comes after 1.05 s
SPREAD_S = 0.1    # so that no poll of the handler keeps step with the deliveries
OWN_MS = {"sqlite": 5, "postgresql": 10}  # more than the simulator's own time


def lone_event(_options):
    figures = []
    for name, kind in (("sqlite", Sqlite), ("postgresql", Postgresql)):
        with neighbours(kind) as (database, simulator), handlers(database, simulator) as [handler]:
            whole, odoo = deliver_all(handler, simulator)
        figures += describe(name, whole, odoo)
    return figures


def deliver_all(handler, simulator):
    """Milliseconds of each event: all of it, and the simulator's part."""
    made = Messages(handler)
    client = Client(handler.port)
    whole = {}
    for number in range(EVENTS):
        body = invocation(made.message(number))
        time.sleep(SPACING_S + random.uniform(0, SPREAD_S))
        start = time.perf_counter()
        client.post("/queue-processor", body)
        whole[made.event_id(number)] = (time.perf_counter() - start) * 1000
    client.close()
    entries = [json.loads(line) for line in simulator.log.read_text(encoding="utf-8").splitlines()]
    odoo = {entry["event_ids"][0]: entry["duration_ms"] for entry in entries if entry["event_ids"]}
    return list(whole.values()), [odoo[event_id] for event_id in whole]


def describe(name, whole, odoo):
    own = [both - part for both, part in zip(whole, odoo)]
    simulator = statistics.median(odoo)
    return [
        Figure(f"lone_event_ms_p50_{name}", statistics.median(whole), "ms", ("<=", simulator + OWN_MS[name]), whole),
        Figure(f"lone_event_ms_p95_{name}", percentile(whole, 95), "ms"),
        Figure(f"lone_event_simulator_ms_p50_{name}", simulator, "ms"),
        Figure(f"lone_event_own_ms_p50_{name}", statistics.median(own), "ms"),
        Figure(f"lone_event_own_ms_p95_{name}", percentile(own, 95), "ms"),
    ]
