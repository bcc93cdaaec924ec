"""What the tests share: events to send, and a user who may send them."""

from odoo.tests import TransactionCase, new_test_user

INTEGRATION = "manychat_integration.group_manychat_integration"
USER = "manychat_integration.group_manychat_user"
MANAGER = "manychat_integration.group_manychat_manager"


def make_event(event_id, subscriber_id="s", second=0, **members):
    """A valid event; `second` is where it stands in the order of events."""
    moment = f"2026-05-04T10:00:{second:02}.000Z"
    return {
        "event_id": event_id,
        "subscriber_id": subscriber_id,
        "order_key": f"{0x5E000000000 + second:016x}:{event_id}",
        "occurred_at": moment,
        "received_at": moment,
        "kind": "state",
        **members,
    }


class ManychatCase(TransactionCase):
    """Calls as the integration user, looks as nobody in particular."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.integration = new_test_user(cls.env, "enlace-test", groups=INTEGRATION)
        cls.States = cls.env["manychat.state"].with_user(cls.integration)
        cls.Contacts = cls.env["manychat.contact"]

    def ingest(self, *events):
        """The results, event by event."""
        return self.States.ingest(list(events))["results"]

    def statuses(self, *events):
        return [result["status"] for result in self.ingest(*events)]

    def contact(self, subscriber_id):
        return self.Contacts.with_context(active_test=False).search(
            [("subscriber_id", "=", subscriber_id)]
        )

    def event(self, event_id):
        return self.env["manychat.state"].search([("event_id", "=", event_id)])
