"""common - what the figures share: their form, a handler with its neighbours, numbers of a process."""
import contextlib
import dataclasses
import http.client
import json
import math
import os
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from stack import DATA, Handler, Simulator, wait_until  # noqa: E402

FULL_CONTACT = (DATA / "manychat-full-contact.json").read_text(encoding="utf-8")


@dataclasses.dataclass
class Figure:
    """One line of the table; a target is ("<=", number) or (">=", number)."""
    name: str
    value: float
    unit: str
    target: tuple | None = None
    samples: list = dataclasses.field(default_factory=list)

    @property
    def missed(self):
        if self.target is None:
            return False
        sign, limit = self.target
        return self.value > limit if sign == "<=" else self.value < limit


def percentile(values, percent):
    """The nearest rank: a value that was seen."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def cpu_seconds(pid):
    """User and system time of all threads so far."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    user, system = stat.rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def neighbours(kind):
    """A database of that kind (of stack.py) and a simulator, ended afterwards."""
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="enlace-bench-"))
        stack.callback(shutil.rmtree, folder, True)
        database = kind(folder)
        stack.callback(database.close)
        simulator = Simulator(folder)
        stack.callback(simulator.stop)
        yield database, simulator


@contextlib.contextmanager
def handlers(database, simulator, count=1):
    """So many handlers on them, each of which has logged in to Odoo and sent an event."""
    settings = {**simulator.settings(), "DATABASE_URL": database.url}
    with contextlib.ExitStack() as stack:
        started = []
        for _ in range(count):
            started.append(Handler(settings))
            stack.callback(started[-1].close)
        for number, handler in enumerate(started):
            handler.wait_up()
            wait_until(lambda one=handler: one.request("/health")[0] == 200, "a healthy handler")
            event_id = f"warm-{number}"
            handler.deliver(handler.message(json.dumps({"id": event_id, "event_id": event_id})))
            wait_until(lambda one=event_id: one in simulator.events(), "the first event is in Odoo")
        yield started


class Messages:
    """Messages of the queue as the webhook makes them from the full contact, each with an id of its own."""
    EVENT, CONTACT = "bench-event", "1234567890"

    def __init__(self, handler, contacts=1000):
        self.text = handler.message(FULL_CONTACT, {"Idempotency-Key": [self.EVENT]})
        assert self.EVENT in self.text and self.CONTACT in self.text
        self.contacts = contacts

    def message(self, number):
        return (self.text.replace(self.EVENT, self.event_id(number))
                .replace(self.CONTACT, str(5_000_000_000 + number % self.contacts)))

    def event_id(self, number):
        return f"bench-{number:07}"


class Client:
    """A connection that is kept, as the Functions host keeps its own."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, path, body):
        self.connection.request("POST", path, body, {"Content-Type": "application/json; charset=utf-8"})
        answer = self.connection.getresponse()
        answer.read()
        assert answer.status < 300, answer.status

    def close(self):
        self.connection.close()


def invocation(text):
    """What the host posts for a message of the queue."""
    return json.dumps({"Data": {"event": json.dumps(text, ensure_ascii=False)},
                       "Metadata": {"DequeueCount": "1"}}).encode()
