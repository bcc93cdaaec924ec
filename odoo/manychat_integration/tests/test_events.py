"""Tests of what an item may look like, and of the merge; no record is involved."""

from datetime import datetime
from itertools import permutations

from odoo.tests import BaseCase, tagged

from ..events import Merge, Rejection, make_order_key, parse_event, size_of
from .common import make_event


@tagged("post_install", "-at_install")
class TestParse(BaseCase):
    def test_what_is_refused(self):
        good = make_event("bad", "bad")
        table = {
            "no object": (7, "invalid"),
            "no event id": ({**good, "event_id": None}, "invalid"),
            "empty event id": ({**good, "event_id": ""}, "invalid"),
            "long event id": (make_event("e" * 129), "invalid"),
            "event id is a number": ({**good, "event_id": 7}, "invalid"),
            "long subscriber id": (make_event("bad", "s" * 65), "invalid"),
            "order key without time": ({**good, "order_key": "bad"}, "invalid"),
            "order key in capitals": (
                {**good, "order_key": "00000000000000AB:bad"},
                "invalid",
            ),
            "order key of another": (
                {**good, "order_key": good["order_key"] + "x"},
                "invalid",
            ),
            "no milliseconds": (
                {**good, "occurred_at": "2026-05-04T10:00:00Z"},
                "invalid",
            ),
            "no such day": (
                {**good, "occurred_at": "2026-02-30T10:00:00.000Z"},
                "invalid",
            ),
            "foreign digits": (
                {**good, "occurred_at": "٢026-02-03T10:00:00.000Z"},
                "invalid",
            ),
            "no time": ({**good, "occurred_at": None}, "invalid"),
            "reception is no time": ({**good, "received_at": "now"}, "invalid"),
            "unknown kind": ({**good, "kind": "boom"}, "invalid"),
            "kind is a list": ({**good, "kind": ["state"]}, "invalid"),
            "long state": ({**good, "state": "x" * 129}, "too_large"),
            "long page": ({**good, "page_id": "x" * 129}, "too_large"),
            "long name": ({**good, "contact": {"name": "x" * 1025}}, "too_large"),
            "long summary": (
                {**good, "assignment": {"summary": "x" * 8001}},
                "too_large",
            ),
            "contact is a list": ({**good, "contact": []}, "invalid"),
            "custom fields are a text": ({**good, "custom_fields": "x"}, "invalid"),
            "payload is a text": ({**good, "payload": "x"}, "invalid"),
            "phone is an object": ({**good, "contact": {"phone": {}}}, "invalid"),
            "phone is a boolean": ({**good, "contact": {"phone": True}}, "invalid"),
            "opt-in is a text": ({**good, "contact": {"optin_sms": "yes"}}, "invalid"),
            "NUL": ({**good, "custom_fields": {"a": ["\0"]}}, "invalid"),
            "lone surrogate": ({**good, "custom_fields": {"\ud800": 1}}, "invalid"),
            "infinity": ({**good, "custom_fields": {"a": float("inf")}}, "invalid"),
            "not a number": ({**good, "payload": {"a": [float("nan")]}}, "invalid"),
            "too deep": ({**good, "custom_fields": {"a": nested(65)}}, "too_large"),
            "far too deep": ({**good, "unknown": nested(900)}, "too_large"),
        }
        for label, (item, code) in table.items():
            with self.subTest(label):
                with self.assertRaises(Rejection) as caught:
                    parse_event(0, item)
                self.assertEqual(caught.exception.code, code)
                self.assertTrue(str(caught.exception))

    def test_the_longest(self):
        event = parse_event(
            3,
            make_event(
                "e" * 128,
                "s" * 64,
                state="x" * 128,
                custom_fields={"a": nested(64)},
                assignment={"summary": "x" * 8000},
            ),
        )
        self.assertEqual((event.position, len(event.order_key)), (3, 145))

    def test_values_only(self):
        event = parse_event(
            0,
            make_event(
                "values",
                state="",
                channel="fax",
                contact={
                    "email": None,
                    "gender": "",
                    "phone": 506,
                    "name": "0",
                    "what": 1,
                },
                custom_fields={"a": None, "b": ""},
                unknown=1,
            ),
        )
        self.assertEqual(event.fields, {"phone": "506", "name": "0", "channel": "other"})
        self.assertEqual(event.custom_fields, {"a": None, "b": ""})
        self.assertEqual(event.row["occurred_at"], datetime(2026, 5, 4, 10))
        self.assertIsNone(event.row["state"])

    def test_size(self):
        self.assertEqual(size_of({"a": ["é", 1]}), len('{"a":["é",1]}'.encode()))
        self.assertEqual(size_of(nested(70)), 0)


def nested(levels):
    value = []
    for _level in range(levels - 1):
        value = [value]
    return value


@tagged("post_install", "-at_install")
class TestMerge(BaseCase):
    def merged(self, events):
        merge = Merge({}, {})
        for event in events:
            merge.take(event)
        return merge.values()

    def test_any_order_and_any_repetition(self):
        events = [
            parse_event(number, item)
            for number, item in enumerate(
                (
                    make_event(
                        "1",
                        second=1,
                        state="lead",
                        contact={"phone": "1", "email": "a@x"},
                    ),
                    make_event("2", second=2, contact={"phone": "2"}, custom_fields={"a": None}),
                    make_event("3", second=3, custom_fields={"a": 3, "b": ""}),
                    make_event("4", second=3, state="won", custom_fields={"b": 4}),
                )
            )
        ]
        expected = self.merged(events)
        self.assertEqual(
            {name: value for name, value in expected.items() if name != "field_keys"},
            {
                "phone": "2",
                "email": "a@x",
                "last_state": "won",
                "last_state_at": datetime(2026, 5, 4, 10, 0, 3),
                "custom_fields": {"a": 3, "b": 4},
            },
        )
        for order in permutations(events):
            self.assertEqual(self.merged(order), expected)
            self.assertEqual(self.merged(order + order[:2]), expected)

    def test_keys_compare_bytewise(self):
        self.assertLess(b"B", b"a")
        low = parse_event(0, make_event("B", contact={"phone": "low"}))
        high = parse_event(1, make_event("a", contact={"phone": "high"}))
        self.assertEqual(self.merged([high, low])["phone"], "high")

    def test_an_event_that_carries_nothing(self):
        merge = Merge({}, {})
        self.assertTrue(merge.take(parse_event(0, make_event("bare"))))
        self.assertEqual(merge.values(), {})

    def test_keys_of_other_events(self):
        key = make_order_key(datetime(2026, 5, 4, 10, 0, 0, 250000), "x")
        self.assertEqual(key, f"{1777888800250000:016x}:x")
        self.assertEqual(make_order_key(datetime(1969, 1, 1), "x"), f"{0:016x}:x")
