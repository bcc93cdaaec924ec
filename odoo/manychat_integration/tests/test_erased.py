"""Tests of events that people deleted: they are remembered, and refused when they come again."""

from datetime import datetime

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import MANAGER, USER, ManychatCase, make_event

REFUSED = {
    "status": "rejected",
    "code": "erased",
    "error": "This event was deleted in Odoo.",
}


@tagged("post_install", "-at_install")
class TestErased(ManychatCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = new_test_user(cls.env, "mc-erasing", groups=MANAGER)

    def delete(self, records):
        """As a manager does it, in the list or the form."""
        records.with_user(self.manager).unlink()
        self.env.flush_all()
        self.env.invalidate_all()

    def remembered(self, *event_ids):
        """Those of the ids that are noted as deleted."""
        found = self.env["manychat.erased"].search([("event_id", "in", event_ids)])
        return sorted(found.mapped("event_id"))

    def test_a_deleted_event_is_refused(self):
        event = make_event("er-1", "er", 1, contact={"phone": "1"})
        self.ingest(event, make_event("er-2", "er", 2))
        self.delete(self.event("er-1"))
        for _time in range(2):
            (result,) = self.ingest({**event, "contact": {"phone": "2"}})
            self.assertEqual(result, {"event_id": "er-1", **REFUSED})
        self.assertFalse(self.event("er-1"))
        self.assertEqual(self.contact("er").phone, "1")
        self.assertEqual(self.remembered("er-1", "er-2"), ["er-1"])

    def test_a_refusal_makes_no_contact(self):
        self.ingest(make_event("alone", "alone"))
        self.delete(self.contact("alone"))
        self.assertEqual(self.statuses(make_event("alone", "alone")), ["rejected"])
        self.assertFalse(self.contact("alone"))

    def test_the_events_of_a_deleted_contact_are_refused(self):
        events = [make_event(f"all-{second}", "all", second) for second in range(3)]
        self.ingest(*events, make_event("rest-1", "rest"))
        self.delete(self.contact("all"))
        self.assertFalse(self.event("all-0"))
        self.assertEqual({result["code"] for result in self.ingest(*events)}, {"erased"})
        self.assertEqual(
            self.remembered("all-0", "all-1", "all-2", "rest-1"), ["all-0", "all-1", "all-2"]
        )

    def test_other_events_make_the_contact_again(self):
        self.ingest(make_event("new-1", "new", 1, contact={"phone": "1"}))
        self.delete(self.contact("new"))
        results = self.ingest(
            make_event("new-2", "new", 2, state="lead"),
            make_event("new-1", "new", 1, contact={"phone": "1"}),
            make_event("other-1", "other"),
        )
        self.assertEqual(
            [result["status"] for result in results], ["created", "rejected", "created"]
        )
        self.assertEqual(results[1], {"event_id": "new-1", **REFUSED})
        contact = self.contact("new")
        self.assertEqual((contact.phone, contact.event_count), (False, 1))
        self.assertEqual(contact.last_state, "lead")

    def test_twice_in_a_batch(self):
        event = make_event("pair", "pair")
        self.ingest(event)
        self.delete(self.event("pair"))
        self.assertEqual(
            self.statuses(event, make_event("pair-2", "pair", 2), event),
            ["rejected", "created", "rejected"],
        )

    def test_an_event_that_is_there_is_a_duplicate(self):
        """It was made again by hand, or from a backup."""
        event = make_event("back", "back")
        self.ingest(event)
        self.delete(self.event("back"))
        self.env["manychat.state"].create(
            {
                "event_id": "back",
                "contact_id": self.contact("back").id,
                "occurred_at": datetime(2026, 5, 4),
            }
        )
        self.assertEqual(self.statuses(event), ["duplicate"])
        self.delete(self.event("back"))
        self.assertEqual(self.statuses(event), ["rejected"])

    def test_an_event_that_is_to_be_forgotten_comes_again(self):
        event = make_event("let", "let")
        self.ingest(event)
        self.delete(self.event("let"))
        self.delete(self.env["manychat.erased"].search([("event_id", "=", "let")]))
        self.assertEqual(self.statuses(event), ["created"])
        self.assertEqual(self.contact("let").event_count, 1)

    def test_nothing_but_the_id_is_kept(self):
        self.ingest(make_event("only", "only"))
        self.delete(self.event("only"))
        self.env.cr.execute("SELECT * FROM manychat_erased WHERE event_id = 'only'")
        self.assertEqual([column.name for column in self.env.cr.description], ["id", "event_id"])
        self.assertEqual(self.env.cr.rowcount, 1)

    def test_what_the_contact_knows_of_its_events(self):
        self.ingest(
            *(
                make_event(f"know-{second}", "know", second, state=state)
                for second, state in enumerate(("lead", "won", "lead", "lead"))
            )
        )
        self.delete(self.event("know-1") + self.event("know-0"))
        contact = self.contact("know")
        self.assertEqual(contact.event_count, 2)
        self.assertEqual(contact.first_event_at, datetime(2026, 5, 4, 10, 0, 2))
        self.assertEqual(contact.last_event_at, datetime(2026, 5, 4, 10, 0, 3))
        self.assertEqual(
            contact.state_ids.sorted("occurred_at").mapped("is_transition"), [True, False]
        )
        self.delete(self.event("know-2"))
        self.assertTrue(self.event("know-3").is_transition)
        self.delete(self.event("know-3"))
        self.assertEqual(
            (contact.event_count, contact.first_event_at, contact.last_event_at),
            (0, False, False),
        )
        self.assertEqual(contact.last_state, "lead")

    def test_what_another_company_hides_is_remembered_all_the_same(self):
        self.ingest(make_event("comp-1", "comp"), make_event("comp-2", "comp"))
        other = self.env["res.company"].create({"name": "Other"})
        # As a rule of the customer's may: the contact may be deleted, the event not even read.
        self.env.cr.execute(
            "UPDATE manychat_state SET company_id = %s WHERE event_id = 'comp-2'", (other.id,)
        )
        self.env.invalidate_all()
        self.delete(self.contact("comp"))
        self.assertEqual(self.remembered("comp-1", "comp-2"), ["comp-1", "comp-2"])

    @mute_logger("odoo.addons.base.models.ir_model")
    def test_a_refused_deletion_is_none(self):
        self.ingest(make_event("may", "may"))
        user = new_test_user(self.env, "mc-not-erasing", groups=USER)
        for records in (self.event("may"), self.contact("may")):
            for who in (user, self.integration):
                with self.subTest(model=records._name, who=who.login):
                    with self.assertRaises(AccessError):
                        records.with_user(who).unlink()
                    self.assertFalse(self.remembered("may"))

    @mute_logger("odoo.addons.base.models.ir_model")
    def test_the_integration_does_not_read_what_was_deleted(self):
        erased = self.env["manychat.erased"].with_user(self.integration)
        with self.assertRaises(AccessError):
            erased.search_read([], ["event_id"])
        with self.assertRaises(AccessError):
            erased.create({"event_id": "forged"})

    def test_the_words_are_those_of_the_caller(self):
        self.env["res.lang"]._activate_lang("es_ES")
        self.env["ir.module.module"].search(
            [("name", "=", "manychat_integration")]
        )._update_translations(["es_ES"])
        self.ingest(make_event("palabra", "palabra"))
        self.delete(self.event("palabra"))
        states = self.States.with_context(lang="es_ES")
        (result,) = states.ingest([make_event("palabra", "palabra")])["results"]
        self.assertEqual(result["error"], "Este evento fue eliminado en Odoo.")
