"""check - the invariants: what must hold of a run's outcome, whatever its faults were.  Pure."""
import base64
import collections
import itertools
import json

import schedule as plan

KILLED, STOPPED = 128 + 9, 200
LEFT_OUT = ("rejected", "duplicate")  # events that do not count for their contact
TEXTS = {"name": "name", "first_name": "first_name", "email": "email", "phone": "phone", "canal": "channel",
         "estado_inicial": "last_state", "optin_email": "optin_email", "summary": "summary"}


def violations(outcome):
    """One sentence for each thing that must not be."""
    return Check(outcome).all()


class Check:
    def __init__(self, outcome):
        self.outcome = outcome
        self.found = []
        self.rows = {row["event_id"]: row for row in outcome.events}
        self.letters = {letter["key"]: letter for letter in outcome.dead_letters}
        self.unread = set()  # ids in the messages that the recorder kept unread
        self.kept = collections.defaultdict(set)  # text of a message -> classes of the dead letters that hold it
        for letter in outcome.dead_letters:
            if letter["body"] and letter["status"] == "open":
                text = base64.b64decode(letter["body"]).decode()
                self.kept[text].add(letter["class"])
                if letter["class"] == "transient":
                    self.unread.add(id_in(text))
        self.in_odoo = collections.Counter(row["event_id"] for row in outcome.odoo_events)

    def all(self):
        self.check_accepted()
        self.check_rows()
        self.check_odoo()
        self.check_queues()
        self.check_contacts()
        self.check_rate()
        self.check_processes()
        return self.found

    def say(self, text):
        self.found.append(text)

    # Each event that was taken

    def check_accepted(self):
        for event in self.outcome.schedule.events:
            accepted = self.outcome.accepted.get(event.number)
            if accepted is None or not accepted.hosts:
                self.say(f"event {event.number} ({event.kind}) was never taken")
            else:
                getattr(self, "check_" + event.kind)(event, accepted)

    def row_of(self, event, accepted):
        """Its row in SQL; None where there is none, which is said unless it was put aside."""
        row = self.rows.get(accepted.event_id)
        if row is None and not self.is_put_aside(event, accepted):
            self.say(f"{accepted.event_id} ({event.kind}) is lost: SQL has never seen it")
        return row

    def is_put_aside(self, event, accepted):
        """The recorder, called for the 4th time, keeps a message unread as a dead letter."""
        return accepted.event_id in self.unread and any(self.outcome.recorder[host] for host in accepted.hosts)

    def check_good(self, event, accepted):
        row = self.row_of(event, accepted)
        if row and row["status"] != "synced" and not self.is_conflict_of(event, row):
            self.say(f"{row['event_id']} (good) is {row['status']}")
        if row and row["body"] != event.body and not self.is_conflict_of(event, row):
            self.say(f"{row['event_id']}: SQL has another body")

    def is_conflict_of(self, event, row):
        """Another event of the same id was first: then this one's message is a dead letter, read or unread."""
        return row["body"] != event.body and bool(self.kept[event.message] & {"conflict", "transient"})

    def check_conflict(self, event, accepted):
        self.check_good(event, accepted)

    def check_bad(self, event, accepted):
        self.check_refused(event, accepted, "rejected", plan.REFUSED_BY_ODOO)

    def check_data(self, event, accepted):
        self.check_refused(event, accepted, "data", "the database refuses this event's data")

    def check_refused(self, event, accepted, kind, error):
        row = self.row_of(event, accepted)
        letter = self.letters.get(accepted.event_id)
        if row and row["status"] != "rejected":
            self.say(f"{row['event_id']} ({event.kind}) is {row['status']}")
        elif row and (letter is None or (letter["class"], letter["status"], letter["error"]) != (kind, "open", error)):
            self.say(f"{row['event_id']} ({event.kind}) has no dead letter of its own: {letter}")

    def check_repeat(self, event, accepted):
        row = self.row_of(event, accepted)
        if not row or row["status"] == "synced":
            return
        first = self.rows.get(row["duplicate_of"])
        if row["status"] != "duplicate":
            self.say(f"{row['event_id']} (repeat) is {row['status']}")
        elif not first or (first["subscriber_id"], first["body"], first["status"]) != (
                row["subscriber_id"], row["body"], "synced"):
            self.say(f"{row['event_id']} is a duplicate of {row['duplicate_of']}, which is {first and first['status']} or another")

    def check_malformed(self, event, accepted):
        for host in accepted.hosts:
            if self.outcome.recorder[host] and not self.kept[event.message] & {"malformed", "transient"}:
                self.say(f"event {event.number} (malformed) is in no dead letter")
            if not self.outcome.recorder[host] and event.message not in self.outcome.poison[host]:
                self.say(f"event {event.number} (malformed) is not on the poison queue of host {host}")

    # SQL and Odoo as a whole

    def check_rows(self):
        for event_id, times in collections.Counter(row["event_id"] for row in self.outcome.events).items():
            if times > 1:
                self.say(f"{event_id} has {times} rows in SQL")
        known = {accepted.event_id for accepted in self.outcome.accepted.values()}
        posted = {event.body for event in self.outcome.schedule.events
                  if event.message is None and self.outcome.accepted.get(event.number, None)
                  and self.outcome.accepted[event.number].unanswered}
        for row in self.outcome.events:
            if row["status"] in ("received", "pending"):
                self.say(f"{row['event_id']} is still {row['status']}")
            if row["event_id"] not in known and row["body"] not in posted:
                self.say(f"{row['event_id']} is in SQL, and nobody sent it")
        messages = {event.event_id: json.loads(event.message) for event in self.outcome.schedule.events
                    if event.message is not None and event.event_id and event.kind != "conflict"}
        for row in self.outcome.events:
            message = messages.get(row["event_id"])
            if message and row["body"] == message["raw"] and row["order_key"] != message["order_key"]:
                self.say(f"{row['event_id']} has another order key in SQL: {row['order_key']}")

    def check_odoo(self):
        for event_id, times in self.in_odoo.items():
            row = self.rows.get(event_id)
            if times > 1:
                self.say(f"{event_id} was created in Odoo {times} times")
            if row is None or row["status"] != "synced":
                self.say(f"{event_id} is in Odoo, and in SQL it is {row['status'] if row else 'not there'}")
        for row in self.outcome.events:
            if row["status"] == "synced" and not self.in_odoo[row["event_id"]]:
                self.say(f"{row['event_id']} is synced, and not in Odoo")

    def check_queues(self):
        may_be_poison = {event.message for event in self.outcome.schedule.events if event.kind in ("bad", "data", "malformed")}
        for host, texts in enumerate(self.outcome.queues):
            for text in texts:
                self.say(f"host {host} has a message left: {text[:120]}")
        for host, texts in enumerate(self.outcome.poison):
            for text in texts:
                if self.outcome.recorder[host]:
                    self.say(f"host {host} has a message left on the poison queue: {text[:120]}")
                elif text not in may_be_poison:
                    self.say(f"host {host} has a good message on the poison queue: {text[:120]}")

    # Contacts

    def check_contacts(self):
        odoo = {row["subscriber_id"]: row for row in self.outcome.odoo_contacts}
        expected = collections.defaultdict(lambda: ({}, {}))
        counts = collections.Counter()
        for row in self.outcome.events:
            if row["status"] not in LEFT_OUT and row["body"] is not None:
                merge(expected[row["subscriber_id"]], row)
                counts[row["subscriber_id"]] += 1
        for subscriber in sorted({*expected, *odoo, *self.outcome.contacts}):
            fields, keys = expected.get(subscriber, ({}, {}))
            self.compare(subscriber, "SQL", (fields, keys), self.outcome.contacts.get(subscriber, ({}, {})))
            if subscriber in odoo or subscriber in expected:
                row = odoo.get(subscriber)
                self.compare(subscriber, "Odoo", (fields, keys), fields_in_odoo(row) if row else ({}, {}))
                if row and row["event_count"] != counts[subscriber]:
                    self.say(f"contact {subscriber} counts {row['event_count']} events in Odoo, not {counts[subscriber]}")

    def compare(self, subscriber, store, expected, found):
        for what, wanted, got in zip(("fields", "keys"), expected, found):
            for name in sorted({*wanted, *got}):
                missing = "nothing"
                if wanted.get(name, missing) != got.get(name, missing):
                    self.say(f"contact {subscriber} in {store}: {what} {name} is {got.get(name, missing)!r}, "
                             f"not {wanted.get(name, missing)!r}")

    # Requests and processes

    def check_rate(self):
        requests = sorted(self.outcome.requests, key=lambda entry: entry["time_monotonic"])
        for one, next_one in itertools.pairwise(requests):
            gap = next_one["time_monotonic"] - one["time_monotonic"]
            if gap < 1:
                self.say(f"two requests to Odoo began {gap * 1000:.0f} ms apart: {one['method']} of {one['events']} events "
                         f"at {one['time_monotonic']:.3f}, {next_one['method']} of {next_one['events']}")

    def check_processes(self):
        for host, codes in enumerate(self.outcome.exits):
            for code in codes:
                if code not in (KILLED, STOPPED):
                    self.say(f"the handler of host {host} ended with {code}")
        for host, lines in enumerate(self.outcome.reports):
            for line in lines:
                self.say(f"host {host}: {line}")


def id_in(message):
    """The event's id, None where it is no event."""
    try:
        return json.loads(message).get("event_id")
    except ValueError:
        return None


def merge(contact, row):
    """The newest event wins, field by field."""
    body = json.loads(row["body"])
    carried = {target: body[source] for source, target in TEXTS.items() if source in body}
    if "campaign_id" in body:
        carried["campaign_ref"] = str(body["campaign_id"])
    else:
        carried.pop("summary", None)  # it belongs to an assignment
    carried.update((f"custom_fields.{name}", value) for name, value in body["custom_fields"].items())
    fields, keys = contact
    for name, value in carried.items():
        if row["order_key"] > keys.get(name, ""):
            fields[name], keys[name] = value, row["order_key"]


def fields_in_odoo(row):
    """The fields that an event has set, and their keys."""
    fields = {f"custom_fields.{name}": value for name, value in row["custom_fields"].items()}
    for name in row["field_keys"]:
        if not name.startswith("custom_fields."):
            fields[name] = row[name]
    return fields, row["field_keys"]
