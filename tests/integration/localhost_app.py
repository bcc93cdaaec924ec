"""What tests of the stand-in host share: an app folder, the host's process, and the director that
decides what the recording handler answers."""
import base64
import http.client
import json
import os
import pathlib
import shutil
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
DEADLINE_S = 60  # what takes longer will not come


def localhost():
    path = os.environ.get("ENL_LOCALHOST")
    if not path:
        raise RuntimeError("ENL_LOCALHOST must name the built tools/localhost executable")
    return path


def wait_for(condition, what, seconds=DEADLINE_S):
    """The first true value of condition()."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("not within %g s: %s" % (seconds, what))


class Call:
    """One request that the handler was given."""

    def __init__(self, record):
        self.method, self.path, self.line = record["method"], record["path"], record["line"]
        self.headers, self.chunked = record["headers"], record["chunked"]
        self.pid, self.body = record["pid"], base64.b64decode(record["body"])

    def header(self, name):
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    @property
    def json(self):
        return json.loads(self.body)


class Director:
    """Records what the handler is given; answer(call) returns the order for it and may block."""

    def __init__(self):
        self.lock = threading.Condition()
        self.calls, self.starts = [], []
        self.answer = lambda call: {"content_type": "application/json", "body": "{}"}
        self.on_start = lambda start: {}
        outer = self

        class Line(socketserver.StreamRequestHandler):
            def handle(self):
                order = outer.order(json.loads(self.rfile.readline()))
                try:
                    self.wfile.write(json.dumps(order).encode() + b"\n")
                except OSError:
                    pass  # the handler was killed meanwhile

        class Server(socketserver.ThreadingTCPServer):
            request_queue_size = 1024
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Line)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def order(self, record):
        with self.lock:
            if "start" in record:
                self.starts.append(record)
            else:
                self.calls.append(Call(record))
                call = self.calls[-1]
            self.lock.notify_all()
        return self.on_start(record) if "start" in record else self.answer(call)

    def wait(self, condition, what, seconds=DEADLINE_S):
        """Until condition() holds; it is looked at whenever something was recorded."""
        with self.lock:
            if not self.lock.wait_for(condition, seconds):
                raise AssertionError("not within %g s: %s" % (seconds, what))

    def wait_calls(self, n, seconds=DEADLINE_S):
        self.wait(lambda: len(self.calls) >= n, "%d calls" % n, seconds)
        return self.calls

    def reset(self):
        with self.lock:
            self.calls, self.starts = [], []

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class App:
    """An app folder with the recording handler, and the host that runs it."""

    def __init__(self, functions, host=None, queues=None, values=None, handler=None):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="localhost-"))
        self.director = Director()
        self.process, self.port, self.output = None, None, []
        self.lock = threading.Condition()
        shutil.copy(HERE / "recording_handler.py", self.root)
        config = {"version": "2.0", "functionTimeout": "00:02:00",
                  "extensions": {"queues": queues or {}, "http": {"routePrefix": ""}},
                  "customHandler": {"description": {
                      "defaultExecutablePath": sys.executable,
                      "arguments": ["recording_handler.py"]}}}
        for key, value in (host or {}).items():
            if isinstance(value, dict):
                config.setdefault(key, {}).update(value)
            else:
                config[key] = value
        if handler:
            config["customHandler"]["description"].update(handler)
        (self.root / "host.json").write_text(json.dumps(config))
        for name, bindings in functions.items():
            (self.root / name).mkdir()
            (self.root / name / "function.json").write_text(json.dumps({"bindings": bindings}))
        self.set_values(values or {})

    def set_values(self, values):
        settings = {"IsEncrypted": False,
                    "Values": {"DIRECTOR_PORT": str(self.director.port), **values}}
        (self.root / "local.settings.json").write_text(json.dumps(settings))

    def start(self, *options, wait=True):
        port_file = self.root / "port"
        port_file.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [localhost(), "--root", str(self.root), "--port", "0", "--port-file", str(port_file),
             "--storage", str(self.root / "queues.sqlite"), *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        self.reader = threading.Thread(target=self.read_output, args=(self.process.stdout,))
        self.reader.start()
        if wait:
            self.wait_output("listening on http://localhost:")
            self.port = int(port_file.read_text())
        return self

    def read_output(self, lines):
        for line in lines:
            with self.lock:
                self.output.append(line.rstrip("\n"))
                self.lock.notify_all()
        lines.close()

    def wait_output(self, text, seconds=DEADLINE_S):
        with self.lock:
            if not self.lock.wait_for(lambda: any(text in x for x in self.output), seconds):
                raise AssertionError("no %r in:\n%s" % (text, "\n".join(self.output)))

    def wait_exit(self, seconds=DEADLINE_S):
        code = self.process.wait(seconds)
        self.reader.join()
        return code

    def stop(self):
        """The host's exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait_exit(2 * DEADLINE_S)

    def close(self):
        try:
            if self.process and self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                self.process.send_signal(signal.SIGINT)
                code = self.wait_exit(2 * DEADLINE_S)
                assert code == 0, (code, self.output)
            assert not any("Sanitizer" in line for line in self.output), "\n".join(self.output)
        finally:
            self.director.close()
            shutil.rmtree(self.root)

    def request(self, method, path, body=None, headers=(), host=None, timeout=2 * DEADLINE_S, chunked=False):
        """status, headers (a dict with lower-case names), body."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            c.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            c.putheader("Host", host or "127.0.0.1:%d" % self.port)
            for name, value in dict(headers).items() if isinstance(headers, dict) else headers:
                c.putheader(name, value)
            if chunked:
                c.putheader("Transfer-Encoding", "chunked")
            elif body is not None:
                c.putheader("Content-Length", str(len(body)))
            c.endheaders(body, encode_chunked=chunked)
            r = c.getresponse()
            return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()
        finally:
            c.close()

    def admin(self, method, path, body=None):
        status, _, data = self.request(method, "/admin/" + path, body)
        assert status in (200, 202), (method, path, status, data)
        return json.loads(data) if data else None

    def queue(self, name):
        return self.admin("GET", "localhost/queues/" + name)

    def counts(self, name):
        c = self.admin("GET", "localhost/queues").get(name, {"visible": 0, "invisible": 0})
        return c["visible"], c["invisible"]

    def put(self, name, data, wire=False):
        self.admin("POST", "localhost/queues/" + name + ("?wire=1" if wire else ""), data)

    def reveal(self, name):
        self.admin("POST", "localhost/queues/" + name + "/reveal", b"")

    def clear(self, name):
        self.admin("DELETE", "localhost/queues/" + name)

    def handler(self):
        return self.admin("GET", "localhost/handler")

    def kill_handler(self, counted=False):
        self.admin("POST", "localhost/handler/kill" + ("" if counted else "?uncounted=1"), b"")

    def wait_empty(self, name, seconds=DEADLINE_S):
        wait_for(lambda: self.counts(name) == (0, 0), "queue %s is empty" % name, seconds)
