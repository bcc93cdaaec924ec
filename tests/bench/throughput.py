"""throughput - events a second through host, handler, SQL and Odoo; requests to Odoo, also of four handlers."""
import concurrent.futures
import datetime
import itertools
import json
import time

from common import Client, Figure, Messages, cpu_seconds, handlers, invocation, neighbours
from stack import Handler, Postgresql, QUEUE, Stack, max_requests_in_window, wait_until

BACKLOG_PER_SECOND = 400  # more than a request a second can take
PUTTERS = 4
BATCH_GAP_S = 0.3  # verdicts of one request are written closer together than this, those of two are not
HANDLERS = 4
WAITING = 64  # invocations open at each of them
HANDLERS_SECONDS = 15


def events(options):
    stack = Stack()
    try:
        stack.wait_status(stack.accept({"id": "warm", "event_id": "warm"}), "synced")
        fill_queue(stack, options.seconds * BACKLOG_PER_SECOND)
        pid = json.loads(stack.request("/admin/localhost/handler")[2])["pid"]
        cpu = cpu_seconds(pid)
        [(start,)] = stack.sql("SELECT clock_timestamp()")
        time.sleep(options.seconds)
        cpu = cpu_seconds(pid) - cpu
        times = synced_between(stack, start, options.seconds)
        left = json.loads(stack.request("/admin/localhost/queues")[2])[QUEUE]
        assert left["visible"] > 0, "the queue ran empty"
        return [
            Figure("events_per_second", rate(times), "1/s", (">=", 250)),
            Figure("odoo_requests_max_per_second", max_requests_in_window(str(stack.simulator.log), 1.0), "1/s",
                   ("<=", 1)),
            Figure("event_cpu_us", cpu / len(times) * 1e6, "us"),
        ]
    finally:
        # What is left of the backlog need not be worked off.
        stack.request(f"/admin/localhost/queues/{QUEUE}", method="DELETE")
        stack.close()


def fill_queue(stack, count):
    """Puts so many messages, made ready before the first is put, for they are worked on at once."""
    handler = Handler()
    try:
        made = Messages(handler.wait_up())
    finally:
        handler.close()
    texts = [made.message(number).encode() for number in range(count)]

    def put(part):
        client = Client(stack.port)
        for text in part:
            client.post(f"/admin/localhost/queues/{QUEUE}", text)
        client.close()
    with concurrent.futures.ThreadPoolExecutor(PUTTERS) as pool:
        list(pool.map(put, [texts[k::PUTTERS] for k in range(PUTTERS)]))


def synced_between(stack, start, seconds):
    """When each event became synced, by the database's clock, in order."""
    rows = stack.sql("SELECT EXTRACT(EPOCH FROM synced_at) FROM events WHERE status = 'synced' AND synced_at >= ? "
                     "AND synced_at < ? ORDER BY 1", start, start + datetime.timedelta(seconds=seconds))
    return [float(row[0]) for row in rows]


def rate(times):
    """Events a second between the begin of the first batch and that of the last: whole turns only."""
    starts = [times[0]] + [after for before, after in itertools.pairwise(times) if after - before > BATCH_GAP_S]
    assert len(starts) > 1, "one batch makes no rate"
    return sum(moment < starts[-1] for moment in times) / (starts[-1] - starts[0])


def many_handlers(_options):
    """All handlers busy on one database: who sends when is settled in SQL alone."""
    with neighbours(Postgresql) as (database, simulator), handlers(database, simulator, HANDLERS) as started:
        deliver_for(started, HANDLERS_SECONDS)
        wait_until(lambda: not database.sql("SELECT 1 FROM events WHERE status <> 'synced' LIMIT 1"), "all synced")
        return [Figure("odoo_requests_max_per_second_four_handlers",
                       max_requests_in_window(str(simulator.log), 1.0), "1/s", ("<=", 1))]


def deliver_for(started, seconds):
    """Keeps so many invocations open at each handler until the time is over."""
    made = Messages(started[0])
    numbers = itertools.count()
    end = time.monotonic() + seconds

    def deliver(handler):
        client = Client(handler.port)
        while time.monotonic() < end:
            client.post("/queue-processor", invocation(made.message(next(numbers))))
        client.close()
    with concurrent.futures.ThreadPoolExecutor(WAITING * len(started)) as pool:
        list(pool.map(deliver, started * WAITING))
