"""test_recorder - the poison queue: what comes by it is stored, delivered or counted, and never fails."""
import base64
import contextlib
import json
import sqlite3
import unittest

from stack import Handler, POISON, QUEUE, Stack, wait_until


class Recorder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(recorder=True)

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def setUp(self):
        self.stack.simulator.order(clear=True)

    def dead_letter(self, key):
        rows = self.stack.sql("SELECT class, status, deliveries, body FROM dead_letters WHERE key = ?", key)
        return rows[0] if rows else None

    def test_rejected_event_is_counted(self):
        self.stack.simulator.order(mode="reject", event_ids=["refused"], error="no")
        self.stack.accept({"id": "1", "event_id": "refused"})
        wait_until(lambda: (self.dead_letter("refused") or (0, 0, 0))[2] == 1, "its delivery by the poison queue")
        self.assertEqual(self.dead_letter("refused"), ("rejected", "open", 1, None))
        wait_until(lambda: not self.stack.queue(POISON) and not self.stack.queue(QUEUE), "empty queues")
        self.assertEqual(self.stack.simulator.ingested("refused"), 1)

    def test_message_that_is_no_event_is_kept_as_it_came(self):
        text = '{"no": "event",  "ñ": 1}'
        self.stack.put_message(text)

        def kept():
            return self.stack.sql("SELECT key, event_id, status, body FROM dead_letters WHERE class = 'malformed'")
        [(key, event_id, status, body)] = wait_until(kept, "a dead letter")
        self.assertTrue(key.startswith("sha256:"))
        self.assertEqual((event_id, status), (None, "open"))
        self.assertEqual(base64.b64decode(body).decode(), text)
        wait_until(lambda: not self.stack.queue(POISON), "an empty poison queue")

    def test_event_that_sql_never_saw_is_delivered(self):
        """The handler kept dying before T1: the message came to the poison queue without a row."""
        message = Handler().wait_up()
        self.addCleanup(message.close)
        self.stack.put_message(message.message('{"id":"7","event_id":"unseen","name":"Ana"}'), POISON)
        self.stack.wait_status("unseen", "synced")
        self.assertIsNone(self.dead_letter("unseen"))
        self.assertEqual(self.stack.simulator.contacts()["7"]["name"], "Ana")
        wait_until(lambda: not self.stack.queue(POISON), "an empty poison queue")


class Alone(unittest.TestCase):
    def handler(self, **settings):
        handler = Handler(settings).wait_up()
        self.addCleanup(handler.close)
        return handler

    def record(self, handler, text, deliveries=1):
        return handler.invoke("dead-letter-recorder", {"event": json.dumps(text, ensure_ascii=False)},
                              {"DequeueCount": str(deliveries)})

    def dead_letters(self, handler):
        with contextlib.closing(sqlite3.connect(handler.folder / "enlace.db", timeout=30)) as database:
            return database.execute("SELECT class, status, event_id, body FROM dead_letters").fetchall()

    def test_event_that_sql_has_is_nothing_new(self):
        handler = self.handler()
        message = handler.message('{"id":"1","event_id":"known"}')
        self.assertEqual(handler.deliver(message), (200, {"Outputs": {}, "Logs": [], "ReturnValue": None}))
        self.assertEqual(self.record(handler, message), (200, {"Outputs": {}, "Logs": [], "ReturnValue": None}))
        self.assertEqual(self.dead_letters(handler), [])

    def test_fourth_delivery_is_stored_unread(self):
        handler = self.handler()
        self.assertEqual(handler.deliver(handler.message('{"id":"0"}'))[0], 200)
        message = handler.message('{"id":"1","event_id":"killer"}')
        self.assertEqual(self.record(handler, message, 4)[0], 200)
        self.assertEqual(handler.event("killer")[0], 404)
        [(why, status, event_id, body)] = self.dead_letters(handler)
        self.assertEqual((why, status, event_id), ("transient", "open", None))
        self.assertEqual(base64.b64decode(body).decode(), message)

    def test_sql_away_hands_back(self):
        handler = self.handler(DATABASE_URL="sqlite:////nonexistent/folder/enlace.db", QUEUE_HOLD_SECONDS="1")
        for text in ("no event", '{"v":99}'):
            status, answer = self.record(handler, text)
            self.assertEqual((status, base64.b64decode(answer["Outputs"]["back"]).decode()), (200, text))


if __name__ == "__main__":
    unittest.main()
