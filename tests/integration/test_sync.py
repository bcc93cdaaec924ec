"""test_sync - scheduled-sync: what waits is sent, what may be in Odoo is looked up, what Odoo lost is sent again."""
import contextlib
import pathlib
import shutil
import sqlite3
import tempfile
import threading
import unittest

from stack import Handler, Simulator, database, wait_until

TIMER = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}
COUNTS = ("synced", "rejected", "pending", "replayed", "looked_up", "found", "compared", "missing", "sent", "gone")


class Sync(unittest.TestCase):
    """One handler, called as the Functions host calls it; the test is the clock."""

    @contextlib.contextmanager
    def world(self, odoo=True, **settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="enlace-"))
        self.database = database(self.folder)
        self.simulator = Simulator(self.folder)
        values = {"DATABASE_URL": self.database.url, "QUEUE_HOLD_SECONDS": "50",
                  "ODOO_MAX_REQUESTS_PER_SECOND": "50", **settings}
        if odoo:
            values.update(self.simulator.settings(), ODOO_TIMEOUT_SECONDS="5")
        self.handler = Handler(values)
        try:
            self.handler.wait_up()
            yield
        finally:
            self.simulator.stop()
            try:
                self.handler.close()
            finally:
                self.database.close()
                shutil.rmtree(self.folder, ignore_errors=True)

    def event(self, event_id, **fields):
        """Delivered to the end of its invocation."""
        message = self.handler.message(
            '{"id":"%s","event_id":"%s","name":"%s"}' % (fields.get("subscriber", event_id), event_id,
                                                         fields.get("name", "Ana")))
        return self.handler.deliver(message)

    def invoke(self, past_due=False):
        status, answer = self.handler.invoke("scheduled-sync", {"timer": {**TIMER, "IsPastDue": past_due}})
        self.assertEqual(status, 200, answer)
        self.assertIsInstance(answer, dict)

    def sync_lines(self):
        return [line for line in self.handler.process.lines if "msg=sync " in line or 'msg="sync"' in line]

    def tick(self, past_due=False):
        """What the line of one tick that is due says."""
        before = len(self.sync_lines())
        self.invoke(past_due)
        [line] = wait_until(lambda: self.sync_lines()[before:], "the line of the tick")
        pairs = dict(part.split("=", 1) for part in line.split(" ") if "=" in part)
        return {**{name: int(pairs[name]) for name in COUNTS}, "reason": line.partition("reason=")[2]}

    def until(self, **wanted):
        """Ticks until one says so; earlier ones may have come before what they look for."""
        def seen():
            report = self.tick()
            return report if all(report[name] == value for name, value in wanted.items()) else None
        return wait_until(seen, str(wanted))

    def sql(self, statement, *values):
        return self.database.sql(statement, *values)

    def statuses(self):
        return dict(self.sql("SELECT event_id, status FROM events"))

    def age(self):
        """As if ten minutes had passed since the events came."""
        self.sql("UPDATE events SET stored_at = stored_at - 600000")

    def restart_comparison(self):
        self.sql("UPDATE sync_state SET cursor_at = 0, cursor_id = '', ended_at = NULL")

    def test_it_sends_what_waits_for_odoo(self):
        with self.world():
            self.simulator.stop()
            for i in range(5):
                self.assertEqual(self.event(f"e{i}")[0], 200)
            ticks = []
            waiting = threading.Thread(target=lambda: ticks.append(self.tick()))
            waiting.start()
            self.simulator.start()
            # The probe and the back-off of an hour's outage, in a test's time.
            wait_until(lambda: self.sql("UPDATE odoo_breaker SET probe_at = 0")
                       or self.sql("UPDATE events SET next_attempt_at = 0 WHERE status = 'pending'")
                       or set(self.statuses().values()) == {"synced"}, "all synced")
            waiting.join(60)
            self.assertEqual(len(ticks), 1)
            self.assertEqual(ticks[0]["synced"], 5)
            self.assertEqual(len(self.simulator.events()), 5)

    def test_its_time_ends_while_odoo_is_away(self):
        with self.world(QUEUE_HOLD_SECONDS="1"):
            self.event("warm")
            self.simulator.stop()
            # Handed back by a machine that is too slow for this hold, it comes again, as from the queue.
            wait_until(lambda: "Outputs" in self.event("waits")[1] and self.statuses().get("waits") == "pending",
                       "nobody asks any more")
            self.assertIn("its time is over", self.tick()["reason"])
            self.assertEqual(self.statuses()["waits"], "pending")

    def test_an_open_breaker_with_nothing_to_send_ends_it(self):
        with self.world():
            self.event("e")
            self.sql("UPDATE odoo_breaker SET state = 'open', reason = 'a test', delay_ms = 60000, probe_at = ?", 2**52)
            self.assertIn("a test", self.tick()["reason"])

    def test_without_odoo(self):
        with self.world(odoo=False):
            self.event("e")
            self.assertIn("Odoo is not configured", self.tick()["reason"])

    def test_schedule_thins_the_ticks(self):
        with self.world(SYNC_SCHEDULE="0 0 0 30 2 *"):
            self.invoke()
            self.tick(past_due=True)
            self.assertEqual(len(self.sync_lines()), 1, "the first was not due")

    def test_a_rejected_event_that_odoo_has_is_synced(self):
        with self.world():
            self.event("warm")
            self.simulator.order(mode="reset_after_commit", times=1)
            self.event("both", name="Eva")
            self.assertIn("both", self.simulator.events())
            self.simulator.order(mode="reject", event_ids=["both"])
            wait_until(lambda: self.sql("UPDATE events SET next_attempt_at = 0 WHERE event_id = 'both' "
                                        "AND status = 'pending'") or self.statuses()["both"] == "rejected", "rejected")
            self.assertEqual(self.sql("SELECT fields FROM contacts WHERE subscriber_id = 'both'"), [("{}",)])
            self.assertEqual(self.tick()["looked_up"], 0, "the request may still be at work there")
            self.sql("UPDATE events SET next_attempt_at = 0 WHERE event_id = 'both'")
            report = self.tick()
            self.assertEqual((report["looked_up"], report["found"], report["reason"]), (1, 1, ""))
            self.assertEqual(self.statuses()["both"], "synced")
            self.assertEqual(self.sql("SELECT status FROM dead_letters"), [("resolved",)])
            self.assertIn("Eva", self.sql("SELECT fields FROM contacts WHERE subscriber_id = 'both'")[0][0])
            self.assertEqual(self.sql("SELECT odoo_id FROM events WHERE event_id = 'both'"),
                             [(self.simulator.events()["both"]["id"],)])

    def test_a_rejected_event_that_odoo_has_not_is_looked_up_once(self):
        with self.world():
            self.event("warm")
            self.simulator.order(mode="reset_before", times=1)
            self.event("none")
            self.simulator.order(mode="reject", event_ids=["none"])
            wait_until(lambda: self.sql("UPDATE events SET next_attempt_at = 0 WHERE event_id = 'none' "
                                        "AND status = 'pending'") or self.statuses()["none"] == "rejected", "rejected")
            self.sql("UPDATE events SET next_attempt_at = 0")
            self.assertEqual([self.tick()["looked_up"] for _ in range(2)], [1, 0])
            self.assertEqual(self.statuses()["none"], "rejected")
            self.assertEqual(self.sql("SELECT status FROM dead_letters"), [("open",)])

    def test_what_odoo_lost_is_sent_again(self):
        with self.world():
            for i in range(6):
                self.event(f"e{i}", subscriber=f"s{i % 3}", name=f"N{i}")
            before = {key: (row["name"], row["field_keys"]) for key, row in self.simulator.contacts().items()}
            self.assertEqual(self.tick()["compared"], 0, "too young")
            self.age()
            self.restart_comparison()
            self.simulator.change_rows(lose=["s0", "s2"])
            report = self.tick()
            self.assertEqual([report[name] for name in ("compared", "missing", "sent", "gone", "reason")],
                             [6, 4, 4, 0, ""])
            self.assertEqual(set(self.simulator.events()), {f"e{i}" for i in range(6)})
            self.assertEqual({key: (row["name"], row["field_keys"]) for key, row in self.simulator.contacts().items()},
                             before)
            ids = dict(self.sql("SELECT event_id, odoo_id FROM events"))
            self.assertEqual(ids, {key: row["id"] for key, row in self.simulator.events().items()})
            self.assertEqual(set(self.statuses().values()), {"synced"})
            self.assertEqual(self.tick()["compared"], 0, "not again within the hour")

    def test_what_people_deleted_stays_deleted(self):
        with self.world():
            for i in range(3):
                self.event(f"e{i}")
            self.age()
            self.simulator.change_rows(delete=["e1"])
            report = self.tick()
            self.assertEqual([report[name] for name in ("compared", "missing", "sent", "gone")], [3, 1, 0, 1])
            self.assertNotIn("e1", self.simulator.events())
            [line] = [line for line in self.handler.process.lines if "did not have these events" in line]
            self.assertIn("sent=0 gone=1 refused=0 ids=e1", line)
            self.restart_comparison()
            report = self.tick()
            self.assertEqual([report[name] for name in ("compared", "missing")], [2, 0])

    def test_what_odoo_refuses_for_now_is_sent_again_later(self):
        """As all events after a new mandatory field, until somebody mends that."""
        with self.world():
            self.event("e0")
            self.event("e1")
            self.age()
            self.simulator.change_rows(lose=["e0"])
            self.simulator.order(mode="reject", event_ids=["e0"], error="a new mandatory field")
            report = self.tick()
            self.assertEqual([report[name] for name in ("compared", "missing", "sent", "gone")], [2, 1, 0, 0])
            [line] = [line for line in self.handler.process.lines if "did not have these events" in line]
            self.assertIn("sent=0 gone=0 refused=1 ids=e0", line)
            self.simulator.order(clear=True)
            self.restart_comparison()
            report = self.tick()
            self.assertEqual([report[name] for name in ("compared", "missing", "sent", "gone")], [2, 1, 1, 0])
            self.assertIn("e0", self.simulator.events())

    def test_a_repair_keeps_what_a_person_wrote(self):
        with self.world():
            self.event("e0", subscriber="s", name="Ana")
            self.event("e1", subscriber="s", name="Eva")
            self.age()
            db = sqlite3.connect(self.folder / "odoo.sqlite", timeout=30)
            with db:
                db.execute("UPDATE manychat_contact SET name = 'By hand'")
                db.execute("DELETE FROM manychat_state WHERE event_id = 'e1'")
            db.close()
            self.assertEqual(self.tick()["sent"], 1)
            self.assertEqual(self.simulator.contacts()["s"]["name"], "By hand")

    def test_an_addon_that_forgets_deletions_is_sent_nothing(self):
        with self.world():
            self.simulator.order(mode="api_version", api_min=1, features=[])
            self.event("e0")
            self.age()
            self.simulator.change_rows(lose=["e0"])
            report = self.tick()
            self.assertEqual([report[name] for name in ("compared", "missing", "sent")], [1, 1, 0])
            self.assertEqual(self.simulator.events(), {})

    def test_comparison_off(self):
        with self.world(SYNC_COMPARE_DAYS="0"):
            self.event("e0")
            self.age()
            self.simulator.change_rows(lose=["e0"])
            self.assertEqual(self.tick()["compared"], 0)

    def test_a_look_up_without_an_answer_ends_the_round(self):
        with self.world():
            self.event("e0")
            self.age()
            self.simulator.order(mode="reset_before", method="search_read", times=1)
            self.assertNotEqual(self.tick()["reason"], "")
            self.assertEqual(self.until(reason="")["compared"], 1)

    def test_an_event_that_was_given_up_is_tried_again(self):
        with self.world():
            self.event("warm")
            self.simulator.order(mode="kill", event_ids=["hard"])
            self.event("hard", name="Eva")
            self.sql("UPDATE events SET unanswered = 4 WHERE event_id = 'hard'")
            wait_until(lambda: self.sql("UPDATE events SET next_attempt_at = 0 WHERE event_id = 'hard' "
                                        "AND status = 'pending'") or self.statuses()["hard"] == "rejected", "given up")
            self.assertEqual(self.sql("SELECT class, status, replays FROM dead_letters"), [("transient", "open", 0)])
            self.simulator.order(clear=True)
            self.assertEqual(self.tick()["replayed"], 0, "too early")
            self.sql("UPDATE dead_letters SET last_at = last_at - 300000")
            self.sql("UPDATE odoo_breaker SET state = 'half_open', max_rows = 10")
            self.assertEqual(self.tick()["replayed"], 0, "Odoo is only coming back")
            self.sql("UPDATE odoo_breaker SET state = 'closed'")
            self.assertEqual(self.tick()["replayed"], 1)
            wait_until(lambda: self.statuses()["hard"] == "synced", "synced")
            self.assertEqual(self.sql("SELECT status, replays FROM dead_letters"), [("resolved", 1)])
            self.assertIn("Eva", self.sql("SELECT fields FROM contacts WHERE subscriber_id = 'hard'")[0][0])

    def test_it_is_given_up_for_good_after_three_more_tries(self):
        with self.world():
            self.event("warm")
            self.simulator.order(mode="reject", event_ids=["no"])
            self.event("no")
            self.sql("UPDATE dead_letters SET class = 'transient', replays = 3, last_at = 0")
            self.assertEqual(self.tick()["replayed"], 0)
            self.sql("UPDATE dead_letters SET replays = 2")
            self.assertEqual(self.tick()["replayed"], 1)
            wait_until(lambda: self.statuses()["no"] == "rejected", "rejected again")
            self.assertEqual(self.sql("SELECT class, status, replays FROM dead_letters"), [("rejected", "open", 3)])


if __name__ == "__main__":
    unittest.main()
