"""test_poison - bad events among good ones: the good are stored, the bad end on the poison queue, at the price of one request."""
import json
import unittest

from stack import POISON, QUEUE, Stack, open_calls, wait_until

ODOO_S_WORDS = "page_id is longer than 128 characters"  # the simulator repeats what the addon says


class Poison(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.close)
        self.stack.wait_status(self.stack.accept({"id": "warm", "event_id": "warm"}), "synced")

    def body(self, number, bad):
        # A page id of 129 characters is let through by the handler, for it is Odoo's limit.
        return {"id": f"s{number}", "event_id": f"e{number}", "name": f"Ana {number}",
                **({"page_id": "p" * 129} if number in bad else {})}

    def assert_only_these_are_poison(self, bad, good):
        """good: ids, besides that of the set-up."""
        stack = self.stack
        wait_until(lambda: stack.statuses() == {"synced": 1 + len(good), "rejected": len(bad)}, "all settled", 120)
        ids = {f"e{number}" for number in bad}
        wait_until(lambda: not stack.queue(QUEUE) and len(stack.queue(POISON)) == len(bad), "the bad ones are poison", 120)
        self.assertEqual({json.loads(message["text"])["event_id"] for message in stack.queue(POISON)}, ids)
        self.assertEqual({event_id for event_id, in stack.sql("SELECT event_id FROM events WHERE status = 'rejected'")}, ids)
        for event_id in ids:
            self.assertEqual(stack.event(event_id)["error"], {"code": "too_large", "detail": ODOO_S_WORDS})
            self.assertEqual(stack.simulator.ingested(event_id), 1, "a redelivery costs no request")
        self.assertEqual({row for row in stack.sql("SELECT class, status, error FROM dead_letters")},
                         {("rejected", "open", ODOO_S_WORDS)})
        self.assertEqual(set(stack.simulator.events()), {"warm", *good})

    def test_one_in_a_batch_of_64(self):
        stack = self.stack
        stack.database.go_away()
        # It holds T1 up, so that the others gather behind it.
        stack.accept({"id": "first", "event_id": "first"})
        wait_until(lambda: any("could not be stored" in line or "SQL is away" in line for line in stack.host.lines),
                   "the first is held")
        self.assertEqual(set(stack.post_all([self.body(i, {31}) for i in range(64)])), {200})
        port = stack.handler()["port"]
        wait_until(lambda: open_calls(port) >= 65, "65 open invocations")
        stack.database.come_back()
        self.assert_only_these_are_poison({31}, ["first", *(f"e{i}" for i in range(64) if i != 31)])
        [batch] = [entry["event_ids"] for entry in stack.simulator.get("/requests") if "e31" in entry["event_ids"]]
        self.assertLessEqual({f"e{i}" for i in range(64)}, set(batch))

    def test_twenty_in_500(self):
        bad = set(range(12, 500, 25))
        self.assertEqual(len(bad), 20)
        self.assertEqual(set(self.stack.post_all([self.body(i, bad) for i in range(500)])), {200})
        self.assert_only_these_are_poison(bad, [f"e{i}" for i in range(500) if i not in bad])


if __name__ == "__main__":
    unittest.main()
