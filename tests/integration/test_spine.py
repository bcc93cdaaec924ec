"""test_spine - the whole way of an event, through the local host into SQL and Odoo."""
import json
import unittest

from stack import DATA, KEY, PATIENCE_S, POISON, QUEUE, STEADY, Stack, max_requests_in_window, wait_until

SAMPLE = (DATA / "manychat-full-contact.json").read_text()


class Spine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # A duplicate stays one, however long the first takes to be synced.
        cls.stack = Stack(settings={"DUPLICATE_WINDOW_SECONDS": "3600"})

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def setUp(self):
        self.stack.simulator.order(clear=True)

    def test_sample_reaches_both_stores(self):
        event_id = self.stack.accept(SAMPLE)
        event = self.stack.wait_status(event_id, "synced")
        stored = self.stack.simulator.events()[event_id]
        self.assertEqual(event["odoo"], {"contact_id": stored["contact_id"], "state_id": stored["id"]})
        self.assertEqual((event["subscriber_id"], event["kind"], event["state"]), ("1234567890", "interaction", None))
        self.assertIsNone(event["error"])
        self.assertIsNotNone(event["synced_at"])
        contact = self.stack.simulator.contacts()["1234567890"]
        self.assertEqual((contact["first_name"], contact["whatsapp_phone"]), ("Ana", "+50600000000"))
        self.assertEqual(contact["custom_fields"]["edad"], 41)
        self.assertEqual(contact["custom_fields"]["Fecha de la cita "], "2026-05-05")
        [(body,)] = self.stack.sql("SELECT body FROM events WHERE event_id = ?", event_id)
        self.assertEqual(body, SAMPLE)

    def test_flat_body_is_a_state(self):
        body = json.loads((DATA / "manychat-flat-contact-event.json").read_text())
        body["manychat_id"] = "flat-1"
        event = self.stack.wait_status(self.stack.accept(body), "synced")
        self.assertEqual((event["kind"], event["state"]), ("state", "nuevo"))
        self.assertEqual(self.stack.simulator.contacts()["flat-1"]["last_state"], "nuevo")
        [(fields,)] = self.stack.sql("SELECT fields FROM contacts WHERE subscriber_id = 'flat-1'")
        self.assertEqual(json.loads(fields)["last_state"], "nuevo")

    def test_same_id_again_is_one_row(self):
        for name in ("first", "second"):
            self.assertEqual(self.stack.accept({"id": "again", "name": name}, {"Idempotency-Key": "again-1"}), "again-1")
            # The queue keeps no order between two messages.
            self.stack.wait_status("again-1", "synced")
        wait_until(lambda: not self.stack.queue(), "an empty queue")
        self.assertEqual(self.stack.sql("SELECT COUNT(*) FROM events WHERE event_id = 'again-1'"), [(1,)])
        self.assertEqual(self.stack.simulator.contacts()["again"]["name"], "first")
        self.assertEqual(
            self.stack.sql("SELECT class, status FROM dead_letters WHERE event_id = 'again-1'"), [("conflict", "open")])

    def test_same_body_again_within_the_window_is_a_duplicate(self):
        body = {"id": "twice", "name": "Ana"}
        first = self.stack.accept(body)
        self.stack.wait_status(first, "synced")
        second = self.stack.accept(body)
        event = self.stack.wait_status(second, "duplicate")
        self.assertEqual(event["duplicate_of"], first)
        self.assertNotIn(second, self.stack.simulator.events())

    def test_rejected_event_reaches_the_poison_queue_and_spares_its_neighbours(self):
        self.stack.simulator.order(mode="reject", state_contains="nefasto", error="Estado prohibido")
        bodies = [{"id": f"n-{i}", "event_id": f"neighbour-{i}", "estado_inicial": "nefasto" if i == 3 else "bueno"}
                  for i in range(8)]
        self.assertEqual(set(self.stack.post_all(bodies, 8)), {200})
        def poisoned():
            ids = [json.loads(message["text"]).get("event_id") for message in self.stack.queue(POISON)]
            return [event_id for event_id in ids if event_id]
        self.assertEqual(wait_until(poisoned, "a message on the poison queue"), ["neighbour-3"])
        events = [self.stack.wait_status(f"neighbour-{i}", "rejected" if i == 3 else "synced") for i in range(8)]
        self.assertEqual(events[3]["error"], {"code": "constraint", "detail": "Estado prohibido"})
        self.assertEqual(self.stack.simulator.ingested("neighbour-3"), 1, "a redelivery costs no request")
        self.assertEqual(
            self.stack.sql("SELECT class, status, body FROM dead_letters WHERE key = 'neighbour-3'"),
            [("rejected", "open", None)])
        self.stack.wait_health(lambda health: (health["dead_letters"]["open"] or 0) >= 1, "it counts")
        [(fields,)] = self.stack.sql("SELECT fields FROM contacts WHERE subscriber_id = 'n-3'")
        self.assertEqual(json.loads(fields), {})

    def test_message_that_is_no_event_reaches_the_poison_queue(self):
        before = len(self.stack.simulator.get("/requests"))
        self.stack.put_message('{"no":"event"}')
        wait_until(lambda: any(m.get("text") == '{"no":"event"}' for m in self.stack.queue(POISON)), "a poison message")
        self.assertEqual(len(self.stack.simulator.get("/requests")), before)

    def test_look_up_of_unknown_and_without_key(self):
        status, headers, text = self.stack.request("/api/v1/events/nobody", headers={"X-API-Key": KEY})
        self.assertEqual((status, headers["Content-Type"], json.loads(text)["status"]),
                         (404, "application/problem+json", 404))
        self.assertEqual(self.stack.request("/api/v1/events/nobody")[0], 401)

    def test_older_event_does_not_overwrite_a_newer_one(self):
        new = {"id": "order", "event_id": "order-new", "name": "new", "estado_inicial": "ganado",
               "datetime_actual": "2026-05-05T10:00:00Z"}
        old = {"id": "order", "event_id": "order-old", "name": "old", "email": "old@example.com",
               "estado_inicial": "nuevo", "datetime_actual": "2026-05-04T10:00:00Z"}
        for body in (new, old):
            self.stack.wait_status(self.stack.accept(body), "synced")
        contact = self.stack.simulator.contacts()["order"]
        [(text,)] = self.stack.sql("SELECT fields FROM contacts WHERE subscriber_id = 'order'")
        fields = json.loads(text)
        for store in (contact, fields):
            self.assertEqual((store["name"], store["email"], store["last_state"]),
                             ("new", "old@example.com", "ganado"))


class Load(unittest.TestCase):
    def test_thousand_posts_end_synced_once_in_both_stores(self):
        stack = Stack(settings=STEADY)
        try:
            template = json.loads(SAMPLE)
            bodies = [dict(template, id=f"lead-{i % 400}", event_id=f"load-{i}", n=i) for i in range(1000)]
            self.assertEqual(set(stack.post_all(bodies, 32)), {200})
            wait_until(lambda: stack.statuses() == {"synced": 1000}, "1,000 synced events", 3 * PATIENCE_S)
            wait_until(lambda: not stack.queue(QUEUE), "an empty queue")
            self.assertEqual(len(stack.simulator.events()), 1000)
            self.assertEqual(len(stack.simulator.contacts()), 400)
            self.assertEqual(stack.queue(POISON), [])
            self.assertLessEqual(max_requests_in_window(str(stack.simulator.log), 1.0), 1)
        finally:
            stack.close()


if __name__ == "__main__":
    unittest.main()
