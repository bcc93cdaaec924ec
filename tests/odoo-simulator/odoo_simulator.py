"""An Odoo 18 with the ManyChat addon, as a JSON-RPC client sees it: command line and HTTP server.

It answers as the real server was recorded to answer, keeps what it is sent in SQLite, and lets a
test order faults through /_control. For tests only: it listens on the loopback interface.
"""

import argparse
import json
import os
import signal
import socket
import socketserver
import struct
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler

from faults import Faults
from request_log import RequestLog, max_requests_in_window
from rpc import HTML, JSON, Answer, Call, Rpc, html_page, read_call, result_answer
from store import Store

__all__ = ["SimulatorServer", "main", "max_requests_in_window"]

CLEARED_S = 0.02  # until a pause sees that its order was cleared
NOT_FOUND = ("The requested URL was not found on the server. If you entered the URL manually "
             "please check your spelling and try again.")


class SimulatorServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A thread for each connection; everything the threads share hangs here."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port, rpc, store, log, base_ms, per_event_ms):
        super().__init__(("127.0.0.1", port), Handler)
        self.rpc = rpc
        self.store = store
        self.log = log
        self.faults = Faults()
        self.base_ms = base_ms
        self.per_event_ms = per_event_ms
        self.stopping = threading.Event()

    @property
    def port(self):
        return self.server_address[1]

    def handle_error(self, request, client_address):
        """A client that hangs up is what half of the tests are about: no traceback for it."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One request a connection: Odoo never keeps it alive."""

    protocol_version = "HTTP/1.1"
    server_version = "Werkzeug/2.2.2"

    def handle(self):
        if self.rfile.peek(1):
            self.seen_monotonic, self.seen_wall = time.monotonic(), time.time()
            self.handle_one_request()

    def handle_expect_100(self):
        """Twice, as Odoo's threaded server does it."""
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 2)
        return True

    def log_message(self, format, *args):
        """Silent: the request log says it all."""

    def do_GET(self):
        if self.path.startswith("/_control"):
            self._reply(self._read_control())
        else:
            self._serve_odoo()

    def do_POST(self):
        if self.path == "/_control":
            self._reply(self._take_order())
        elif self.path == "/_control/rows":
            self._reply(self._change_rows())
        else:
            self._serve_odoo()

    # The control endpoint

    def _read_control(self):
        views = {
            "/_control": lambda: {**self.server.log.counters(),
                                  "faults": self.server.faults.listing()},
            "/_control/events": self.server.store.events,
            "/_control/contacts": self.server.store.contacts,
            "/_control/requests": self.server.log.entries,
        }
        if self.path not in views:
            return html_page(404, NOT_FOUND)
        return Answer(200, JSON, json.dumps(views[self.path]()))

    def _take_order(self):
        try:
            return Answer(200, JSON, json.dumps(
                self.server.faults.order(json.loads(self._body() or b""))))
        except ValueError as error:
            return Answer(400, JSON, json.dumps({"error": str(error)}))

    def _change_rows(self):
        changes = {"delete": self.server.store.delete, "lose": self.server.store.lose}
        try:
            order = json.loads(self._body() or b"")
            if not isinstance(order, dict) or not all(
                    name in changes and isinstance(ids, list) for name, ids in order.items()):
                raise ValueError(f"rows are changed by lists of {', '.join(changes)}")
        except ValueError as error:
            return Answer(400, JSON, json.dumps({"error": str(error)}))
        for name, ids in order.items():
            changes[name](ids)
        return Answer(200, JSON, json.dumps(order))

    # Odoo

    def _serve_odoo(self):
        entry = self.server.log.begin(self.seen_monotonic, self.seen_wall, self.path)
        call = self._read_call()
        self.server.log.describe(entry, call)
        plan = self.server.faults.plan(call)
        self._wait((self.server.base_ms + self.server.per_event_ms * len(call.events)) / 1000)
        self._wait(plan.delay_before, plan.cleared)
        answer = self._carry_out(call, plan)
        self._wait(plan.delay_after, plan.cleared)
        self.server.log.finish(entry, time.monotonic(), answer and answer.status,
                               answer and answer.error, plan.applied)
        if answer:
            self._reply(answer)
        elif plan.ending["mode"].startswith("reset"):
            self._reset()

    def _read_call(self):
        body = self._body()
        if self.path == "/jsonrpc":
            mimetype = None if self.command == "GET" else self.headers.get_content_type()
            return read_call(mimetype, body)
        if self.path.startswith("/json/2/"):
            return Call(refusal=Answer(303, HTML, "", {"Location": "/web/login"}))
        return Call(refusal=html_page(404, NOT_FOUND))

    def _carry_out(self, call, plan):
        """The answer, or None where the client gets none."""
        answer = self.server.rpc.answer(call, plan) if plan.does_the_work else None
        if not plan.ending:
            return answer
        mode = plan.ending["mode"]
        if mode == "error":
            return self.server.rpc.ordered(call, plan.ending)
        if mode == "status":
            return _proxy_page(plan.ending)
        if mode == "non_json":
            return Answer(200, HTML, "<html><body>Just a moment...</body></html>\n")
        if mode == "no_result":
            return result_answer(call.id, None)
        return None

    def _wait(self, seconds, cleared=None):
        """A pause, which ends early when cleared is set; when the server ends meanwhile, the
        request goes no further."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not (cleared and cleared.is_set()):
            if self.server.stopping.wait(min(left, CLEARED_S) if cleared else left):
                raise ConnectionAbortedError("the server ends")

    # Bytes

    def _body(self):
        """The request's body, or None where the client left before its end."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunked_body()
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        return body if len(body) == length else None

    def _chunked_body(self):
        chunks = []
        while True:
            size = self.rfile.readline().partition(b";")[0].strip()
            if not size:
                return None
            chunk = self.rfile.read(int(size, 16))
            if len(chunk) < int(size, 16):
                return None
            line_end = self.rfile.readline()
            if not chunk:
                self._skip_trailers(line_end)
                return b"".join(chunks)
            chunks.append(chunk)

    def _skip_trailers(self, line):
        while line.strip():
            line = self.rfile.readline()

    def _reply(self, answer):
        """In one write: two would wait for each other's acknowledgement."""
        body = answer.text.encode()
        headers = {"Server": self.version_string(), "Date": self.date_time_string(),
                   "Content-Type": answer.content_type, "Content-Length": len(body),
                   **answer.headers, "Connection": "close"}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.wfile.write(f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n"
                         f"{head}\r\n".encode() + body)

    def _reset(self):
        """Closes with a RST. Both ends of the socket must go, or a FIN would be sent first."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()


def _proxy_page(order):
    """What a proxy in front of Odoo says."""
    title = f"{order['status']} {HTTPStatus(order['status']).phrase}"
    text = (f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
            f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n"
            "</html>\r\n")
    headers = {"Retry-After": order["retry_after"]} if "retry_after" in order else {}
    if order["status"] < 400:
        headers["Location"] = "/web/login"
    return Answer(order["status"], HTML, text, headers)


def _parse_arguments(arguments):
    parser = argparse.ArgumentParser(description="An Odoo 18 with the ManyChat addon, for tests.")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--port-file", help="the port is written here")
    parser.add_argument("--db", default="odoo")
    parser.add_argument("--user", default="enlace")
    parser.add_argument("--password", default="secret")
    parser.add_argument("--api-key", help="works in place of the password")
    parser.add_argument("--state", default=":memory:", help="SQLite file that survives a restart")
    parser.add_argument("--log", help="every request is appended here as a line of JSON")
    parser.add_argument("--base-ms", type=float, default=5.0, help="time that a request takes")
    parser.add_argument("--per-event-ms", type=float, default=0.3, help="and each event besides")
    return parser.parse_args(arguments)


def _write_port(path, port):
    """In one step, so that a reader who finds the file finds the number in it."""
    temporary = f"{path}.tmp"
    with open(temporary, "w", encoding="ascii") as file:
        file.write(f"{port}\n")
    os.replace(temporary, path)


def main(arguments=None):
    """Serves until SIGTERM or SIGINT."""
    options = _parse_arguments(arguments)
    store = Store(options.state)
    log = RequestLog(options.log)
    passwords = {options.password, options.api_key} - {None}
    server = SimulatorServer(options.port, Rpc(store, options.db, options.user, passwords), store,
                             log, options.base_ms, options.per_event_ms)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stopping.set())
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
    if options.port_file:
        _write_port(options.port_file, server.port)
    print(f"listening on http://127.0.0.1:{server.port}", flush=True)
    server.stopping.wait()
    server.shutdown()
    server.server_close()
    log.close()
    store.close()


if __name__ == "__main__":
    main()
