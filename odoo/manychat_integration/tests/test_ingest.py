"""Tests of `ingest`: what is stored, and each status but the refusals."""

from datetime import datetime
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged

from ..models import manychat_state
from .common import ManychatCase, make_event


@tagged("post_install", "-at_install")
class TestIngest(ManychatCase):
    def test_api_info(self):
        self.assertEqual(
            self.States.api_info(),
            {
                "api": 1,
                "api_min": 1,
                "addon": "18.0.1.1.0",
                "max_events": 1000,
                "features": ["erased"],
            },
        )

    def test_created_then_duplicate_with_the_same_ids(self):
        event = make_event("twice-1", "twice", state="lead")
        answer = self.States.ingest([event])
        self.assertEqual(answer["api"], 1)
        (created,) = answer["results"]
        self.assertEqual(list(created), ["event_id", "status", "id", "contact_id", "applied"])
        self.assertEqual(
            created,
            {
                "event_id": "twice-1",
                "status": "created",
                "id": self.event("twice-1").id,
                "contact_id": self.contact("twice").id,
                "applied": True,
            },
        )
        (duplicate,) = self.ingest(event)
        self.assertEqual(duplicate, {**created, "status": "duplicate", "applied": False})
        self.assertEqual(self.contact("twice").event_count, 1)

    def test_results_stand_in_the_order_of_the_request(self):
        results = self.ingest(
            make_event("order-b", "order", 2),
            {"event_id": "order-x"},
            make_event("order-a", "order", 1),
            make_event("order-b", "order", 2),
        )
        self.assertEqual(
            [(result["event_id"], result["status"]) for result in results],
            [
                ("order-b", "created"),
                ("order-x", "rejected"),
                ("order-a", "created"),
                ("order-b", "duplicate"),
            ],
        )

    def test_what_is_stored(self):
        self.ingest(
            make_event(
                "full-1",
                "full",
                5,
                kind="assignment",
                page_id="100",
                channel="whatsapp",
                state="lead",
                occurred_at="2026-05-04T10:00:05.678Z",
                contact={
                    "first_name": "Ana",
                    "phone": "+506",
                    "optin_email": True,
                    "optin_sms": False,
                    "subscribed_at": "2026-05-04T16:54:33.001Z",
                    "email": None,
                    "gender": "",
                },
                custom_fields={
                    "age": 41,
                    "city ": None,
                    "note": "",
                    "deep": {"a": [1.5]},
                },
                assignment={"campaign_ref": 12, "summary": "wants a date"},
                payload={"k": [1]},
                unknown={"ignored": True},
            )
        )
        contact, event = self.contact("full"), self.event("full-1")
        contact.invalidate_recordset()
        expected = {
            "name": "ManyChat full",
            "first_name": "Ana",
            "phone": "+506",
            "optin_email": True,
            "optin_sms": False,
            "subscribed_at": datetime(2026, 5, 4, 16, 54, 33, 1000),
            "email": False,
            "gender": False,
            "page_id": "100",
            "channel": "whatsapp",
            "last_state": "lead",
            "last_state_at": datetime(2026, 5, 4, 10, 0, 5, 678000),
            "first_event_at": datetime(2026, 5, 4, 10, 0, 5, 678000),
            "last_event_at": datetime(2026, 5, 4, 10, 0, 5, 678000),
            "campaign_ref": "12",
            "summary": "wants a date",
            "custom_fields": {
                "age": 41,
                "city ": None,
                "note": "",
                "deep": {"a": [1.5]},
            },
            "event_count": 1,
            "active": True,
            "company_id": self.integration.company_id,
            "create_uid": self.integration,
        }
        self.assertEqual({name: contact[name] for name in expected}, expected)
        self.assertEqual(
            set(contact.field_keys),
            {
                "first_name",
                "phone",
                "optin_email",
                "optin_sms",
                "subscribed_at",
                "page_id",
                "channel",
                "last_state",
                "campaign_ref",
                "summary",
                "custom_fields.age",
                "custom_fields.city ",
                "custom_fields.note",
                "custom_fields.deep",
            },
        )
        self.assertEqual(set(contact.field_keys.values()), {f"{0x5E000000005:016x}:full-1"})
        event.invalidate_recordset()
        expected = {
            "kind": "assignment",
            "state": "lead",
            "is_transition": True,
            "channel": "whatsapp",
            "occurred_at": datetime(2026, 5, 4, 10, 0, 5, 678000),
            "received_at": datetime(2026, 5, 4, 10, 0, 5),
            "summary": "wants a date",
            "payload": False,
            "contact_id": contact,
            "company_id": contact.company_id,
        }
        self.assertEqual({name: event[name] for name in expected}, expected)

    def test_a_payload_is_kept_where_the_setting_says_so(self):
        settings = self.env["res.config.settings"].create({"manychat_keep_payload": True})
        settings.execute()
        self.ingest(make_event("payload", payload={"k": [1]}))
        self.assertEqual(self.event("payload").payload, {"k": [1]})
        # As an administrator may write it into the parameter.
        self.env["ir.config_parameter"].set_param("manychat_integration.keep_payload", "False")
        self.ingest(make_event("no-payload", payload={"k": [1]}))
        self.assertFalse(self.event("no-payload").payload)

    def test_an_older_event_is_created_but_not_applied(self):
        (newer,) = self.ingest(make_event("old-2", "old", 2, contact={"phone": "2"}))
        (older,) = self.ingest(make_event("old-1", "old", 1, contact={"phone": "1"}))
        self.assertEqual((newer["status"], newer["applied"]), ("created", True))
        self.assertEqual((older["status"], older["applied"]), ("created", False))
        self.assertEqual(self.contact("old").phone, "2")

    def test_an_older_event_still_brings_what_only_it_carries(self):
        self.ingest(make_event("part-2", "part", 2, contact={"phone": "2"}))
        (older,) = self.ingest(
            make_event("part-1", "part", 1, contact={"phone": "1", "email": "a@x"})
        )
        self.assertTrue(older["applied"])
        self.assertEqual((self.contact("part").phone, self.contact("part").email), ("2", "a@x"))

    def test_a_batch_in_any_order_is_applied_in_the_order_of_events(self):
        results = self.ingest(
            make_event("batch-2", "batch", 2, contact={"phone": "2"}, state="won"),
            make_event("batch-1", "batch", 1, contact={"phone": "1"}, state="lead"),
        )
        self.assertEqual([result["applied"] for result in results], [True, True])
        self.assertLess(results[1]["id"], results[0]["id"])
        self.assertEqual(self.contact("batch").phone, "2")
        self.assertEqual(self.contact("batch").last_state, "won")

    def test_a_custom_field_is_cleared(self):
        self.ingest(make_event("clear-1", "clear", 1, custom_fields={"a": 1, "b": 2, "c": 3}))
        self.ingest(make_event("clear-2", "clear", 2, custom_fields={"a": None, "b": ""}))
        self.assertEqual(self.contact("clear").custom_fields, {"a": None, "b": "", "c": 3})

    def test_a_duplicate_is_merged_all_the_same(self):
        event = make_event("again", "again", contact={"phone": "1"})
        self.ingest(event)
        (result,) = self.ingest({**event, "contact": {"phone": "2", "email": "a@x"}})
        self.assertEqual((result["status"], result["applied"]), ("duplicate", True))
        self.assertEqual((self.contact("again").phone, self.contact("again").email), ("1", "a@x"))

    def test_an_id_under_another_subscriber_merges_nothing(self):
        (first,) = self.ingest(make_event("shared", "one", contact={"phone": "1"}))
        (second,) = self.ingest(make_event("shared", "two", contact={"email": "b@x"}))
        self.assertEqual(second, {**first, "status": "duplicate", "applied": False})
        self.assertFalse(self.contact("two"))
        self.assertFalse(self.contact("one").email)

    def test_an_archived_contact_is_the_same_contact(self):
        (first,) = self.ingest(make_event("arch-1", "arch"))
        self.contact("arch").active = False
        self.env.flush_all()
        (second,) = self.ingest(make_event("arch-2", "arch"))
        (duplicate,) = self.ingest(make_event("arch-1", "arch"))
        self.assertEqual((duplicate["status"], second["status"]), ("duplicate", "created"))
        self.assertEqual(second["contact_id"], first["contact_id"])
        self.assertFalse(self.contact("arch").active)

    def test_an_event_without_state_changes_none(self):
        self.ingest(
            make_event("mute-1", "mute", 1, state="lead"),
            make_event("mute-2", "mute", 2, kind="interaction"),
            make_event("mute-3", "mute", 3, state=""),
        )
        self.assertEqual(self.contact("mute").last_state, "lead")
        self.assertEqual(self.contact("mute").last_state_at, datetime(2026, 5, 4, 10, 0, 1))
        self.assertEqual(self.contact("mute").last_event_at, datetime(2026, 5, 4, 10, 0, 3))

    def test_channels(self):
        for channel, stored in (
            ("sms", "sms"),
            ("fax", "other"),
            (None, False),
            ("", False),
        ):
            with self.subTest(channel):
                self.ingest(make_event(f"ch-{channel}", f"ch-{channel}", channel=channel))
                self.assertEqual(self.contact(f"ch-{channel}").channel, stored)
                self.assertEqual(self.event(f"ch-{channel}").channel, stored)

    def test_retry_when_the_time_is_used_up(self):
        with patch.object(manychat_state, "TIME_BUDGET", -1):
            results = self.ingest(make_event("late-1"), {"event_id": "late-2"})
        self.assertEqual(results[0], {"event_id": "late-1", "status": "retry"})
        self.assertEqual(results[1]["status"], "rejected")
        self.assertFalse(self.event("late-1"))

    def test_limits(self):
        many = [make_event(f"limit-{n}", "limit") for n in range(1001)]
        big = make_event("limit-big", "limit", payload={"text": "x" * 640 * 1024})
        for events in (many, [big], {"event": 1}, None):
            with self.subTest(type(events)), self.assertRaises(UserError):
                self.States.ingest(events)
        self.assertFalse(self.contact("limit"))
        self.assertEqual(self.States.ingest([]), {"api": 1, "results": []})

    def test_a_full_batch(self):
        results = self.ingest(
            *(
                make_event(f"batch-{n}", f"batch-{n % 100}", n % 60, state=f"s{n % 3}")
                for n in range(1000)
            )
        )
        self.assertEqual({result["status"] for result in results}, {"created"})
        contacts = self.Contacts.search([("subscriber_id", "=like", "batch-%")])
        self.assertEqual(set(contacts.mapped("event_count")), {10})

    def test_nobody_is_told_and_nothing_is_logged(self):
        self.ingest(make_event("log", "log", contact={"name": "Ana", "phone": "1"}))
        self.ingest(make_event("log-2", "log", 2, contact={"name": "Bia", "optin_sms": True}))
        self.assertFalse(self.contact("log").message_ids)
        self.assertFalse(self.contact("log").message_follower_ids)
