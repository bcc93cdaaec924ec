"""A custom handler for tests: hands each request to the test (director) and answers as it says.

The test runs a line protocol on the port in DIRECTOR_PORT: one connection a request, one JSON line
there, one JSON line back. So what is recorded and ordered outlives a killed handler.
"""
import base64
import http.server
import json
import os
import socket
import sys

DIRECTOR = ("127.0.0.1", int(os.environ["DIRECTOR_PORT"]))


def ask(request):
    with socket.create_connection(DIRECTOR) as s:
        s.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(s.makefile("rb").readline() or b"{}")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return body

    def answer(self):
        body = self.read_body()
        if self.path == "/" and self.headers.keys() == ["Host"]:
            order = {"status": 404, "body": ""}  # the host's probe
        else:
            order = ask({"method": self.command, "path": self.path, "line": self.requestline,
                         "headers": list(self.headers.items()), "pid": os.getpid(),
                         "chunked": "chunked" in self.headers.get("Transfer-Encoding", ""),
                         "body": base64.b64encode(body).decode()})
        if "exit" in order:
            os._exit(order["exit"])
        data = order.get("body", "{}").encode()
        self.send_response_only(order.get("status", 200))
        for name, value in order.get("headers", []):
            self.send_header(name, value)
        if order.get("content_type"):
            self.send_header("Content-Type", order["content_type"])
        if order.get("status") != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if order.get("status") != 204 and self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = answer


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


def main():
    order = ask({"start": os.getpid(), "argv": sys.argv[1:], "cwd": os.getcwd(),
                 "env": {name: value for name, value in os.environ.items()
                         if name.startswith(("FUNCTIONS_", "T_"))}})
    if "exit" in order:
        os._exit(order["exit"])
    print("handler is up", flush=True)
    Server(("127.0.0.1", int(os.environ["FUNCTIONS_CUSTOMHANDLER_PORT"])),
           Handler).serve_forever()


main()
