"""Tests of the Odoo simulator: held against exchanges recorded from a real Odoo 18, then the
semantics of `ingest`, every fault, the request log, and a restart."""

import concurrent.futures
import http.client
import json
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from faults import Faults  # noqa: E402: the path comes first
from odoo_simulator import max_requests_in_window  # noqa: E402
from rpc import Call  # noqa: E402
from store import Store  # noqa: E402

CASES = {case["name"]: case for case in json.loads(
    (HERE.parent / "data" / "odoo-cases.json").read_text(encoding="utf-8"))["cases"]}
TIMEOUT = 30


class Simulator:
    """A simulator process, and a client for it."""

    def __init__(self, *options, db="odoo", user="enlace", password="secret"):
        self.account = (db, 2, password)
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "odoo_simulator.py"), "--port", "0", "--db", db, "--user",
             user, "--password", password, "--base-ms", "0", "--per-event-ms", "0", *options],
            stdout=subprocess.PIPE, text=True)
        self.first_line = self.process.stdout.readline()
        self.port = int(self.first_line.rpartition(":")[2])

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(TIMEOUT)
        self.process.stdout.close()
        return status

    def request(self, method, path, body=None, headers=None, chunked=False):
        """The response, with its whole text as `text`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            connection.request(method, path, body, headers or {}, encode_chunked=chunked)
            response = connection.getresponse()
            response.text = response.read().decode()
            return response
        finally:
            connection.close()

    def post(self, document):
        body = document if isinstance(document, str) else json.dumps(document)
        return self.request("POST", "/jsonrpc", body, {"Content-Type": "application/json"})

    def call(self, service, method, args, request_id=7):
        """The JSON-RPC answer as it came."""
        response = self.post({"jsonrpc": "2.0", "method": "call", "id": request_id, "params": {
            "service": service, "method": method, "args": args}})
        return json.loads(response.text)

    def execute(self, model, method, *args, **kwargs):
        return self.call("object", "execute_kw", [*self.account, model, method, args, kwargs])

    def ingest(self, *events):
        """The results, event by event."""
        return self.execute("manychat.state", "ingest", list(events))["result"]["results"]

    def order(self, **order):
        response = self.request("POST", "/_control", json.dumps(order))
        return response.status, json.loads(response.text)

    def change_rows(self, **order):
        response = self.request("POST", "/_control/rows", json.dumps(order))
        return response.status, json.loads(response.text)

    def view(self, name=""):
        return json.loads(self.request("GET", f"/_control{name}").text)

    def contact(self, subscriber_id):
        found = [row for row in self.view("/contacts") if row["subscriber_id"] == subscriber_id]
        return found[0] if found else None

    def event(self, event_id):
        found = [row for row in self.view("/events") if row["event_id"] == event_id]
        return found[0] if found else None


def make_event(event_id, subscriber_id="s", second=0, **members):
    """A valid event; `second` is where it stands in the order of events."""
    time = f"2026-05-04T10:00:{second:02}.000Z"
    return {"event_id": event_id, "subscriber_id": subscriber_id,
            "order_key": f"{0x5e000000000 + second:016x}:{event_id}",
            "occurred_at": time, "received_at": time, "kind": "state", **members}


class SimulatorCase(unittest.TestCase):
    """One simulator for the class; a test uses subscribers of its own."""

    options = ()
    account = {}

    @classmethod
    def setUpClass(cls):
        cls.odoo = Simulator(*cls.options, **cls.account)
        cls.addClassCleanup(cls.odoo.stop)

    def tearDown(self):
        self.odoo.order(clear=True)


class RecordedExchanges(SimulatorCase):
    """Every recorded exchange is in one of the tables below, or in two."""

    options = ("--api-key", "API-KEY")
    account = {"db": "probe", "user": "admin", "password": "admin"}

    # The simulator gives these answers of its own accord.
    NATIVE = (
        "apikey_authenticate", "authenticate", "authenticate_bad", "err_bad_json",
        "err_bad_password", "err_bad_service", "err_bad_uid", "err_batch_array", "err_kwargs",
        "err_missing_field_domain", "err_missing_field_read", "err_missing_method",
        "err_missing_model", "err_missing_param", "err_private_method", "err_read_missing",
        "lock_1", "lock_2", "lock_3", "lock_4", "lock_5", "lock_6", "lock_7", "lock_8",
        "lock_auth", "lockl_1", "lockl_2", "lockl_3", "lockl_4", "lockl_5", "lockl_6", "lockl_7",
        "lockl_good", "login", "login_bad_db", "version")
    # These, too, but for ids and numbers of records.
    SHAPE_ONLY = ("load_tz_read", "lock_good_cached", "lock_good_uncached")
    # These are ordered by name.
    NAMED = {
        "err_access_create": "access_error", "err_access_ingest": "access_error",
        "err_access_read": "access_error", "err_bad_password": "access_denied",
        "err_missing_field_create": "invalid_field", "err_missing_method": "missing_method",
        "err_missing_model": "missing_model",
        "err_required": "mandatory_field", "err_serialization": "serialization",
        "err_unique": "unique", "err_user": "user_error", "err_validation": "validation_error",
        "err_zero": "zero_division", "login_bad_db": "database_gone",
        "name_create": "mandatory_field", "wh_rollback": "unique"}
    # These are ordered by spelling them out.
    SPELLED_OUT = (
        "create_access", "err_check", "err_fk", "err_selection", "iso_date", "iso_date_us",
        "load_bad_field", "load_bool", "load_types", "man_bad", "wh_vis2")

    def replay(self, name):
        """Sends a case's request, compares the frame of the answer, returns both answers."""
        case = CASES[name]
        response = self.odoo.post(case["request_body"])
        self.assertEqual(response.status, case["status"])
        self.assertEqual(response.headers["Content-Type"], case["content_type"])
        self.assertEqual(response.headers["Connection"], "close")
        if "response_text" in case:
            return response.text, case["response_text"]
        return json.loads(response.text), case["response_body"]

    def assert_same(self, answer, recorded):
        """Equal but for the traceback, which is only asked to be one."""
        if "error" in recorded:
            self.assertTrue(answer["error"]["data"].pop("debug").startswith("Traceback"))
            recorded = json.loads(json.dumps(recorded))
            del recorded["error"]["data"]["debug"]
        self.assertEqual(answer, recorded)

    def test_every_case_is_covered(self):
        covered = {*self.NATIVE, *self.SHAPE_ONLY, *self.NAMED, *self.SPELLED_OUT, "ret_none"}
        self.assertEqual(covered, set(CASES))

    def test_native(self):
        for name in self.NATIVE:
            with self.subTest(name):
                answer, recorded = self.replay(name)
                if isinstance(recorded, str):
                    self.assertEqual(answer, recorded)
                else:
                    self.assert_same(answer, recorded)

    def test_shape_only(self):
        self.odoo.ingest({**make_event("t8"), "occurred_at": "2026-01-02T06:04:05.000Z"})
        for name in self.SHAPE_ONLY:
            with self.subTest(name):
                answer, recorded = self.replay(name)
                if isinstance(recorded["result"], int):
                    self.assertIsInstance(answer["result"], int)
                else:
                    recorded["result"][0]["id"] = answer["result"][0]["id"]
                    self.assertEqual(answer, recorded)

    def test_ordered_by_name(self):
        for name, error in self.NAMED.items():
            with self.subTest(name):
                self.odoo.order(mode="error", error=error, times=1)
                self.assert_same(*self.replay(name))
                self.assertEqual(self.odoo.view()["faults"], [])

    def test_ordered_by_spelling_out(self):
        for name in self.SPELLED_OUT:
            with self.subTest(name):
                data = CASES[name]["response_body"]["error"]["data"]
                self.odoo.order(mode="error", times=1, error={
                    key: data[key] for key in ("name", "message", "context")})
                self.assert_same(*self.replay(name))

    def test_no_result(self):
        self.odoo.order(mode="no_result", times=1)
        self.assert_same(*self.replay("ret_none"))


class Transport(SimulatorCase):
    """HTTP as Odoo speaks it."""

    VERSION_CALL = json.dumps({"jsonrpc": "2.0", "id": None, "params": {
        "service": "common", "method": "version", "args": []}})

    def test_only_json_is_taken(self):
        for method, headers in (("POST", {"Content-Type": "text/plain"}), ("POST", {}),
                                ("GET", {"Content-Type": "application/json"})):
            with self.subTest(method=method, headers=headers):
                response = self.odoo.request(method, "/jsonrpc", self.VERSION_CALL, headers)
                self.assertEqual(response.status, 400)
                self.assertEqual(response.headers["Content-Type"], "text/html; charset=utf-8")
                self.assertIn("Request inferred type is compatible with ['http'] but "
                              "'/jsonrpc' is type='json'", response.text)

    def test_a_character_set_is_no_obstacle(self):
        response = self.odoo.request("POST", "/jsonrpc", self.VERSION_CALL,
                                     {"Content-Type": "application/json; charset=utf-8"})
        self.assertEqual(response.status, 200)

    def test_unknown_paths(self):
        headers = {"Content-Type": "application/json"}
        response = self.odoo.request("POST", "/nothing", "{}", headers)
        self.assertEqual((response.status, response.headers["Content-Type"]),
                         (404, "text/html; charset=utf-8"))
        response = self.odoo.request("POST", "/json/2/manychat.state/ingest", "{}", headers)
        self.assertEqual((response.status, response.headers["Location"]), (303, "/web/login"))

    def test_chunked_body(self):
        response = self.odoo.request(
            "POST", "/jsonrpc", iter([self.VERSION_CALL[:9].encode(),
                                      self.VERSION_CALL[9:].encode()]),
            {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}, chunked=True)
        self.assertEqual(json.loads(response.text)["result"]["server_serie"], "18.0")

    def test_compressed_body_is_not_decoded(self):
        response = self.odoo.request("POST", "/jsonrpc", b"\x1f\x8b\x08\x00",
                                     {"Content-Type": "application/json"})
        self.assertEqual((response.status, response.text), (400, "Invalid JSON data"))

    def exchange(self, head, body):
        """What comes back until the server closes, the writing side being closed at once."""
        with socket.create_connection(("127.0.0.1", self.odoo.port), TIMEOUT) as connection:
            connection.sendall(f"POST /jsonrpc HTTP/1.1\r\nHost: x\r\n{head}"
                               f"Content-Type: application/json\r\n\r\n{body}".encode())
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def test_truncated_body(self):
        answer = self.exchange("Content-Length: 999\r\n", self.VERSION_CALL)
        head, _, body = answer.partition("\r\n\r\n")
        self.assertTrue(head.startswith("HTTP/1.1 200 OK"))
        document = json.loads(body)
        self.assertIsNone(document["id"])
        self.assertEqual(document["error"]["data"]["name"],
                         "werkzeug.exceptions.ClientDisconnected")

    def test_continue_comes_twice(self):
        answer = self.exchange(f"Content-Length: {len(self.VERSION_CALL)}\r\n"
                               "Expect: 100-continue\r\n", self.VERSION_CALL)
        self.assertEqual(answer.count("HTTP/1.1 100 Continue"), 2)
        self.assertEqual(answer.count("HTTP/1.1 200 OK"), 1)

    def test_keep_alive_is_refused(self):
        head = f"Content-Length: {len(self.VERSION_CALL)}\r\nConnection: keep-alive\r\n"
        answer = self.exchange(head, self.VERSION_CALL)
        self.assertIn("\r\nConnection: close\r\n", answer)

    def test_the_id_is_echoed_whatever_its_type(self):
        for request_id in (7, "seven", None, [7], {"n": 7}):
            with self.subTest(request_id):
                self.assertEqual(self.odoo.call("common", "version", [], request_id)["id"],
                                 request_id)


class Ingest(SimulatorCase):
    """What `manychat.state.ingest` keeps and answers."""

    def test_api_info(self):
        self.assertEqual(self.odoo.execute("manychat.state", "api_info")["result"], {
            "api": 1, "api_min": 1, "addon": "18.0.1.1.0", "max_events": 1000,
            "features": ["erased"]})

    def test_created_then_duplicate_with_the_same_ids(self):
        event = make_event("twice-1", "twice", state="lead")
        answer = self.odoo.execute("manychat.state", "ingest", [event])["result"]
        self.assertEqual(answer["api"], 1)
        created, = answer["results"]
        self.assertEqual(list(created), ["event_id", "status", "id", "contact_id", "applied"])
        self.assertEqual((created["event_id"], created["status"], created["applied"]),
                         ("twice-1", "created", True))
        duplicate, = self.odoo.ingest(event)
        self.assertEqual(duplicate, {**created, "status": "duplicate", "applied": False})
        self.assertEqual(self.odoo.contact("twice")["event_count"], 1)

    def test_results_stand_in_the_order_of_the_request(self):
        results = self.odoo.ingest(make_event("order-b", "order", 2), {"event_id": "order-x"},
                                   make_event("order-a", "order", 1),
                                   make_event("order-b", "order", 2))
        self.assertEqual([(result["event_id"], result["status"]) for result in results],
                         [("order-b", "created"), ("order-x", "rejected"),
                          ("order-a", "created"), ("order-b", "duplicate")])

    def test_what_is_stored(self):
        self.odoo.ingest(make_event(
            "full-1", "full", 5, kind="assignment", page_id="100", channel="whatsapp",
            state="lead", contact={
                "first_name": "Ana", "phone": "+506", "optin_email": False,
                "subscribed_at": "2026-05-04T16:54:33.000Z", "email": None, "gender": ""},
            custom_fields={"age": 41, "city ": None, "note": ""},
            assignment={"campaign_ref": 12, "summary": "wants a date"}, payload={"k": [1]},
            unknown={"ignored": True}))
        contact, event = self.odoo.contact("full"), self.odoo.event("full-1")
        expected = {
            "name": "ManyChat full", "first_name": "Ana", "phone": "+506", "optin_email": False,
            "subscribed_at": "2026-05-04 16:54:33.000", "email": None, "gender": None,
            "page_id": "100", "channel": "whatsapp", "last_state": "lead",
            "last_state_at": "2026-05-04 10:00:05.000", "campaign_ref": "12",
            "summary": "wants a date", "custom_fields": {"age": 41, "city ": None, "note": ""},
            "event_count": 1, "active": True}
        self.assertEqual({name: contact[name] for name in expected}, expected)
        self.assertEqual(set(contact["field_keys"]), {
            "first_name", "phone", "optin_email", "subscribed_at", "page_id", "channel",
            "last_state", "campaign_ref", "summary", "custom_fields.age", "custom_fields.city ",
            "custom_fields.note"})
        self.assertEqual(set(contact["field_keys"].values()), {f"{0x5e000000005:016x}:full-1"})
        expected = {"kind": "assignment", "state": "lead", "is_transition": True,
                    "channel": "whatsapp", "occurred_at": "2026-05-04 10:00:05.000",
                    "received_at": "2026-05-04 10:00:05.000", "summary": "wants a date",
                    "payload": None, "contact_id": contact["id"], "subscriber_id": "full"}
        self.assertEqual({name: event[name] for name in expected}, expected)

    def test_newest_wins_field_by_field_in_any_order(self):
        events = [
            make_event("{}-1", second=1, state="lead", contact={"phone": "1", "email": "a@x"},
                       custom_fields={"a": 1, "b": 1}),
            make_event("{}-2", second=2, contact={"phone": "2"}, custom_fields={"b": None}),
            make_event("{}-3", second=3, state="won", custom_fields={"c": ""})]
        orders = ((0, 1, 2), (2, 1, 0), (1, 0, 2, 0, 1), (2, 0, 1, 2))
        for number, order in enumerate(orders):
            subscriber_id = f"merge{number}"
            with self.subTest(order):
                for index in order:
                    text = json.dumps({**events[index], "subscriber_id": subscriber_id})
                    self.odoo.ingest(json.loads(text.replace("{}", subscriber_id)))
                contact = self.odoo.contact(subscriber_id)
                self.assertEqual(
                    [contact[name] for name in ("phone", "email", "last_state", "last_state_at",
                                                "custom_fields", "event_count",
                                                "first_event_at", "last_event_at")],
                    ["2", "a@x", "won", "2026-05-04 10:00:03.000", {"a": 1, "b": None, "c": ""},
                     3, "2026-05-04 10:00:01.000", "2026-05-04 10:00:03.000"])
                self.assertEqual(
                    {field: key[-1] for field, key in contact["field_keys"].items()},
                    {"phone": "2", "email": "1", "last_state": "3", "custom_fields.a": "1",
                     "custom_fields.b": "2", "custom_fields.c": "3"})

    def test_keys_compare_bytewise(self):
        low = make_event("byte-B", "byte", contact={"phone": "low"})
        high = make_event("byte-a", "byte", contact={"phone": "high"})
        self.assertLess(low["order_key"].encode(), high["order_key"].encode())
        self.odoo.ingest(high, low)
        self.assertEqual(self.odoo.contact("byte")["phone"], "high")

    def test_an_older_event_is_created_but_not_applied(self):
        results = [*self.odoo.ingest(make_event("old-2", "old", 2, contact={"phone": "2"})),
                   *self.odoo.ingest(make_event("old-1", "old", 1, contact={"phone": "1"}))]
        self.assertEqual([result["applied"] for result in results], [True, False])

    def test_a_duplicate_is_merged_all_the_same(self):
        event = make_event("again", "again", contact={"phone": "1"})
        self.odoo.ingest(event)
        result, = self.odoo.ingest({**event, "contact": {"phone": "2", "email": "a@x"}})
        self.assertEqual((result["status"], result["applied"]), ("duplicate", True))
        contact = self.odoo.contact("again")
        self.assertEqual((contact["phone"], contact["email"]), ("1", "a@x"))

    def test_an_id_under_another_subscriber_merges_nothing(self):
        first, = self.odoo.ingest(make_event("shared", "one", contact={"phone": "1"}))
        second, = self.odoo.ingest(make_event("shared", "two", contact={"email": "b@x"}))
        self.assertEqual(second, {**first, "status": "duplicate", "applied": False})
        self.assertIsNone(self.odoo.contact("two"))
        self.assertIsNone(self.odoo.contact("one")["email"])

    def test_an_event_without_state_changes_none(self):
        self.odoo.ingest(make_event("mute-1", "mute", 1, state="lead"),
                         make_event("mute-2", "mute", 2, kind="interaction"),
                         make_event("mute-3", "mute", 3, state=""),
                         make_event("mute-4", "mute", 4, state="lead"))
        self.assertEqual(self.odoo.contact("mute")["last_state_at"], "2026-05-04 10:00:04.000")
        self.assertEqual([self.odoo.event(f"mute-{n}")["is_transition"] for n in (1, 2, 3, 4)],
                         [True, False, False, False])

    def test_transitions_are_computed_again_for_late_events(self):
        def transitions():
            return [self.odoo.event(f"late-{n}")["is_transition"] for n in (1, 3)]
        self.odoo.ingest(make_event("late-1", "late", 1, state="lead"),
                         make_event("late-3", "late", 3, state="lead"))
        self.assertEqual(transitions(), [True, False])
        self.odoo.ingest(make_event("late-2", "late", 2, state="won"))
        self.assertEqual(transitions(), [True, True])
        self.assertTrue(self.odoo.event("late-2")["is_transition"])
        self.odoo.ingest(make_event("late-0", "late", 0, state="lead"))
        self.assertEqual(transitions(), [False, True])

    def test_the_nearest_neighbours_decide_on_transitions(self):
        states = {1: "lead", 2: "won", 4: "won", 5: "lead", 3: "won"}
        for second, state in states.items():
            self.odoo.ingest(make_event(f"near-{second}", "near", second, state=state))
        self.assertEqual([self.odoo.event(f"near-{n}")["is_transition"] for n in range(1, 6)],
                         [True, True, False, False, True])

    def test_channels(self):
        for channel, stored in (("sms", "sms"), ("fax", "other"), (None, None), ("", None)):
            with self.subTest(channel):
                self.odoo.ingest(make_event(f"ch-{channel}", f"ch-{channel}", channel=channel))
                self.assertEqual(self.odoo.contact(f"ch-{channel}")["channel"], stored)
                self.assertEqual(self.odoo.event(f"ch-{channel}")["channel"], stored)

    def test_rejected(self):
        good = make_event("bad", "bad")
        table = {
            "no object": (7, "invalid"),
            "no event id": ({**good, "event_id": None}, "invalid"),
            "empty event id": ({**good, "event_id": ""}, "invalid"),
            "long event id": (make_event("e" * 129, "bad"), "invalid"),
            "event id is a number": ({**good, "event_id": 7}, "invalid"),
            "long subscriber id": (make_event("bad", "s" * 65), "invalid"),
            "order key without time": ({**good, "order_key": "bad"}, "invalid"),
            "order key in capitals": ({**good, "order_key": "00000000000000AB:bad"}, "invalid"),
            "order key of another": ({**good, "order_key": good["order_key"] + "x"}, "invalid"),
            "time without milliseconds": (
                {**good, "occurred_at": "2026-05-04T10:00:00Z"}, "invalid"),
            "no such day": ({**good, "occurred_at": "2026-02-30T10:00:00.000Z"}, "invalid"),
            "no time": ({**good, "occurred_at": None}, "invalid"),
            "reception is no time": ({**good, "received_at": "now"}, "invalid"),
            "unknown kind": ({**good, "kind": "boom"}, "invalid"),
            "long state": ({**good, "state": "x" * 129}, "too_large"),
            "long page": ({**good, "page_id": "x" * 129}, "too_large"),
            "long name": ({**good, "contact": {"name": "x" * 1025}}, "too_large"),
            "infinity": ({**good, "custom_fields": {"a": float("inf")}}, "invalid"),
            "contact is a list": ({**good, "contact": []}, "invalid"),
            "custom fields are a text": ({**good, "custom_fields": "x"}, "invalid"),
            "phone is an object": ({**good, "contact": {"phone": {}}}, "invalid"),
            "opt-in is a text": ({**good, "contact": {"optin_sms": "yes"}}, "invalid"),
            "NUL": ({**good, "custom_fields": {"a": ["\0"]}}, "invalid"),
            "lone surrogate": ({**good, "custom_fields": {"\ud800": 1}}, "invalid"),
        }
        for label, (item, code) in table.items():
            with self.subTest(label):
                result, = self.odoo.ingest(item)
                event_id = item["event_id"] if isinstance(item, dict) else None
                self.assertEqual(list(result), ["event_id", "status", "code", "error"])
                self.assertEqual((result["event_id"], result["status"], result["code"]),
                                 (event_id, "rejected", code))
                self.assertTrue(result["error"])
        self.assertIsNone(self.odoo.contact("bad"))

    def test_the_longest_ids_and_state(self):
        event = make_event("e" * 128, "s" * 64, state="x" * 128)
        self.assertEqual(self.odoo.ingest(event)[0]["status"], "created")

    def test_a_bad_event_does_not_hold_the_good_ones(self):
        results = self.odoo.ingest(make_event("mix-1", "mix"), {"event_id": "mix-2"},
                                   make_event("mix-3", "mix"))
        self.assertEqual([result["status"] for result in results],
                         ["created", "rejected", "created"])
        self.assertEqual(self.odoo.contact("mix")["event_count"], 2)

    def test_limits(self):
        many = [make_event(f"limit-{n}", "limit") for n in range(1001)]
        big = make_event("limit-big", "limit", payload={"text": "x" * 640 * 1024})
        for label, events in (("events", many), ("bytes", [big]), ("list", {"event": 1})):
            with self.subTest(label):
                answer = self.odoo.execute("manychat.state", "ingest", events)
                self.assertEqual(answer["error"]["data"]["name"], "odoo.exceptions.UserError")
        self.assertIsNone(self.odoo.contact("limit"))
        results = self.odoo.ingest(*many[:1000])
        self.assertEqual({result["status"] for result in results}, {"created"})

    def test_wrong_arguments(self):
        for args, kwargs in (((), {}), (([], []), {}), (([],), {"bogus": 1})):
            with self.subTest(args=args, kwargs=kwargs):
                answer = self.odoo.execute("manychat.state", "ingest", *args, **kwargs)
                self.assertEqual(answer["error"]["data"]["name"], "builtins.TypeError")

    def test_the_context_is_taken(self):
        answer = self.odoo.execute("manychat.state", "ingest", [],
                                   context={"tz": "UTC", "lang": "en_US"})
        self.assertEqual(answer["result"], {"api": 1, "results": []})

    def test_one_batch_at_once_from_many_clients(self):
        batch = [make_event(f"race-{n}", f"race-{n % 3}", n) for n in range(30)]
        statuses = []
        threads = [threading.Thread(target=lambda: statuses.extend(
            result["status"] for result in self.odoo.ingest(*batch))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((statuses.count("created"), statuses.count("duplicate")), (30, 90))
        self.assertEqual([self.odoo.contact(f"race-{n}")["event_count"] for n in range(3)],
                         [10, 10, 10])


class RecordedAddon(SimulatorCase):
    """The addon's own answers in a real Odoo, which its test recorded."""

    def test_recorded(self):
        document = json.loads((HERE.parent / "data" / "odoo-ingest-cases.json")
                              .read_text(encoding="utf-8"))
        seen, recorded_seen = {}, {}
        for case in document["cases"]:
            for order in case.get("orders", ()):
                self.assertEqual(self.odoo.order(**order)[0], 200)
            self.assertEqual(self.odoo.change_rows(delete=case.get("delete", []))[0], 200)
            for call in case["calls"]:
                answer = self.odoo.execute(call["model"], call["method"], *call["args"],
                                           **call.get("kwargs", {}))
                with self.subTest(case["name"], method=call["method"]):
                    if "error" in call:
                        self.assertEqual(self.told(answer["error"]["data"]),
                                         self.told(call["error"]))
                    else:
                        self.assertEqual(
                            renumbered(answer["result"], call["model"], seen),
                            renumbered(call["result"], call["model"], recorded_seen))
            self.odoo.order(clear=True)

    @staticmethod
    def told(error):
        """Name and first line: the groups that may do it stand in the others."""
        return error["name"], error["message"].partition("\n")[0]


def renumbered(value, model, seen):
    """With ids replaced by the order in which they were first seen."""
    if isinstance(value, list):
        return [renumbered(member, model, seen) for member in value]
    if not isinstance(value, dict):
        return value
    models = {"id": model, "contact_id": "manychat.contact"}
    return {name: seen.setdefault((models[name], member), len(seen)) if name in models
            else renumbered(member, model, seen) for name, member in value.items()}


class ChangedRows(SimulatorCase):
    """What people delete, and what a restored backup loses."""

    def changed(self, **order):
        self.assertEqual(self.odoo.change_rows(**order), (200, order))

    def test_a_deleted_event_is_refused(self):
        event = make_event("del-1", "del", 1)
        self.odoo.ingest(event, make_event("del-2", "del", 2))
        self.changed(delete=["del-1"])
        self.assertIsNone(self.odoo.event("del-1"))
        results = self.odoo.ingest(event, make_event("del-2", "del", 2),
                                   make_event("del-3", "del", 3))
        self.assertEqual(results[0], {"event_id": "del-1", "status": "rejected", "code": "erased",
                                      "error": "This event was deleted in Odoo."})
        self.assertEqual([result["status"] for result in results[1:]], ["duplicate", "created"])
        self.assertIsNone(self.odoo.event("del-1"))
        self.assertEqual(self.odoo.contact("del")["event_count"], 2)

    def test_only_what_was_there_is_remembered(self):
        self.changed(delete=["not-yet"])
        self.assertEqual(self.odoo.ingest(make_event("not-yet"))[0]["status"], "created")

    def test_a_contact_knows_the_events_that_are_left(self):
        self.odoo.ingest(*(make_event(f"left-{second}", "left", second, state=state)
                           for second, state in enumerate(("lead", "won", "lead", "won"))))
        self.changed(delete=["left-0", "left-2"])
        contact = self.odoo.contact("left")
        self.assertEqual((contact["event_count"], contact["first_event_at"],
                          contact["last_event_at"]),
                         (2, "2026-05-04 10:00:01.000", "2026-05-04 10:00:03.000"))
        self.assertTrue(self.odoo.event("left-1")["is_transition"])
        self.assertFalse(self.odoo.event("left-3")["is_transition"])

    def test_what_is_lost_comes_again(self):
        event = make_event("lose-1", "lose", contact={"name": "Ana"})
        first, _ = self.odoo.ingest(event, make_event("stay-1", "lose-not"))
        self.changed(lose=["lose", "nobody"])
        self.assertIsNone(self.odoo.contact("lose"))
        self.assertIsNone(self.odoo.event("lose-1"))
        again, other = self.odoo.ingest(event, make_event("stay-1", "lose-not"))
        self.assertEqual((again["status"], other["status"]), ("created", "duplicate"))
        self.assertNotEqual(again["id"], first["id"])
        self.assertEqual(self.odoo.contact("lose")["name"], "Ana")

    def test_wrong_orders(self):
        for body in ("", "{", "[]", '{"delete": "e"}', '{"forget": []}'):
            with self.subTest(body):
                response = self.odoo.request("POST", "/_control/rows", body)
                self.assertEqual(response.status, 400)
                self.assertIn("error", json.loads(response.text))


class Reading(SimulatorCase):
    """`search_read` and its kin, as far as they go."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.odoo.ingest(make_event("r-1", "r-ana", 1, state="lead", contact={"name": "Ana"}),
                        make_event("r-2", "r-bia", 2))

    def result(self, method, *args, model="manychat.state", **kwargs):
        return self.odoo.execute(model, method, *args, **kwargs)["result"]

    def test_search_read(self):
        row, = self.result("search_read", [["event_id", "=", "r-1"]],
                           fields=["event_id", "contact_id", "occurred_at", "summary"])
        self.assertEqual(row, {"id": 1, "event_id": "r-1", "contact_id": [1, "Ana"],
                               "occurred_at": "2026-05-04 10:00:01", "summary": False})
        row, = self.result("search_read", [["event_id", "=", "r-1"]], ["contact_id"], load=None)
        self.assertEqual(row, {"id": 1, "contact_id": 1})

    def test_domains(self):
        table = (([], 2), ([["event_id", "in", ["r-1", "r-2", "r-3"]]], 2),
                 ([["event_id", "in", []]], 0), ([["state", "=", False]], 1),
                 ([["id", "=", 2]], 1), ([["state", "=", "lead"], ["event_id", "=", "r-2"]], 0))
        for domain, count in table:
            with self.subTest(domain):
                self.assertEqual(self.result("search_count", domain), count)

    def test_order_limit_offset(self):
        rows = self.result("search_read", [], ["subscriber_id"], model="manychat.contact",
                           order="subscriber_id desc", limit=1, offset=1)
        self.assertEqual(rows, [{"id": 1, "subscriber_id": "r-ana"}])

    def test_read(self):
        self.assertEqual(self.result("read", [2, 9], ["name"], model="manychat.contact"),
                         [{"id": 2, "name": "ManyChat r-bia"}])


class OrderedFaults(SimulatorCase):
    """Every fault, ordered through the control endpoint."""

    def ordered(self, **order):
        status, document = self.odoo.order(**order)
        self.assertEqual(status, 200, document)

    def version(self):
        return self.odoo.call("common", "version", [])

    def assert_no_answer(self, how, call, *args):
        """RemoteDisconnected is a ConnectionResetError: only the exact class tells them apart."""
        with self.assertRaises(ConnectionResetError) as caught:
            call(*args)
        self.assertIs(type(caught.exception), how)

    def test_down(self):
        self.ordered(mode="down")
        for _ in range(2):
            self.assert_no_answer(http.client.RemoteDisconnected, self.version)
        self.ordered(mode="ok")
        self.assertIn("result", self.version())

    def test_times(self):
        self.ordered(mode="down", times=2)
        self.assertEqual(self.odoo.view()["faults"][0]["left"], 2)
        for _ in range(2):
            self.assert_no_answer(http.client.RemoteDisconnected, self.version)
        self.assertIn("result", self.version())

    def test_a_fault_for_one_method(self):
        self.ordered(mode="down", method="ingest")
        self.assertIn("result", self.version())
        self.assert_no_answer(http.client.RemoteDisconnected, self.odoo.ingest)

    def test_status(self):
        date = "Wed, 21 Oct 2026 07:28:00 GMT"
        for status, given, sent in ((429, "3", "3"), (429, 3, "3"), (503, date, date),
                                    (502, None, None), (504, None, None)):
            with self.subTest(status=status, retry_after=given):
                self.ordered(status=status, times=1,
                             **({} if given is None else {"retry_after": given}))
                response = self.odoo.post({})
                self.assertEqual(response.status, status)
                self.assertEqual(response.headers["Retry-After"], sent)
                self.assertEqual(response.headers["Content-Type"], "text/html; charset=utf-8")
                self.assertIn(f"<h1>{status}", response.text)

    def test_reset_before(self):
        self.ordered(mode="reset_before", times=1)
        self.assert_no_answer(ConnectionResetError, self.odoo.ingest, make_event("before", "rst"))
        self.assertIsNone(self.odoo.event("before"))

    def test_reset_after_commit(self):
        self.ordered(mode="reset_after_commit", times=1)
        event = make_event("after", "rst")
        self.assert_no_answer(ConnectionResetError, self.odoo.ingest, event)
        self.assertIsNotNone(self.odoo.event("after"))
        self.assertEqual(self.odoo.ingest(event)[0]["status"], "duplicate")

    def test_the_work_is_done_where_it_is_ordered(self):
        for commit in (False, True):
            with self.subTest(commit):
                event_id = f"gateway-{commit}"
                self.ordered(status=504, commit=commit, times=1)
                self.assertRaises(json.JSONDecodeError, self.odoo.ingest, make_event(event_id))
                self.assertEqual(self.odoo.event(event_id) is not None, commit)

    def test_non_json(self):
        self.ordered(mode="non_json", times=1)
        response = self.odoo.post({})
        self.assertEqual(response.status, 200)
        self.assertRaises(ValueError, json.loads, response.text)

    def test_slow_waits_where_it_is_ordered(self):
        faults = Faults()
        faults.order({"mode": "slow", "seconds": 3, "times": 1})
        faults.order({"mode": "slow", "seconds": 0.5, "when": "before"})
        plan = faults.plan(Call(service="common", method="version"))
        self.assertEqual((plan.delay_before, plan.delay_after), (0.5, 3))
        self.assertTrue(plan.does_the_work)
        self.assertEqual(faults.plan(Call()).delay_after, 0)

    def test_slow_for_each_event(self):
        faults = Faults()
        faults.order({"mode": "slow_events", "seconds": 0.25, "times": 1})
        self.assertEqual(faults.plan(Call(service="common", method="version")).delay_before, 0)
        batch = Call(method="ingest", args=[[make_event("a"), make_event("b")]])
        plan = faults.plan(batch)
        self.assertEqual((plan.delay_before, plan.applied), (0.5, ["slow_events"]))
        self.assertTrue(plan.does_the_work)
        self.assertEqual(faults.plan(batch).delay_before, 0)

    def test_slow_is_answered(self):
        self.ordered(mode="slow", seconds=0.01)
        self.assertEqual(self.odoo.ingest(make_event("slow"))[0]["status"], "created")
        self.assertEqual(self.odoo.view("/requests")[-1]["faults"], ["slow"])

    def test_slow_ends_when_it_is_cleared(self):
        self.ordered(mode="slow", seconds=3600, times=1)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(self.odoo.ingest, make_event("freed"))
            deadline = time.monotonic() + TIMEOUT
            while not any(e["event_id"] == "freed" for e in self.odoo.view("/events")) \
                    and time.monotonic() < deadline:
                pass
            self.odoo.order(clear=True)
            self.assertEqual(answer.result(TIMEOUT)[0]["status"], "created")

    def test_configuration_errors(self):
        table = {
            "access_denied": ("odoo.exceptions.AccessDenied", "Access Denied"),
            "access_error": ("odoo.exceptions.AccessError", "You are not allowed to create "),
            "missing_model": ("odoo.exceptions.UserError",
                              "Object manychat.state doesn't exist"),
            "missing_method": ("builtins.AttributeError",
                               "The method 'manychat.state.ingest' does not exist"),
            "invalid_field": ("builtins.ValueError", "Invalid field "),
            "database_gone": ("psycopg2.OperationalError", "connection to server at "),
            "serialization": ("psycopg2.errors.SerializationFailure", "could not serialize "),
            "key_error": ("builtins.KeyError", "nope")}
        for error, (name, text) in table.items():
            with self.subTest(error):
                self.ordered(mode="error", error=error, times=1)
                answer = self.odoo.execute("manychat.state", "ingest", [make_event("config")])
                data = answer["error"]["data"]
                self.assertEqual(data["name"], name)
                self.assertTrue(data["message"].startswith(text), data["message"])
                self.assertIsNone(self.odoo.event("config"))

    def test_the_login_notices_what_it_would(self):
        login = ("common", "authenticate", ["odoo", "enlace", "secret", {}])
        self.ordered(mode="error", error="access_error")
        self.assertEqual(self.odoo.call(*login)["result"], 2)
        self.ordered(mode="error", error="access_denied")
        self.assertIs(self.odoo.call(*login)["result"], False)
        self.ordered(clear=True)
        self.ordered(mode="error", error="database_gone")
        self.assertIn("error", self.odoo.call(*login))

    def test_no_common_version(self):
        self.ordered(mode="api_version", api_min=99)
        info = self.odoo.execute("manychat.state", "api_info")["result"]
        self.assertEqual((info["api"], info["api_min"]), (99, 99))

    def test_rejected_by_order(self):
        selectors = ({"event_ids": ["by-2"]}, {"subscriber_ids": ["by-b"]},
                     {"state_contains": "oo"})
        for number, selector in enumerate(selectors):
            with self.subTest(selector):
                self.ordered(mode="reject", code="erased", error="No such luck", **selector)
                first = make_event(f"by-1{number}", "by-a", state="lead")
                second = make_event("by-2", "by-b", state="boom")
                created, rejected = self.odoo.ingest(first, second)
                self.assertEqual(created["status"], "created")
                self.assertEqual(rejected, {"event_id": "by-2", "status": "rejected",
                                            "code": "erased", "error": "No such luck"})
                self.ordered(clear=True)

    def test_an_order_beats_what_is_stored(self):
        self.odoo.ingest(make_event("beaten"))
        self.ordered(mode="reject", event_ids=["beaten"])
        self.assertEqual(self.odoo.ingest(make_event("beaten"))[0]["status"], "rejected")

    def test_a_missing_state_holds_no_text(self):
        self.ordered(mode="reject", state_contains="on")
        self.assertEqual(self.odoo.ingest(make_event("stateless"))[0]["status"], "created")

    def test_a_rejection_has_a_code_and_a_text_of_its_own(self):
        self.ordered(mode="reject", event_ids=["plain"])
        result, = self.odoo.ingest(make_event("plain"))
        self.assertEqual(result["code"], "constraint")
        self.assertTrue(result["error"])

    def test_an_order_is_used_up_only_by_what_it_meets(self):
        self.ordered(mode="reject", event_ids=["meet-2"], times=1)
        statuses = [self.odoo.ingest(make_event(event_id))[0]["status"]
                    for event_id in ("meet-1", "meet-2", "meet-2")]
        self.assertEqual(statuses, ["created", "rejected", "created"])

    def test_an_order_outlives_a_request_that_is_not_carried_out(self):
        self.ordered(mode="reject", event_ids=["outlive"], times=1)
        self.ordered(mode="non_json", times=1)
        self.assertRaises(ValueError, self.odoo.ingest, make_event("outlive"))
        self.assertEqual(self.odoo.ingest(make_event("outlive"))[0]["status"], "rejected")

    def test_reject_all(self):
        self.ordered(mode="reject_all", error="x" * 600)
        results = self.odoo.ingest(make_event("all-1"), make_event("all-2"))
        self.assertEqual([result["error"] for result in results], ["x" * 500] * 2)

    def test_retry(self):
        self.ordered(mode="retry", event_ids=["retry-2"], times=1)
        results = self.odoo.ingest(make_event("retry-1"), make_event("retry-2"))
        self.assertEqual(results[1], {"event_id": "retry-2", "status": "retry"})
        self.assertEqual(results[0]["status"], "created")

    def test_kill(self):
        self.ordered(mode="kill", event_ids=["killer"])
        batch = [make_event("victim"), make_event("killer")]
        self.assert_no_answer(http.client.RemoteDisconnected, self.odoo.ingest, *batch)
        self.assertIsNone(self.odoo.event("victim"))
        self.assertEqual(self.odoo.ingest(batch[0])[0]["status"], "created")

    def test_wrong_orders(self):
        table = ([], {}, {"mode": "sideways"}, {"mode": "slow"}, {"mode": "down", "seconds": 1},
                 {"mode": "down", "times": 0}, {"mode": "down", "times": True},
                 {"mode": "slow", "seconds": "3"}, {"mode": "error", "error": "nope"},
                 {"mode": "error", "error": {"name": "x"}}, {"mode": "reject_all", "error": {}},
                 {"mode": "slow", "seconds": 1, "when": "now"}, {"mode": "slow_events"},
                 {"status": 200}, {"status": 499})
        for order in table:
            with self.subTest(order):
                response = self.odoo.request("POST", "/_control", json.dumps(order))
                self.assertEqual(response.status, 400)
                self.assertTrue(json.loads(response.text)["error"])
        self.assertEqual(self.odoo.view()["faults"], [])


class RequestRecord(unittest.TestCase):
    """The request log, its counters and the check of the rate."""

    def test_log_and_counters(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "requests.jsonl")
            odoo = Simulator("--log", str(path), password="hush-hush")
            self.addCleanup(odoo.process.kill)
            odoo.call("common", "authenticate", ["odoo", "enlace", "hush-hush", {}])
            odoo.ingest(make_event("log-1"), make_event("log-2"))
            odoo.order(status=429, times=1)
            odoo.post("{")
            odoo.order(mode="down", times=1)
            self.assertRaises(ConnectionError, odoo.ingest, make_event("log-3"))
            odoo.execute("manychat.state", "frobnicate")
            self.assertEqual(odoo.view(), {
                "requests": 5, "faults": [], "by_status": {"200": 3, "429": 1, "None": 1},
                "by_method": {"common.authenticate": 1, "manychat.state.ingest": 2, "none": 1,
                              "manychat.state.frobnicate": 1}})
            entries = odoo.view("/requests")
            self.assertEqual(odoo.stop(), 0)
            text = path.read_text(encoding="utf-8")
            self.assertEqual([json.loads(line) for line in text.splitlines()], entries)
            self.assertNotIn("hush-hush", text)
            self.assertEqual(max_requests_in_window(path, 3600), 5)
        keys = ("service", "model", "method", "events", "event_ids", "status", "error", "faults")
        self.assertEqual([tuple(entry[key] for key in keys) for entry in entries], [
            ("common", None, "authenticate", 0, [], 200, None, []),
            ("object", "manychat.state", "ingest", 2, ["log-1", "log-2"], 200, None, []),
            (None, None, None, 0, [], 429, None, ["status"]),
            ("object", "manychat.state", "ingest", 1, ["log-3"], None, None, ["down"]),
            ("object", "manychat.state", "frobnicate", 0, [], 200, "builtins.AttributeError",
             [])])
        times = [entry["time_monotonic"] for entry in entries]
        self.assertEqual(times, sorted(times))
        self.assertTrue(all(entry["duration_ms"] >= 0 for entry in entries))

    def test_window(self):
        table = {
            "nothing": ([], 1.0, 0),
            "one": ([5.0], 1.0, 1),
            "the window's end is outside": ([0.0, 1.0, 2.0], 1.0, 1),
            "just inside": ([0.0, 0.999], 1.0, 2),
            "not in order": ([3.5, 0.0, 3.0, 3.25], 1.0, 3),
            "the middle is the densest": ([0, 10, 10.5, 10.75, 11, 20], 1.0, 3),
            "another length": ([0.0, 1.0, 2.0, 3.0], 2.5, 3),
        }
        for label, (times, seconds, most) in table.items():
            with self.subTest(label):
                self.assertEqual(max_requests_in_window(times, seconds), most)
                entries = [{"time_monotonic": time} for time in times]
                self.assertEqual(max_requests_in_window(entries, seconds), most)


class Process(unittest.TestCase):
    """Start, end, and what survives between them."""

    def test_restart_with_state(self):
        with tempfile.TemporaryDirectory() as folder:
            options = ("--state", str(Path(folder, "state.sqlite")),
                       "--port-file", str(Path(folder, "port")))
            event = make_event("stay", "stay", state="lead", custom_fields={"a": 1})
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
                odoo = Simulator(*options)
                self.addCleanup(odoo.process.kill)
                self.assertEqual(odoo.first_line, f"listening on http://127.0.0.1:{odoo.port}\n")
                self.assertEqual(Path(folder, "port").read_text(encoding="ascii"),
                                 f"{odoo.port}\n")
                result, = odoo.ingest(event)
                self.assertEqual(result["status"],
                                 "created" if number == signal.SIGTERM else "duplicate")
                contact = odoo.contact("stay")
                self.assertEqual(odoo.stop(number), -9 if number == signal.SIGKILL else 0)
            odoo = Simulator(*options)
            self.addCleanup(odoo.process.kill)
            self.assertEqual(odoo.contact("stay"), contact)
            self.assertEqual(odoo.stop(), 0)

    def test_an_exception_rolls_the_transaction_back(self):
        store = Store(":memory:")
        self.addCleanup(store.close)
        with self.assertRaises(KeyError), store.transaction() as database:
            database.execute("INSERT INTO manychat_contact (subscriber_id) VALUES ('x')")
            raise KeyError
        self.assertEqual(store.contacts(), [])

    def test_ends_while_a_request_is_slow(self):
        odoo = Simulator()
        self.addCleanup(odoo.process.kill)
        odoo.order(mode="slow", seconds=3600, when="before")
        with socket.create_connection(("127.0.0.1", odoo.port), TIMEOUT) as connection:
            connection.sendall(b"POST /jsonrpc HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
            deadline = time.monotonic() + TIMEOUT
            while not odoo.view()["requests"] and time.monotonic() < deadline:
                pass
            self.assertEqual(odoo.stop(), 0)
            self.assertEqual(connection.recv(1), b"")


if __name__ == "__main__":
    unittest.main()
