"""fault - the command line of the fault suite: seeds, runs, figures, and how to run one again."""
import argparse
import collections
import os
import pathlib
import random
import shutil
import sys
import traceback

import check
import many
import outage
import run
import schedule

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOGS = ROOT / "build" / "fault"
MOST_TOLD = 50  # violations of a run


def arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/test --faults", description="Faults at random, drawn from a seed; without an option: three seeds, "
        "both outages, forty handlers.")
    parser.add_argument("--seed", type=int, help="run this one (again)")
    parser.add_argument("--seeds", type=int, help="so many, from --seed on, else from one that is drawn")
    parser.add_argument("--events", type=int, default=5000, help="of each seed (5000)")
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument("--outage", choices=["odoo", "sql"], help="an hour of it in a minute, with 10,000 events")
    parser.add_argument("--handlers", type=int, help="so many handlers on one PostgreSQL")
    parser.add_argument("--slack-ms", type=int, default=run.SLACK_MS, help="ODOO_TURN_SLACK_MS of a seed's run (150); more "
                        "where the machine is busy")
    parser.add_argument("--keep", action="store_true", help="the logs of runs without a violation, too")
    return parser.parse_args()


def main():
    options = arguments()
    os.environ["ENL_TEST_DATABASE"] = options.database  # which stack.py reads
    everything = options.seed is options.seeds is options.outage is options.handlers is None
    results = []
    if everything or options.seed is not None or options.seeds is not None:
        first = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
        count = options.seeds or (3 if everything else 1)
        results += [run_seed(seed, options) for seed in range(first, first + count)]
    for store in ["odoo", "sql"] if everything else [options.outage] * (options.outage is not None):
        results.append(run_outage(store, options))
    if everything or options.handlers is not None:
        results.append(run_handlers(options.handlers or 40))
    print(f"{sum(results)} of {len(results)} runs without a violation")
    return 0 if all(results) else 1


def run_seed(seed, options):
    def carry_out(folder):
        made = schedule.make(seed, options.events, options.database)
        (folder / "schedule.txt").write_text("".join(f"{fault}\n" for fault in made.faults), encoding="utf-8")
        outcome = run.Run(made, folder, options.slack_ms).carry_out()
        print(summary(outcome), flush=True)
        return check.violations(outcome)
    return judge(f"{seed}-{options.database}", f"--seed {seed} --events {options.events} --database {options.database}",
                 carry_out, options.keep)


def run_outage(store, options):
    return judge(f"outage-{store}-{options.database}", f"--outage {store} --database {options.database}",
                 lambda folder: outage.carry_out(store, 1, options.database, folder), options.keep)


def run_handlers(count):
    return judge(f"handlers-{count}", f"--handlers {count}", lambda _: many.run(count), False)


def judge(name, replay, carry_out, keep):
    """Whether all that must hold does; the folder of its logs is kept where it does not."""
    folder = LOGS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"== scripts/test --faults {replay}", flush=True)
    try:
        found = carry_out(folder)
    except Exception:
        found = [traceback.format_exc()]
    for text in found[:MOST_TOLD]:
        print(f"  VIOLATION: {text}")
    if found:
        print(f"  {len(found)} violations; logs: {folder}; again: scripts/test --faults {replay}", flush=True)
    elif not keep:
        shutil.rmtree(folder)
    return not found


def summary(outcome):
    statuses = collections.Counter(row["status"] for row in outcome.events)
    classes = collections.Counter(letter["class"] for letter in outcome.dead_letters)
    kills = sum(codes.count(137) for codes in outcome.exits)
    lines = [
        f"  {len(outcome.schedule.events)} events, {len(outcome.schedule.deliveries)} deliveries, {outcome.seconds:.0f} s",
        "  SQL: " + ", ".join(f"{n} {name}" for name, n in sorted(statuses.items()))
        + "; dead letters: " + (", ".join(f"{n} {name}" for name, n in sorted(classes.items())) or "none"),
        f"  Odoo: {len(outcome.odoo_events)} events in {len(outcome.requests)} requests, "
        f"{sum(entry['status'] is None for entry in outcome.requests)} without an answer",
        f"  moved to the poison queue: {outcome.moved[0]} at host 0, which has a recorder, {outcome.moved[1]} at host 1; "
        f"handlers killed: {kills}",
        "  faults: " + (", ".join(f"{n} {name}" for name, n in sorted(outcome.faults.items())) or "none")]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
