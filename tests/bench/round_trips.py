"""round_trips - what a batch costs on PostgreSQL, as the integration test counts it through its proxy."""
import contextlib
import io
import unittest

from common import Figure
from test_postgresql import Handlers, ROUND_TRIPS_MAX


class Counted(Handlers):
    """Keeps what the test counts."""
    found = ()

    def trips(self, queries):
        self.found = super().trips(queries)
        return self.found


def round_trips(_options):
    case = Counted("test_round_trips_of_a_batch_at_twenty_milliseconds")
    result = unittest.TestResult()
    with contextlib.redirect_stdout(io.StringIO()):
        case.run(result)
    # A failure after the count is a missed target, and the table says so.
    assert case.found, (result.errors + result.failures)[0][1]
    return [Figure("sql_round_trips", sum(case.found), "", ("<=", ROUND_TRIPS_MAX), list(case.found))]
