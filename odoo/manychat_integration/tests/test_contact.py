"""Tests of what people see of a contact, and of events that did not come by `ingest`."""

from datetime import date, datetime, timedelta

from dateutil.relativedelta import relativedelta
from lxml import etree

from odoo.exceptions import UserError
from odoo.tests import Form, tagged
from odoo.tools.safe_eval import safe_eval

from .common import ManychatCase, make_event


@tagged("post_install", "-at_install")
class TestContact(ManychatCase):
    def test_events_made_otherwise_are_counted_too(self):
        contact = self.Contacts.create({"subscriber_id": "hand"})
        self.assertEqual(contact.name, "ManyChat hand")
        self.env["manychat.state"].create(
            [
                {
                    "event_id": f"hand-{day}",
                    "contact_id": contact.id,
                    "state": state,
                    "occurred_at": datetime(2026, 5, day),
                }
                for day, state in ((3, "won"), (1, "lead"), (2, False), (4, False))
            ]
        )
        self.assertEqual((contact.last_state, contact.event_count), ("won", 4))
        self.assertEqual(contact.last_state_at, datetime(2026, 5, 3))
        self.assertEqual(contact.first_event_at, datetime(2026, 5, 1))
        self.assertEqual(contact.last_event_at, datetime(2026, 5, 4))
        self.assertEqual(
            contact.state_ids.sorted("occurred_at").mapped("is_transition"),
            [True, False, True, False],
        )

    def test_a_name_that_was_brought_stays(self):
        self.ingest(make_event("name-1", "name", 1, contact={"name": "Ana"}))
        self.ingest(make_event("name-2", "name", 2, contact={"first_name": "Ana"}))
        self.assertEqual(self.contact("name").name, "Ana")

    def test_state_path(self):
        self.ingest(
            *(
                make_event(f"path-{second}", "path", second, state=state)
                for second, state in enumerate(("new", "lead", "lead", "<won>"))
            )
        )
        badges = etree.fromstring(f"<p>{self.contact('path').state_path}</p>")
        self.assertEqual([badge.text for badge in badges], ["new", "lead", "<won>"])
        self.assertIn("text-bg-primary", badges[-1].get("class"))
        self.assertNotIn("text-bg-primary", badges[0].get("class"))

    def test_custom_fields_table(self):
        self.ingest(
            make_event(
                "table",
                "table",
                custom_fields={"b<": "<script>", "a": None, "c": [1, "é"], "d": False},
            )
        )
        rows = etree.fromstring(self.contact("table").custom_fields_table).iter("tr")
        self.assertEqual(
            [(row[0].text, row[1].text) for row in rows],
            [("a", None), ("b<", "<script>"), ("c", '[1, "é"]'), ("d", "false")],
        )
        self.assertFalse(self.Contacts.create({"subscriber_id": "e"}).custom_fields_table)

    def test_live_chat(self):
        contact = self.Contacts.create(
            {
                "subscriber_id": "chat",
                "live_chat_url": "https://manychat.com/fb1/chat/2",
            }
        )
        self.assertEqual(
            contact.action_open_live_chat(),
            {
                "type": "ir.actions.act_url",
                "url": "https://manychat.com/fb1/chat/2",
                "target": "new",
            },
        )
        for url in ("javascript:alert(1)", "manychat.com/x", False):
            contact.live_chat_url = url
            with self.subTest(url), self.assertRaises(UserError):
                contact.action_open_live_chat()

    def test_view_events(self):
        self.ingest(make_event("view", "view"))
        contact = self.contact("view")
        domain = contact.action_view_events()["domain"]
        self.assertEqual(self.env["manychat.state"].search(domain), contact.state_ids)

    def test_what_people_change_is_tracked(self):
        self.ingest(make_event("track", "track", contact={"email": "a@example.com"}))
        contact = self.contact("track")
        contact.email = "b@example.com"
        contact.gender = "female"
        self.flush_tracking()
        self.assertEqual(contact.message_ids.tracking_value_ids.field_id.mapped("name"), ["email"])

    def flush_tracking(self):
        self.env.flush_all()
        self.cr.flush()

    def test_form(self):
        with Form(self.Contacts) as form:
            form.subscriber_id = "form"
            form.first_name = "Ana"
        self.assertEqual(form.record.name, "ManyChat form")

    def test_no_event_for_seven_days(self):
        contacts = self.Contacts.create([{"subscriber_id": "heard"}, {"subscriber_id": "silent"}])
        self.env["manychat.state"].create(
            [
                {
                    "event_id": contact.subscriber_id,
                    "contact_id": contact.id,
                    "occurred_at": datetime.now() - timedelta(days=days),
                }
                for contact, days in zip(contacts, (6, 9), strict=True)
            ]
        )
        arch = etree.fromstring(
            self.env.ref("manychat_integration.manychat_contact_view_search").arch
        )
        (domain,) = arch.xpath("//filter[@name='silent']/@domain")
        names = {"context_today": date.today, "relativedelta": relativedelta}
        found = self.Contacts.search([("id", "in", contacts.ids), *safe_eval(domain, names)])
        self.assertEqual(found.mapped("subscriber_id"), ["silent"])
