"""manychat.erased - the ids of events that people deleted, so that none of them comes again."""

from odoo import api, fields, models
from odoo.tools import SQL


class ManychatErased(models.Model):
    _name = "manychat.erased"
    _description = "Deleted ManyChat event"
    _rec_name = "event_id"
    _order = "id desc"
    # Nothing but the id: who deleted it, and when, would say something of the person.
    _log_access = False

    event_id = fields.Char(string="Event", required=True, readonly=True, copy=False)

    _sql_constraints = [
        (
            "event_id_unique",
            "UNIQUE(event_id)",
            "The deletion of this ManyChat event is noted already.",
        ),
    ]

    @api.model
    def _remember(self, event_ids):
        """In SQL: an id can be there already, or come from two people at once, of whom the second
        one's call Odoo then carries out again."""
        self.env.cr.execute(
            SQL(
                "INSERT INTO manychat_erased (event_id) SELECT unnest(%s::varchar[])"
                " ON CONFLICT (event_id) DO NOTHING",
                sorted(event_ids),
            )
        )
