"""run - carries a schedule out: two hosts with their handlers on one database and one Odoo, and what came of it.

Time is compressed: a claim ends after 12 s instead of 180, back-offs and the breaker's times pass 60 times as
fast, a message that failed comes again after 3 s instead of 30, and is held 4 s instead of 200.  The rate at
which Odoo is asked, and Retry-After, are as they are.
"""
import collections
import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from stack import KEY, POISON, QUEUE, Stack, WEBHOOK, wait_until  # noqa: E402
import schedule as plan  # noqa: E402

CLAIM_S = 12
PACE = 60
TICK_S = 0.25
REVEAL_S = 5  # a message of the poison queue that failed comes again after so long, instead of 10 minutes
HOLD_S = 4
STORM_REVEAL_S = 0.3  # from a kill until what was in work there comes again
PUTTERS = 3  # connections to each host's queue
PATIENCE_S = 180  # for all to come to rest after the last fault
# Longer than a handler takes to stop, as it is in earnest: else a message would fail again and again meanwhile.
HOST = {"visibilityTimeout": "00:00:03"}
# The slack covers what the measurement adds: a request counts from when the simulator, one process among many
# on a busy machine, has seen it.
SETTINGS = {"QUEUE_HOLD_SECONDS": str(HOLD_S), "ODOO_TIMEOUT_SECONDS": "5"}
SLACK_MS = 150  # of ODOO_TURN_SLACK_MS; what a request may be late on its way to where it is counted
# A claim's length in the code (ENL_CLAIM_MS); what is older than CLAIM_S is ended.
CLAIM_MS = 180_000


@dataclasses.dataclass
class Outcome:
    """All that the checker looks at.  Lists of rows are as they came, so that a double stays one."""
    schedule: plan.Schedule
    events: list  # of SQL, as dicts
    contacts: dict  # subscriber -> (fields, keys)
    dead_letters: list
    odoo_events: list
    odoo_contacts: list
    requests: list  # the simulator's log
    queues: list  # of each host: texts left on the queue
    poison: list  # of each host: texts on the poison queue
    recorder: list  # of each host: whether it has the function dead-letter-recorder
    exits: list  # of each host: exit statuses of its handler
    reports: list  # of each host: lines of a sanitizer
    accepted: dict  # number -> Accepted
    faults: dict  # kind -> how many
    moved: list  # of each host: how many messages it moved to the poison queue
    seconds: float = 0.0


@dataclasses.dataclass
class Accepted:
    event_id: str | None  # None: a message that is no event
    hosts: set
    unanswered: int = 0  # posts that may have been taken without anybody knowing


class Hosts:
    """The stacks; each can be killed and come back while others look at it."""

    def __init__(self, folder, slack_ms):
        self.stacks = []
        settings = {**SETTINGS, "ODOO_TURN_SLACK_MS": str(slack_ms)}
        for number in range(plan.HOSTS):
            self.stacks.append(self.stack(settings=settings, host=HOST, start=False, recorder=number == 0,
                                          log=folder / f"host{number}.log"))
        self.database = self.stacks[0].database
        self.simulator = self.stacks[0].simulator

    def stack(self, **options):
        return Stack(beside=self.stacks[0] if self.stacks else None, **options)

    def close(self):
        for stack in reversed(self.stacks):
            stack.close()

    def request(self, number, path, body=None, method=None, headers=None):
        """The answer, None while the host is away."""
        try:
            return self.stacks[number].request(path, body, method, headers)
        except (OSError, http.client.HTTPException):
            return None

    def reveal(self, number, queue):
        self.request(number, f"/admin/localhost/queues/{queue}/reveal", b"", "POST")


class Feeder:
    """Delivers to one host what is due, until each delivery was taken."""

    def __init__(self, run, number, deliveries):
        self.run = run
        self.number = number
        self.deliveries = collections.deque(deliveries)
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._work) for _ in range(PUTTERS)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def join(self):
        for thread in self.threads:
            thread.join()

    def _work(self):
        connection = None
        while not self.run.failed:
            with self.lock:
                if not self.deliveries:
                    break
                delivery = self.deliveries.popleft()
            self.run.sleep_until(delivery.at)
            event = self.run.schedule.events[delivery.number]
            while not self.run.failed:
                connection = connection or http.client.HTTPConnection(
                    "127.0.0.1", self.run.hosts.stacks[self.number].port, timeout=60)
                try:
                    if self._deliver(connection, event):
                        break
                except (OSError, http.client.HTTPException):
                    connection.close()
                    connection = None
                    if event.message is None:
                        self.run.note_unanswered(event)
                time.sleep(0.1)
        if connection:
            connection.close()

    def _deliver(self, connection, event):
        if event.message is not None:
            connection.request("POST", f"/admin/localhost/queues/{QUEUE}", event.message.encode())
        else:
            connection.request("POST", WEBHOOK, event.body.encode(), {"X-API-Key": KEY, "Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            if event.message is None:
                self.run.note_unanswered(event)
            return False
        event_id = event.event_id if event.message is not None else json.loads(text)["event_id"]
        self.run.note_accepted(event, event_id, self.number)
        return True


class Run:
    """One schedule, from nothing to an outcome."""

    hosts_kind = Hosts

    def __init__(self, schedule, folder, slack_ms=SLACK_MS, say=print):
        self.schedule = schedule
        self.folder = folder
        self.slack_ms = slack_ms
        self.say = say
        self.failed = False
        self.accepted = {}
        self.lock = threading.Lock()
        self.done = collections.Counter()
        self.errors = []
        self.resting = threading.Event()
        self.lanes = collections.defaultdict(threading.Lock)

    def carry_out(self):
        begun = time.monotonic()
        self.hosts = self.hosts_kind(self.folder, self.slack_ms)
        try:
            for stack in self.hosts.stacks:
                stack.start()
            self._prepare()
            self.start = time.monotonic()
            self._deliver_and_fail()
            self._wait_for_rest()
            return self._collect(time.monotonic() - begun)
        finally:
            self.failed = True
            self.hosts.close()

    def sleep_until(self, at):
        time.sleep(max(0.0, self.start + at - time.monotonic()))

    def note_accepted(self, event, event_id, host):
        with self.lock:
            known = self.accepted.setdefault(event.number, Accepted(event_id, set()))
            known.event_id = event_id
            known.hosts.add(host)

    def note_unanswered(self, event):
        with self.lock:
            self.accepted.setdefault(event.number, Accepted(event.event_id, set())).unanswered += 1

    def _prepare(self):
        if any(event.kind == "data" for event in self.schedule.events):
            self.hosts.database.sql(f"ALTER TABLE events ADD CHECK (body NOT LIKE '%{plan.REFUSED_BY_SQL}%')")

    def _deliver_and_fail(self):
        feeders = [Feeder(self, number, [d for d in self.schedule.deliveries if d.host == number])
                   for number in range(plan.HOSTS)]
        clock = threading.Thread(target=self._tick)
        faults = [threading.Thread(target=self._run_fault, args=(fault,)) for fault in self.schedule.faults]
        for thread in [*feeders, clock, *faults]:
            thread.start()
        for thread in [*feeders, *faults]:
            thread.join()
        if self.errors:
            raise self.errors[0]
        self.hosts.simulator.order(clear=True)
        self.clock = clock

    # Faults

    def _run_fault(self, fault):
        try:
            self._do(fault)
        except Exception as error:  # a thread's own would be lost
            self.errors.append(error)
            self.failed = True

    def _do(self, fault):
        self.sleep_until(fault.at)
        lanes = ["sql", "host0"] if fault.kind == "storm" else [fault.lane]
        with contextlib.ExitStack() as held:
            for lane in lanes:
                held.enter_context(self.lanes[lane])
            if self.failed:
                return
            self.done[fault.kind] += 1
            host = int(fault.lane[4:]) if fault.lane.startswith("host") else None
            if fault.lane == "odoo" and "seconds" not in fault.values or "mode" in fault.values:
                self.hosts.simulator.order(**fault.values)
            elif host is not None:
                getattr(self, "_" + fault.kind)(host, **fault.values)
            else:
                getattr(self, "_" + fault.kind)(**fault.values)

    def _stop(self, seconds):
        self.hosts.simulator.stop()
        time.sleep(seconds)
        self.hosts.simulator.start()

    def _down(self, seconds):
        self.hosts.simulator.order(mode="down")
        time.sleep(seconds)
        self.hosts.simulator.order(clear=True)

    def _crash(self, seconds):
        self.hosts.database.go_away()
        time.sleep(seconds)
        self.hosts.database.come_back()

    def _terminate(self, times):
        for _ in range(times):
            self._sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                      "WHERE datname = 'enlace' AND pid <> pg_backend_pid() AND application_name <> 'fault'")
            time.sleep(0.3)

    def _lock(self, seconds):
        if self.schedule.database == "postgresql":
            db = self.hosts.database.connect()
            db.autocommit = False
            with contextlib.closing(db), db.cursor() as cursor:
                cursor.execute("LOCK TABLE contacts IN SHARE MODE")
                time.sleep(seconds)
        else:
            self.hosts.database.go_away()
            time.sleep(seconds)
            self.hosts.database.come_back()

    def _end_claims(self):
        self._sql(f"UPDATE events SET claim_until = 0 WHERE event_id IN ({self._rows('claim_until > 0')})")

    def _kill_handler(self, host):
        self.hosts.request(host, "/admin/localhost/handler/kill?uncounted=1", b"", "POST")

    def _stop_handler(self, host):
        self.hosts.request(host, "/health/live")  # which one that is starting answers when it can be stopped
        before = self._handler(host)
        if before["pid"] > 0:
            os.kill(before["pid"], signal.SIGTERM)
            wait_until(lambda: self._handler(host)["starts"] > before["starts"], "the handler is started again")

    def _handler(self, host):
        return json.loads(self.hosts.request(host, "/admin/localhost/handler")[2])

    def _kill_host(self, host, seconds):
        stack = self.hosts.stacks[host]
        stack.host.stop(signal.SIGKILL)
        time.sleep(seconds)
        stack.start_host()
        # What the dead host had taken comes again in ten minutes; here it does now.
        for queue in (QUEUE, POISON):
            self.hosts.reveal(host, queue)

    def _storm(self, seconds, kills):
        self.hosts.database.go_away()
        for _ in range(kills):
            time.sleep(seconds / kills - STORM_REVEAL_S)
            self._kill_handler(0)
            time.sleep(STORM_REVEAL_S)
            self.hosts.reveal(0, QUEUE)
        self.hosts.database.come_back()

    # Time

    def _rows(self, condition):
        """Open rows that nobody is writing: waiting for them could deadlock with a handler's own order."""
        skip = " FOR UPDATE SKIP LOCKED" if self.schedule.database == "postgresql" else ""
        return f"SELECT event_id FROM events WHERE status IN ('received', 'pending') AND {condition}{skip}"

    def failed_invocations(self):
        """Lines of the hosts about invocations that failed."""
        return [line for number in range(plan.HOSTS) for line in self._log(number).splitlines() if "(Failed)" in line]

    def _sql(self, statement, *values):
        """One statement; nothing where SQL is away."""
        try:
            return self.hosts.database.sql(statement, *values)
        except Exception as error:  # of either driver: OperationalError, DatabaseError
            if not type(error).__module__.startswith(("psycopg2", "sqlite3")):
                raise
            return []

    def _tick(self):
        skipped = int(PACE * TICK_S * 1000)
        revealed = time.monotonic()
        while not self.resting.wait(TICK_S) and not self.failed:
            now = int(time.time() * 1000)
            self._sql(f"UPDATE events SET claim_until = 0 WHERE event_id IN "
                      f"({self._rows(f'claim_until BETWEEN 1 AND {now + CLAIM_MS - CLAIM_S * 1000}')})")
            self._sql(f"UPDATE events SET next_attempt_at = next_attempt_at - {skipped} WHERE event_id IN "
                      f"({self._rows(f'next_attempt_at > {now}')})")
            self._sql(f"UPDATE odoo_breaker SET probe_at = probe_at - {skipped}, last_answer_at = last_answer_at - {skipped}")
            # Not while its handler dies: a message of the poison queue that failed five times is never tried again.
            if time.monotonic() > revealed + REVEAL_S and self.lanes["host0"].acquire(blocking=False):
                self.hosts.reveal(0, POISON)
                self.lanes["host0"].release()
                revealed = time.monotonic()

    def _wait_for_rest(self):
        def rests():
            left = self._queued()
            return left is not None and sum(left) == 0 and \
                self._sql("SELECT COUNT(*) FROM events WHERE status IN ('received', 'pending')") == [(0,)]
        try:
            wait_until(rests, "all at rest", PATIENCE_S)
        except AssertionError as error:
            self.say(f"  {error}")  # the checker says what is left
        self.resting.set()
        self.clock.join()

    def _queued(self):
        """Messages that still have to be worked on, of each host; None while one is away."""
        left = []
        for number, stack in enumerate(self.hosts.stacks):
            answer = self.hosts.request(number, "/admin/localhost/queues")
            if not answer or answer[0] != 200:
                return None
            counts = json.loads(answer[2])
            names = [QUEUE, POISON] if number == 0 else [QUEUE]
            left.append(sum(sum(counts.get(name, {}).values()) for name in names))
        return left

    def _collect(self, seconds):
        hosts = self.hosts
        columns = "event_id subscriber_id order_key generated body status duplicate_of claim_token attempts unanswered"
        letters = "key event_id class status error deliveries body"
        odoo_events, odoo_contacts = hosts.simulator.get("/events"), hosts.simulator.get("/contacts")
        queues, poison = ([[self._text(m) for m in stack.queue(name)] for stack in hosts.stacks] for name in (QUEUE, POISON))
        hosts.simulator.stop()
        shutil.copy(hosts.simulator.log, self.folder)
        with open(hosts.simulator.log, encoding="utf-8") as log:
            requests = [json.loads(line) for line in log]
        return Outcome(
            self.schedule, self._select(columns, "events"),
            {subscriber: (json.loads(fields), json.loads(keys)) for subscriber, fields, keys in
             hosts.database.sql("SELECT subscriber_id, fields, keys FROM contacts")},
            self._select(letters, "dead_letters"), odoo_events, odoo_contacts, requests, queues, poison,
            [number == 0 for number in range(plan.HOSTS)], [self._exits(number) for number in range(plan.HOSTS)],
            [self._reports(number) for number in range(plan.HOSTS)], self.accepted, dict(self.done), [self._moved(number) for number in range(plan.HOSTS)], seconds)

    def _select(self, columns, table):
        names = columns.split()
        return [dict(zip(names, row)) for row in self.hosts.database.sql(f"SELECT {', '.join(names)} FROM {table}")]

    @staticmethod
    def _text(message):
        return message.get("text", message.get("base64", message.get("wire")))

    def _exits(self, number):
        return [int(code) for code in re.findall(r"the handler exited with (\d+)", self._log(number))]

    def _reports(self, number):
        return [line for line in self._log(number).splitlines() if "Sanitizer" in line or "runtime error:" in line]

    def _moved(self, number):
        return self._log(number).count("Moving message to queue")

    def _log(self, number):
        return (self.folder / f"host{number}.log").read_text(encoding="utf-8", errors="replace")
