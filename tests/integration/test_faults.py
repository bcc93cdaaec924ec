"""test_faults - what happens to events while SQL, Odoo or the process itself is away."""
import contextlib
import email.utils
import time
import unittest

from stack import PATIENT, POISON, QUEUE, STEADY, Stack, max_requests_in_window, wait_until

SUSPECT_EVERY = 4  # requests, as docs/protocol.md says
SLOW_EVENT_S = 0.05  # what an event costs a slow Odoo
OUTAGE_S = 60  # longer than maxDequeueCount times visibilityTimeout, so that failing would poison


class Faults(unittest.TestCase):
    @contextlib.contextmanager
    def stack(self, **options):
        stack = Stack(**options)
        try:
            yield stack
        finally:
            stack.close()

    def assert_all_synced_once(self, stack, ids):
        wait_until(lambda: stack.statuses() == {"synced": len(ids)}, "all synced", 120)
        self.assertEqual(set(stack.simulator.events()), set(ids))
        self.assertEqual(stack.queue(POISON), [])

    def keep_from_probing(self, stack):
        """Until probe_at is set again: a probe takes whichever row is due, and none is under way."""
        def kept():
            stack.sql("UPDATE odoo_breaker SET probe_at = ?", 2**52)
            return not stack.sql("SELECT 1 FROM events WHERE claim_until > 0") and \
                stack.sql("SELECT probe_at FROM odoo_breaker") == [(2**52,)]
        wait_until(kept, "no probe under way")

    def gather(self, stack, bodies):
        """Has the events stored, and none sent: they all wait when the breaker is closed again."""
        stack.sql("UPDATE odoo_breaker SET state = 'open'")
        self.keep_from_probing(stack)
        self.assertEqual(set(stack.post_all(bodies)), {200})
        wait_until(lambda: stack.statuses().get("pending") == len(bodies) and not stack.queue(QUEUE), "all wait")

    def ingests(self, stack):
        """Ids of the events of each request, in order, but for the one that warmed up."""
        return [entry["event_ids"] for entry in stack.simulator.get("/requests") if entry["method"] == "ingest"][1:]

    def test_sql_away_for_a_minute(self):
        with self.stack(settings={"QUEUE_HOLD_SECONDS": "3"}) as stack:
            stack.wait_status(stack.accept({"id": "1", "event_id": "before"}), "synced")
            stack.database.go_away()
            end = time.monotonic() + OUTAGE_S
            ids = [f"away-{i}" for i in range(20)]
            self.assertEqual(set(stack.post_all([{"id": i, "event_id": i} for i in ids])), {200})
            wait_until(lambda: any("hand_back" in line or "handed back" in line for line in stack.host.lines),
                       "a message handed back")
            wait_until(lambda: stack.health()[0] == 503, "/health says that SQL is away")
            wait_until(lambda: time.monotonic() > end, "the end of the outage", OUTAGE_S + 10)
            self.assertEqual(stack.queue(POISON), [])
            stack.database.come_back()
            self.assert_all_synced_once(stack, ["before"] + ids)
            wait_until(lambda: stack.health()[0] == 200, "/health says that SQL is back")
            wait_until(lambda: not stack.queue(QUEUE), "an empty queue")

    def test_odoo_away_then_back(self):
        with self.stack(settings=STEADY) as stack:
            stack.simulator.stop()
            ids = [f"odoo-{i}" for i in range(30)]
            self.assertEqual(set(stack.post_all([{"id": i, "event_id": i} for i in ids])), {200})
            wait_until(lambda: stack.statuses() == {"pending": 30} and not stack.queue(QUEUE), "all pending, none queued")
            status, health = stack.wait_health(lambda health: health["odoo"]["status"] == "down"
                                               and health["events"]["pending"] == 30, "Odoo down, 30 pending")
            self.assertEqual((status, health["status"]), (200, "degraded"))
            self.keep_from_probing(stack)
            later = stack.accept({"id": "later", "event_id": "later"})
            self.assertEqual(stack.wait_status(later, "pending")["attempts"], 0, "an open breaker asks nothing")
            stack.simulator.start()
            stack.sql("UPDATE odoo_breaker SET probe_at = 0")
            self.assert_all_synced_once(stack, ids + ["later"])
            self.assertEqual(stack.queue(POISON), [])
            self.assertLessEqual(max_requests_in_window(str(stack.simulator.log), 1.0), 1)

    def test_kill_between_t1_and_t2(self):
        with self.stack(settings=PATIENT) as stack:
            stack.wait_status(stack.accept({"id": "1", "event_id": "warm"}), "synced")
            stack.simulator.order(mode="slow", seconds=90, when="after", times=1)
            stack.accept({"id": "2", "event_id": "killed", "name": "Ana"})
            wait_until(lambda: "killed" in stack.simulator.events(), "Odoo has committed the event")
            self.assertEqual(stack.sql("SELECT status FROM events WHERE event_id = 'killed'"), [("received",)])
            stack.kill_handler()
            wait_until(lambda: not stack.queue(QUEUE), "the redelivery is answered although the row is held")
            # Three minutes in a test's time: the dead owner's claim ends.
            stack.sql("UPDATE events SET claim_until = 0 WHERE status = 'received'")
            event = stack.wait_status("killed", "synced")
            self.assertEqual(event["odoo"]["state_id"], stack.simulator.events()["killed"]["id"])
            self.assertEqual(stack.sql("SELECT maybe_sent FROM events WHERE event_id = 'killed'"), [(1,)])
            self.assertEqual(len(stack.simulator.events()), 2)
            self.assertEqual(stack.queue(POISON), [])

    def test_reset_after_commit_ends_synced_once(self):
        with self.stack() as stack:
            stack.wait_status(stack.accept({"id": "1", "event_id": "warm"}), "synced")
            stack.simulator.order(mode="reset_after_commit", times=1)
            stack.accept({"id": "2", "event_id": "reset"})
            stack.wait_status("reset", "synced")
            self.assertEqual(stack.simulator.ingested("reset"), 2)
            self.assertEqual(len(stack.simulator.events()), 2)

    def test_configuration_error_dead_letters_nothing(self):
        with self.stack() as stack:
            stack.simulator.order(mode="error", error="access_error")
            ids = [f"config-{i}" for i in range(5)]
            for i in ids:
                stack.accept({"id": i, "event_id": i})
            _, health = stack.wait_health(lambda health: health["odoo"]["status"] == "down", "Odoo down")
            self.assertIn("AccessError", health["odoo"]["reason"])
            wait_until(lambda: not stack.queue(QUEUE), "all answered")
            self.assertEqual(stack.statuses(), {"pending": 5})
            self.assertEqual(stack.sql("SELECT COUNT(*) FROM dead_letters"), [(0,)])
            stack.simulator.order(clear=True)
            self.assert_all_synced_once(stack, ids)

    def test_throttled_with_retry_after(self):
        with self.stack() as stack:
            stack.wait_status(stack.accept({"id": "1", "event_id": "warm"}), "synced")
            stack.simulator.order(status=429, retry_after="3", times=1)
            stack.accept({"id": "2", "event_id": "throttled"})
            stack.wait_status("throttled", "synced")
            times = [entry["time_monotonic"] for entry in stack.simulator.get("/requests")]
            self.assertGreaterEqual(times[-1] - times[-2], 3)
            stack.wait_health(lambda health: health["status"] == "ok", "all well")

    def test_throttled_until_a_date(self):
        with self.stack() as stack:
            stack.wait_status(stack.accept({"id": "1", "event_id": "warm"}), "synced")
            date = int(time.time()) + 4
            stack.simulator.order(status=429, retry_after=email.utils.formatdate(date, usegmt=True), times=1)
            stack.accept({"id": "2", "event_id": "throttled"})
            stack.wait_status("throttled", "synced")
            *_, throttled, last = stack.simulator.get("/requests")
            self.assertEqual((throttled["status"], last["status"]), (429, 200))
            # A slow machine may have asked after the date only.
            self.assertGreaterEqual(last["time_wall"], date)

    def test_killer_is_isolated(self):
        with self.stack() as stack:
            stack.wait_status(stack.accept({"id": "1", "event_id": "warm"}), "synced")
            stack.simulator.order(mode="kill", event_ids=["killer"])
            bodies = [{"id": f"k{i}", "event_id": "killer" if i == 0 else f"good-{i}"} for i in range(10)]
            self.assertEqual(set(stack.post_all(bodies, 10)), {200})

            def settled():
                # Back-off and breaker in a test's time.
                stack.sql("UPDATE events SET next_attempt_at = 0")
                stack.sql("UPDATE odoo_breaker SET probe_at = 0")
                return stack.statuses() == {"synced": 10, "rejected": 1}
            wait_until(settled, "the killer rejected, all others synced", 120)
            self.assertEqual(stack.wait_status("killer", "rejected")["error"]["code"], "transient")
            self.assertEqual(stack.sql("SELECT class FROM dead_letters WHERE key = 'killer'"), [("transient",)])

    def test_suspect_has_its_turn_while_others_wait(self):
        """A good event that was twice in the company of one that kills its request."""
        with self.stack() as stack:
            stack.wait_status(stack.accept({"id": "1", "event_id": "warm"}), "synced")
            # Few of these fill a request.
            bodies = [{"id": f"s{i}", "event_id": f"large-{i}", "custom_fields": {"notes": "x" * 30000}} for i in range(100)]
            self.gather(stack, [{"id": "s", "event_id": "suspect"}] + bodies)
            stack.sql("UPDATE events SET unanswered = 2 WHERE event_id = 'suspect'")
            stack.sql("UPDATE odoo_breaker SET state = 'closed'")
            self.assert_all_synced_once(stack, ["warm", "suspect"] + [body["event_id"] for body in bodies])
            requests = self.ingests(stack)
            self.assertGreater(len(requests), SUSPECT_EVERY + 1)
            self.assertIn(["suspect"], requests[:SUSPECT_EVERY], [len(ids) for ids in requests])

    def test_slow_odoo_gets_smaller_requests(self):
        with self.stack(settings={"ODOO_TIMEOUT_SECONDS": "60"}) as stack:
            stack.wait_status(stack.accept({"id": "1", "event_id": "warm"}), "synced")
            bodies = [{"id": f"s{i}", "event_id": f"slow-{i}"} for i in range(200)]
            self.gather(stack, bodies[:100])
            stack.simulator.order(mode="slow_events", seconds=SLOW_EVENT_S)
            stack.sql("UPDATE odoo_breaker SET state = 'closed'")
            wait_until(lambda: self.ingests(stack), "a request is out")
            self.assertEqual(set(stack.post_all(bodies[100:])), {200})
            self.assert_all_synced_once(stack, ["warm"] + [body["event_id"] for body in bodies])
            sizes = [len(ids) for ids in self.ingests(stack)]
            # Two are too slow until the size fits; from then on none costs more than a second.
            self.assertGreater(sizes[0] * SLOW_EVENT_S, 2, sizes)
            self.assertLessEqual(max(sizes[2:]) * SLOW_EVENT_S, 1, sizes)
            self.assertGreaterEqual(min(sizes[:-1]), 8, sizes)


if __name__ == "__main__":
    unittest.main()
