"""test_postgresql - faults that only a server has: backends terminated, locks held, delay; round trips counted.

Runs where ENL_TEST_DATABASE is postgresql; elsewhere there is nothing of it to test.
"""
import contextlib
import json
import os
import pathlib
import random
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from stack import (Handler, PATIENT, POISON, Postgresql, QUEUE, STEADY, Simulator, Stack, binary,
                   max_requests_in_window, open_calls, wait_until)

DELAY_S = 0.010  # each way: 20 ms a round trip
ROUND_TRIPS_MAX = 12


class Proxy:
    """Stands between handler and server: delays both ways, and keeps each query with its connection."""

    def __init__(self, port):
        self.target = port
        self.queries = []  # (connection's number, text) in the order sent
        self.flowing = threading.Event()
        self.flowing.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        number = 0
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                for side in (client, server):
                    side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                number += 1
                threading.Thread(target=self._forward, args=(client, server, number), daemon=True).start()
                threading.Thread(target=self._forward, args=(server, client, 0), daemon=True).start()

    def _forward(self, source, sink, number):
        pending = b""
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 20):
                time.sleep(DELAY_S)
                self.flowing.wait()
                if number:
                    pending = self._read_queries(pending + data, number)
                sink.sendall(data)
        for side in (source, sink):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
        source.close()

    def _read_queries(self, data, number):
        """Takes whole messages off the front; a start-up message has no type byte."""
        while len(data) >= 5:
            typed = data[:1] != b"\0"
            length = struct.unpack(">I", data[1:5] if typed else data[:4])[0] + (1 if typed else 0)
            if len(data) < length:
                break
            if data[:1] == b"Q":
                self.queries.append((number, data[5:length - 1].decode()))
            data = data[length:]
        return data

    def close(self):
        self.listener.close()


@unittest.skipUnless(os.environ.get("ENL_TEST_DATABASE") == "postgresql", "another database is tested")
class Faults(unittest.TestCase):
    def stack(self, settings=None):
        stack = Stack(settings=settings)
        self.addCleanup(stack.close)
        stack.wait_status(stack.accept({"id": "warm", "event_id": "warm"}), "synced")
        return stack

    def hold(self, stack, statement):
        """A transaction of somebody else's that holds what the statement locks."""
        db = stack.database.connect()
        db.autocommit = False
        with db.cursor() as cursor:
            cursor.execute(statement)
        self.addCleanup(db.close)
        return db

    def terminate_blocked(self, stack):
        """Ends the backends of the handler that wait for a lock."""
        def blocked():
            return stack.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                             "WHERE wait_event_type = 'Lock' AND pid <> pg_backend_pid()")
        wait_until(blocked, "a blocked backend")

    def assert_synced_once(self, stack, *ids):
        for event_id in ids:
            stack.wait_status(event_id, "synced")
        self.assertEqual(stack.statuses(), {"synced": len(ids) + 1})
        self.assertEqual(set(stack.simulator.events()), {"warm", *ids})
        wait_until(lambda: not stack.queue(QUEUE), "an empty queue")
        self.assertEqual(stack.queue(POISON), [])

    def test_backend_terminated_in_t1(self):
        stack = self.stack()
        other = self.hold(stack, "LOCK TABLE contacts IN SHARE MODE")
        stack.accept({"id": "1", "event_id": "in-t1"})
        self.terminate_blocked(stack)
        other.rollback()
        self.assert_synced_once(stack, "in-t1")

    def test_backend_terminated_in_t2(self):
        stack = self.stack(PATIENT)
        stack.simulator.order(mode="slow", seconds=90, when="after", times=1)
        stack.accept({"id": "2", "event_id": "in-t2"})
        wait_until(lambda: "in-t2" in stack.simulator.events(), "Odoo has it")
        other = self.hold(stack, "SELECT * FROM events WHERE event_id = 'in-t2' FOR UPDATE")
        stack.simulator.order(clear=True)
        self.terminate_blocked(stack)
        other.rollback()
        self.assert_synced_once(stack, "in-t2")
        self.assertEqual(stack.simulator.ingested("in-t2"), 1)

    def test_t2_that_waits_keeps_no_request_waiting(self):
        stack = self.stack()
        stack.simulator.order(mode="slow", seconds=2, when="after", times=1)
        stack.accept({"id": "7", "event_id": "held-up"})
        wait_until(lambda: "held-up" in stack.simulator.events(), "Odoo has it")
        other = self.hold(stack, "SELECT * FROM events WHERE event_id = 'held-up' FOR UPDATE")
        wait_until(lambda: stack.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"), "T2 waits")
        stack.accept({"id": "8", "event_id": "next"})
        wait_until(lambda: "next" in stack.simulator.events(), "the next one is in Odoo")
        # It was not given up meanwhile.
        self.assertFalse([line for line in stack.host.lines if "could not be written" in line])
        self.assertEqual(stack.sql("SELECT status FROM events WHERE event_id = 'held-up'"), [("received",)])
        other.rollback()
        self.assert_synced_once(stack, "held-up", "next")

    def test_backend_terminated_at_commit(self):
        stack = self.stack()
        stack.sql("CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS "
                  "$$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$")
        stack.sql("CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED "
                  "FOR EACH ROW EXECUTE FUNCTION wait_at_commit()")
        other = self.hold(stack, "SELECT pg_advisory_xact_lock(4711)")
        stack.accept({"id": "3", "event_id": "at-commit"})
        self.terminate_blocked(stack)
        other.rollback()
        self.assert_synced_once(stack, "at-commit")

    def test_lock_held_longer_than_its_time_out(self):
        stack = self.stack()
        other = self.hold(stack, "LOCK TABLE contacts IN SHARE MODE")
        stack.accept({"id": "4", "event_id": "locked"})
        wait_until(lambda: any("could not be stored" in line for line in stack.host.lines), "the time-out is told")
        other.rollback()
        self.assert_synced_once(stack, "locked")

    def test_server_restarted(self):
        stack = self.stack()
        stack.database.go_away()
        stack.accept({"id": "5", "event_id": "restarted"})
        wait_until(lambda: any("SQL is away" in line or "could not be stored" in line for line in stack.host.lines),
                   "the outage is told")
        stack.database.come_back()
        self.assert_synced_once(stack, "restarted")

    def test_full_disk_is_an_outage(self):
        stack = self.stack()
        stack.sql("CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
                  "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$")
        stack.sql("CREATE TRIGGER full_disk BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION full_disk()")
        stack.accept({"id": "6", "event_id": "full"})
        wait_until(lambda: any("could not be stored" in line for line in stack.host.lines), "the outage is told")
        self.assertEqual(stack.sql("SELECT COUNT(*) FROM dead_letters"), [(0,)])
        stack.sql("DROP TRIGGER full_disk ON events")
        self.assert_synced_once(stack, "full")

    def test_refused_data_is_the_events_fault(self):
        stack = self.stack()
        stack.sql("ALTER TABLE events ADD CHECK (body IS NULL OR body NOT LIKE '%poisonous%')")
        bodies = [{"id": f"d{i}", "event_id": f"data-{i}", "text": "poisonous" if i == 2 else "good"} for i in range(5)]
        self.assertEqual(set(stack.post_all(bodies, 5)), {200})
        for i in range(5):
            stack.wait_status(f"data-{i}", "rejected" if i == 2 else "synced")
        self.assertEqual(stack.sql("SELECT body, error_code FROM events WHERE event_id = 'data-2'"), [(None, "data")])
        [(kind, body)] = stack.sql("SELECT class, body FROM dead_letters WHERE key = 'data-2'")
        self.assertEqual((kind, bool(body)), ("data", True))


@unittest.skipUnless(os.environ.get("ENL_TEST_DATABASE") == "postgresql", "another database is tested")
class Handlers(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="enlace-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.database = Postgresql(self.folder)
        self.addCleanup(self.database.close)
        self.simulator = Simulator(self.folder)
        self.addCleanup(self.simulator.stop)
        self.settings = {**self.simulator.settings(), "DATABASE_URL": self.database.url}

    def handler(self, **settings):
        handler = Handler({**self.settings, **settings}).wait_up()
        self.addCleanup(handler.close)
        return handler

    def store(self, handler, message):
        """Delivers it as the queue would: again and again while it is handed back."""
        stored = (200, {"Outputs": {}, "Logs": [], "ReturnValue": None})
        wait_until(lambda: handler.deliver(message) == stored, "SQL has it")

    def deliver(self, deliveries, parallel):
        """Delivers (handler, message) pairs, so many at a time; the statuses."""
        answers = []

        def work(part):
            for handler, message in part:
                answers.append(handler.deliver(message)[0])
        workers = [threading.Thread(target=work, args=(deliveries[k::parallel],)) for k in range(parallel)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(240)
        return answers

    def test_two_handlers_two_thousand_events_twice_and_out_of_order(self):
        handlers = [self.handler(**STEADY), self.handler(**STEADY)]
        seed = random.randrange(1 << 32)
        print("seed", seed)
        dice = random.Random(seed)
        bodies = [{"id": f"s{i % 300}", "event_id": f"e{i}", "name": f"name {i}", "estado_inicial": f"state {i}",
                   "datetime_actual": f"2026-05-05T10:{i // 60 % 60:02}:{i % 60:02}Z"} for i in range(2000)]
        messages = [handlers[0].message(json.dumps(body)) for body in bodies]
        deliveries = [(handler, message) for handler in handlers for message in messages]
        dice.shuffle(deliveries)
        self.assertEqual(set(self.deliver(deliveries, 400)), {200})
        wait_until(lambda: self.database.sql("SELECT status, COUNT(*) FROM events GROUP BY 1") == [("synced", 2000)],
                   "all synced", 120)
        self.assertEqual(len(self.simulator.events()), 2000)
        stored = {subscriber: json.loads(fields)
                  for subscriber, fields in self.database.sql("SELECT subscriber_id, fields FROM contacts")}
        odoo = self.simulator.contacts()
        keys = dict(self.database.sql("SELECT event_id, order_key FROM events"))
        for k in range(300):
            newest = max(range(k, 2000, 300), key=lambda i: keys[f"e{i}"])
            for store in (stored[f"s{k}"], odoo[f"s{k}"]):
                self.assertEqual((store["name"], store["last_state"]), (f"name {newest}", f"state {newest}"))
        self.assertEqual(self.database.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = 'enlace'"), [(0,)])
        self.assertLessEqual(max_requests_in_window(str(self.simulator.log), 1.0), 1)

    def test_four_handlers_keep_one_rate(self):
        """All of them busy, each message delivered to two: one request a second in all, and each event once.
        Odoo refuses the first with a time to wait, and all of them wait."""
        self.simulator.order(status=429, retry_after="3", times=1)
        handlers = [self.handler(**STEADY) for _ in range(4)]
        messages = [handlers[0].message(json.dumps({"id": f"s{i % 100}", "event_id": f"e{i}"})) for i in range(800)]
        deliveries = [(handlers[(i + k) % 4], message) for k in range(2) for i, message in enumerate(messages)]
        self.assertEqual(self.deliver(deliveries, 160), [200] * 1600)
        wait_until(lambda: self.database.sql("SELECT status, COUNT(*) FROM events GROUP BY 1") == [("synced", 800)],
                   "all synced", 120)
        self.assertEqual(len(self.simulator.events()), 800)
        self.assertLessEqual(max_requests_in_window(str(self.simulator.log), 1.0), 1)
        refused, following = self.simulator.get("/requests")[:2]
        self.assertEqual((refused["status"], following["status"]), (429, 200))
        self.assertGreaterEqual(following["time_monotonic"] - refused["time_monotonic"], 3)

    def wait_down(self, handler, *parts):
        """Until /health says that SQL is down, and why."""
        def told():
            sql = json.loads(handler.request("/health")[2])["sql"]
            return sql["status"] == "down" and all(part in sql.get("reason", "") for part in parts)
        wait_until(told, f"SQL is down: {parts}")

    def test_user_that_may_not_create_tables(self):
        self.database.sql("CREATE ROLE poor LOGIN PASSWORD 'x'")
        handler = self.handler(DATABASE_URL=f"postgresql://poor:x@127.0.0.1:{self.database.port}/enlace",
                               QUEUE_HOLD_SECONDS="1")
        self.wait_down(handler, "42501", "lacks the right")
        message = handler.message('{"id":"1","event_id":"waits"}')
        self.assertEqual(list(handler.deliver(message)[1]["Outputs"]), ["back"])
        # Somebody who may brings the schema up; the service needs no more than this.
        owner = {"PATH": os.environ["PATH"], "DATABASE_URL": self.database.url}
        subprocess.run([binary("ENL_BINARY"), "migrate"], env=owner, check=True, timeout=60, stderr=subprocess.DEVNULL)
        self.database.sql("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO poor")
        self.store(handler, message)
        wait_until(lambda: self.database.sql("SELECT status FROM events") == [("synced",)], "synced")

    def test_wrong_password(self):
        handler = self.handler(DATABASE_URL=f"postgresql://enlace:no-such-secret@127.0.0.1:{self.database.port}/enlace")
        self.wait_down(handler, "08001", "check host, port, database, user and password")
        self.assertNotIn("no-such-secret", handler.request("/health")[2] + "\n".join(handler.process.lines))

    def test_server_that_only_reads(self):
        """As the old one after a failover: its connections are dropped, else they would stay with it."""
        handler = self.handler(QUEUE_HOLD_SECONDS="1")
        self.store(handler, handler.message('{"id":"warm"}'))
        self.database.sql("ALTER DATABASE enlace SET default_transaction_read_only = on", database="postgres")
        self.database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'enlace'",
                          database="postgres")
        message = handler.message('{"id":"1","event_id":"waits"}')
        self.assertEqual(list(handler.deliver(message)[1]["Outputs"]), ["back"])
        self.wait_down(handler, "25006")
        self.database.sql("ALTER DATABASE enlace RESET default_transaction_read_only", database="postgres")
        self.store(handler, message)
        wait_until(lambda: json.loads(handler.request("/health")[2])["sql"]["status"] == "ok", "/health sees that SQL is back")

    def test_conflict_that_comes_twice_in_one_batch(self):
        """One dead letter for both, and their neighbour is stored."""
        handler = self.handler()
        first = handler.message('{"id":"1","event_id":"claimed","name":"first"}')
        second = handler.message('{"id":"1","event_id":"claimed","name":"second"}')
        neighbour = handler.message('{"id":"2","event_id":"neighbour"}')
        self.assertEqual(handler.deliver(first)[0], 200)
        # An event holds T1 up at a lock while the others gather behind it.
        other = self.database.connect()
        other.autocommit = False
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE contacts IN SHARE MODE")
        holder = threading.Thread(target=handler.deliver, args=(handler.message('{"id":"3"}'),))
        holder.start()
        wait_until(lambda: self.database.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"), "a lock")
        answers = []
        rest = threading.Thread(target=lambda: answers.extend(
            self.deliver([(handler, text) for text in (second, second, neighbour)], 3)))
        rest.start()
        wait_until(lambda: open_calls(handler.port) >= 4, "4 open invocations")
        other.rollback()
        other.close()
        holder.join(60)
        rest.join(60)
        self.assertEqual(answers, [200] * 3)
        self.assertEqual(self.database.sql("SELECT class, status, event_id FROM dead_letters"),
                         [("conflict", "open", "claimed")])
        wait_until(lambda: self.database.sql("SELECT COUNT(*) FROM events WHERE status = 'synced'") == [(3,)], "all synced")

    def test_stalled_network_delays_no_answer(self):
        """The driver hangs in a read; each invocation has its answer in time, and nothing is lost."""
        proxy = Proxy(self.database.port)
        self.addCleanup(proxy.close)
        handler = self.handler(DATABASE_URL=self.database.url.replace(f":{self.database.port}/", f":{proxy.port}/"),
                               QUEUE_HOLD_SECONDS="2")
        self.store(handler, handler.message('{"id":"warm"}'))
        proxy.flowing.clear()
        self.addCleanup(proxy.flowing.set)
        message = handler.message('{"id":"1","event_id":"stalled"}')
        status, answer = handler.deliver(message)
        self.assertEqual((status, list(answer["Outputs"])), (200, ["back"]))
        wait_until(lambda: json.loads(handler.request("/health")[2])["status"] == "down", "/health sees that SQL hangs")
        proxy.flowing.set()
        self.store(handler, message)
        wait_until(lambda: self.database.sql("SELECT status, COUNT(*) FROM events GROUP BY 1") == [("synced", 2)],
                   "both synced")
        self.assertEqual(len(self.simulator.events()), 2)

    def distant_handler(self, **settings):
        """(handler, the proxy between it and its database)."""
        proxy = Proxy(self.database.port)
        self.addCleanup(proxy.close)
        url = self.database.url.replace(f":{self.database.port}/", f":{proxy.port}/")
        return self.handler(DATABASE_URL=url, **settings), proxy

    def test_comparison_reads_its_days_only(self):
        """By the index: the rows before them grow with the years, and would be read for each page."""
        handler, proxy = self.distant_handler(SYNC_SCHEDULE="* * * * * *")
        self.store(handler, handler.message('{"id":"warm"}'))
        handler.invoke("scheduled-sync", {"timer": {"IsPastDue": False}})
        statement = wait_until(
            lambda: [text for _, text in proxy.queries if text.startswith("SELECT event_id, stored_at FROM events")],
            "the statement")[0]
        with contextlib.closing(self.database.connect()) as db, db.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
            cursor.execute("EXPLAIN " + statement)
            [condition] = [line for (line,) in cursor.fetchall() if "Index Cond:" in line]
        self.assertEqual(condition.count("stored_at >="), 2, "the cursor's and the oldest day's")
        self.assertEqual(condition.count("stored_at <="), 1)

    def test_slack_that_is_too_short_for_the_distance(self):
        """No turn is ours in time: none is used, /health says why, and a longer slack mends it."""
        handler, _ = self.distant_handler(ODOO_TURN_SLACK_MS="25", QUEUE_HOLD_SECONDS="2")
        self.assertEqual(handler.deliver(handler.message('{"id":"1","event_id":"late"}'))[0], 200)

        def told():
            health = json.loads(handler.request("/health")[2])
            return health if health.get("notice") and health["turns"]["thrown_away"] else None
        health = wait_until(told, "/health tells of turns thrown away")
        self.assertIn("ODOO_TURN_SLACK_MS", health["notice"])
        self.assertGreaterEqual(health["turns"]["update_ms"], 20)
        self.assertEqual(self.simulator.get()["requests"], 0)
        self.database.sql("UPDATE rate_lease SET slack_ms = NULL")
        mended, _ = self.distant_handler(ODOO_TURN_SLACK_MS="2000")
        handler.close()
        self.database.sql("UPDATE events SET claim_until = 0")
        wait_until(lambda: "late" in self.simulator.events(), "the event is sent")
        wait_until(lambda: "notice" not in json.loads(mended.request("/health")[2]), "nothing to tell any more")

    def test_round_trips_of_a_batch_at_twenty_milliseconds(self):
        handler, proxy = self.distant_handler(ODOO_TURN_SLACK_MS="150")
        self.assertEqual(handler.deliver(handler.message('{"id":"warm"}'))[0], 200)
        messages = [handler.message(json.dumps({"id": f"s{i % 40}", "event_id": f"e{i}"})) for i in range(251)]
        # One event holds T1 up at a lock while the others gather behind it.
        other = self.database.connect()
        other.autocommit = False
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE contacts IN SHARE MODE")
        first = threading.Thread(target=handler.deliver, args=(messages[0],))
        first.start()
        wait_until(lambda: self.database.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"), "a lock")
        rest = threading.Thread(target=self.deliver, args=([(handler, message) for message in messages[1:]], 250))
        rest.start()
        wait_until(lambda: open_calls(handler.port) >= 251, "251 open invocations")
        other.rollback()
        other.close()
        first.join(60)
        rest.join(60)
        wait_until(lambda: self.database.sql("SELECT COUNT(*) FROM events WHERE status = 'synced'") == [(252,)], "all synced")
        t1, t2, request = self.trips(proxy.queries)
        print(f"round trips: T1 {t1}, T2 {t2}, before the request {request}")
        self.assertLessEqual(t1 + t2 + request, ROUND_TRIPS_MAX)

    def trips(self, queries):
        """Queries of the largest T1, of its T2, and of what else its request needed but the lease's polls.

        Each of the three has a connection of its own.
        """
        def largest(part):
            return max((i for i, (_, text) in enumerate(queries) if part in text), key=lambda i: len(queries[i][1]))

        def transaction(at):
            number = queries[at][0]
            same = [i for i, query in enumerate(queries) if query[0] == number]
            start = max(i for i in same if i <= at and queries[i][1].startswith("BEGIN"))
            end = min(i for i in same if i >= at and queries[i][1] == "COMMIT")
            return sum(start <= i <= end for i in same)
        insert, synced = largest("INSERT INTO events"), largest("status = 'synced'")
        turn = max(i for i in range(synced) if queries[i][1].startswith("UPDATE rate_lease"))
        before = [text for number, text in queries[insert:turn] if number == queries[turn][0]
                  and not text.startswith(("UPDATE rate_lease", "SELECT next_at"))]
        return transaction(insert), transaction(synced), len(before)


if __name__ == "__main__":
    unittest.main()
