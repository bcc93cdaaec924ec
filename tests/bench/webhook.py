"""webhook - requests a second of the handler alone, beside a civetweb handler that does nothing."""
import contextlib
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import uuid

from common import FULL_CONTACT, Figure, cpu_seconds
from stack import Handler, KEY, Process, WEBHOOK, free_port, request, wait_until

ROUNDS = 3
ROUND_S = 4
CONNECTIONS = 32
# wrk would send a Content-Length; the Functions host sends chunks, so the request goes out as it was written.
SCRIPT = """
function init(args) local file = io.open(args[1], "rb"); raw = file:read("a"); file:close() end
function request() return raw end
"""


def webhook(_options):
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="enlace-bench-")))
        handler = Handler()
        stack.callback(handler.close)
        minimal_port = free_port()
        minimal = Process([os.environ["ENL_MINIMAL"], str(minimal_port)])
        stack.callback(minimal.stop)
        handler.wait_up()
        assert_accepted(handler)
        wait_until(lambda: answers(minimal_port), "the minimal handler answers")
        targets = {"webhook": (handler.port, handler.process.child.pid), "minimal": (minimal_port, minimal.child.pid)}
        rates = {name: [] for name in targets}
        costs = {name: [] for name in targets}
        for _ in range(ROUNDS):
            for name, (port, pid) in targets.items():
                per_second, cpu_us = run_wrk(folder, port, pid)
                rates[name].append(per_second)
                costs[name].append(cpu_us)
    ratios = [ours / least for ours, least in zip(rates["webhook"], rates["minimal"])]
    return [
        median("webhook_requests_per_second", rates["webhook"], "1/s"),
        median("minimal_requests_per_second", rates["minimal"], "1/s"),
        median("webhook_ratio", ratios, "", (">=", 0.4)),
        median("webhook_cpu_us", costs["webhook"], "us"),
        median("minimal_cpu_us", costs["minimal"], "us"),
    ]


def median(name, samples, unit, target=None):
    return Figure(name, statistics.median(samples), unit, target, samples)


def assert_accepted(handler):
    """What is timed must be the whole way, not a refusal."""
    status, _, text = request(f"http://127.0.0.1:{handler.port}/manychat-webhook", envelope(),
                              headers={"Content-Type": "application/json; charset=utf-8"})
    assert status == 200 and json.loads(text)["Outputs"]["res"]["statusCode"] == 200, text
    assert json.loads(text)["Outputs"]["event"], text


def answers(port):
    try:
        return request(f"http://127.0.0.1:{port}/")[0] == 200
    except OSError:
        return False


def envelope():
    """The invocation that the Functions host makes of the full contact: its fields stand in Metadata again."""
    headers = {"Accept": "*/*", "Host": "localhost:7071", "User-Agent": "ManyChat", "Content-Type": "application/json",
               "Content-Length": str(len(FULL_CONTACT.encode())), "X-API-Key": KEY}
    data = {"Url": "http://localhost:7071" + WEBHOOK, "Method": "POST", "Query": {},
            "Headers": {name: [value] for name, value in headers.items()}, "Params": {},
            "Identities": [{"AuthenticationType": None, "IsAuthenticated": False, "Actor": None,
                            "BootstrapContext": None, "Claims": [], "Label": None, "Name": None,
                            "NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
                            "RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"}],
            "Body": FULL_CONTACT}
    repeated = {name: value if isinstance(value, (dict, list)) else compact(value)
                for name, value in json.loads(FULL_CONTACT).items()}
    metadata = {**repeated, "Query": {}, "Headers": headers,
                "sys": {"MethodName": "manychat-webhook", "UtcNow": "2026-11-23T23:22:54.7587884Z",
                        "RandGuid": str(uuid.uuid4())}}
    return compact({"Data": {"req": data}, "Metadata": metadata})


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def raw_request(port):
    """Byte for byte what the host sends: one chunk."""
    body = envelope().encode()
    head = (f"POST /manychat-webhook HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "X-Azure-Functions-HostVersion: 4.1037.0.0\r\n"
            f"X-Azure-Functions-InvocationId: {uuid.uuid4()}\r\nUser-Agent: Azure-Functions-Host/4.1037.0.0\r\n"
            "Transfer-Encoding: chunked\r\nContent-Type: application/json; charset=utf-8\r\n\r\n")
    return head.encode() + f"{len(body):X}\r\n".encode() + body + b"\r\n0\r\n\r\n"


def run_wrk(folder, port, pid):
    """(requests a second, CPU microseconds a request) of one round."""
    script, raw = folder / "raw.lua", folder / "request"
    script.write_text(SCRIPT)
    raw.write_bytes(raw_request(port))
    before = cpu_seconds(pid)
    out = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{ROUND_S}s", "-s", script, f"http://127.0.0.1:{port}",
                          "--", raw], check=True, capture_output=True, text=True).stdout
    cpu = cpu_seconds(pid) - before
    assert "Non-2xx" not in out and "Socket errors" not in out, out
    requests = int(re.search(r"(\d+) requests in", out)[1])
    return float(re.search(r"Requests/sec: *([\d.]+)", out)[1]), cpu * 1e6 / requests
