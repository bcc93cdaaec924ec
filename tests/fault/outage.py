"""outage - an hour without Odoo, or without SQL, in a minute: ten thousand events arrive meanwhile.

Sixty times as fast as the clock: messages are held 3 s, a claim ends after 12 s, back-offs and probes pass 60 times
as fast (run.py).  Retry-After and the rate are not in it.
"""
import pathlib
import threading

import check
import run
import schedule as plan

SECONDS = 60
EVENTS = 10_000
SAMPLE_S = 1
FLAT_BYTES = 8 << 20  # what a handler may grow by, from the first quarter of the outage to its end


class Outage(run.Run):
    """Besides: what memory the handlers have, while the events arrive."""

    def _deliver_and_fail(self):
        self.samples = [[] for _ in range(plan.HOSTS)]
        sampler = threading.Thread(target=self._sample)
        self.sampled = threading.Event()
        sampler.start()
        super()._deliver_and_fail()
        self.sampled.set()
        sampler.join()

    def _sample(self):
        while not self.sampled.wait(SAMPLE_S) and not self.failed:
            for host, samples in enumerate(self.samples):
                samples.append(resident(self._handler(host)["pid"]))


def resident(pid):
    """Bytes of memory that the process holds."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    return int(status.partition("VmRSS:")[2].split()[0]) << 10


def carry_out(store, seed, database, folder, count=EVENTS, say=print):
    """Figures are said; the violations are returned."""
    one = Outage(plan.outage(store, seed, count, database, SECONDS), folder, say)
    outcome = one.carry_out()
    found = check.violations(outcome)
    found += [f"an invocation failed: {line.strip()}" for line in one.failed_invocations()]
    statuses = {row["status"] for row in outcome.events}
    if statuses != {"synced"} or any(outcome.poison) or outcome.dead_letters:
        found.append(f"not all synced: {statuses}, {len(outcome.dead_letters)} dead letters, "
                     f"{sum(map(len, outcome.poison))} messages on poison queues")
    say(f"  {len(outcome.events)} events synced, {len(outcome.requests)} requests, {outcome.seconds:.0f} s")
    for host, samples in enumerate(one.samples):
        quarter = samples[len(samples) // 4]
        say(f"  memory of handler {host}: {quarter >> 10} KiB a quarter into the outage, {samples[-1] >> 10} KiB at its end, "
            f"{max(samples) >> 10} KiB at most")
        if samples[-1] - quarter > FLAT_BYTES:
            found.append(f"the handler of host {host} grew from {quarter} to {samples[-1]} bytes")
    return found
