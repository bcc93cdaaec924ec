"""What `ingest` takes: one item checked and taken apart, and the merge by which the newest wins.

Nothing in here knows of Odoo, so that the rules can be read and tested by themselves.
"""

import json
import math
import re
from dataclasses import dataclass
from datetime import datetime, timezone

CHANNELS = ("whatsapp", "instagram", "messenger", "telegram", "tiktok", "sms", "other")
KINDS = ("contact", "state", "assignment", "interaction")

# Characters. Longer texts are cut by the sender; what comes all the same is not ours to cut.
MAX_EVENT_ID, MAX_SUBSCRIBER_ID, MAX_STATE = 128, 64, 128
MAX_TEXT, MAX_SUMMARY = 1024, 8000
MAX_PAGE_ID = 128  # it is indexed, and a row of an index is limited
MAX_DEPTH = 66  # levels of an item: 64 of a custom field's value, and two around it

# Lower case only: the keys are compared bytewise, and "A" would sort before "a".
ORDER_TIME = re.compile(r"[0-9a-f]{16}:")
TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")


class Rejection(Exception):
    """The event is refused for good, with the code and the text of its result."""

    def __init__(self, code, error):
        super().__init__(error)
        self.code = code


@dataclass
class Event:
    """A valid event. `fields` and `custom_fields` hold what it carries for its contact."""

    position: int
    event_id: str
    subscriber_id: str
    order_key: str
    row: dict
    fields: dict
    custom_fields: dict


class Merge:
    """A contact's fields while events are merged into them: for each the newest one wins.

    Commutative and idempotent: events may come in any order and any number of times.
    """

    def __init__(self, custom_fields, keys):
        self._custom_fields = custom_fields or {}
        self._keys = keys or {}
        self._changed = {}
        self._custom_changed = False

    def take(self, event):
        """Takes what is newer; false when every field of the event was newer already."""
        taken = {
            name: value
            for name, value in event.fields.items()
            if self._newer(name, event.order_key)
        }
        if "last_state" in taken:
            taken["last_state_at"] = event.row["occurred_at"]
        custom = {
            name: value
            for name, value in event.custom_fields.items()
            if self._newer(f"custom_fields.{name}", event.order_key)
        }
        self._changed.update(taken)
        self._custom_fields.update(custom)
        self._custom_changed = self._custom_changed or bool(custom)
        return bool(taken or custom) or not (event.fields or event.custom_fields)

    def take_state(self, state, occurred_at, order_key):
        """Takes a state alone."""
        if self._newer("last_state", order_key):
            self._changed.update(last_state=state, last_state_at=occurred_at)

    def values(self):
        """What is to be written; empty when nothing was newer."""
        values = dict(self._changed)
        if self._custom_changed:
            values["custom_fields"] = self._custom_fields
        if values:
            values["field_keys"] = self._keys
        return values

    def _newer(self, field, order_key):
        """Python compares texts by code point, which is the bytewise order of their UTF-8."""
        if order_key <= self._keys.get(field, ""):
            return False
        self._keys[field] = order_key
        return True


def make_order_key(occurred_at, event_id):
    """The key of an event that came without one: its time (UTC) and its id."""
    since = occurred_at.replace(tzinfo=timezone.utc) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    microseconds = (since.days * 86400 + since.seconds) * 1000000 + since.microseconds
    return f"{max(microseconds, 0):016x}:{event_id}"


def parse_event(position, item):
    """The Event that `item`, at this place of the request, describes, or a Rejection."""
    if not isinstance(item, dict):
        raise Rejection("invalid", "an event is an object")
    _check_values(item)
    event_id = _identifier(item, "event_id", MAX_EVENT_ID)
    subscriber_id = _identifier(item, "subscriber_id", MAX_SUBSCRIBER_ID)
    order_key = _order_key(item, event_id)
    assignment = _carried(_object(item, "assignment"), ASSIGNMENT_READERS)
    carried = _carried(item, ITEM_READERS)
    fields = _carried(_object(item, "contact"), CONTACT_READERS)
    fields.update(assignment)
    fields.update((name, carried[name]) for name in ("page_id", "channel") if name in carried)
    if "state" in carried:
        fields["last_state"] = carried["state"]
    row = {
        "kind": carried.get("kind"),
        "state": carried.get("state"),
        "channel": carried.get("channel"),
        "occurred_at": read_datetime("occurred_at", item.get("occurred_at")),
        "received_at": carried.get("received_at"),
        "summary": assignment.get("summary"),
        "payload": _object(item, "payload"),
    }
    custom_fields = _object(item, "custom_fields")
    return Event(position, event_id, subscriber_id, order_key, row, fields, custom_fields)


def size_of(item):
    """Bytes of an item as compact JSON; of one that is nested too deep none are counted."""
    if _too_deep(item, MAX_DEPTH):
        return 0
    text = json.dumps(item, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode("utf-8", "surrogatepass"))


def read_text(most):
    """A reader of texts; numbers become their text."""

    def read(name, value):
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise Rejection("invalid", f"{name} is no text")
        text = str(value)
        if len(text) > most:
            raise Rejection("too_large", f"{name} is longer than {most} characters")
        return text

    return read


def read_boolean(name, value):
    if not isinstance(value, bool):
        raise Rejection("invalid", f"{name} is no boolean")
    return value


def read_datetime(name, value):
    """A time of the contract: UTC, milliseconds. Odoo wants it without zone."""
    if not isinstance(value, str) or not TIMESTAMP.fullmatch(value):
        raise Rejection("invalid", f"{name}: {value!r} does not match YYYY-MM-DDTHH:MM:SS.mmmZ")
    try:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError as error:
        raise Rejection("invalid", f"{name}: {error}") from error


def read_kind(name, value):
    if value not in KINDS:
        raise Rejection("invalid", f"Wrong value for manychat.state.{name}: {value!r}")
    return value


def read_channel(name, value):
    text = read_text(MAX_TEXT)(name, value)
    return text if text in CHANNELS else "other"


ITEM_READERS = {
    "kind": read_kind,
    "page_id": read_text(MAX_PAGE_ID),
    "channel": read_channel,
    "state": read_text(MAX_STATE),
    "received_at": read_datetime,
}
CONTACT_READERS = {
    **dict.fromkeys(
        (
            "name",
            "first_name",
            "last_name",
            "phone",
            "whatsapp_phone",
            "email",
            "ig_username",
            "locale",
            "timezone",
            "gender",
            "live_chat_url",
            "mc_status",
        ),
        read_text(MAX_TEXT),
    ),
    **dict.fromkeys(("optin_whatsapp", "optin_email", "optin_sms"), read_boolean),
    **dict.fromkeys(("subscribed_at", "last_interaction_at"), read_datetime),
}
ASSIGNMENT_READERS = {
    **dict.fromkeys(("campaign_ref", "commercial_ref", "medical_ref"), read_text(MAX_TEXT)),
    "summary": read_text(MAX_SUMMARY),
}


def _carried(source, readers):
    """The known keys that hold a value: null and "" say nothing outside `custom_fields`."""
    return {
        name: read(name, source[name])
        for name, read in readers.items()
        if source.get(name) not in (None, "")
    }


def _identifier(item, name, most):
    value = item.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= most:
        raise Rejection("invalid", f"{name} must be a text of 1 to {most} characters")
    return value


def _order_key(item, event_id):
    value = item.get("order_key")
    if not isinstance(value, str) or not ORDER_TIME.match(value) or value[17:] != event_id:
        raise Rejection("invalid", "order_key must be 16 hex digits, ':' and the event_id")
    return value


def _object(item, name):
    value = item.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Rejection("invalid", f"{name} must be an object")
    return value


def _too_deep(value, levels):
    """Recurses no deeper than `levels`, whatever the value."""
    if not isinstance(value, dict | list):
        return False
    members = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_too_deep(member, levels - 1) for member in members)


def _check_values(item):
    """What PostgreSQL does not store, and what is nested too deep."""
    if _too_deep(item, MAX_DEPTH):
        raise Rejection("too_large", f"nested deeper than {MAX_DEPTH} levels")
    for text in _texts_and_numbers(item):
        if isinstance(text, float):
            if not math.isfinite(text):
                raise Rejection("invalid", f"{text} is no number of JSON")
        elif "\0" in text:
            raise Rejection("invalid", "A string literal cannot contain NUL (0x00) characters.")
        elif any("\ud800" <= character <= "\udfff" for character in text):
            raise Rejection("invalid", "surrogates not allowed")


def _texts_and_numbers(value):
    """Every text, key or member, and every float inside."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from _texts_and_numbers(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts_and_numbers(member)
    elif isinstance(value, str | float):
        yield value
