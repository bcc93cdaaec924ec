"""One item of `ingest`: checked and taken apart into the event's row and the contact's fields."""

import math
import re
from dataclasses import dataclass
from datetime import datetime

CHANNELS = ("whatsapp", "instagram", "messenger", "telegram", "tiktok", "sms", "other")
KINDS = ("contact", "state", "assignment", "interaction")
MAX_EVENT_ID, MAX_SUBSCRIBER_ID, MAX_STATE, MAX_PAGE_ID = 128, 64, 128, 128
MAX_TEXT, MAX_SUMMARY = 1024, 8000
MAX_DEPTH = 66

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

    event_id: str
    subscriber_id: str
    order_key: str
    row: dict
    fields: dict
    custom_fields: dict


def read_text(most):
    """A reader of a Char: numbers become their text, as Odoo does it."""
    def read(name, value):
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
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


def read_kind(name, value):
    if value not in KINDS:
        raise Rejection("invalid", f"Wrong value for manychat.state.{name}: {value!r}")
    return value


def read_channel(name, value):
    text = read_text(MAX_TEXT)(name, value)
    return text if text in CHANNELS else "other"


def read_datetime(name, value):
    """A time of the contract as the database holds it: UTC, milliseconds, no zone."""
    if not isinstance(value, str) or not TIMESTAMP.fullmatch(value):
        raise Rejection("invalid", f"{name}: {value!r} does not match YYYY-MM-DDTHH:MM:SS.mmmZ")
    try:
        parsed = datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError as error:
        raise Rejection("invalid", f"{name}: {error}") from error
    return parsed.isoformat(sep=" ", timespec="milliseconds")


ITEM_READERS = {
    "kind": read_kind, "page_id": read_text(MAX_PAGE_ID), "channel": read_channel,
    "state": read_text(MAX_STATE), "received_at": read_datetime,
}
CONTACT_READERS = {
    **dict.fromkeys(("name", "first_name", "last_name", "phone", "whatsapp_phone", "email",
                     "ig_username", "locale", "timezone", "gender", "live_chat_url",
                     "mc_status"), read_text(MAX_TEXT)),
    **dict.fromkeys(("optin_whatsapp", "optin_email", "optin_sms"), read_boolean),
    **dict.fromkeys(("subscribed_at", "last_interaction_at"), read_datetime),
}
ASSIGNMENT_READERS = {
    **dict.fromkeys(("campaign_ref", "commercial_ref", "medical_ref"), read_text(MAX_TEXT)),
    "summary": read_text(MAX_SUMMARY),
}


def parse_event(item):
    """The Event that `item` describes, or a Rejection."""
    if not isinstance(item, dict):
        raise Rejection("invalid", "an event is an object")
    if _too_deep(item, MAX_DEPTH):
        raise Rejection("too_large", f"nested deeper than {MAX_DEPTH} levels")
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
    _object(item, "payload")  # kept only where a setting says so, which is off
    row = {**{name: carried.get(name) for name in ("kind", "state", "channel", "received_at")},
           "occurred_at": read_datetime("occurred_at", item.get("occurred_at")),
           "summary": assignment.get("summary"), "payload": None}
    return Event(event_id, subscriber_id, order_key, row, fields, _object(item, "custom_fields"))


def _too_deep(value, levels):
    if not isinstance(value, (dict, list)):
        return False
    members = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_too_deep(member, levels - 1) for member in members)


def _check_values(value):
    """PostgreSQL stores neither U+0000 nor a lone surrogate, nor what is no number of JSON."""
    if isinstance(value, dict):
        for key, member in value.items():
            _check_values(key)
            _check_values(member)
    elif isinstance(value, list):
        for member in value:
            _check_values(member)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise Rejection("invalid", f"{value} is no number of JSON")
    elif isinstance(value, str):
        if "\0" in value:
            raise Rejection("invalid", "A string literal cannot contain NUL (0x00) characters.")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise Rejection("invalid", "surrogates not allowed")


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


def _carried(source, readers):
    """The known keys that hold a value: null and "" say nothing outside `custom_fields`."""
    return {name: read(name, source[name]) for name, read in readers.items()
            if source.get(name) not in (None, "")}
