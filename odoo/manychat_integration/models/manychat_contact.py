"""manychat.contact - a subscriber of a ManyChat page: the merge of all events about them."""

import json
from urllib.parse import urlsplit

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..events import Merge, make_order_key

STATES_SHOWN = 6


def selection_of_channels():
    """Shared by both models."""
    return [
        ("whatsapp", "WhatsApp"),
        ("instagram", "Instagram"),
        ("messenger", "Messenger"),
        ("telegram", "Telegram"),
        ("tiktok", "TikTok"),
        ("sms", "SMS"),
        ("other", "Other"),
    ]


class ManychatContact(models.Model):
    _name = "manychat.contact"
    _description = "ManyChat contact"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "last_event_at desc, id desc"

    subscriber_id = fields.Char(required=True, readonly=True, copy=False)
    page_id = fields.Char(string="Page", index=True)
    name = fields.Char(tracking=True)
    first_name = fields.Char(tracking=True)
    last_name = fields.Char(tracking=True)
    phone = fields.Char(tracking=True)
    whatsapp_phone = fields.Char(string="WhatsApp", tracking=True)
    email = fields.Char(tracking=True)
    channel = fields.Selection(selection_of_channels())
    ig_username = fields.Char(string="Instagram user")
    locale = fields.Char()
    timezone = fields.Char(string="Time zone")
    gender = fields.Char()
    live_chat_url = fields.Char(string="Live chat")
    mc_status = fields.Char(string="Status in ManyChat")
    optin_whatsapp = fields.Boolean(string="WhatsApp opt-in", tracking=True)
    optin_email = fields.Boolean(string="E-mail opt-in", tracking=True)
    optin_sms = fields.Boolean(string="SMS opt-in", tracking=True)
    subscribed_at = fields.Datetime(string="Subscribed on")
    first_event_at = fields.Datetime(string="First event", readonly=True, copy=False)
    last_event_at = fields.Datetime(string="Last event", readonly=True, copy=False, index=True)
    last_interaction_at = fields.Datetime(string="Last interaction")
    # Kept by manychat.state.create(): @api.depends would load every event of a contact.
    last_state = fields.Char(string="State", readonly=True, copy=False)
    last_state_at = fields.Datetime(string="State since", readonly=True, copy=False)
    event_count = fields.Integer(string="Events", readonly=True, copy=False)
    custom_fields = fields.Json(copy=False)
    campaign_ref = fields.Char(string="Campaign")
    commercial_ref = fields.Char(string="Salesperson")
    medical_ref = fields.Char(string="Physician")
    summary = fields.Text()
    field_keys = fields.Json(
        string="Field keys",
        copy=False,
        help="Technical: for each field the order key of the event that set it.",
    )
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", index=True, default=lambda self: self.env.company)
    state_ids = fields.One2many("manychat.state", "contact_id", string="Timeline")
    state_path = fields.Html(string="States", compute="_compute_state_path", sanitize=False)
    custom_fields_table = fields.Html(
        string="Custom fields", compute="_compute_custom_fields_table", sanitize=False
    )

    _sql_constraints = [
        (
            "subscriber_id_unique",
            "UNIQUE(subscriber_id)",
            "A ManyChat contact with this subscriber id exists already.",
        ),
    ]

    @api.depends("last_state", "last_state_at")
    def _compute_state_path(self):
        """The latest states in their order, the present one last."""
        for contact in self:
            transitions = self.env["manychat.state"].search(
                [("contact_id", "in", contact.ids), ("is_transition", "=", True)],
                order="occurred_at desc, id desc",
                limit=STATES_SHOWN,
            )
            states = [event.state for event in reversed(transitions)]
            # The newest state by its key need not be the last one by its time.
            if contact.last_state and states[-1:] != [contact.last_state]:
                states.append(contact.last_state)
            contact.state_path = Markup("").join(
                Markup('<span class="badge rounded-pill me-1 text-bg-%s">%s</span>')
                % ("primary" if number == len(states) else "secondary", state)
                for number, state in enumerate(states, 1)
            )

    @api.depends("custom_fields")
    def _compute_custom_fields_table(self):
        for contact in self:
            rows = Markup("").join(
                Markup('<tr><th class="w-25">%s</th><td>%s</td></tr>')
                % (name, self._custom_field_text(value))
                for name, value in sorted((contact.custom_fields or {}).items())
            )
            table = Markup('<table class="table table-sm"><tbody>%s</tbody></table>')
            contact.custom_fields_table = rows and table % rows

    @staticmethod
    def _custom_field_text(value):
        if value is None:
            return ""
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if not vals.get("name") and vals.get("subscriber_id"):
                vals["name"] = f"ManyChat {vals['subscriber_id']}"
        return super().create(vals_list)

    def unlink(self):
        """Remembers the contacts' events: the database deletes them, and tells nobody."""
        states = self.env["manychat.state"].sudo()
        events = states.search_fetch([("contact_id", "in", self.ids)], ["event_id"])
        event_ids = events.mapped("event_id")
        result = super().unlink()
        self.env["manychat.erased"]._remember(event_ids)
        return result

    def action_open_live_chat(self):
        """Opens the conversation in ManyChat."""
        self.ensure_one()
        url = self.live_chat_url or ""
        # The address came from outside: nothing but a web page may be opened by it.
        if urlsplit(url).scheme not in ("http", "https"):
            raise UserError(self.env._("This contact has no address of a live chat."))
        return {"type": "ir.actions.act_url", "url": url, "target": "new"}

    def action_view_events(self):
        """The contact's events as a list."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "manychat_integration.manychat_state_action"
        )
        action["domain"] = [("contact_id", "=", self.id)]
        action["context"] = {}
        return action

    def _merge(self):
        """The merge of this contact, or of one that is not there yet."""
        return Merge(self.custom_fields or {}, self.field_keys or {})

    def _count_events(self, events):
        """Called by manychat.state.create() with the new events of these contacts.

        The least and the greatest time do not depend on the order of arrival.
        """
        for contact, rows in events.grouped("contact_id").items():
            times = rows.mapped("occurred_at")
            first = contact.first_event_at
            last = contact.last_event_at
            contact.write(
                {
                    "event_count": contact.event_count + len(rows),
                    "first_event_at": min([*times, first] if first else times),
                    "last_event_at": max([*times, last] if last else times),
                }
            )

    def _recount_events(self):
        """Called by manychat.state.unlink() with the contacts whose events were deleted."""
        groups = self.env["manychat.state"]._read_group(
            [("contact_id", "in", self.ids)],
            ["contact_id"],
            ["__count", "occurred_at:min", "occurred_at:max"],
        )
        counts = {contact: values for contact, *values in groups}
        for contact in self:
            number, first, last = counts.get(contact, (0, False, False))
            contact.write({"event_count": number, "first_event_at": first, "last_event_at": last})

    def _merge_states(self, events):
        """The states of events that were not ingested: their time and id make their keys."""
        for contact, rows in events.filtered("state").grouped("contact_id").items():
            merge = contact._merge()
            for row in rows:
                key = make_order_key(row.occurred_at, row.event_id)
                merge.take_state(row.state, row.occurred_at, key)
            values = merge.values()
            if values:
                contact.write(values)
