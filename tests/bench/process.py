"""process - how soon a handler answers after its start, and how much memory it takes."""
import pathlib
import signal
import socket
import statistics
import threading
import time

from common import Figure, Messages, handlers, neighbours
from stack import Handler, Sqlite, open_calls, wait_until

STARTS = 20
WAITING = 288  # batchSize + newBatchThreshold of host.json
SETTLE_S = 2


def first_answer(_options):
    samples = []
    for _ in range(STARTS):
        start = time.perf_counter()
        handler = Handler()
        try:
            while not is_answered(handler.port):
                assert handler.process.child.poll() is None, handler.process.lines
                time.sleep(0.001)
            samples.append((time.perf_counter() - start) * 1000)
        finally:
            handler.process.stop(signal.SIGKILL)  # as the Functions host does; a clean stop takes its time
            handler.close()
    return [Figure("first_answer_ms", statistics.median(samples), "ms", ("<=", 100), samples)]


def is_answered(port):
    """Whether GET / has an answer, asked as the Functions host asks."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            return connection.recv(4096).startswith(b"HTTP/1.1")
    except OSError:
        return False


def memory(_options):
    with neighbours(Sqlite) as (database, simulator), handlers(database, simulator) as [handler]:
        made = Messages(handler)
        time.sleep(SETTLE_S)
        idle = rss_kib(handler)
        database.go_away()
        calls = [threading.Thread(target=handler.deliver, args=(made.message(k),)) for k in range(WAITING)]
        try:
            for call in calls:
                call.start()
            wait_until(lambda: open_calls(handler.port) >= WAITING, "all invocations wait")
            time.sleep(SETTLE_S)
            waiting = rss_kib(handler)
        finally:
            database.come_back()
            for call in calls:
                call.join(60)
    return [Figure("rss_kib_idle", idle, "KiB", ("<=", 24576)),
            Figure(f"rss_kib_{WAITING}_waiting", waiting, "KiB", ("<=", 40960))]


def rss_kib(handler):
    status = pathlib.Path(f"/proc/{handler.process.child.pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0])
