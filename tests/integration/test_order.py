"""test_order - events in any order of delivery: duplicates, late arrivals, and the same contact in both stores."""
import concurrent.futures
import datetime
import itertools
import json
import pathlib
import random
import shutil
import tempfile
import unittest

from stack import Handler, Simulator, database, wait_until

START_US = 1778068800000000  # 2026-05-06T12:00:00Z; long ago: what the events say is what counts
A = {"name": "A", "email": "a@example.com", "estado_inicial": "nuevo"}
B = {"name": "B", "custom_fields": {"x": "b"}}
C = {"email": "c@example.com", "custom_fields": {"x": "c"}}
FIELDS = ("name", "email", "last_state", "custom_fields.x")
# The bodies of one subscriber's events, a second apart.
SETS = ((A, A, B, A, C), (A, B, A, A), (B, A, C, A), (A, A, A, B))


def carried(body):
    """The fields that a body carries, as SQL names them."""
    fields = {name: body[name] for name in ("name", "email") if name in body}
    if "estado_inicial" in body:
        fields["last_state"] = body["estado_inicial"]
    if "custom_fields" in body:
        fields["custom_fields.x"] = body["custom_fields"]["x"]
    return fields


def merged(bodies):
    """What the contact is in the end: of each field the newest value."""
    fields = {}
    for body in bodies:
        fields.update(carried(body))
    return fields


class Order(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="enlace-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.database = database(cls.folder)
        cls.addClassCleanup(cls.database.close)
        cls.simulator = Simulator(cls.folder)
        cls.addClassCleanup(cls.simulator.stop)
        cls.handler = Handler({**cls.simulator.settings(), "DATABASE_URL": cls.database.url,
                               "ODOO_MAX_REQUESTS_PER_SECOND": "10"})
        cls.addClassCleanup(cls.handler.close)
        cls.handler.wait_up()
        cls.template = json.loads(cls.handler.message('{"id":"template"}'))

    def message(self, subscriber, number, body):
        """The queue message of an event that was received that many seconds after the start."""
        event_id, at_us = f"{subscriber}-{number}", START_US + number * 1000000
        received = datetime.datetime.fromtimestamp(at_us / 1000000, datetime.timezone.utc)
        return json.dumps({**self.template, "event_id": event_id, "generated": True,
                           "received_at": received.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                           "order_key": f"{at_us:016x}:{event_id}", "raw": json.dumps({"id": subscriber, **body})})

    def deliver(self, *messages):
        for message in messages:
            self.assertEqual(self.handler.deliver(message)[0], 200)

    def deliver_together(self, messages):
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            statuses = set(status for status, _ in pool.map(self.handler.deliver, messages))
        self.assertEqual(statuses, {200})

    def status(self, event_id):
        [row] = self.database.sql("SELECT status, duplicate_of FROM events WHERE event_id = ?", event_id)
        return row

    def wait_status(self, event_id, *wanted):
        wait_until(lambda: self.status(event_id) == wanted, f"{event_id} {wanted}")

    def wait_rest(self, count):
        """Until so many events are settled, and none is on its way."""
        def settled():
            statuses = dict(self.database.sql("SELECT status, COUNT(*) FROM events GROUP BY status"))
            return sum(statuses.values()) == count and set(statuses) <= {"synced", "duplicate"}
        wait_until(settled, f"{count} settled events", 180)

    def contact_in_sql(self, subscriber):
        [(text,)] = self.database.sql("SELECT fields FROM contacts WHERE subscriber_id = ?", subscriber)
        return json.loads(text)

    def contact_in_odoo(self, contacts, subscriber):
        """The fields that hold a value, named as SQL names them."""
        contact = contacts[subscriber]
        fields = {name: contact[name] for name in FIELDS if contact.get(name)}
        fields.update((f"custom_fields.{name}", value) for name, value in (contact["custom_fields"] or {}).items())
        return fields

    def assert_contact(self, subscriber, bodies):
        self.assertEqual(self.contact_in_sql(subscriber), merged(bodies))
        self.assertEqual(self.contact_in_odoo(self.simulator.contacts(), subscriber), merged(bodies))

    def total(self):
        return self.database.sql("SELECT COUNT(*) FROM events")[0][0]

    def test_late_event_between_two_equal_ones(self):
        first, late, second = self.message("late", 0, A), self.message("late", 1, B), self.message("late", 2, A)
        self.deliver(first, second)
        self.wait_status("late-0", "synced", None)
        self.assertEqual(self.status("late-2"), ("duplicate", "late-0"))
        self.assertNotIn("late-2", self.simulator.events())
        self.deliver(late)
        for number in range(3):
            self.wait_status(f"late-{number}", "synced", None)
        self.assert_contact("late", (A, B, A))
        self.assertEqual([self.simulator.ingested(f"late-{number}") for number in range(3)], [1, 1, 1])
        self.deliver(first, late, second)
        self.assertEqual(self.simulator.ingested("late-2"), 1, "a redelivery sends nothing")

    def test_late_event_by_the_poison_queue(self):
        self.deliver(self.message("poison", 0, A), self.message("poison", 2, A))
        self.assertEqual(self.status("poison-2"), ("duplicate", "poison-0"))
        status, _ = self.handler.invoke("dead-letter-recorder", {"event": json.dumps(self.message("poison", 1, B))},
                                        {"DequeueCount": "1"})
        self.assertEqual(status, 200)
        for number in range(3):
            self.wait_status(f"poison-{number}", "synced", None)
        self.assert_contact("poison", (A, B, A))

    def test_promoted_while_odoo_is_away(self):
        self.deliver(self.message("away", 0, A), self.message("away", 2, A))
        self.wait_status("away-0", "synced", None)
        self.simulator.stop()
        try:
            # No invocation waits for what Odoo says of it: it is stored, and sent when Odoo is back.
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                late = pool.submit(self.handler.deliver, self.message("away", 1, B))
                wait_until(lambda: self.database.sql("SELECT 1 FROM events WHERE event_id = 'away-1'"), "it is stored")
                self.assertIn(self.status("away-2")[0], ("pending", "received"))
                self.assertEqual(self.contact_in_sql("away"), merged((A, B, A)))
                self.assertEqual(late.result()[0], 200)
        finally:
            self.simulator.start()
        for number in range(3):
            self.wait_status(f"away-{number}", "synced", None)
        self.assert_contact("away", (A, B, A))

    def test_an_older_equal_event_is_a_duplicate_too(self):
        self.deliver(self.message("older", 2, A), self.message("older", 0, A))
        self.assertEqual(self.status("older-0"), ("duplicate", "older-2"))
        self.deliver(self.message("older", 1, B))
        for number in range(3):
            self.wait_status(f"older-{number}", "synced", None)
        self.assert_contact("older", (A, B, A))

    def orders(self, name):
        """(subscriber, bodies, messages in the order of delivery) of every order of every set."""
        for k, bodies in enumerate(SETS):
            for i, order in enumerate(itertools.permutations(range(len(bodies)))):
                subscriber = f"{name}-{k}-{i}"
                yield subscriber, bodies, [self.message(subscriber, number, bodies[number]) for number in order]

    def assert_orders(self, orders):
        """Both contacts are those of the bodies in order, and duplicates are what the rule says."""
        contacts = self.simulator.contacts()
        in_sql = {subscriber: json.loads(fields)
                  for subscriber, fields in self.database.sql("SELECT subscriber_id, fields FROM contacts")}
        rows = self.database.sql("SELECT subscriber_id, order_key, event_id, body_hash, status, duplicate_of FROM events")
        sent = set(self.simulator.events())
        for subscriber, bodies, messages in orders:
            said = [json.loads(message)["event_id"] for message in messages]
            self.assertEqual(in_sql[subscriber], merged(bodies), said)
            self.assertEqual(self.contact_in_odoo(contacts, subscriber), merged(bodies), said)
            events = sorted(row[1:] for row in rows if row[0] == subscriber)
            places = {event[1]: place for place, event in enumerate(events)}
            self.assertEqual(len(events), len(bodies), said)
            for place, (_, event_id, body_hash, status, first) in enumerate(events):
                self.assertEqual(event_id in sent, status == "synced", said)
                if status == "duplicate":
                    ends = sorted((place, places[first]))
                    self.assertEqual({event[2] for event in events[ends[0]:ends[1] + 1]}, {body_hash}, said)
                    self.assertEqual(events[places[first]][3], "synced", said)

    def test_every_order_across_batches(self):
        orders, before = list(self.orders("across")), self.total()
        for step in range(max(map(len, SETS))):
            self.deliver_together([messages[step] for _, _, messages in orders if step < len(messages)])
        self.wait_rest(before + sum(len(messages) for _, _, messages in orders))
        self.assert_orders(orders)

    def test_every_order_within_batches(self):
        """All at once and shuffled: what comes together, and in which order, is the threads' choice."""
        seed = random.randrange(1 << 32)
        print("seed", seed)
        orders, before = list(self.orders("within")), self.total()
        messages = [message for _, _, messages in orders for message in messages]
        random.Random(seed).shuffle(messages)
        self.deliver_together(messages)
        self.wait_rest(before + len(messages))
        self.assert_orders(orders)


if __name__ == "__main__":
    unittest.main()
