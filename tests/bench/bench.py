"""bench - measures the release on this machine, prints a table and writes build/bench.json (docs/bench.md)."""
import argparse
import datetime
import json
import os
import signal
import subprocess
import sys
import time
import traceback

import lone
import process
import round_trips
import throughput
import webhook
from stack import ROOT

PARTS = {
    "events": throughput.events,
    "handlers": throughput.many_handlers,
    "lone": lone.lone_event,
    "webhook": webhook.webhook,
    "start": process.first_answer,
    "memory": process.memory,
    "round_trips": round_trips.round_trips,
}
RESULT = ROOT / "build" / "bench.json"
LIMIT_S = 300  # of all parts, beside the window of `events`


def read_options():
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measures the release on this machine; docs/bench.md says what the figures mean.")
    parser.add_argument("--only", metavar="NAME,...", default=",".join(PARTS), help="of: " + ", ".join(PARTS))
    parser.add_argument("--seconds", type=int, default=60, metavar="N", help="window of `events` (60)")
    options = parser.parse_args()
    options.only = options.only.split(",")
    unknown = [name for name in options.only if name not in PARTS]
    if unknown:
        parser.error(f"--only knows no {', '.join(unknown)}")
    if not 5 <= options.seconds <= 60:
        parser.error("--seconds takes a number from 5 to 60")
    return options


def end_in_time(seconds):
    """A signal becomes an exception, so that what was started is stopped."""
    def ended(number, _frame):
        raise SystemExit(f"scripts/bench: ended by {signal.Signals(number).name}")
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, ended)
    signal.alarm(seconds)


def measure(options):
    """(figures, names of the parts that failed)"""
    figures, failed = [], []
    for name in options.only:
        start = time.monotonic()
        print(f"== {name}", end=" ", flush=True)
        try:
            figures += PARTS[name](options)
        except Exception:  # the other parts say what they say all the same
            failed.append(name)
            traceback.print_exc()
        print(f"({time.monotonic() - start:.0f} s)", flush=True)
    return figures, failed


def commit():
    git = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return git.stdout.strip() or None


def number(value):
    return f"{value:.0f}" if value >= 1000 or value == int(value) else f"{value:.3g}"


def print_table(figures):
    width = max(len(figure.name) for figure in figures)
    print(f"\n{'figure':{width}}  {'median':>10}  {'unit':4}  target")
    for figure in figures:
        target = f"{figure.target[0]} {number(figure.target[1])}" if figure.target else ""
        print(f"{figure.name:{width}}  {number(figure.value):>10}  {figure.unit:4}  {target:10}"
              f"{'  MISSED' if figure.missed else ''}".rstrip())


def write_result(figures, options, load_before):
    RESULT.write_text(json.dumps({
        "at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(), "cpus": os.cpu_count(), "load_before": load_before, "load_after": os.getloadavg(),
        "seconds": options.seconds,
        "figures": {figure.name: {"value": figure.value, "unit": figure.unit, "target": figure.target,
                                  "missed": figure.missed, "samples": figure.samples} for figure in figures},
    }, indent=2) + "\n")


def main():
    options = read_options()
    load = os.getloadavg()
    end_in_time(LIMIT_S + options.seconds)
    figures, failed = measure(options)
    if figures:
        print_table(figures)
        write_result(figures, options, load)
    print(f"\nload average {load[0]:.2f} before, {os.getloadavg()[0]:.2f} after; all figures in build/bench.json")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
