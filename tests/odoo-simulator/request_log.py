"""The record of every request to the simulated Odoo, and the check of its rate."""

import json
import threading
from collections import Counter


def max_requests_in_window(log, seconds=1.0):
    """The most requests that begin within any half-open window [t, t + seconds).

    `log` is the path of a log file, a list of its entries, or a list of times.
    """
    times = sorted(_times(log))
    most = first = 0
    for last, time in enumerate(times):
        while time - times[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def _times(log):
    if isinstance(log, (str, bytes)) or hasattr(log, "__fspath__"):
        with open(log, encoding="utf-8") as lines:
            log = [json.loads(line) for line in lines]
    return [entry["time_monotonic"] if isinstance(entry, dict) else entry for entry in log]


class RequestLog:
    """Entries in the order in which they were read; each is a line of the file once answered."""

    def __init__(self, path=None):
        self._lock = threading.Lock()
        self._entries = []
        # Line by line and appended: a restart goes on in the same file.
        self._file = open(path, "a", buffering=1, encoding="utf-8") if path else None

    def begin(self, time_monotonic, time_wall, path):
        """A new entry, seen by `entries` from now on though nothing of it is known yet."""
        entry = {"seq": 0, "time_monotonic": time_monotonic, "time_wall": time_wall,
                 "path": path, "service": None, "model": None, "method": None, "events": 0,
                 "event_ids": [], "status": None, "error": None, "faults": [],
                 "duration_ms": None}
        with self._lock:
            entry["seq"] = len(self._entries) + 1
            self._entries.append(entry)
        return entry

    def describe(self, entry, call):
        """Notes what was called: never the arguments, where the password stands."""
        with self._lock:
            entry.update(service=call.service, model=call.model, method=call.method,
                         events=len(call.events), event_ids=call.event_ids)

    def finish(self, entry, time_monotonic, status, error, faults):
        """Notes the outcome, before the client can see it; status None: no answer."""
        with self._lock:
            entry.update(status=status, error=error, faults=faults, duration_ms=round(
                (time_monotonic - entry["time_monotonic"]) * 1000, 3))
            self._write(entry)

    def entries(self):
        with self._lock:
            return [dict(entry) for entry in self._entries]

    def counters(self):
        """How many requests there were, in all and by method."""
        entries = self.entries()
        return {"requests": len(entries), "by_method": Counter(map(_label, entries)),
                "by_status": Counter(str(entry["status"]) for entry in entries)}

    def close(self):
        """Writes the requests that are still being answered, too."""
        with self._lock:
            for entry in self._entries:
                if entry["duration_ms"] is None:
                    self._write(entry)
            if self._file:
                self._file.close()
                self._file = None

    def _write(self, entry):
        if self._file:
            self._file.write(json.dumps(entry) + "\n")


def _label(entry):
    return f"{entry['model'] or entry['service']}.{entry['method']}" if entry["method"] else "none"
