"""Tests of what goes wrong: an event that is refused, and a call that fails as a whole."""

from contextlib import contextmanager
from unittest.mock import patch

from psycopg2 import OperationalError
from psycopg2.errors import LockNotAvailable, SerializationFailure

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import ManychatCase, make_event


@tagged("post_install", "-at_install")
class TestRefusals(ManychatCase):
    @contextmanager
    def rule(self, refuse, error):
        """As if a customer's addon checked each new event: `refuse(event)` raises `error`."""
        create = type(self.env["manychat.state"]).create

        def checked(model, vals_list):
            events = create(model, vals_list)
            if any(refuse(event) for event in events):
                raise error
            return events

        with patch.object(type(self.env["manychat.state"]), "create", checked):
            yield

    def boom(self, error):
        return self.rule(lambda event: event.state == "boom", error)

    def test_a_bad_item_does_not_hold_the_good_ones(self):
        results = self.ingest(make_event("mix-1", "mix"), {"event_id": "mix-2"}, 7)
        self.assertEqual(
            [list(result) for result in results[1:]],
            [["event_id", "status", "code", "error"]] * 2,
        )
        self.assertEqual(
            [(result["event_id"], result["status"]) for result in results],
            [("mix-1", "created"), ("mix-2", "rejected"), (None, "rejected")],
        )
        self.assertEqual(self.contact("mix").event_count, 1)

    def test_bisect(self):
        """Each bad event alone is refused, wherever and however many they are."""
        for bad in ((), (0,), (63,), (0, 1, 40), tuple(range(64))):
            with (
                self.subTest(bad),
                self.boom(ValidationError("State boom is not allowed")),
            ):
                name = f"bi-{len(bad)}-{sum(bad)}"
                results = self.ingest(
                    *(
                        make_event(
                            f"{name}-{n}",
                            f"{name}-{n % 7}",
                            n % 60,
                            state="boom" if n in bad else "lead",
                            contact={"phone": "boom" if n in bad else "1"},
                        )
                        for n in range(64)
                    )
                )
                refused = [n for n in range(64) if results[n]["status"] == "rejected"]
                self.assertEqual(refused, list(bad))
                for n in bad:
                    self.assertEqual(
                        results[n],
                        {
                            "event_id": f"{name}-{n}",
                            "status": "rejected",
                            "code": "constraint",
                            "error": "State boom is not allowed",
                        },
                    )
                contacts = self.Contacts.search([("subscriber_id", "=like", f"{name}-%")])
                self.assertEqual(sum(contacts.mapped("event_count")), 64 - len(bad))
                self.assertNotIn("boom", contacts.mapped("phone"))

    def test_codes_and_texts(self):
        table = (
            (UserError("plain"), "constraint", "plain"),
            (ValidationError("x" * 600), "constraint", "x" * 500),
            (ValueError("Wrong value for a.b"), "invalid", "Wrong value for a.b"),
        )
        for number, (error, code, text) in enumerate(table):
            with self.subTest(code), self.boom(error):
                (result,) = self.ingest(make_event(f"code-{number}", state="boom"))
                self.assertEqual((result["code"], result["error"]), (code, text))

    @mute_logger("odoo.sql_db")
    def test_a_foreign_unique_constraint_refuses_its_event_only(self):
        self.env.cr.execute("CREATE UNIQUE INDEX customers_own_rule ON manychat_contact (email)")
        results = self.ingest(
            make_event("own-1", "own-1", contact={"email": "same@example.com"}),
            make_event("own-2", "own-2", contact={"email": "same@example.com"}),
            make_event("own-3", "own-3", contact={"email": "other@example.com"}),
        )
        self.assertEqual(
            [result["status"] for result in results], ["created", "rejected", "created"]
        )
        self.assertEqual(results[1]["code"], "constraint")
        self.assertIn("customers_own_rule", results[1]["error"])
        self.assertNotIn("same@example.com", results[1]["error"])

    @mute_logger("odoo.sql_db")
    def test_other_constraints_of_the_database(self):
        for number, (ddl, code) in enumerate(
            (
                ("ADD CONSTRAINT short CHECK (length(phone) < 5)", "constraint"),
                ("ALTER medical_ref SET NOT NULL", "constraint"),
                ("ALTER phone TYPE varchar(5)", "invalid"),
            )
        ):
            with self.subTest(ddl), self.env.cr.savepoint() as savepoint:
                self.env.cr.execute(f"ALTER TABLE manychat_contact {ddl}")
                good, bad = self.ingest(
                    make_event(
                        f"db-{number}a",
                        f"db-{number}a",
                        assignment={"medical_ref": "1"},
                    ),
                    make_event(f"db-{number}b", f"db-{number}b", contact={"phone": "123456"}),
                )
                self.assertEqual((good["status"], bad["status"]), ("created", "rejected"))
                self.assertEqual(bad["code"], code)
                self.assertNotIn("123456", bad["error"])
                savepoint.rollback()

    @mute_logger("odoo.sql_db")
    def test_our_own_constraints_restart_the_call(self):
        """Where the look-up did not see the row, another transaction has just stored it."""
        self.ingest(make_event("race", "race"))
        for again in (make_event("race", "other"), make_event("race-2", "race")):
            with (
                self.subTest(again["event_id"]),
                patch.object(type(self.env["manychat.state"]), "_look_up", lambda *args: {}),
                self.assertRaises(SerializationFailure) as caught,
                self.env.cr.savepoint(),
            ):
                self.ingest(again)
            self.assertEqual(caught.exception.pgcode, "40001")

    def test_failures_of_the_service_are_raised_whole(self):
        for error in (
            OperationalError("server closed the connection"),
            LockNotAvailable("canceling statement due to lock timeout"),
            AccessError("You are not allowed"),
        ):
            with (
                self.subTest(type(error)),
                self.boom(error),
                self.assertRaises(type(error)),
                self.env.cr.savepoint(),
            ):
                self.ingest(make_event("whole-1"), make_event("whole-2", state="boom"))
        self.assertFalse(self.event("whole-1"))

    def test_bugs_are_raised(self):
        for error in (
            AttributeError("x"),
            KeyError("x"),
            TypeError("x"),
            ZeroDivisionError("x"),
        ):
            with (
                self.subTest(type(error)),
                self.boom(error),
                self.assertRaises(type(error)),
                self.env.cr.savepoint(),
            ):
                self.ingest(make_event("bug", state="boom"))
        self.assertFalse(self.event("bug"))
