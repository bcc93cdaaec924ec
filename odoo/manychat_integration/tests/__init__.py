"""Tests of the ManyChat addon."""

from . import test_access
from . import test_concurrency
from . import test_contact
from . import test_erased
from . import test_events
from . import test_hooks
from . import test_ingest
from . import test_recorded
from . import test_refusals
from . import test_rpc
from . import test_transitions
