"""test_check - the checker finds each thing that must not be, and schedules are made from their seed alone."""
import base64
import copy
import hashlib
import json
import unittest

import check
import run
import schedule as plan

RECORDER, NO_RECORDER = 0, 1


def ideal(schedule):
    """What comes of a schedule when nothing goes wrong: every delivery in the order of the events' numbers."""
    outcome = run.Outcome(schedule, [], {}, [], [], [], [{"time_monotonic": float(i), "method": "ingest", "events": 1}
                                                         for i in range(5)],
                          [[], []], [[], []], [True, False], [[137, 200], [137]], [[], []], {}, {}, [0, 0])
    hosts = {}
    for delivery in schedule.deliveries:
        hosts.setdefault(delivery.number, set()).add(delivery.host)
    rows = {}
    for event in schedule.events:
        event_id = event.event_id or (f"made-{event.number}" if event.message is None else None)
        outcome.accepted[event.number] = run.Accepted(event_id, hosts[event.number])
        if event.kind == "malformed":
            if RECORDER in hosts[event.number]:
                outcome.dead_letters.append(letter(event.message, None, "malformed", "not read", event.message))
            if NO_RECORDER in hosts[event.number]:
                outcome.poison[NO_RECORDER].append(event.message)
        elif event_id in rows:
            outcome.dead_letters.append(letter(event.message, event_id, "conflict", "another body", event.message))
        else:
            rows[event_id] = row_of(event, event_id, rows)
            refuse(outcome, event, event_id, hosts[event.number])
    outcome.events.extend(rows.values())
    deliver(outcome)
    return outcome


def row_of(event, event_id, rows):
    order_key = json.loads(event.message)["order_key"] if event.message else f"{plan.FIRST_US:016x}:{event_id}"
    first = [row["event_id"] for row in rows.values() if row["body"] == event.body and row["duplicate_of"] is None]
    status = {"bad": "rejected", "data": "rejected"}.get(event.kind, "duplicate" if first else "synced")
    return {"event_id": event_id, "subscriber_id": event.subscriber, "order_key": order_key,
            "generated": event.kind == "repeat", "body": None if event.kind == "data" else event.body, "status": status,
            "duplicate_of": first[0] if first else None}


def refuse(outcome, event, event_id, hosts):
    if event.kind == "bad":
        outcome.dead_letters.append(letter(event_id, event_id, "rejected", plan.REFUSED_BY_ODOO, None))
    elif event.kind == "data":
        outcome.dead_letters.append(letter(event_id, event_id, "data", "the database refuses this event's data", event.message))
    if event.kind in ("bad", "data") and NO_RECORDER in hosts:
        outcome.poison[NO_RECORDER].append(event.message)


def letter(key, event_id, kind, error, message):
    if message is not None and key == message:
        key = "sha256:" + hashlib.sha256(message.encode()).hexdigest()
    return {"key": key, "event_id": event_id, "class": kind, "status": "open", "error": error, "deliveries": 0,
            "body": None if message is None else base64.b64encode(message.encode()).decode()}


def deliver(outcome):
    """Merges the contacts of both stores, and creates the events in Odoo."""
    for row in outcome.events:
        if row["status"] == "synced":
            outcome.odoo_events.append({"event_id": row["event_id"]})
            check.merge(outcome.contacts.setdefault(row["subscriber_id"], ({}, {})), row)
        else:
            outcome.contacts.setdefault(row["subscriber_id"], ({}, {}))
    counts = {}
    for row in outcome.events:
        counts[row["subscriber_id"]] = counts.get(row["subscriber_id"], 0) + (row["status"] == "synced")
    for subscriber, (fields, keys) in outcome.contacts.items():
        if counts[subscriber]:
            custom = {name.partition(".")[2]: value for name, value in fields.items() if name.startswith("custom_fields.")}
            outcome.odoo_contacts.append({
                **{name: value for name, value in fields.items() if not name.startswith("custom_fields.")},
                "subscriber_id": subscriber, "custom_fields": custom, "field_keys": dict(keys), "event_count": counts[subscriber]})


class Broken(unittest.TestCase):
    """One thing wrong at a time: exactly that is told."""
    @classmethod
    def setUpClass(cls):
        cls.good = ideal(plan.make(7, 400, "postgresql"))

    def setUp(self):
        self.outcome = copy.deepcopy(self.good)

    def row(self, kind, status=None):
        """The first row of an event of that kind, and the event."""
        for event in self.outcome.schedule.events:
            if event.kind == kind and event.message and event.event_id not in self.shared_ids():
                row = next(row for row in self.outcome.events if row["event_id"] == event.event_id)
                if status in (None, row["status"]):
                    return row, event
        raise AssertionError(f"no {kind} event that is {status}")

    def shared_ids(self):
        return {event.event_id for event in self.outcome.schedule.events if event.kind == "conflict"}

    def letter_of(self, kind):
        return next(letter for letter in self.outcome.dead_letters if letter["class"] == kind)

    def contact(self):
        """A contact with a name, in SQL and in Odoo."""
        subscriber = next(s for s, (fields, _) in self.outcome.contacts.items() if "name" in fields)
        return self.outcome.contacts[subscriber], next(
            row for row in self.outcome.odoo_contacts if row["subscriber_id"] == subscriber)

    def assert_told(self, *parts):
        found = check.violations(self.outcome)
        self.assertTrue(found, "nothing was told")
        for part in parts:
            self.assertTrue(any(part in text for text in found), f"{part!r} is not in {found}")

    def test_nothing_wrong(self):
        self.assertEqual(check.violations(self.outcome), [])
        self.assertEqual({event.kind for event in self.outcome.schedule.events},
                         {"good", "bad", "data", "repeat", "conflict", "malformed"})

    def test_event_missing_in_odoo(self):
        row, _ = self.row("good")
        self.outcome.odoo_events.remove({"event_id": row["event_id"]})
        self.assert_told(f"{row['event_id']} is synced, and not in Odoo")

    def test_event_twice_in_odoo(self):
        row, _ = self.row("good")
        self.outcome.odoo_events.append({"event_id": row["event_id"]})
        self.assert_told(f"{row['event_id']} was created in Odoo 2 times")

    def test_event_lost(self):
        row, _ = self.row("good")
        self.outcome.events.remove(row)
        self.assert_told(f"{row['event_id']} (good) is lost", f"{row['event_id']} is in Odoo, and in SQL it is not there")

    def test_event_twice_in_sql(self):
        row, _ = self.row("good")
        self.outcome.events.append(row)
        self.assert_told(f"{row['event_id']} has 2 rows")

    def test_row_left_pending(self):
        for status in ("pending", "received"):
            row, _ = self.row("good")
            row["status"] = status
            self.assert_told(f"{row['event_id']} is still {status}", f"{row['event_id']} is in Odoo, and in SQL it is {status}")

    def test_good_event_rejected(self):
        row, _ = self.row("good")
        row["status"] = "rejected"
        self.assert_told(f"{row['event_id']} (good) is rejected")

    def test_bad_event_synced(self):
        row, _ = self.row("bad")
        row["status"] = "synced"
        self.assert_told(f"{row['event_id']} (bad) is synced")

    def test_bad_event_in_odoo(self):
        row, _ = self.row("bad")
        self.outcome.odoo_events.append({"event_id": row["event_id"]})
        self.assert_told(f"{row['event_id']} is in Odoo, and in SQL it is rejected")

    def test_bad_event_without_a_dead_letter(self):
        for kind in ("rejected", "data", "conflict", "malformed"):
            with self.subTest(kind):
                self.setUp()
                for event in self.outcome.schedule.events:
                    self.outcome.accepted[event.number].hosts.add(RECORDER)
                self.outcome.dead_letters = [letter for letter in self.outcome.dead_letters if letter["class"] != kind]
                self.assertTrue(any("dead letter" in text or "another body" in text for text in check.violations(self.outcome)))

    def test_dead_letter_with_other_words(self):
        self.letter_of("rejected")["error"] = "Traceback (most recent call last)"
        self.assert_told("has no dead letter of its own")

    def test_duplicate_of_another(self):
        row, _ = self.row("repeat", "duplicate")
        row["duplicate_of"] = self.row("good")[0]["event_id"]
        self.assert_told(f"{row['event_id']} is a duplicate of")

    def test_event_of_a_caller_taken_for_a_duplicate(self):
        row, _ = self.row("good")
        row["status"] = "duplicate"
        self.assert_told(f"{row['event_id']} (good) is duplicate")

    def test_row_that_nobody_sent(self):
        row, _ = self.row("good")
        self.outcome.events.append({**row, "event_id": "stranger", "body": row["body"] + " "})
        self.assert_told("stranger is in SQL, and nobody sent it")

    def test_other_order_key(self):
        row, _ = self.row("good")
        row["order_key"] = "0" * 16 + ":" + row["event_id"]
        self.assert_told(f"{row['event_id']} has another order key")

    def test_wrong_field_in_either_store(self):
        (fields, _), odoo = self.contact()
        fields["name"] = "other"
        self.assert_told("in SQL: fields name is 'other'")
        self.setUp()
        (_, _), odoo = self.contact()
        odoo["name"] = "other"
        self.assert_told("in Odoo: fields name is 'other'")

    def test_wrong_key_and_missing_field(self):
        (fields, keys), odoo = self.contact()
        keys["name"] = "0" * 16 + ":older"
        del odoo["field_keys"]["name"]
        self.assert_told("in SQL: keys name is", "in Odoo: fields name is 'nothing'")

    def test_event_counted_twice_by_its_contact(self):
        self.contact()[1]["event_count"] += 1
        self.assert_told("events in Odoo, not")

    def test_two_requests_within_a_second(self):
        self.outcome.requests[3]["time_monotonic"] = self.outcome.requests[2]["time_monotonic"] + 0.999
        self.assert_told("two requests to Odoo began 999 ms apart")

    def test_message_left(self):
        self.outcome.queues[RECORDER].append(self.row("good")[1].message)
        self.assert_told("host 0 has a message left")

    def test_good_event_on_the_poison_queue(self):
        self.outcome.poison[NO_RECORDER].append(self.row("good")[1].message)
        self.assert_told("host 1 has a good message on the poison queue")

    def test_poison_queue_that_was_not_emptied(self):
        self.outcome.poison[RECORDER].append(self.row("bad")[1].message)
        self.assert_told("host 0 has a message left on the poison queue")

    def test_malformed_message_gone_from_the_poison_queue(self):
        malformed = next(event for event in self.outcome.schedule.events if event.kind == "malformed")
        self.outcome.accepted[malformed.number].hosts = {NO_RECORDER}
        self.outcome.poison[NO_RECORDER] = []
        self.assert_told(f"event {malformed.number} (malformed) is not on the poison queue")

    def test_kept_unread_by_the_recorder(self):
        """Stands in for the event, where there is a recorder and nowhere else."""
        row, event = self.row("good")
        self.outcome.events.remove(row)
        self.outcome.odoo_events.remove({"event_id": row["event_id"]})
        self.outcome.dead_letters.append(letter(event.message, None, "transient", "unread", event.message))
        self.outcome.accepted[event.number].hosts = {RECORDER}
        self.assertNotIn("lost", " ".join(check.violations(self.outcome)))
        self.outcome.accepted[event.number].hosts = {NO_RECORDER}
        self.assert_told(f"{row['event_id']} (good) is lost")

    def test_never_taken(self):
        _, event = self.row("good")
        del self.outcome.accepted[event.number]
        self.assert_told(f"event {event.number} (good) was never taken")

    def test_handler_that_crashed(self):
        self.outcome.exits[RECORDER].append(128 + 11)
        self.assert_told("the handler of host 0 ended with 139")

    def test_report_of_a_sanitizer(self):
        self.outcome.reports[NO_RECORDER].append("row.c:12: runtime error: signed integer overflow")
        self.assert_told("host 1: row.c:12: runtime error")


class Schedules(unittest.TestCase):
    def test_a_seed_is_one_schedule(self):
        self.assertEqual(plan.make(3, 500, "postgresql"), plan.make(3, 500, "postgresql"))
        self.assertNotEqual(plan.make(3, 500, "postgresql"), plan.make(4, 500, "postgresql"))

    def test_many_seeds(self):
        kinds = set()
        for seed in range(60):
            schedule = plan.make(seed, 3000, "postgresql")
            self.assertEqual(len(schedule.events), 3000)
            self.assertEqual({delivery.number for delivery in schedule.deliveries}, set(range(3000)))
            self.assertEqual([event.number for event in schedule.events], list(range(3000)))
            self.assertLessEqual(sum(fault.lane == "host1" for fault in schedule.faults), plan.KILLS_WITHOUT_RECORDER)
            self.assertNotIn("stop_handler", [fault.kind for fault in schedule.faults if fault.lane == "host1"])
            kinds |= {fault.kind for fault in schedule.faults}
        self.assertEqual(kinds, {"storm", *plan.ODOO, *plan.POSTGRESQL, *plan.HOST_0})

    def test_calm(self):
        self.assertEqual(plan.make(3, 100, "sqlite", calm=True).faults, ())


if __name__ == "__main__":
    unittest.main()
