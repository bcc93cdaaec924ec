"""many - forty handlers on one PostgreSQL, each with a backlog: who sends when is settled in SQL alone."""
import concurrent.futures
import itertools
import json
import pathlib
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from stack import Handler, Postgresql, ROOT, Simulator, wait_until  # noqa: E402

WAITING = 16  # calls open at each handler
SLACK_MS = 500  # all of them try for a turn in the same moment, and here they share the processors of one machine
BYTES_EACH = 100 << 20  # of memory, with the server's backends: fewer handlers where there is less
CONNECTIONS = 4  # of a handler
HOLD_S = 200  # QUEUE_HOLD_SECONDS, which is left as it is
LONGEST_S = HOLD_S / 2  # no invocation comes nearer to its deadline


def memory_available():
    [line] = [line for line in open("/proc/meminfo", encoding="ascii") if line.startswith("MemAvailable")]
    return int(line.split()[1]) << 10


def run(count, say=print):
    """Figures are said; the violations are returned."""
    count = min(count, memory_available() // BYTES_EACH)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="enlace-fault-"))
    handlers, database, simulator = [], None, None
    try:
        database, simulator = Postgresql(folder, count * CONNECTIONS + 20), Simulator(folder)
        settings = {**simulator.settings(), "DATABASE_URL": database.url, "ODOO_TURN_SLACK_MS": str(SLACK_MS)}
        handlers = [Handler(settings, folder=own_folder(folder, number)) for number in range(count)]
        for handler in handlers:
            handler.wait_up()
        say(f"{count} handlers, {count * WAITING} events, all their calls open at once")
        begun = time.monotonic()
        calls = deliver(handlers)
        delivered = time.monotonic() - begun
        wait_until(lambda: database.sql("SELECT status, COUNT(*) FROM events GROUP BY 1") == [("synced", len(calls))],
                   "all synced", 240)
        return report(calls, simulator, delivered, time.monotonic() - begun, say)
    finally:
        for handler in handlers:
            handler.process.child.terminate()
        for handler in handlers:
            handler.close()
        if simulator:
            simulator.stop()
        if database:
            database.close()
        shutil.rmtree(folder, ignore_errors=True)


def own_folder(folder, number):
    """With a host.json that asks for as many threads as there are calls: forty times 640 is more than a machine gives."""
    own = folder / f"handler{number}"
    own.mkdir()
    config = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    config["extensions"]["queues"].update(batchSize=WAITING, newBatchThreshold=WAITING)
    (own / "host.json").write_text(json.dumps(config), encoding="utf-8")
    return own


def deliver(handlers):
    """(status, seconds) of each call."""
    numbers = itertools.count()
    template = handlers[0].message(json.dumps({"id": "number", "event_id": "number", "name": "number"}))

    def work(handler):
        begun = time.monotonic()
        status, _ = handler.deliver(template.replace("number", f"n{next(numbers)}"))
        return status, time.monotonic() - begun
    with concurrent.futures.ThreadPoolExecutor(WAITING * len(handlers)) as pool:
        return list(pool.map(work, handlers * WAITING))


def report(calls, simulator, delivered, seconds, say):
    times = sorted(entry["time_monotonic"] for entry in simulator.get("/requests"))
    gaps = [after - before for before, after in itertools.pairwise(times)]
    waits = sorted(wait for _, wait in calls)
    found = [f"{sum(status != 200 for status, _ in calls)} invocations failed"] if {s for s, _ in calls} != {200} else []
    events = simulator.get("/events")
    if len(events) != len(calls) or len({row["event_id"] for row in events}) != len(calls):
        found.append(f"{len(events)} events in Odoo, not {len(calls)}")
    if min(gaps) < 1:
        found.append(f"two requests to Odoo began {min(gaps) * 1000:.0f} ms apart")
    if waits[-1] > LONGEST_S:
        found.append(f"an invocation took {waits[-1]:.0f} s of its {HOLD_S}")
    say(f"  invocations: median {waits[len(waits) // 2]:.1f} s, longest {waits[-1]:.1f} s of {HOLD_S}; all answered after "
        f"{delivered:.0f} s, all synced after {seconds:.0f} s; {len(times)} requests, least {min(gaps) * 1000:.0f} ms apart")
    return found
