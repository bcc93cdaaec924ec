"""tools/localhost against what was recorded on the real Functions host, and against its contract.

ENL_LOCALHOST names the executable.
"""
import base64
import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import pathlib
import signal
import sqlite3
import threading
import time
import unittest

from localhost_app import App, DEADLINE_S, HERE, wait_for

HOLD_S = 2 * DEADLINE_S  # an answer that the test holds back: longer than all that it waits for meanwhile
CASES = json.loads((HERE.parent / "data" / "functions-host-cases.json").read_text())
ACCEPTED = {"content_type": "application/json",
            "body": '{"Outputs":{"res":{"statusCode":202,"body":"ok"}}}'}
EMPTY = {"content_type": "application/json", "body": "{}"}
FAILED = {"status": 500, "content_type": "application/json", "body": "{}"}


def http_in(route, methods=("get", "post"), auth="anonymous", name="req"):
    binding = {"type": "httpTrigger", "direction": "in", "name": name, "methods": list(methods),
               "route": route}
    if auth:
        binding["authLevel"] = auth
    return binding


def http_out(name="res"):
    return {"type": "http", "direction": "out", "name": name}


def queue_in(queue, name="event", **more):
    return {"type": "queueTrigger", "direction": "in", "name": name, "queueName": queue, **more}


def queue_out(queue, name="event"):
    return {"type": "queue", "direction": "out", "name": name, "queueName": queue}


def timer_in(schedule, **more):
    return {"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": schedule,
            **more}


HOOK = {"hook": [http_in("hook"), queue_out("out"), http_out()]}


def alive(pid):
    try:
        return pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class AppCase(unittest.TestCase):
    maxDiff = None

    def app(self, functions, *options, start=True, **more):
        app = App(functions, **more)
        self.addCleanup(app.close)
        return app.start(*options) if start else app

    def in_background(self, fn, *args, **more):
        pool = concurrent.futures.ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        return pool.submit(fn, *args, **more)


class Golden(AppCase):
    @classmethod
    def setUpClass(cls):
        cls.host = App(
            {"hook": [http_in("api/v1/hook/{kind?}", ("get", "post", "put")),
                      queue_out("golden-out"), http_out()],
             "trig": [queue_in("golden-in")],
             "trigbin": [queue_in("golden-bin", dataType="binary")]},
            host={"functionTimeout": "00:00:04"},
            queues={"maxDequeueCount": 3, "visibilityTimeout": "00:00:01"})
        cls.addClassCleanup(cls.host.close)
        cls.host.start("--poll-ms", "200")

    def setUp(self):
        self.host.director.reset()

    def check_messages(self, queue, expected):
        got = self.host.queue(queue)
        self.host.clear(queue)
        self.assertEqual(len(got), len(expected), got)
        for have, want in zip(got, expected):
            if "sha256" in want:
                data = have["text"].encode()
                self.assertEqual((len(data), hashlib.sha256(data).hexdigest()),
                                 (want["bytes"], want["sha256"]))
            else:
                self.assertEqual({k: have.get(k) for k in want}, want)

    def answer_body(self, case):
        if case["handler"]["body"] is not None:
            return case["handler"]["body"]
        size = 49152 + (1 if "+ 1 byte" in case["name"] else 0)
        text = '{"x":"' + "y" * (size - 8) + '"}'
        return json.dumps({"Outputs": {
            "event": base64.b64encode(text.encode()).decode(),
            "res": {"statusCode": 202, "body": '{"ok":true}',
                    "headers": {"Content-Type": "application/json", "X-A": "b"}}}})

    def test_answers(self):
        self.assertEqual(len(CASES["answers"]), 42)
        for case in CASES["answers"]:
            with self.subTest(case["name"]):
                order = {**case["handler"], "body": self.answer_body(case)}
                self.host.director.answer = lambda call, order=order: order
                began = time.monotonic()
                status, headers, body = self.host.request(
                    "POST", "/api/v1/hook", b"{}", {"Content-Type": "application/json"})
                took = time.monotonic() - began
                want = case["expect"]
                self.assertEqual((status, headers.get("content-type"), body.decode()),
                                 (want["status"], want["content_type"], want["body"]))
                self.assertEqual({k: headers.get(k) for k in want.get("headers", {})},
                                 want.get("headers", {}))
                self.assertGreaterEqual(took, want.get("seconds_at_least", 0))
                if status == 500:
                    self.assertEqual(headers.get("content-length"), "0")
                elif status != 204:
                    self.assertEqual(headers.get("transfer-encoding"), "chunked")
                self.check_messages("golden-out", want["queue"])

    def send_case(self, case):
        if "chunked_body" in case:
            return self.host.request(case["method"], case["path"], case["chunked_body"].encode(),
                                     host="x", chunked=True)
        body = case["body"].encode() if case["body"] is not None else None
        if case["body_base64"] is not None:
            body = base64.b64decode(case["body_base64"])
        return self.host.request(case["method"], case["path"], body, case["headers"])

    def check_metadata(self, got, want, name):
        got = dict(got)
        own_names = {"Headers": dict, "sys": dict}
        for key in own_names:
            if key not in want:
                self.assertIsInstance(got.pop(key), own_names[key])
        for key in [k for k in want if k == "$sys"]:
            self.assertEqual(got.pop(key).keys(), want[key].keys())
        self.assertEqual(got, {k: v for k, v in want.items() if k != "$sys"}, name)

    def test_requests(self):
        self.assertEqual(len(CASES["requests"]), 14)
        self.host.director.answer = lambda call: EMPTY
        for case in CASES["requests"]:
            name = case.get("name", "%s %s" % (case["method"], case["path"]))
            with self.subTest(name):
                self.host.director.reset()
                want = case["expect"]
                status, _, _ = self.send_case(case)
                self.assertEqual(status, want["status"])
                if "Data" not in want:
                    self.assertEqual(self.host.director.calls, [])
                    continue
                (call,) = self.host.director.calls
                self.assertEqual(
                    (call.method, call.path, call.chunked),
                    (want.get("handler_method", "POST"), want.get("handler_path", "/hook"), True))
                self.assertIsNone(call.header("Content-Length"))
                data = call.json["Data"]
                headers = data["req"].pop("Headers")
                self.assertIsNone(data["req"].pop("Identities")[0]["Name"])
                url = want["Data"]["req"]["Url"].replace("PORT", str(self.host.port))
                want["Data"]["req"]["Url"] = url
                self.assertEqual(data, want["Data"])
                if "Data_req_Headers" in want:
                    del headers["Host"]
                    self.assertEqual(headers, want["Data_req_Headers"])
                if "Metadata" in want:
                    self.check_metadata(call.json["Metadata"], want["Metadata"], name)

    def test_triggers(self):
        self.assertEqual(len(CASES["triggers"]), 11)
        for case in CASES["triggers"]:
            with self.subTest(case["name"]):
                self.host.director.reset()
                self.host.director.answer = lambda call, case=case: case["handler"]
                want, queue = case["expect"], case["queue"]
                if "wire" in case:
                    self.host.put(queue, case["wire"].encode(), wire=True)
                else:
                    self.host.put(queue, base64.b64decode(case["message_base64"]))
                self.host.director.wait_calls(want["deliveries"])
                self.host.wait_empty(queue)
                calls = self.host.director.calls
                self.assertEqual(len(calls), want["deliveries"])
                self.check_messages(queue + "-poison", want["poison"])
                for call in calls:
                    self.assertEqual((call.method, call.path, call.chunked),
                                     ("POST", want["handler_path"], True))
                    self.assertEqual(call.json["Data"], want["Data"])
                    self.assertEqual(sorted(call.json["Metadata"]), want["Metadata_keys"])
                self.assertEqual([c.json["Metadata"]["DequeueCount"] for c in calls],
                                 want.get("DequeueCounts", []))


class Http(AppCase):
    def test_envelope_of_the_contract(self):
        app = self.app(HOOK)
        app.director.answer = lambda call: ACCEPTED
        headers = [("Accept", "*/*"), ("User-Agent", "curl/7.88.1"), ("Cookie", "c=1"),
                   ("Idempotency-Key", "k-1"), ("idempotency-key", "k-2"), ("X-Empty", "")]
        status, _, body = app.request("POST", "/hook", b'{"o":{"a":[1]},"d":"2026-11-23T23:22:55Z",'
                                      b'"b":true,"l":[1],"z":null,"n":1e5}', headers)
        self.assertEqual((status, body), (202, b"ok"))
        (call,) = app.director.calls
        self.assertEqual(call.line, "POST /hook HTTP/1.1")
        self.assertEqual(call.header("Host"), "127.0.0.1:%d" % app.handler()["port"])
        self.assertEqual(call.header("X-Azure-Functions-HostVersion"), "4.1037.0.0")
        self.assertEqual(call.header("User-Agent"), "Azure-Functions-Host/4.1037.0.0")
        self.assertEqual(call.header("Content-Type"), "application/json; charset=utf-8")
        self.assertRegex(call.header("X-Azure-Functions-InvocationId"), "^[0-9a-f-]{36}$")
        self.assertEqual(len(call.headers), 6, call.headers)
        req = call.json["Data"]["req"]
        self.assertEqual(list(req), ["Url", "Method", "Query", "Headers", "Params", "Identities",
                                     "Body"])
        self.assertEqual(req["Headers"]["Idempotency-Key"], ["k-1", "k-2"])
        self.assertEqual(req["Headers"]["X-Empty"], [""])
        metadata = call.json["Metadata"]
        self.assertEqual(metadata["Headers"]["Idempotency-Key"], "k-1,k-2")
        self.assertEqual({k: metadata.get(k) for k in "odblzn"},
                         {"o": {"a": [1]}, "d": '"11/23/2026 23:22:55"', "b": '"True"', "l": None,
                          "z": None, "n": '"100000"'})

    def test_host_answers_itself(self):
        app = self.app({"hook": [http_in("hook"), http_out()],
                        "keyed": [http_in("keyed", auth="function"), http_out()],
                        "unsaid": [http_in("unsaid", auth=None), http_out()],
                        "proc": [queue_in("q")]})
        self.assertEqual(app.request("GET", "/keyed?code=x")[0], 401)
        self.assertEqual(app.request("GET", "/unsaid")[0], 401)
        self.assertEqual(app.request("GET", "/nowhere")[0], 404)
        self.assertEqual(app.request("PUT", "/hook")[0], 404)
        self.assertEqual(app.request("POST", "/proc", b"{}")[0], 404)
        status, headers, body = app.request("GET", "/")
        self.assertEqual((status, headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn(b"stand-in", body)
        self.assertEqual(app.request("GET", "/admin/host/ping")[0], 200)
        self.assertEqual(app.request("GET", "/admin/host/status")[0], 401)
        self.assertEqual(app.director.calls, [])

    def test_return_binding(self):
        app = self.app({"ret": [http_in("ret"), http_out("$return")]})
        for value, want in (("hi", (200, b"hi")),
                            ({"statusCode": 201, "body": "x"}, (201, b"x"))):
            app.director.answer = lambda call, value=value: {
                "content_type": "application/json", "body": json.dumps({"ReturnValue": value})}
            status, _, body = app.request("GET", "/ret")
            self.assertEqual((status, body), want)

    def test_templates(self):
        app = self.app({"one": [http_in("a/{x}"), http_out()],
                        "literal": [http_in("a/fixed"), http_out()],
                        "rest": [http_in("b/{x}/c/{y?}"), http_out()]},
                       host={"extensions": {"http": {"routePrefix": "v1"}}})
        for path, want in (("/v1/a/1%2b%20z", ("/one", {"x": "1+ z"})),
                           ("/v1/A/Fixed", ("/literal", {})),
                           ("/v1/b/q/c", ("/rest", {"x": "q", "y": None})),
                           ("/v1/b/q/c/r/", ("/rest", {"x": "q", "y": "r"}))):
            app.director.reset()
            self.assertEqual(app.request("GET", path)[0], 204, path)
            (call,) = app.director.calls
            self.assertEqual((call.path, call.json["Data"]["req"]["Params"]), want)
        for path in ("/v1/a", "/v1/a/1/2", "/a/1", "/v1/b/q"):
            self.assertEqual(app.request("GET", path)[0], 404, path)

    def test_methods_head(self):
        app = self.app({"hook": [http_in("hook", ("head",)), http_out()]})
        app.director.answer = lambda call: ACCEPTED
        status, _, body = app.request("HEAD", "/hook")
        self.assertEqual((status, body), (202, b""))
        self.assertEqual(app.director.calls[0].json["Data"]["req"]["Method"], "HEAD")

    def test_32_webhooks_at_once(self):
        app = self.app(HOOK)
        met = threading.Barrier(32)

        def meet(call):
            met.wait(DEADLINE_S)
            return {"content_type": "application/json", "body": json.dumps(
                {"Outputs": {"event": [call.json["Data"]["req"]["Body"]],
                             "res": {"statusCode": 202}}})}
        app.director.answer = meet
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            got = list(pool.map(lambda i: app.request("POST", "/hook", b"m%d" % i)[0], range(32)))
        self.assertEqual(got, [202] * 32)
        self.assertEqual(sorted(m["text"] for m in app.queue("out")),
                         sorted("m%d" % i for i in range(32)))


class Rewriting(AppCase):
    """How the host's .NET rewrites what it is given as JSON."""

    OUTPUTS = [
        ('{"a":1e5,"b":[],"c":{},"d":[1,{"x":null}]}',
         ['{\n  "a": 100000.0,\n  "b": [],\n  "c": {},\n  "d": [\n    1,\n    {\n      "x": null\n'
          '    }\n  ]\n}']),
        ('{"a":12345678901234567890,"b":1.50,"c":1e16,"d":0.00001,"e":-0.25,"f":1e-4}',
         ['{\n  "a": 12345678901234567890,\n  "b": 1.5,\n  "c": 1E+16,\n  "d": 1E-05,\n'
          '  "e": -0.25,\n  "f": 0.0001\n}']),
        ('{"t":"2026-11-23T23:22:55Z","u":"2026-11-23T23:22:55","v":"2026-11-23"}',
         ['{\n  "t": "2026-11-23T23:22:55Z",\n  "u": "2026-11-23T23:22:55",\n'
          '  "v": "2026-11-23"\n}']),
        ('{"s":"a\\u2028\\"\\u0001\\/ñ"}', ['{\n  "s": "a\\u2028\\"\\u0001/ñ"\n}']),
        ('"v1:{\\"a\\":1}"', ['v1:{"a":1}']),
        ('"[not json"', ["[not json"]),
        ('" {\\"a\\":1e5}"', ['{\n  "a": 100000.0\n}']),
        ('"aGVs bG8="', ["hello"]),
        ('12.0', ["12"]),
        ('["{ \\"a\\":1 }", 1.5, {"b":1}]', ['{ "a":1 }', "1.5", '{\n  "b": 1\n}']),
    ]

    def test_queue_outputs(self):
        app = self.app(HOOK)
        for value, want in self.OUTPUTS:
            with self.subTest(value):
                app.director.answer = lambda call, value=value: {
                    "content_type": "application/json", "body": '{"Outputs":{"event":%s}}' % value}
                self.assertEqual(app.request("POST", "/hook", b"{}")[0], 200)
                got = app.queue("out")
                app.clear("out")
                self.assertEqual([m["text"] for m in got], want)

    def test_outputs_before_a_failing_one_stay(self):
        app = self.app(HOOK)
        app.director.answer = lambda call: {
            "content_type": "application/json",
            "body": json.dumps({"Outputs": {"event": ["a", "b" * 49153, "c"]}})}
        self.assertEqual(app.request("POST", "/hook", b"{}")[0], 500)
        self.assertEqual([m["text"] for m in app.queue("out")], ["a"])


class Forwarding(AppCase):
    def setUp(self):
        self.host = self.app({"plain": [http_in("plain/{x?}", ("get", "put", "head")), http_out()],
                              "root": [http_in("/", ("get",)), http_out()],
                              "mixed": [http_in("mixed"), queue_out("out"), http_out()]},
                             host={"customHandler": {"enableForwardingHttpRequest": True}})

    def test_request_is_passed_on(self):
        self.host.director.answer = lambda call: {
            "status": 418, "content_type": "text/x", "body": "tea",
            "headers": [["Server", "pot"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]]}
        status, headers, body = self.host.request(
            "PUT", "/plain/?q=1&z=a%20b&code=k", b'{"x":1}',
            [("Accept", "*/*"), ("User-Agent", "curl/7.88.1"), ("Cookie", "c=1"), ("X-Multi", "a"),
             ("X-Multi", "b"), ("Content-Type", "application/json"), ("Connection", "keep-alive")])
        self.assertEqual((status, body, headers["server"], headers["content-type"]),
                         (418, b"tea", "pot", "text/x"))
        (call,) = self.host.director.calls
        self.assertEqual(call.line, "PUT /plain/?q=1&z=a%20b&code=k HTTP/1.1")
        self.assertEqual(call.body, b'{"x":1}')
        got = dict(call.headers)
        self.assertRegex(got.pop("X-Azure-Functions-InvocationId"), "^[0-9a-f-]{36}$")
        self.assertEqual(got, {
            "Accept": "*/*", "Host": "127.0.0.1:%d" % self.host.port,
            "User-Agent": "curl/7.88.1 Azure-Functions-Host/4.1037.0.0", "Cookie": "c=1",
            "X-Multi": "a, b", "X-Azure-Functions-HostVersion": "4.1037.0.0",
            "Content-Length": "7", "Content-Type": "application/json"})

    def test_bare_get_and_head(self):
        self.assertEqual(self.host.request("GET", "/")[0], 200)
        (call,) = self.host.director.calls
        self.assertEqual((call.line, call.header("Content-Length"), call.header("Accept")),
                         ("GET / HTTP/1.1", None, None))
        status, headers, body = self.host.request("HEAD", "/plain")
        self.assertEqual((status, headers["content-length"], body), (200, "2", b""))

    def test_redirect_and_empty_answer_are_passed_on(self):
        self.host.director.answer = lambda call: {"status": 302, "body": "",
                                                  "headers": [["Location", "/x"]]}
        status, headers, _ = self.host.request("GET", "/plain")
        self.assertEqual((status, headers["location"]), (302, "/x"))

    def test_header_beyond_ascii_is_500(self):
        status, headers, _ = self.host.request("GET", "/plain", headers={"X-Name": "ñ"})
        self.assertEqual((status, headers["content-length"]), (500, "0"))
        self.assertEqual(self.host.director.calls, [])

    def test_queue_output_keeps_the_envelope(self):
        self.host.director.answer = lambda call: ACCEPTED
        self.assertEqual(self.host.request("POST", "/mixed", b"{}")[0], 202)
        self.assertEqual(self.host.director.calls[0].path, "/mixed")
        self.assertIn("Data", self.host.director.calls[0].json)


class Queues(AppCase):
    def test_metadata(self):
        app = self.app({"proc": [queue_in("q")]})
        app.put("q", b'{"id":"k1","n":1}')
        app.director.wait_calls(1)
        metadata = app.director.calls[0].json["Metadata"]
        self.assertEqual((metadata["Id"], metadata["n"], metadata["DequeueCount"]),
                         ('"k1"', '"1"', "1"))
        for name in ("ExpirationTime", "InsertionTime", "NextVisibleTime"):
            self.assertRegex(metadata[name], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$")
        self.assertEqual(metadata["sys"]["MethodName"], "proc")

    def test_poison_queue_has_no_poison_queue(self):
        app = self.app({"dead": [queue_in("q-poison")]}, queues={"maxDequeueCount": 3})
        app.director.answer = lambda call: FAILED
        app.put("q-poison", b"{}")
        for n in range(1, 5):
            (message,) = wait_for(lambda n=n: [
                m for m in app.queue("q-poison")
                if m["dequeue_count"] >= n and m["visible_in_ms"] > 590000], "dequeue %d" % n)
            app.director.wait_calls(min(n, 3))
            # Only what no invocation holds any more can be revealed.
            wait_for(lambda: app.reveal("q-poison") or
                     app.queue("q-poison")[0]["dequeue_count"] > n, "it is released")
        self.assertEqual(len(app.director.calls), 3)
        self.assertNotIn("q-poison-poison", app.admin("GET", "localhost/queues"))

    def test_handing_back(self):
        app = self.app({"proc": [queue_in("q", dataType="binary"), queue_out("q", "again")]})
        for data in (b'{"v":1,  "e":"\xc3\xb1 \xf0\x9f\x99\x82"}', b"\xff\xfe", b"[1,2]", b"test",
                     b"\xef\xbb\xbf{}", b"y" * 49152):
            app.director.reset()
            text = base64.b64encode(data).decode()
            orders = [{"content_type": "application/json",
                       "body": json.dumps({"Outputs": {"again": text}})}, EMPTY]
            app.director.answer = lambda call, orders=orders: orders.pop(0)
            app.put("q", data)
            app.director.wait_calls(2)
            app.wait_empty("q")
            calls = [c.json for c in app.director.calls]
            self.assertEqual([c["Data"]["event"] for c in calls], [text, text])
            self.assertEqual([c["Metadata"]["DequeueCount"] for c in calls], ["1", "1"])
            self.assertNotEqual(*[c["Metadata"]["Id"] for c in calls])

    def test_concurrency_is_batch_plus_threshold(self):
        # The messages are there before the listener: one that wakes for each single message stops
        # at newBatchThreshold + 1.
        app = self.app({"proc": [queue_in("q")]}, start=False,
                       queues={"batchSize": 32, "newBatchThreshold": 256},
                       values={"AzureWebJobs.proc.Disabled": "true"})
        app.start()
        for i in range(330):
            app.put("q", b"m%d" % i)
        self.assertEqual(app.stop(), 0)
        app.output.clear()
        app.set_values({})
        go, lock = threading.Event(), threading.Lock()
        self.addCleanup(go.set)
        state = {"open": 0, "most": 0}

        def hold(call):
            with lock:
                state["open"] += 1
                state["most"] = max(state["most"], state["open"])
            go.wait(HOLD_S)
            with lock:
                state["open"] -= 1
            return EMPTY
        app.director.answer = hold
        app.start()
        wait_for(lambda: state["open"] == 288, "288 are open")
        self.assertEqual(app.counts("q"), (42, 288))
        go.set()
        app.wait_empty("q")
        self.assertEqual(len(app.director.calls), 330)
        self.assertEqual(state["most"], 288)

    def test_a_batch_is_only_taken_at_the_threshold(self):
        app = self.app({"proc": [queue_in("q")]}, "--poll-ms", "50",
                       queues={"batchSize": 4, "newBatchThreshold": 2})
        lock, state = threading.Condition(), {"let": 0, "open": 0, "seen": []}

        def hold(call):
            with lock:
                state["open"] += 1
                state["seen"].append(state["open"])
                lock.notify_all()
                lock.wait_for(lambda: state["let"] > 0, HOLD_S)
                state["let"] -= 1
                state["open"] -= 1
                lock.notify_all()
            return EMPTY
        app.director.answer = hold
        for i in range(12):
            app.put("q", b"m%d" % i)
        taken = 0
        while taken < 12:
            with lock:
                lock.wait_for(lambda: state["open"] > 2 or len(state["seen"]) == 12, DEADLINE_S)
                self.assertLessEqual(state["open"], 6)
                state["let"] += 1
                taken += 1
                lock.notify_all()
                lock.wait_for(lambda: state["let"] == 0, DEADLINE_S)
        app.wait_empty("q")

    def test_output_wakes_the_listener(self):
        functions = {**HOOK, "proc": [queue_in("out")]}
        long = {"maxPollingInterval": "00:01:00"}
        app = self.app(functions, queues=long)
        app.director.answer = lambda call: ACCEPTED if call.path == "/proc" else {
            "content_type": "application/json", "body": '{"Outputs":{"event":["m"]}}'}
        app.request("POST", "/hook", b"{}")
        app.director.wait_calls(2, DEADLINE_S / 2)
        app.wait_empty("out")

    def test_without_notification_it_polls(self):
        app = self.app({**HOOK, "proc": [queue_in("out")]}, "--no-notify", "--poll-ms", "60")
        app.director.answer = lambda call: EMPTY if call.path == "/proc" else {
            "content_type": "application/json", "body": '{"Outputs":{"event":["m"]}}'}
        app.request("POST", "/hook", b"{}")
        app.director.wait_calls(2)

    def test_messages_outlive_the_host(self):
        app = self.app(HOOK)
        app.director.answer = lambda call: {
            "content_type": "application/json", "body": '{"Outputs":{"event":["a","b"]}}'}
        app.request("POST", "/hook", b"{}")
        self.assertEqual(app.stop(), 0)
        app.output.clear()
        app.start()
        self.assertEqual([m["text"] for m in app.queue("out")], ["a", "b"])

    def test_a_killed_host_keeps_its_messages_hidden(self):
        app = self.app({"proc": [queue_in("q")]})
        gate = threading.Event()
        self.addCleanup(gate.set)
        app.director.answer = lambda call: gate.wait(HOLD_S) and EMPTY
        app.put("q", b"m")
        app.director.wait_calls(1)
        pid = app.handler()["pid"]
        app.process.kill()
        app.wait_exit()
        wait_for(lambda: not alive(pid), "the handler dies with its host")
        gate.set()
        app.output.clear()
        app.start()
        (message,) = app.queue("q")
        self.assertEqual(message["dequeue_count"], 1)
        self.assertGreater(message["visible_in_ms"], 500000)
        app.reveal("q")
        app.director.wait_calls(2)
        self.assertEqual(app.director.calls[1].json["Metadata"]["DequeueCount"], "2")

    def test_no_encoding(self):
        app = self.app({**HOOK, "proc": [queue_in("q")]}, queues={"messageEncoding": "none"})
        app.director.answer = lambda call: EMPTY if call.path == "/proc" else {
            "content_type": "application/json", "body": '{"Outputs":{"event":["{ }"]}}'}
        app.put("q", b"not base64 at all!", wire=True)
        app.director.wait_calls(1)
        self.assertEqual(json.loads(app.director.calls[0].json["Data"]["event"]),
                         "not base64 at all!")
        app.request("POST", "/hook", b"{}")
        self.assertEqual(app.queue("out")[0]["text"], "{ }")

    def test_called_by_hand(self):
        app = self.app({"proc": [queue_in("q")]})
        app.admin("POST", "functions/proc", b'{"input":"{\\"a\\":1}"}')
        app.director.wait_calls(1)
        metadata = app.director.calls[0].json["Metadata"]
        self.assertEqual(json.loads(app.director.calls[0].json["Data"]["event"]), '{"a":1}')
        self.assertEqual((metadata["DequeueCount"], metadata["ExpirationTime"]),
                         ("0", "9999-12-31T23:59:59+00:00"))
        self.assertNotIn("Id", metadata)
        self.assertNotIn("PopReceipt", metadata)


class Handler(AppCase):
    def test_start(self):
        app = self.app(HOOK, values={"T_A": "1", "T_ROOT": "x"},
                       handler={"arguments": ["recording_handler.py", "--flag", "v w"]})
        (start,) = app.director.starts
        self.assertEqual(start["argv"], ["--flag", "v", "w"])
        self.assertEqual(start["cwd"], str(app.root))
        env = start["env"]
        self.assertEqual(env["FUNCTIONS_APP_ROOT_PATH"], str(app.root))
        self.assertEqual(env["FUNCTIONS_CUSTOMHANDLER_PORT"], str(app.handler()["port"]))
        self.assertEqual(env["FUNCTIONS_HTTPWORKER_PORT"], env["FUNCTIONS_CUSTOMHANDLER_PORT"])
        self.assertEqual(env["FUNCTIONS_HTTPWORKER_ID"], env["FUNCTIONS_CUSTOMHANDLER_WORKER_ID"])
        self.assertEqual(env["T_A"], "1")
        app.wait_output("handler: handler is up")
        app.wait_output("not the Functions host")

    def test_names_in_function_json(self):
        app = self.app({"a": [timer_in("%NO_SUCH%")], "b": [queue_in("%QUEUE%")], **HOOK},
                       values={"QUEUE": "q"})
        app.wait_output("The 'a' function is in error: '%NO_SUCH%' is not set")
        app.put("q", b"m")
        app.director.wait_calls(1)
        self.assertEqual(app.request("GET", "/hook")[0], 204)

    def test_third_crash_stops_the_host(self):
        app = self.app(HOOK)
        port = app.handler()["port"]
        app.director.answer = lambda call: {"exit": 3}
        for n in (1, 2):
            began = time.monotonic()
            status, headers, _ = app.request("POST", "/hook", b"{}")
            self.assertEqual((status, headers["content-length"]), (500, "0"))
            self.assertLess(time.monotonic() - began, DEADLINE_S, "it is not held until its time is up")
            wait_for(lambda n=n: app.handler()["starts"] == n + 1, "start %d" % (n + 1))
            self.assertEqual(app.handler()["port"], port)
        try:
            app.request("POST", "/hook", b"{}")
        except (OSError, http.client.HTTPException):
            pass  # the host may be gone before it answers
        self.assertEqual(app.wait_exit(), 1)

    def test_killed_handler_counts_unless_said_otherwise(self):
        app = self.app(HOOK)
        for n in range(2, 6):
            app.kill_handler()
            wait_for(lambda n=n: app.handler()["starts"] == n, "start %d" % n)
        for n in (1, 2, 3):
            starts = app.handler()["starts"]
            app.kill_handler(counted=True)
            if n < 3:
                wait_for(lambda: app.handler()["starts"] == starts + 1, "another start")
                wait_for(lambda: app.handler()["pid"], "a process")
        self.assertEqual(app.wait_exit(), 1)

    def test_exit_200_is_not_counted_and_requests_are_held(self):
        app = self.app(HOOK)
        for n in range(5):
            app.director.answer = lambda call: {"exit": 200}
            self.assertEqual(app.request("POST", "/hook", b"{}")[0], 500)
            app.director.answer = lambda call: ACCEPTED
            self.assertEqual(app.request("POST", "/hook", b"{}")[0], 202)
        self.assertEqual(app.handler()["starts"], 6)

    def test_exit_0_is_never_restarted(self):
        app = self.app(HOOK)
        app.director.answer = lambda call: {"exit": 0}
        for _ in range(3):
            status, headers, _ = app.request("POST", "/hook", b"{}")
            self.assertEqual((status, headers["content-length"]), (500, "0"))
        app.wait_output("never restarted")
        self.assertEqual(app.handler(), {"pid": 0, "starts": 1, "port": app.handler()["port"]})
        self.assertEqual(app.stop(), 0)

    def test_held_until_started(self):
        app = self.app(HOOK)
        gate = threading.Event()
        self.addCleanup(gate.set)
        app.director.reset()
        app.director.on_start = lambda start: gate.wait(HOLD_S) and {}
        app.kill_handler()
        wait_for(lambda: app.handler()["starts"] == 2, "a new start")
        held = self.in_background(app.request, "POST", "/hook", b"{}")
        with self.assertRaises(concurrent.futures.TimeoutError):
            held.result(0.3)
        gate.set()
        self.assertEqual(held.result(DEADLINE_S)[0], 204)

    def test_held_too_long(self):
        app = self.app(HOOK, host={"functionTimeout": "00:00:01"})
        gate = threading.Event()
        self.addCleanup(gate.set)
        app.director.on_start = lambda start: gate.wait(HOLD_S) and {}
        app.kill_handler()
        wait_for(lambda: app.handler()["starts"] == 2, "a new start")
        began = time.monotonic()
        self.assertEqual(app.request("POST", "/hook", b"{}")[0], 500)
        self.assertGreater(time.monotonic() - began, 1)

    def test_no_answer_on_the_port(self):
        app = self.app(HOOK, start=False,
                       host={"customHandler": {"initializationTimeout": "00:00:01"}})
        gate = threading.Event()
        self.addCleanup(gate.set)
        app.director.on_start = lambda start: gate.wait(HOLD_S) and {}
        app.start(wait=False)
        self.assertEqual(app.wait_exit(), 1)
        self.assertEqual(len(app.director.starts), 3)

    def test_program_that_is_not_there(self):
        app = self.app(HOOK, start=False, handler={"defaultExecutablePath": "no-such-program"})
        app.start(wait=False)
        self.assertEqual(app.wait_exit(), 1)

    def test_timeout_kills_and_fails_the_others(self):
        app = self.app({**HOOK, "proc": [queue_in("q")]}, host={"functionTimeout": "00:00:02"})
        gate = threading.Event()
        self.addCleanup(gate.set)
        app.director.answer = lambda call: gate.wait(HOLD_S) and EMPTY
        first = self.in_background(app.request, "POST", "/hook", b"1")
        app.director.wait_calls(1)
        time.sleep(1)  # the second is to be within its own time when the first is over
        second = self.in_background(app.request, "POST", "/hook", b"2")
        self.assertEqual(first.result(DEADLINE_S)[0], 500)
        self.assertEqual(second.result(DEADLINE_S)[0], 500)
        wait_for(lambda: app.handler()["starts"] == 2, "it is started again")
        gate.set()

    def test_stop_waits_for_what_is_under_way(self):
        app = self.app({**HOOK, "proc": [queue_in("q")]})
        gate = threading.Event()
        self.addCleanup(gate.set)
        app.director.answer = lambda call: gate.wait(HOLD_S) and (
            ACCEPTED if call.path == "/hook" else EMPTY)
        app.put("q", b"m")
        web = self.in_background(app.request, "POST", "/hook", b"{}")
        app.director.wait_calls(2)
        pid = app.handler()["pid"]
        app.process.send_signal(signal.SIGTERM)
        app.wait_output("waiting for what is under way")
        self.assertTrue(alive(pid))
        gate.set()
        self.assertEqual(web.result(DEADLINE_S)[0], 202)
        self.assertEqual(app.wait_exit(), 0)
        self.assertFalse(alive(pid))
        app.output.clear()
        app.start()
        self.assertEqual(app.queue("q"), [])

    def test_second_signal_cuts_the_wait_short(self):
        app = self.app(HOOK)
        gate = threading.Event()
        self.addCleanup(gate.set)
        app.director.answer = lambda call: gate.wait(HOLD_S) and EMPTY
        web = self.in_background(app.request, "POST", "/hook", b"{}")
        app.director.wait_calls(1)
        app.process.send_signal(signal.SIGTERM)
        app.wait_output("waiting for what is under way")
        app.process.send_signal(signal.SIGINT)
        self.assertEqual(app.wait_exit(), 0)
        self.assertEqual(web.result(DEADLINE_S)[0], 500)

    def test_death_half_way_puts_nothing(self):
        app = self.app({"proc": [queue_in("q"), queue_out("q2", "next")]})
        orders = [{"exit": 200}, EMPTY]
        app.director.answer = lambda call: orders.pop(0)
        app.put("q", b"m")
        app.director.wait_calls(2)
        app.wait_empty("q")
        self.assertEqual([c.json["Metadata"]["DequeueCount"] for c in app.director.calls],
                         ["1", "2"])
        self.assertEqual(app.queue("q2"), [])


class Timers(AppCase):
    def test_every_second(self):
        app = self.app({"tick": [timer_in("* * * * * *", useMonitor=True)],
                        "quiet": [timer_in("0 0 0 1 1 *", useMonitor=False, runOnStartup=True)],
                        "never": [timer_in("0 0 0 30 2 *")]})
        app.director.wait(lambda: sum(c.path == "/tick" for c in app.director.calls) >= 2,
                          "two ticks")
        ticks = [c.json for c in app.director.calls if c.path == "/tick"]
        timer = ticks[1]["Data"]["timer"]
        self.assertEqual((timer["Schedule"], timer["IsPastDue"]), ({"AdjustForDST": True}, False))
        status = timer["ScheduleStatus"]
        self.assertRegex(status["Last"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00$")
        self.assertRegex(status["Next"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$")
        self.assertEqual(ticks[1]["Metadata"].keys(), {"sys"})
        self.assertEqual(ticks[1]["Metadata"]["sys"]["MethodName"], "tick")
        quiet = [c.json for c in app.director.calls if c.path == "/quiet"]
        self.assertEqual([q["Data"]["timer"]["ScheduleStatus"] for q in quiet], [None])
        app.admin("POST", "functions/quiet", b"{}")
        app.director.wait(lambda: sum(c.path == "/quiet" for c in app.director.calls) == 2,
                          "a call by hand")

    def test_missed_tick_fires_at_start(self):
        app = self.app({"daily": [timer_in("0 0 3 * * *")]})
        app.admin("POST", "functions/daily", b"{}")
        app.director.wait_calls(1)
        self.assertFalse(app.director.calls[0].json["Data"]["timer"]["IsPastDue"])
        self.assertEqual(app.stop(), 0)
        app.output.clear()
        with contextlib.closing(sqlite3.connect(app.root / "queues.sqlite")) as db, db:
            db.execute("UPDATE timers SET next_us = last_us")
        app.start()
        app.director.wait_calls(2)
        self.assertTrue(app.director.calls[1].json["Data"]["timer"]["IsPastDue"])


if __name__ == "__main__":
    unittest.main()
