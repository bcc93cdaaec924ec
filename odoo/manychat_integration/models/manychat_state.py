"""manychat.state - what happened to a contact, event by event, and how events come in: `ingest`."""

import time
from collections import Counter

from psycopg2 import DataError, IntegrityError, OperationalError
from psycopg2.errors import UniqueViolation

from odoo import api, fields, models
from odoo.exceptions import AccessDenied, AccessError, RedirectWarning, UserError
from odoo.modules.module import get_manifest
from odoo.tools import SQL, create_index, str2bool
from odoo.tools.translate import translate_sql_constraint

from ..events import Rejection, parse_event, size_of
from .manychat_contact import selection_of_channels

API = 1
FEATURES = ["erased"]  # deleted events are remembered, and refused when they come again
MAX_EVENTS = 1000
MAX_BYTES = 512 * 1024
# Numbers may be written longer here than they were sent (1e15); the sender kept to MAX_BYTES.
BYTES_TAKEN = MAX_BYTES + MAX_BYTES // 8
MAX_ERROR = 500  # characters of a rejection's text
TIME_BUDGET = 20.0  # seconds of one call, after which the rest is answered `retry`

KEEP_PAYLOAD = "manychat_integration.keep_payload"

# These are of the event, not of the service. AttributeError, KeyError and TypeError are bugs, and
# what is in neither list is left to Odoo: it fails the call, and nothing is stored.
REFUSALS = (UserError, RedirectWarning, IntegrityError, DataError, ValueError)
# Checked first, as AccessError is a UserError: the whole call fails.
FAILURES = (OperationalError, AccessError, AccessDenied)


class ManychatState(models.Model):
    _name = "manychat.state"
    _description = "ManyChat state event"
    _rec_name = "event_id"
    _order = "occurred_at desc, id desc"

    event_id = fields.Char(string="Event", required=True, readonly=True, copy=False)
    # No index of its own: the timeline's (see init) begins with it.
    contact_id = fields.Many2one("manychat.contact", required=True, ondelete="cascade")
    kind = fields.Selection(
        [
            ("contact", "Contact"),
            ("state", "State"),
            ("assignment", "Assignment"),
            ("interaction", "Interaction"),
        ]
    )
    state = fields.Char(index=True)
    is_transition = fields.Boolean(
        string="Transition",
        default=False,
        readonly=True,
        copy=False,
        help="The state differs from the one before it in time, of the same contact.",
    )
    channel = fields.Selection(selection_of_channels())
    occurred_at = fields.Datetime(string="Occurred on", required=True, index=True)
    received_at = fields.Datetime(string="Received on")
    summary = fields.Text()
    payload = fields.Json(copy=False)
    company_id = fields.Many2one(related="contact_id.company_id", store=True, index=True)

    _sql_constraints = [
        (
            "event_id_unique",
            "UNIQUE(event_id)",
            "This ManyChat event is stored already.",
        ),
    ]

    def init(self):
        create_index(
            self.env.cr,
            "manychat_state_timeline_idx",
            self._table,
            ["contact_id", "occurred_at DESC", "id DESC"],
        )

    @api.model_create_multi
    def create(self, vals_list):
        """Keeps what contacts know of their events, too."""
        events = super().create(vals_list)
        events._mark_transitions()
        contacts = events.contact_id
        contacts._count_events(events)
        if self.env.context.get("manychat_origin") != "ingest":
            contacts._merge_states(events)
        return events

    def unlink(self):
        """Remembers the events, and keeps what contacts know of theirs.

        What an event brought to its contact's fields stays: what was there before is not known.
        """
        events = self.sudo().exists()
        event_ids = events.mapped("event_id")
        contacts = events.contact_id
        result = super().unlink()
        self.env["manychat.erased"]._remember(event_ids)
        contacts._recount_events()
        contacts.state_ids._mark_transitions()
        return result

    # ------------------------------------------------------------------------------------------
    # Called by the service
    # ------------------------------------------------------------------------------------------

    @api.model
    def api_info(self):
        """What this addon speaks, asked once per session."""
        self._check_ingest_access()
        return {
            "api": API,
            "api_min": API,
            "addon": get_manifest("manychat_integration")["version"],
            "max_events": MAX_EVENTS,
            "features": FEATURES,
        }

    @api.model
    def ingest(self, events):
        """Stores events, each once, and answers for each of them, in the order of the request.

        Whatever the answer, the same event may be sent again, alone or in another batch.
        """
        self._check_ingest_access()
        self._check_limits(events)
        outcomes, valid = {}, []
        for position, item in enumerate(events):
            try:
                valid.append(parse_event(position, item))
            except Rejection as refusal:
                outcomes[position] = self._rejected(refusal.code, refusal)
        outcomes.update(self.sudo().with_context(**self._ingest_context())._ingest(valid))
        return {
            "api": API,
            "results": [
                {
                    "event_id": item.get("event_id") if isinstance(item, dict) else None,
                    **outcomes[position],
                }
                for position, item in enumerate(events)
            ],
        }

    @api.model
    def _check_ingest_access(self):
        """The rights are the caller's; the rows may be another company's (see _ingest)."""
        self.check_access("create")
        for operation in ("create", "write"):
            self.env["manychat.contact"].check_access(operation)

    @api.model
    def _check_limits(self, events):
        if not isinstance(events, list):
            raise UserError(self.env._("The events must be a list."))
        if len(events) > MAX_EVENTS:
            raise UserError(
                self.env._(
                    "%(number)s events in one call; at most %(most)s are taken.",
                    number=len(events),
                    most=MAX_EVENTS,
                )
            )
        size = sum(size_of(item) for item in events)
        if size > BYTES_TAKEN:
            raise UserError(
                self.env._(
                    "%(size)s bytes of events in one call; at most %(most)s are taken.",
                    size=size,
                    most=MAX_BYTES,
                )
            )

    @api.model
    def _ingest_context(self):
        return {
            "tracking_disable": True,
            "mail_create_nolog": True,
            "mail_create_nosubscribe": True,
            "manychat_origin": "ingest",
        }

    # ------------------------------------------------------------------------------------------
    # The transaction: with all rights, as one id must be one row whatever company it is of
    # ------------------------------------------------------------------------------------------

    @api.model
    def _ingest(self, events):
        """{position: outcome} of valid events."""
        deadline = time.monotonic() + TIME_BUDGET
        outcomes = {}
        for batch in self._without_repeats(events):
            outcomes.update(self._ingest_or_bisect(batch, deadline))
        return outcomes

    @api.model
    def _without_repeats(self, events):
        """The events as batches, in each of which an event id stands once.

        Sorted, so that two calls with the same events wait for each other instead of dead-locking,
        and so that rows are numbered in the order of events.
        """
        batches, seen = [], Counter()
        for event in sorted(events, key=lambda event: (event.subscriber_id, event.order_key)):
            turn = seen[event.event_id]
            seen[event.event_id] += 1
            if turn == len(batches):
                batches.append([])
            batches[turn].append(event)
        return batches

    @api.model
    def _ingest_or_bisect(self, events, deadline):
        """All of them at once; if one cannot be stored, halves, until it stands alone."""
        if time.monotonic() > deadline:
            return {event.position: {"status": "retry"} for event in events}
        try:
            with self.env.cr.savepoint():
                return self._store(events)
        except FAILURES:
            raise
        except REFUSALS as error:
            if self._is_lost_race(error):
                self._restart()
            if len(events) == 1:
                code, text = self._refusal(error)
                return {events[0].position: self._rejected(code, text)}
        middle = len(events) // 2
        return {
            **self._ingest_or_bisect(events[:middle], deadline),
            **self._ingest_or_bisect(events[middle:], deadline),
        }

    @api.model
    def _store(self, events):
        """{position: outcome}, or an exception by which nothing of it is stored."""
        known = self._look_up(self, "event_id", [event.event_id for event in events])
        outcomes = self._refuse_erased(event for event in events if event.event_id not in known)
        events = [event for event in events if event.position not in outcomes]
        contacts = self._look_up(
            self.env["manychat.contact"],
            "subscriber_id",
            {event.subscriber_id for event in events if event.event_id not in known},
        )
        merges, applied = {}, {}
        for event in events:
            contact = contacts.get(event.subscriber_id)
            if event.event_id in known:
                contact = known[event.event_id].contact_id
                # Under another subscriber the id is a mistake: two people must not become one.
                if contact.subscriber_id != event.subscriber_id:
                    applied[event.position] = False
                    continue
            if event.subscriber_id not in merges:
                contact = contact or self.env["manychat.contact"]
                merges[event.subscriber_id] = (contact, contact._merge())
            applied[event.position] = merges[event.subscriber_id][1].take(event)
        contacts = self._write_contacts(merges)
        new = [event for event in events if event.event_id not in known]
        rows = self._create_events(new, contacts)
        created = dict(zip((event.event_id for event in new), rows, strict=True))
        for event in events:
            row = created.get(event.event_id) or known[event.event_id]
            outcomes[event.position] = {
                "status": "created" if event.event_id in created else "duplicate",
                "id": row.id,
                "contact_id": row.contact_id.id,
                "applied": applied[event.position],
            }
        return outcomes

    @api.model
    def _refuse_erased(self, events):
        """{position: outcome} of those that people deleted."""
        ids = {event.position: event.event_id for event in events}
        erased = self._look_up(self.env["manychat.erased"], "event_id", ids.values())
        text = self.env._("This event was deleted in Odoo.")
        return {
            position: self._rejected("erased", text)
            for position, event_id in ids.items()
            if event_id in erased
        }

    @api.model
    def _look_up(self, model, field, values):
        """{value: record}. A row that is hidden or archived is there all the same: not to see it
        would violate its constraint at every repetition."""
        records = model.sudo().with_context(active_test=False)
        found = records.search([(field, "in", list(values))], order="id")
        return {record[field]: record.with_env(model.env) for record in found}

    @api.model
    def _write_contacts(self, merges):
        """{subscriber id: contact} of the merges, made where they are not there."""
        contacts, missing = {}, {}
        for subscriber_id, (contact, merge) in merges.items():
            values = merge.values()
            if not contact:
                missing[subscriber_id] = {"subscriber_id": subscriber_id, **values}
                continue
            contacts[subscriber_id] = contact
            if values:
                contact.write(values)
        new = self.env["manychat.contact"].create(list(missing.values()))
        contacts.update(zip(missing, new, strict=True))
        return contacts

    @api.model
    def _create_events(self, events, contacts):
        keep_payload = str2bool(self.env["ir.config_parameter"].get_param(KEEP_PAYLOAD), False)
        return self.create(
            [
                {
                    **event.row,
                    "event_id": event.event_id,
                    "contact_id": contacts[event.subscriber_id].id,
                    "payload": event.row["payload"] if keep_payload else False,
                }
                for event in events
            ]
        )

    # ------------------------------------------------------------------------------------------
    # What went wrong
    # ------------------------------------------------------------------------------------------

    @api.model
    def _is_lost_race(self, error):
        """Whether another transaction has stored the same id after this one began."""
        ours = (
            f"{self.env['manychat.contact']._table}_subscriber_id_unique",
            f"{self._table}_event_id_unique",
        )
        return isinstance(error, UniqueViolation) and error.diag.constraint_name in ours

    @api.model
    def _restart(self):
        """Has Odoo carry the call out again, with a snapshot that sees the other's rows.

        Raised in SQL, because Odoo looks at the code that only a real error of PostgreSQL has.
        """
        self.env.cr.execute(
            "DO $$ BEGIN RAISE EXCEPTION"
            " 'could not serialize access: the same ManyChat event came twice at once'"
            " USING ERRCODE = '40001'; END $$",
            log_exceptions=False,
        )

    @api.model
    def _refusal(self, error):
        """The code and the text for an exception. Details of PostgreSQL stay out: they quote
        values."""
        if isinstance(error, IntegrityError):
            name = error.diag.constraint_name
            text = error.diag.message_primary
            if name in self.env.registry._sql_constraints:
                lang = self.env.context.get("lang") or "en_US"
                text = translate_sql_constraint(self.env.cr, name, lang)
            return "constraint", self.env._("The operation cannot be completed: %s", text)
        if isinstance(error, DataError):
            return "invalid", error.diag.message_primary or error
        if isinstance(error, ValueError):
            return "invalid", error
        return "constraint", error.args[0] if error.args else error

    @api.model
    def _rejected(self, code, text):
        return {"status": "rejected", "code": code, "error": str(text)[:MAX_ERROR]}

    # ------------------------------------------------------------------------------------------
    # Transitions
    # ------------------------------------------------------------------------------------------

    def _mark_transitions(self):
        """Of these events, and of their next neighbours, which may have followed other ones."""
        if not self.ids:
            return
        self.flush_model(["contact_id", "state", "occurred_at", "is_transition"])
        rows = self.env.execute_query(
            SQL(
                """
                WITH touched AS (
                    SELECT id FROM manychat_state
                     WHERE id = ANY(%(ids)s) AND state IS NOT NULL
                     UNION
                    SELECT next.id
                      FROM manychat_state AS s
                CROSS JOIN LATERAL (
                               SELECT n.id FROM manychat_state AS n
                                WHERE n.contact_id = s.contact_id AND n.state IS NOT NULL
                                  AND (n.occurred_at, n.id) > (s.occurred_at, s.id)
                             ORDER BY n.occurred_at, n.id LIMIT 1
                           ) AS next
                     WHERE s.id = ANY(%(ids)s) AND s.state IS NOT NULL
                )
                SELECT s.id, previous.state IS DISTINCT FROM s.state
                  FROM touched
                  JOIN manychat_state AS s USING (id)
             LEFT JOIN LATERAL (
                           SELECT p.state FROM manychat_state AS p
                            WHERE p.contact_id = s.contact_id AND p.state IS NOT NULL
                              AND (p.occurred_at, p.id) < (s.occurred_at, s.id)
                         ORDER BY p.occurred_at DESC, p.id DESC LIMIT 1
                       ) AS previous ON TRUE
                 WHERE s.is_transition IS DISTINCT FROM (previous.state IS DISTINCT FROM s.state)
                """,
                ids=self.ids,
            )
        )
        for is_transition in (True, False):
            changed = self.browse(row_id for row_id, flag in rows if flag == is_transition)
            if changed:
                changed.write({"is_transition": is_transition})
