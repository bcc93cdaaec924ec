"""stack - a whole Enlace for a test: local host, handler, database and Odoo simulator, in a folder of its own.

ENL_TEST_DATABASE chooses the database: sqlite (the default) or postgresql (a server of the test's own).
"""
import base64
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import random
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
SIMULATOR = ROOT / "tests" / "odoo-simulator" / "odoo_simulator.py"
FUNCTIONS = [folder.parent.name for folder in ROOT.glob("*/function.json")]
KEY = "key-of-the-tests"
WEBHOOK = "/api/v1/manychat/webhook"
QUEUE = "manychat-events-queue"
POISON = QUEUE + "-poison"
SLOWNESS = 4 if os.environ.get("ENL_EMULATOR") else 1
PATIENCE_S = 60 * SLOWNESS  # a condition that takes longer will not come; sanitizers are slow
# Where requests are held against the clock: a busy machine may keep one on its way from turn to wire for so long.
STEADY = {"ODOO_TURN_SLACK_MS": str(500 * SLOWNESS)}
PATIENT = {"ODOO_TIMEOUT_SECONDS": "100"}  # where the test decides how long Odoo takes

sys.path.insert(0, str(SIMULATOR.parent))
from odoo_simulator import max_requests_in_window  # noqa: E402,F401  its tests' users take it from here


def binary(name):
    """The executable that ctest names; a test without one must not pass."""
    path = os.environ.get(name)
    if not path:
        raise RuntimeError(f"{name} must name the executable to test")
    return path


def emulated(folder):
    """The command that starts the executable under test; valgrind's reports go into the folder."""
    emulator = shlex.split(os.environ.get("ENL_EMULATOR", ""))
    if emulator:
        emulator.append(f"--log-file={folder}/report.%p")
    return [*emulator, binary("ENL_BINARY")]


def reports(folder, lines):
    """What sanitizers said in the output, and valgrind in its files: one who is killed has no exit code to tell by."""
    said = [line for line in lines if "Sanitizer" in line or "runtime error:" in line]
    return said + [text for file in folder.glob("report.*") if (text := file.read_text(errors="replace"))]


def wait_until(condition, what, patience_s=PATIENCE_S):
    """Asks until the condition holds and returns what it gave."""
    end = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"never came true: {what}")
        time.sleep(0.05)


def request(url, body=None, method=None, headers=None):
    """(status, headers, text) of one HTTP request; an error status is an answer like any other."""
    if isinstance(body, str):
        body = body.encode()
    sent = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(sent, timeout=PATIENCE_S) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


class Process:
    """A child whose output is collected line by line, and appended to a file where one is given."""

    def __init__(self, command, env=None, cwd=None, log=None):
        self.lines = []
        self.log = log
        self.child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, cwd=cwd, text=True, errors="replace")
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with self.child.stdout, open(self.log or os.devnull, "a", encoding="utf-8") as log:
            for line in self.child.stdout:
                self.lines.append(line.rstrip("\n"))
                log.write(line)

    def wait_line(self, part):
        def found():
            for line in list(self.lines):
                if part in line:
                    return line
            if self.child.poll() is not None:
                raise AssertionError(f"ended with {self.child.returncode}: " + "\n".join(self.lines[-20:]))
            return None
        return wait_until(found, f"a line with {part!r}")

    def stop(self, sig=signal.SIGTERM, patience_s=40):
        if self.child.poll() is None:
            self.child.send_signal(sig)
            try:
                self.child.wait(patience_s)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.reader.join(5)
        return self.child.returncode


class Simulator:
    """The Odoo simulator, which keeps its port and its records over a restart."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.log = folder / "odoo.jsonl"
        self.start()

    def start(self):
        self.process = Process([
            sys.executable, str(SIMULATOR), "--port", str(self.port), "--state", str(self.folder / "odoo.sqlite"),
            "--log", str(self.log)])
        self.process.wait_line("listening on")

    def stop(self):
        self.process.stop()

    def settings(self):
        """What a handler needs to know of it."""
        return {"ODOO_HOST": "127.0.0.1", "ODOO_PORT": str(self.port), "ODOO_DB": "odoo", "ODOO_USER": "enlace",
                "ODOO_PASSWORD": "secret"}

    def order(self, **fault):
        status, _, text = request(f"http://127.0.0.1:{self.port}/_control", json.dumps(fault))
        assert status == 200, text

    def change_rows(self, **change):
        """delete=[event ids], as people do; lose=[subscriber ids], as a restored backup does."""
        status, _, text = request(f"http://127.0.0.1:{self.port}/_control/rows", json.dumps(change))
        assert status == 200, text

    def get(self, what=""):
        return json.loads(request(f"http://127.0.0.1:{self.port}/_control{what}")[2])

    def events(self):
        return {row["event_id"]: row for row in self.get("/events")}

    def contacts(self):
        return {row["subscriber_id"]: row for row in self.get("/contacts")}

    def ingested(self, event_id):
        """How many requests carried the event."""
        return sum(event_id in entry["event_ids"] for entry in self.get("/requests"))


class Sqlite:
    """A database file."""

    def __init__(self, folder):
        self.file = folder / "enlace.db"
        self.url = f"sqlite:///{self.file}"
        self.blocker = None

    def sql(self, statement, *values):
        """Rows of one statement, committed."""
        db = sqlite3.connect(self.file, timeout=30)
        try:
            with db:
                return db.execute(statement, values).fetchall()
        finally:
            db.close()

    def go_away(self):
        self.blocker = sqlite3.connect(self.file, isolation_level=None, timeout=30)
        self.blocker.execute("BEGIN EXCLUSIVE")

    def come_back(self):
        self.blocker.execute("ROLLBACK")
        self.blocker.close()

    def close(self):
        pass


class Postgresql:
    """A server of its own, on a free port, as an unprivileged user where the test is root."""
    USER, PASSWORD = "enlace", "p;w}d'\\{@:/?#[ ñ"

    def __init__(self, folder, connections=100):
        self.connections = connections  # at most; 100 is PostgreSQL's own default
        [self.bin] = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
        self.folder = folder / "postgresql"
        self.folder.mkdir()
        self.port = free_port()
        password = urllib.parse.quote(self.PASSWORD, safe="")
        self.url = f"postgresql://{self.USER}:{password}@127.0.0.1:{self.port}/enlace"
        if os.geteuid() == 0:
            os.chmod(folder, 0o755)
            shutil.chown(self.folder, "postgres")
        secret = self.folder / "password"
        secret.write_text(self.PASSWORD)
        if os.geteuid() == 0:
            shutil.chown(secret, "postgres")
        self._run("initdb", "-D", self.folder / "data", "-U", self.USER, "-A", "scram-sha-256", "-E", "UTF8",
                  "--locale=C.UTF-8", "--no-sync", f"--pwfile={secret}")
        self.come_back()
        self.sql("CREATE DATABASE enlace", database="postgres")

    def _run(self, program, *arguments):
        command = [str(self.bin / program), *map(str, arguments)]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")

    def connect(self, database="enlace"):
        import psycopg2  # only a test on PostgreSQL needs it
        db = psycopg2.connect(host="127.0.0.1", port=self.port, user=self.USER, password=self.PASSWORD, dbname=database)
        db.autocommit = True
        return db

    def sql(self, statement, *values, database="enlace"):
        db = self.connect(database)
        try:
            with db.cursor() as cursor:
                cursor.execute(statement.replace("%", "%%").replace("?", "%s"), values)
                return cursor.fetchall() if cursor.description else []
        finally:
            db.close()

    def go_away(self):
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")

    def come_back(self):
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off" \
            f" -c max_connections={self.connections}"
        self._run("pg_ctl", "-D", self.folder / "data", "-o", options, "-l", self.folder / "log", "-w", "start")

    def close(self):
        self.go_away()


def database(folder):
    """The database that this run of the tests is for."""
    return {"sqlite": Sqlite, "postgresql": Postgresql}[os.environ.get("ENL_TEST_DATABASE", "sqlite")](folder)


class Stack:
    """app: the folder that would be published, with the executable under test.

    beside: a stack whose database and Odoo this one shares, as a second instance does. log: a file that
    gets what the local host and its handler print.
    """

    def __init__(self, odoo=True, settings=None, host=None, start=True, recorder=False, sync=False, beside=None,
                 log=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="enlace-"))
        self.app = self.folder / "app"
        self.log = log
        self.is_owner = beside is None
        self.database = beside.database if beside else database(self.folder)
        self.simulator = beside.simulator if beside else Simulator(self.folder) if odoo else None
        self.host = None
        # Most tests look at the poison queue itself, and count Odoo's requests: there nobody takes its messages
        # away, and no minute brings requests of its own.
        left_out = {"dead-letter-recorder": not recorder, "scheduled-sync": not sync}
        self._make_app(host or {}, [name for name in FUNCTIONS if not left_out.get(name)])
        self.configure(**(settings or {}))
        if start:
            try:
                self.start()
            except BaseException:
                self.close()  # nobody else has it yet
                raise

    def _make_app(self, host, functions):
        self.app.mkdir()
        for name in functions:
            shutil.copytree(ROOT / name, self.app / name)
        (self.app / "build").mkdir()
        # A script, not a link: it takes an emulator along.
        executable = self.app / "build" / "enlace"
        executable.write_text(f'#!/bin/sh\nexec {shlex.join(emulated(self.folder))} "$@"\n')
        executable.chmod(0o755)
        config = json.loads((ROOT / "host.json").read_text())
        # A sanitized handler is slow to start, and a test need not wait as long as a user's night.
        queues = config["extensions"]["queues"]
        queues["visibilityTimeout"] = "00:00:01"
        queues.update(host)
        config["customHandler"]["initializationTimeout"] = "00:01:00"
        (self.app / "host.json").write_text(json.dumps(config))

    def configure(self, **settings):
        """Writes the settings that the next start takes; None takes one away."""
        values = {"FUNCTIONS_WORKER_RUNTIME": "custom", "AzureWebJobsStorage": "UseDevelopmentStorage=true",
                  "API_KEY": KEY, "DATABASE_URL": self.database.url}
        if self.simulator:
            values.update(self.simulator.settings(), ODOO_TIMEOUT_SECONDS="5")
        values.update(settings)
        values = {name: value for name, value in values.items() if value is not None}
        (self.app / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": values}))

    def start(self):
        self.start_host()
        # The host serves before the schema is there, which the tests look into.
        wait_until(lambda: self.health()[1]["sql"]["status"] == "ok", "the schema is there")

    def start_host(self):
        self.host = Process([binary("ENL_LOCALHOST"), "--root", str(self.app), "--port", "0",
                             "--storage", str(self.folder / "queues.sqlite"), "--settings", "local.settings.json"],
                            log=self.log)
        self.port = int(self.host.wait_line("listening on").rsplit(":", 1)[1])

    def close(self):
        """Ends everything; a sanitizer's report is a failure of the test that caused it."""
        try:
            if self.host:
                self.host.stop()
            if self.is_owner:
                if self.simulator:
                    self.simulator.stop()
                self.database.close()
            lines = self.host.lines if self.host else []
            found = reports(self.folder, lines)
            assert not found, "\n".join(found + lines[-80:])
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def request(self, path, body=None, method=None, headers=None):
        return request(f"http://localhost:{self.port}{path}", body, method, headers)

    def post(self, body, headers=None, key=KEY):
        """(status, decoded answer) of one webhook."""
        sent = {"Content-Type": "application/json"}
        if key is not None:
            sent["X-API-Key"] = key
        sent.update(headers or {})
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body, ensure_ascii=False)
        status, _, text = self.request(WEBHOOK, body, "POST", sent)
        return status, json.loads(text) if text else None

    def accept(self, body, headers=None):
        """The id of an event that must be taken."""
        status, answer = self.post(body, headers)
        assert status == 200, (status, answer)
        return answer["event_id"]

    def post_all(self, bodies, parallel=32):
        """The statuses of many webhooks, so many at a time."""
        with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
            return [status for status, _ in pool.map(self.post, bodies)]

    def event(self, event_id):
        """The look-up's answer, None while it is 404 or 503."""
        status, _, text = self.request(f"/api/v1/events/{event_id}", headers={"X-API-Key": KEY})
        assert status in (200, 404, 503), (status, text)
        return json.loads(text) if status == 200 else None

    def wait_status(self, event_id, status):
        def reached():
            event = self.event(event_id)
            return event if event and event["status"] == status else None
        return wait_until(reached, f"{event_id} {status}")

    def health(self):
        status, _, text = self.request("/health")
        return status, json.loads(text)

    def wait_health(self, condition, what):
        """(status, health) of the first answer that meets it; what /health tells is up to 5 s old."""
        def met():
            answer = self.health()
            return answer if condition(answer[1]) else None
        return wait_until(met, f"/health: {what}")

    def queue(self, name=QUEUE):
        """Messages on a queue, [] when there is no such queue."""
        status, _, text = self.request(f"/admin/localhost/queues/{name}")
        return json.loads(text) if status == 200 else []

    def put_message(self, text, name=QUEUE):
        status, _, answer = self.request(f"/admin/localhost/queues/{name}", text, "POST")
        assert status < 300, answer

    def handler(self):
        """Of the handler: pid, port, and how often one was started."""
        return json.loads(self.request("/admin/localhost/handler")[2])

    def kill_handler(self):
        status, _, text = self.request("/admin/localhost/handler/kill?uncounted=1", b"", "POST")
        assert status < 300, text

    def sql(self, statement, *values):
        """Rows of one statement on the handler's database, committed."""
        return self.database.sql(statement, *values)

    def statuses(self):
        return dict(self.sql("SELECT status, COUNT(*) FROM events GROUP BY status"))


class Handler:
    """The executable alone, as the Functions host talks to it."""

    def __init__(self, settings=None, port=None, folder=None):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="enlace-"))
        self.own_folder = folder is None
        if not (self.folder / "host.json").exists():
            shutil.copy(ROOT / "host.json", self.folder)
        self.port = port or free_port()
        env = {name: value for name, value in os.environ.items()
               if not name.startswith(("ODOO_", "WEBSITE_", "FUNCTIONS_", "DATABASE_", "API_"))}
        env.update(FUNCTIONS_CUSTOMHANDLER_PORT=str(self.port), API_KEY=KEY,
                   DATABASE_URL=f"sqlite:///{self.folder}/enlace.db")
        env.update(settings or {})
        env = {name: value for name, value in env.items() if value is not None}
        self.process = Process(emulated(self.folder), env=env, cwd=self.folder)

    def wait_up(self):
        def up():
            if self.process.child.poll() is not None:
                raise AssertionError("\n".join(self.process.lines))
            try:
                return self.request("/")[0] == 200
            except (OSError, http.client.HTTPException):
                return False
        wait_until(up, "the handler answers")
        # The port answers before the committer runs; until then queue calls are handed back at once.
        self.process.wait_line('msg="serving"')
        return self

    def request(self, path, body=None, method=None, headers=None):
        return request(f"http://127.0.0.1:{self.port}{path}", body, method, headers)

    def invoke(self, function, data, metadata=None):
        """(status, decoded answer) of one invocation."""
        status, headers, text = self.request(
            "/" + function, json.dumps({"Data": data, "Metadata": metadata or {}}),
            headers={"Content-Type": "application/json; charset=utf-8"})
        return status, json.loads(text)

    def webhook(self, body, headers=None):
        """The outputs of one webhook invocation."""
        given = {"X-API-Key": [KEY], "Content-Type": ["application/json"], "Content-Length": [str(len(body))]}
        given.update(headers or {})
        status, answer = self.invoke("manychat-webhook", {"req": {
            "Url": "http://localhost" + WEBHOOK, "Method": "POST", "Query": {}, "Headers": given, "Params": {},
            "Identities": [], "Body": body}})
        assert status == 200, answer
        return answer["Outputs"]

    def message(self, body, headers=None):
        """The queue message that a webhook makes."""
        return base64.b64decode(self.webhook(body, headers)["event"]).decode()

    def event(self, event_id):
        """(status, text) of a look-up that SQL has answered."""
        def answered():
            status, _, text = self.request(f"/api/v1/events/{event_id}", headers={"X-API-Key": KEY})
            return (status, text) if status != 503 else None
        return wait_until(answered, f"the look-up of {event_id}")

    def deliver(self, text, deliveries=1):
        return self.invoke("queue-processor", {"event": json.dumps(text, ensure_ascii=False)},
                           {"DequeueCount": str(deliveries)})

    def close(self):
        code = self.process.stop()
        lines = self.process.lines
        found = reports(self.folder, lines)
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        assert not found, "\n".join(found + lines[-80:])
        return code


def open_calls(port):
    """Connections that whoever listens there has accepted: each of the local host's carries one call."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [row.split() for row in table]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows[1:])


def free_port():
    """A port to listen on later, or again.  Not one that the kernel would pick: that could meanwhile become the source
    port of somebody's connection, even of the one that asks whether anybody listens.  Nor one of the local host's."""
    while True:
        port = random.randrange(10000, 20000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
