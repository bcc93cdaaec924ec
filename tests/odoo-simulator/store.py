"""The database behind the models: tables in SQLite, one transaction a call."""

import json
import sqlite3
import threading
from contextlib import contextmanager

# Field -> type, in the order in which rows are shown.
CONTACT_FIELDS = {
    "subscriber_id": "char", "page_id": "char", "name": "char", "first_name": "char",
    "last_name": "char", "phone": "char", "whatsapp_phone": "char", "email": "char",
    "channel": "char", "ig_username": "char", "locale": "char", "timezone": "char",
    "gender": "char", "live_chat_url": "char", "mc_status": "char",
    "optin_whatsapp": "boolean", "optin_email": "boolean", "optin_sms": "boolean",
    "subscribed_at": "datetime", "first_event_at": "datetime", "last_event_at": "datetime",
    "last_interaction_at": "datetime", "last_state": "char", "last_state_at": "datetime",
    "event_count": "integer", "custom_fields": "json", "campaign_ref": "char",
    "commercial_ref": "char", "medical_ref": "char", "summary": "char", "field_keys": "json",
    "active": "boolean", "create_date": "datetime", "write_date": "datetime",
}
STATE_FIELDS = {
    "event_id": "char", "contact_id": "many2one", "kind": "char", "state": "char",
    "is_transition": "boolean", "channel": "char", "occurred_at": "datetime",
    "received_at": "datetime", "summary": "char", "payload": "json",
    "create_date": "datetime", "write_date": "datetime",
}
COLUMN_TYPES = {"boolean": "INTEGER", "integer": "INTEGER", "many2one": "INTEGER"}


def _create_table(table, fields, unique):
    columns = ", ".join(
        f"{name} {COLUMN_TYPES.get(kind, 'TEXT')}{' NOT NULL UNIQUE' if name == unique else ''}"
        for name, kind in fields.items())
    return (f"CREATE TABLE IF NOT EXISTS {table} "
            f"(id INTEGER PRIMARY KEY AUTOINCREMENT, {columns})")


SCHEMA = (
    _create_table("manychat_contact", CONTACT_FIELDS, "subscriber_id"),
    _create_table("manychat_state", STATE_FIELDS, "event_id"),
    "CREATE TABLE IF NOT EXISTS manychat_erased (event_id TEXT NOT NULL PRIMARY KEY)",
    "CREATE INDEX IF NOT EXISTS manychat_state_timeline"
    " ON manychat_state (contact_id, occurred_at DESC, id DESC)",
)


def to_column(kind, value):
    """A field's value as its column holds it."""
    if kind == "json" and value is not None:
        return json.dumps(value)
    return value


def from_column(kind, value):
    """A column's value as the field's value; None stays None."""
    if value is None:
        return None
    if kind == "json":
        return json.loads(value)
    return bool(value) if kind == "boolean" else value


def decode(row, fields):
    """A row as a dict with its id first."""
    return {"id": row["id"], **{name: from_column(kind, row[name])
                                for name, kind in fields.items() if name in row.keys()}}


class Store:
    """The SQLite file, or memory; used by one thread at a time."""

    def __init__(self, path):
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        # Killing this process loses nothing that the kernel has; only a power cut would.
        self._connection.execute("PRAGMA synchronous = OFF")
        for statement in SCHEMA:
            self._connection.execute(statement)

    @contextmanager
    def transaction(self):
        """The connection within a transaction that an exception rolls back."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def contacts(self):
        """Every contact with all its fields, by id."""
        with self.transaction() as database:
            rows = database.execute("SELECT * FROM manychat_contact ORDER BY id").fetchall()
        return [decode(row, CONTACT_FIELDS) for row in rows]

    def events(self):
        """Every event with its contact's subscriber id, by id."""
        with self.transaction() as database:
            rows = database.execute(
                "SELECT s.*, c.subscriber_id FROM manychat_state s"
                " JOIN manychat_contact c ON c.id = s.contact_id ORDER BY s.id").fetchall()
        return [decode(row, {**STATE_FIELDS, "subscriber_id": "char"}) for row in rows]

    def delete(self, event_ids):
        """As a person deletes events: the addon remembers their ids."""
        with self.transaction() as database:
            for event_id in event_ids:
                row = database.execute("SELECT contact_id FROM manychat_state WHERE event_id = ?",
                                       [event_id]).fetchone()
                if row:
                    database.execute("INSERT OR IGNORE INTO manychat_erased VALUES (?)",
                                     [event_id])
                    database.execute("DELETE FROM manychat_state WHERE event_id = ?", [event_id])
                    self._recount(database, row["contact_id"])

    @staticmethod
    def _recount(database, contact_id):
        """What a contact and its events know of the events that are left."""
        database.execute(
            "UPDATE manychat_contact SET (event_count, first_event_at, last_event_at) ="
            " (SELECT count(*), min(occurred_at), max(occurred_at) FROM manychat_state"
            " WHERE contact_id = ?1) WHERE id = ?1", [contact_id])
        database.execute(
            "UPDATE manychat_state AS s SET is_transition = state IS NOT"
            " (SELECT p.state FROM manychat_state AS p"
            " WHERE p.contact_id = s.contact_id AND p.state IS NOT NULL"
            " AND (p.occurred_at, p.id) < (s.occurred_at, s.id)"
            " ORDER BY p.occurred_at DESC, p.id DESC LIMIT 1)"
            " WHERE contact_id = ? AND state IS NOT NULL", [contact_id])

    def lose(self, subscriber_ids):
        """As after a restored backup: the contacts and their events were never there."""
        with self.transaction() as database:
            for subscriber_id in subscriber_ids:
                database.execute("DELETE FROM manychat_state WHERE contact_id IN"
                                 " (SELECT id FROM manychat_contact WHERE subscriber_id = ?)",
                                 [subscriber_id])
                database.execute("DELETE FROM manychat_contact WHERE subscriber_id = ?",
                                 [subscriber_id])

    def close(self):
        """Waits for the running transaction, and keeps the lock: no other may follow."""
        self._lock.acquire()
        self._connection.close()
