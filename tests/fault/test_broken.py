"""test_broken - real runs that are broken on purpose: the checker tells what came of it."""
import os
import pathlib
import shutil
import tempfile
import unittest

import check
import run
import schedule as plan
from stack import QUEUE, Stack


class Lossy(run.Run):
    """A queue that forgets: what the second host has not worked off is deleted while SQL is away."""

    def _deliver_and_fail(self):
        self.hosts.database.go_away()
        super()._deliver_and_fail()
        self.hosts.request(1, f"/admin/localhost/queues/{QUEUE}", method="DELETE")
        self._kill_handler(1)
        self.hosts.database.come_back()


class OwnDatabases(run.Hosts):
    """The second host has a database of its own, and with it a lease of its own."""

    def stack(self, **options):
        if not self.stacks:
            return super().stack(**options)
        stack = Stack(odoo=False, **options)
        stack.simulator = self.stacks[0].simulator
        stack.configure(**options["settings"])
        return stack


class Apart(run.Run):
    hosts_kind = OwnDatabases


class Broken(unittest.TestCase):
    def violations(self, kind, count):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="enlace-fault-"))
        self.addCleanup(shutil.rmtree, folder, True)
        database = os.environ.get("ENL_TEST_DATABASE", "sqlite")
        return check.violations(kind(plan.make(5, count, database, calm=True), folder).carry_out())

    def test_queue_that_loses_messages(self):
        found = self.violations(Lossy, 60)
        self.assertTrue([text for text in found if "is lost: SQL has never seen it" in text], found)
        self.assertFalse([text for text in found if "apart" in text], found)

    def test_handlers_without_a_common_lease(self):
        found = self.violations(Apart, 300)
        self.assertTrue([text for text in found if text.startswith("two requests to Odoo began")], found)
        self.assertTrue([text for text in found if text.endswith("in SQL it is not there")], found)


if __name__ == "__main__":
    unittest.main()
