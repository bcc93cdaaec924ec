"""Tests of two calls at once, each in a transaction of its own."""

import threading
from functools import partial
from unittest.mock import patch

from odoo import api
from odoo.modules.registry import DummyRLock, Registry
from odoo.service.model import retrying
from odoo.sql_db import db_connect
from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import mute_logger

from .common import make_event

EVENTS = 60
CONTACTS = 7


@tagged("post_install", "-at_install")
class TestConcurrency(BaseCase):
    """With real cursors: what is committed here is taken away again."""

    def setUp(self):
        super().setUp()
        self.connection = db_connect(get_db_name())
        self.forget()  # of a run that was killed
        self.addCleanup(self.forget)
        # The thread of the tests holds it, and other threads want it; so does Odoo's test mode.
        lock = patch.object(Registry, "_lock", DummyRLock())
        lock.start()
        self.addCleanup(lock.stop)

    def forget(self):
        with self.connection.cursor() as cr:
            cr.execute("DELETE FROM manychat_contact WHERE subscriber_id LIKE 'race-%'")
            cr.execute("DELETE FROM manychat_erased WHERE event_id LIKE 'race-%'")

    def batch(self):
        return [
            make_event(f"race-{n}", f"race-{n % CONTACTS}", n % 60, state=f"s{n % 2}")
            for n in range(EVENTS)
        ]

    def call(self, events, ready, results):
        """As Odoo carries a call out, once the others are there too."""
        with self.connection.cursor() as cr:
            env = api.Environment(cr, api.SUPERUSER_ID, {})
            # The snapshot is taken by the first statement: none sees another's rows.
            cr.execute("SELECT 1")
            ready.wait()
            results.append(retrying(partial(env["manychat.state"].ingest, events), env))

    def run_at_once(self, batches):
        ready, results = threading.Barrier(len(batches), timeout=60), []
        threads = [
            threading.Thread(target=self.call, args=(batch, ready, results)) for batch in batches
        ]
        for thread in threads:
            thread.dbname = get_db_name()
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(results), len(batches))
        return [result["status"] for answer in results for result in answer["results"]]

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_one_batch_twice_at_once(self):
        statuses = self.run_at_once([self.batch(), self.batch()[::-1]])
        self.assertEqual((statuses.count("created"), statuses.count("duplicate")), (EVENTS, EVENTS))
        self.check()

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_overlapping_batches_of_contacts_that_are_there(self):
        self.run_at_once([self.batch()[:CONTACTS]])
        statuses = self.run_at_once([self.batch()[:40], self.batch()[20:]])
        self.assertEqual(statuses.count("created"), EVENTS - CONTACTS)
        self.check()

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_an_event_that_comes_while_its_contact_is_deleted(self):
        """The database deletes it with the others: its id must be noted, too."""
        self.run_at_once([[make_event("race-early", "race-0", 1)]])
        with self.connection.cursor() as cr:
            env = api.Environment(cr, api.SUPERUSER_ID, {})
            cr.execute("SELECT 1")  # the snapshot: it knows nothing of the next event
            self.run_at_once([[make_event("race-late", "race-0", 2)]])
            contacts = env["manychat.contact"]
            retrying(
                lambda: contacts.search([("subscriber_id", "=", "race-0")]).unlink(),
                env,
            )
        with self.connection.cursor() as cr:
            cr.execute("SELECT 1 FROM manychat_state WHERE event_id LIKE 'race-%'")
            self.assertFalse(cr.fetchall())
            cr.execute("SELECT event_id FROM manychat_erased WHERE event_id LIKE 'race-%'")
            self.assertEqual(
                sorted(event_id for (event_id,) in cr.fetchall()), ["race-early", "race-late"]
            )

    def check(self):
        with self.connection.cursor() as cr:
            cr.execute(
                "SELECT c.event_count, count(*), count(DISTINCT s.event_id)"
                "  FROM manychat_contact c JOIN manychat_state s ON s.contact_id = c.id"
                " WHERE c.subscriber_id LIKE 'race-%' GROUP BY c.id"
            )
            rows = cr.fetchall()
        self.assertEqual(len(rows), CONTACTS)
        self.assertEqual(sum(count for count, _rows, _ids in rows), EVENTS)
        for count, stored, distinct in rows:
            self.assertEqual((count, stored), (distinct, distinct))
