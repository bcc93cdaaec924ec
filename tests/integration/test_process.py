"""test_process - the executable alone: start, stop, settings, health, holding and handing back."""
import base64
import json
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import unittest

from stack import (Handler, KEY, PATIENCE_S, STEADY, Simulator, emulated, max_requests_in_window, reports,
                   wait_until)


class Process(unittest.TestCase):
    def handler(self, settings=None, **options):
        handler = Handler(settings, **options)
        self.addCleanup(handler.close)
        return handler.wait_up()

    def test_bad_ports_end_with_2_and_one_line(self):
        for port in (None, "0", "65536", "x", ""):
            with self.subTest(port=port):
                handler = Handler({"FUNCTIONS_CUSTOMHANDLER_PORT": port})
                self.assertEqual(handler.process.child.wait(PATIENCE_S), 2)
                handler.close()
                self.assertEqual(len(handler.process.lines), 1, handler.process.lines)
                self.assertIn("FUNCTIONS_CUSTOMHANDLER_PORT", handler.process.lines[0])

    def test_taken_port_ends_with_2(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            handler = Handler(port=taken.getsockname()[1])
            self.assertEqual(handler.process.child.wait(PATIENCE_S), 2)
            handler.close()

    def test_signals_end_with_200(self):
        for sig in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=sig):
                handler = Handler().wait_up()
                handler.process.stop(sig)
                self.assertEqual(handler.close(), 200)

    def test_live_and_root_answer_whatever_sql_does(self):
        handler = self.handler({"DATABASE_URL": "sqlite:////nonexistent/folder/enlace.db"})
        for path in ("/", "/health/live"):
            status, headers, text = handler.request(path)
            self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
            self.assertTrue(json.loads(text))

    def test_health_tells_what_is_wrong(self):
        cases = [
            ("all well, no Odoo", {}, 200, "degraded", None),
            ("SQL away", {"DATABASE_URL": "sqlite:////nonexistent/folder/enlace.db"}, 503, "down", None),
            ("a database that is not known", {"DATABASE_URL": "oracle://u:s3cret-pw@h/db"}, 503, "down", None),
            ("no key", {"API_KEY": None}, 503, "down", "API_KEY"),
            ("only empty keys", {"API_KEY": " , "}, 503, "down", "API_KEY"),
            ("unresolved reference", {"API_KEY": "@Microsoft.KeyVault(SecretUri=https://v/s)"}, 503, "down", "API_KEY"),
            ("a wrong number", {"ODOO_PORT": "no"}, 503, "down", "ODOO_PORT"),
            ("SQLite in Azure", {"WEBSITE_INSTANCE_ID": "i"}, 503, "down", "DATABASE_URL"),
            ("unset in Azure", {"WEBSITE_INSTANCE_ID": "i", "DATABASE_URL": None}, 503, "down", "DATABASE_URL"),
        ]
        for name, settings, status, word, setting in cases:
            with self.subTest(name):
                handler = Handler(settings).wait_up()
                try:
                    def settled():
                        got, _, text = handler.request("/health")
                        health = json.loads(text)
                        return (got, health, text) if (got, health["status"]) == (status, word) else None
                    _, health, text = wait_until(settled, f"{name}: {status} {word}")
                    if setting:
                        self.assertIn(setting, [wrong["name"] for wrong in health["settings"]])
                    self.assertNotIn("s3cret-pw", text + "".join(handler.process.lines))
                finally:
                    handler.close()

    def test_webhook_goes_on_without_sql(self):
        handler = self.handler({"WEBSITE_INSTANCE_ID": "i", "QUEUE_HOLD_SECONDS": "1"})
        message = handler.message('{"id":"1"}')
        status, answer = handler.deliver(message)
        self.assertEqual(status, 200)
        self.assertEqual(base64.b64decode(answer["Outputs"]["back"]).decode(), message)

    def test_no_key_configured_is_503_inside(self):
        handler = self.handler({"API_KEY": None})
        self.assertEqual(handler.webhook('{"id":"1"}')["res"]["statusCode"], 503)
        self.assertEqual(handler.request("/api/v1/events/x", headers={"X-API-Key": KEY})[0], 503)

    def test_held_then_stored_when_sql_comes_back(self):
        handler = self.handler()
        handler.deliver(handler.message('{"id":"0"}'))
        blocker = sqlite3.connect(handler.folder / "enlace.db", isolation_level=None, timeout=30)
        blocker.execute("BEGIN EXCLUSIVE")
        message = handler.message('{"id":"1","event_id":"held"}')
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(handler.deliver(message)))
        waiting.start()
        wait_until(lambda: any("held" in line for line in handler.process.lines), "the log says that it is held")
        self.assertEqual(answers, [])
        blocker.execute("ROLLBACK")
        waiting.join(60)
        self.assertEqual(answers, [(200, {"Outputs": {}, "Logs": [], "ReturnValue": None})])

    def test_newer_message_is_handed_back_byte_exact(self):
        handler = self.handler({"QUEUE_HOLD_SECONDS": "1"})
        message = '{"v":99,  "event_id":"future","what":"ñ 😀"}'
        status, answer = handler.deliver(message)
        self.assertEqual(status, 200)
        self.assertEqual(base64.b64decode(answer["Outputs"]["back"]).decode(), message)

    def test_stop_hands_back_what_waits(self):
        handler = Handler().wait_up()
        handler.deliver(handler.message('{"id":"0"}'))
        blocker = sqlite3.connect(handler.folder / "enlace.db", isolation_level=None, timeout=30)
        blocker.execute("BEGIN EXCLUSIVE")
        message = handler.message('{"id":"1"}')
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(handler.deliver(message)))
        waiting.start()
        wait_until(lambda: any("held" in line for line in handler.process.lines), "the message is held")
        handler.process.child.send_signal(signal.SIGTERM)
        waiting.join(60)
        self.assertEqual(answers[0][0], 200)
        self.assertEqual(base64.b64decode(answers[0][1]["Outputs"]["back"]).decode(), message)
        self.assertEqual(handler.process.child.wait(PATIENCE_S), 200)
        blocker.close()
        handler.close()

    def test_newer_schema_hands_everything_back(self):
        handler = Handler({"QUEUE_HOLD_SECONDS": "1"}).wait_up()
        first = handler.message('{"id":"0"}')
        wait_until(lambda: not handler.deliver(first)[1]["Outputs"], "the schema is there")
        handler.process.stop()
        with sqlite3.connect(handler.folder / "enlace.db") as db:
            db.execute("INSERT INTO schema_migrations VALUES (999, 'later')")
        db.close()
        again = self.handler({"QUEUE_HOLD_SECONDS": "1"}, folder=handler.folder)
        message = again.message('{"id":"1"}')
        self.assertIn("back", again.deliver(message)[1]["Outputs"])
        wait_until(lambda: "newer" in json.loads(again.request("/health")[2]).get("notice", ""), "/health says so")
        again.close()
        handler.close()

    def test_envelopes_that_are_none(self):
        handler = self.handler()
        for body in ("", "null", "[]", "{", '{"Data":{}}', '{"Data":{"event":1}}', '{"Data":{"event":"no literal"}}'):
            for function in ("manychat-webhook", "queue-processor"):
                with self.subTest(function=function, body=body):
                    status, headers, text = handler.request("/" + function, body,
                                                            headers={"Content-Type": "application/json"})
                    self.assertEqual((status, headers["Content-Type"]), (500, "application/problem+json"))
                    self.assertTrue(json.loads(text))

    def test_unknown_paths_and_methods(self):
        handler = self.handler()
        cases = [("GET", "/nowhere", 404, None), ("DELETE", "/health", 405, "GET, HEAD"),
                 ("GET", "/manychat-webhook", 405, "POST"), ("GET", "/health/nothing", 404, None)]
        for method, path, status, allow in cases:
            with self.subTest(method=method, path=path):
                got, headers, text = handler.request(path, method=method)
                self.assertEqual((got, headers["Allow"], headers["Content-Type"]),
                                 (status, allow, "application/problem+json"))
                self.assertTrue(json.loads(text))


class TwoHandlers(unittest.TestCase):
    def test_one_database_one_rate(self):
        """Two instances share the lease: together they stay inside the limit, and every event is there once."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="enlace-"))
        self.addCleanup(shutil.rmtree, folder, True)
        simulator = Simulator(folder)
        self.addCleanup(simulator.stop)
        settings = {**simulator.settings(), "DATABASE_URL": f"sqlite:///{folder}/shared.db", **STEADY}
        handlers = [Handler(settings).wait_up() for _ in range(2)]
        for handler in handlers:
            self.addCleanup(handler.close)
        messages = [handlers[0].message(json.dumps({"id": f"s{i % 20}", "event_id": f"e{i}"})) for i in range(100)]
        answers = []

        def deliver(handler, order):
            for i in order:
                answers.append(handler.deliver(messages[i])[0])
        # Each message to both, in opposite order, several at a time.
        workers = [threading.Thread(target=deliver, args=(handlers[k % 2], range(k // 2, 100, 8)[::1 - 2 * (k % 2)]))
                   for k in range(16)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(120)
        self.assertEqual(answers, [200] * 200)
        with sqlite3.connect(folder / "shared.db") as db:
            wait_until(lambda: db.execute("SELECT COUNT(*) FROM events WHERE status = 'synced'").fetchone() == (100,),
                       "all synced")
        db.close()
        self.assertEqual(len(simulator.events()), 100)
        self.assertLessEqual(max_requests_in_window(str(simulator.log), 1.0), 1)


class Check(unittest.TestCase):
    """`enlace check` and `enlace migrate`, as whoever sets the service up runs them."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="enlace-"))
        self.addCleanup(shutil.rmtree, self.folder, True)

    def command(self, command, **settings):
        """(exit status, what it prints)."""
        env = {"DATABASE_URL": f"sqlite:///{self.folder}/enlace.db", "API_KEY": KEY, **settings}
        done = subprocess.run([*emulated(self.folder), command], env=env, cwd=self.folder, timeout=PATIENCE_S,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(reports(self.folder, done.stderr.splitlines()), [])
        return done.returncode, done.stdout

    def expect(self, status, *parts, **settings):
        found, text = self.command("check", **settings)
        self.assertEqual(found, status, text)
        self.assertEqual(len(text.splitlines()), 3, text)
        for part, line in zip(parts, text.splitlines(), strict=True):
            self.assertTrue(line.startswith(part), text)

    def test_before_anything_is_set_up(self):
        self.expect(1, "API_KEY: missing", "sql: sqlite, schema 0 of ", "odoo: not configured, missing: ODOO_HOST, ",
                    API_KEY="")
        self.expect(1, "DATABASE_URL: a SQLite file is lost", "sql: DATABASE_URL: ", "odoo: not asked",
                    WEBSITE_INSTANCE_ID="1", ODOO_HOST="h", ODOO_DB="d", ODOO_USER="u", ODOO_PASSWORD="p")

    def test_odoo(self):
        simulator = Simulator(self.folder)
        self.addCleanup(simulator.stop)
        self.assertEqual(self.command("migrate"), (0, ""))
        good = ("settings: ok", "sql: sqlite, schema ")
        self.expect(0, *good, "odoo: ok", **simulator.settings())
        self.expect(1, *good, "odoo: login refused", **{**simulator.settings(), "ODOO_PASSWORD": "no-such-secret"})
        simulator.order(mode="api_version", api_min=99)
        self.expect(1, *good, "odoo: no common version: the addon speaks 99", **simulator.settings())
        simulator.stop()
        self.expect(1, *good, "odoo: Could", **simulator.settings())
        self.assertLessEqual(max_requests_in_window(str(simulator.log), 1.0), 1)


if __name__ == "__main__":
    unittest.main()
