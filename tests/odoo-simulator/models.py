"""The models that can be called: manychat.contact and manychat.state with its `ingest`.

Public methods are callable over RPC under their own names and signatures, so that a wrong call
fails with the text that Python gives it in Odoo, too.
"""

import json
from datetime import datetime, timezone

from errors import OdooError, invalid_field, user_error
from events import Rejection, parse_event
from store import CONTACT_FIELDS, STATE_FIELDS, decode, to_column

API = {"api": 1, "api_min": 1, "addon": "18.0.1.1.0", "max_events": 1000, "features": ["erased"]}
MAX_BYTES = 512 * 1024
BYTES_TAKEN = MAX_BYTES + MAX_BYTES // 8  # numbers may be written longer than they were sent
MAX_ERROR = 500


class BaseModel:
    """Reading, as far as the simulator's users need it."""

    _name = None
    _table = None
    _fields = {}
    _display = None
    _default_order = None  # as SQL: PostgreSQL and SQLite sort NULL at different ends

    def __init__(self, database, plan):
        """`database` is inside the call's transaction; `plan` holds what was ordered for it."""
        self._database = database
        self._plan = plan

    def search_read(self, domain=None, fields=None, offset=0, limit=None, order=None,
                    **read_kwargs):
        rows = self._select("*", domain, order, limit, offset)
        return self._read_format(rows, fields, **read_kwargs)

    def search_count(self, domain=None, limit=None):
        return len(self._select("id", domain, None, limit, 0))

    def read(self, ids, fields=None, load="_classic_read"):
        rows = self._select("*", [["id", "in", ids]], "id", None, 0)
        return self._read_format(rows, fields, load)

    def _select(self, columns, domain, order, limit, offset):
        where, values = self._where(domain or [])
        values += [-1 if limit is None else limit, offset]
        return self._database.execute(
            f"SELECT {columns} FROM {self._table} WHERE {where}"
            f" ORDER BY {self._order(order)} LIMIT ? OFFSET ?", values).fetchall()

    def _where(self, domain):
        terms, values = ["1 = 1"], []
        for field, operator, value in domain:
            if field != "id" and field not in self._fields:
                raise OdooError("builtins.ValueError", (
                    f"Invalid field {self._name}.{field} in leaf {(field, operator, value)!r}"))
            if operator == "=" and value in (None, False):
                terms.append(f"coalesce({field}, 0) = 0")
            elif operator == "=":
                terms.append(f"{field} = ?")
                values.append(value)
            elif operator == "in":
                # One JSON parameter: a list may be longer than SQLite's limit on parameters.
                terms.append(f"{field} IN (SELECT value FROM json_each(?))")
                values.append(json.dumps(value))
            else:
                raise OdooError("builtins.ValueError", f"Invalid operator {operator!r}")
        return " AND ".join(terms), values

    def _order(self, order):
        if not order:
            return self._default_order
        field, _, direction = order.partition(" ")
        if field != "id" and field not in self._fields:
            raise invalid_field(self._name, field)
        return f"{field} {'DESC' if direction.lower() == 'desc' else 'ASC'}, id"

    def _read_format(self, rows, fields=None, load="_classic_read"):
        names = fields or [*self._fields, "display_name"]
        for name in names:
            if name not in ("id", "display_name") and name not in self._fields:
                raise invalid_field(self._name, name)
        return [self._present(decode(row, self._fields), names, load) for row in rows]

    def _present(self, record, names, load):
        record["display_name"] = record[self._display]
        shown = {"id": record["id"]}
        for name in names:
            shown[name] = self._rpc_value(self._fields.get(name), record[name], load)
        return shown

    def _rpc_value(self, kind, value, load):
        if value is None or (kind == "json" and not value):
            return False
        if kind == "datetime":
            return value[:len("YYYY-MM-DD HH:MM:SS")]
        if kind == "many2one" and load:
            name, = self._database.execute(
                "SELECT name FROM manychat_contact WHERE id = ?", [value]).fetchone()
            return [value, name]
        return value

    def _insert(self, values):
        now = datetime.now(timezone.utc).replace(tzinfo=None).isoformat(" ", "microseconds")
        values = {**values, "create_date": now, "write_date": now}
        return self._database.execute(
            f"INSERT INTO {self._table} ({', '.join(values)})"
            f" VALUES ({', '.join('?' * len(values))})", self._columns(values)).lastrowid

    def _write(self, record_id, values):
        self._database.execute(
            f"UPDATE {self._table} SET {', '.join(f'{name} = ?' for name in values)}"
            " WHERE id = ?", [*self._columns(values), record_id])

    def _columns(self, values):
        return [to_column(self._fields[name], value) for name, value in values.items()]

    def _find(self, field, value):
        row = self._database.execute(
            f"SELECT * FROM {self._table} WHERE {field} = ?", [value]).fetchone()
        return decode(row, self._fields) if row else None


class ManychatContact(BaseModel):
    _name = "manychat.contact"
    _table = "manychat_contact"
    _fields = CONTACT_FIELDS
    _display = "name"
    _default_order = "last_event_at DESC NULLS FIRST, id DESC"

    def _for_subscriber(self, subscriber_id):
        """The contact, made when it is not there."""
        known = self._find("subscriber_id", subscriber_id)
        if known:
            return known
        self._insert({"subscriber_id": subscriber_id, "name": f"ManyChat {subscriber_id}",
                      "custom_fields": {}, "field_keys": {}, "event_count": 0, "active": True})
        return self._find("subscriber_id", subscriber_id)

    def _merge(self, contact, event):
        """Newest wins, field by field. Says whether anything of the event was taken."""
        keys, custom, changes = contact["field_keys"], contact["custom_fields"], {}
        for field, value in event.fields.items():
            if self._newer(keys, field, event.order_key):
                changes[field] = value
        if "last_state" in changes:
            changes["last_state_at"] = event.row["occurred_at"]
        taken = [name for name in event.custom_fields
                 if self._newer(keys, f"custom_fields.{name}", event.order_key)]
        custom.update((name, event.custom_fields[name]) for name in taken)
        if changes or taken:
            self._write(contact["id"], {**changes, "custom_fields": custom, "field_keys": keys})
        return bool(changes or taken) or not (event.fields or event.custom_fields)

    @staticmethod
    def _newer(keys, field, order_key):
        """Python compares texts by code point, which is the bytewise order of their UTF-8."""
        if order_key <= keys.get(field, ""):
            return False
        keys[field] = order_key
        return True

    def _count_event(self, contact, occurred_at):
        """The least and the greatest time: they do not depend on the order of arrival."""
        self._write(contact["id"], {
            "event_count": contact["event_count"] + 1,
            "first_event_at": min(contact["first_event_at"] or occurred_at, occurred_at),
            "last_event_at": max(contact["last_event_at"] or occurred_at, occurred_at)})


class ManychatState(BaseModel):
    _name = "manychat.state"
    _table = "manychat_state"
    _fields = STATE_FIELDS
    _display = "event_id"
    _default_order = "occurred_at DESC, id DESC"

    def api_info(self):
        return {**API, **self._plan.api}

    def ingest(self, events):
        if not isinstance(events, list):
            raise user_error("The events must be a list.")
        if len(events) > API["max_events"]:
            raise user_error(f"{len(events)} events in one call; "
                             f"at most {API['max_events']} are taken.")
        size = sum(len(json.dumps(item, ensure_ascii=False, separators=(",", ":"))
                       .encode("utf-8", "surrogatepass")) for item in events)
        if size > BYTES_TAKEN:
            raise user_error(f"{size} bytes of events in one call; at most {MAX_BYTES} are taken.")
        outcomes = {}
        for position in sorted(range(len(events)), key=lambda n: self._place(events[n])):
            outcomes[position] = self._result(events[position])
        return {"api": API["api"], "results": [outcomes[n] for n in range(len(events))]}

    @staticmethod
    def _place(item):
        """By subscriber and order key; what has neither is refused, wherever it stands."""
        if not isinstance(item, dict):
            return "", ""
        return str(item.get("subscriber_id")), str(item.get("order_key"))

    def _result(self, item):
        event_id = item.get("event_id") if isinstance(item, dict) else None
        ordered = self._plan.verdict(item)
        if ordered:
            outcome = ordered
        else:
            try:
                outcome = self._store(parse_event(item))
            except Rejection as refusal:
                outcome = {"status": "rejected", "code": refusal.code, "error": str(refusal)}
        if "error" in outcome:
            outcome = {**outcome, "error": outcome["error"][:MAX_ERROR]}
        return {"event_id": event_id, **outcome}

    def _store(self, event):
        contacts = ManychatContact(self._database, self._plan)
        known = self._find("event_id", event.event_id)
        if known:
            return self._repeat(contacts, known, event)
        if self._database.execute("SELECT 1 FROM manychat_erased WHERE event_id = ?",
                                  [event.event_id]).fetchone():
            raise Rejection("erased", "This event was deleted in Odoo.")
        contact = contacts._for_subscriber(event.subscriber_id)
        applied = contacts._merge(contact, event)
        contacts._count_event(contact, event.row["occurred_at"])
        state_id = self._insert({"event_id": event.event_id, "contact_id": contact["id"],
                                 "is_transition": False, **event.row})
        self._mark_transitions(contact["id"], state_id, event.row)
        return {"status": "created", "id": state_id, "contact_id": contact["id"],
                "applied": applied}

    @staticmethod
    def _repeat(contacts, known, event):
        contact = contacts._find("id", known["contact_id"])
        # Under another subscriber the id is a mistake: two people must not become one.
        same = contact["subscriber_id"] == event.subscriber_id
        return {"status": "duplicate", "id": known["id"], "contact_id": contact["id"],
                "applied": same and contacts._merge(contact, event)}

    def _mark_transitions(self, contact_id, state_id, row):
        """Of the new row and of its next neighbour, which may have followed another one."""
        if row["state"] is None:
            return
        before = self._neighbour(contact_id, state_id, row["occurred_at"], "<", "DESC")
        after = self._neighbour(contact_id, state_id, row["occurred_at"], ">", "ASC")
        self._write(state_id, {"is_transition": not before or before["state"] != row["state"]})
        if after:
            self._write(after["id"], {"is_transition": after["state"] != row["state"]})

    def _neighbour(self, contact_id, state_id, occurred_at, side, direction):
        return self._database.execute(
            "SELECT id, state FROM manychat_state"
            f" WHERE contact_id = ? AND state IS NOT NULL AND (occurred_at, id) {side} (?, ?)"
            f" ORDER BY occurred_at {direction}, id {direction} LIMIT 1",
            [contact_id, occurred_at, state_id]).fetchone()


MODELS = {model._name: model for model in (ManychatContact, ManychatState)}
