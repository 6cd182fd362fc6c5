"""The whole campaign of the fault lab: python -m lab --report docs/faults.md. The harnesses by themselves are
lab.simulation, lab.crashpoints, lab.powerloss and lab.processes."""

import argparse
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from lab.crashpoints.campaign import draw as draw_trials
from lab.crashpoints.campaign import list_points, make_all, trials_to_catch
from lab.crashpoints.trial import OUTCOMES, Trial
from lab.machine import commit, describe_machine
from lab.planted.durability import BUGS_OF_DISKS, BUGS_OF_PROCESSES
from lab.planted.rules import BUGS
from lab.powerloss.campaign import calls_of, drawn, points_to_catch, run_all
from lab.powerloss.history import ORDERS
from lab.powerloss.plan import every_sync
from lab.processes.campaign import run_rounds
from lab.report import Caught, Run, markdown
from lab.simulation.campaign import histories_to_catch, run_many

_PLANTED_WITHIN = 1_500


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 if nothing was wrong and every planted bug was found, else 1."""
    wanted = _arguments(argv)
    command = shlex.join(["python", "-m", "lab", *(sys.argv[1:] if argv is None else argv)])
    run = Run(describe_machine("a temporary folder"), commit(), datetime.now(UTC).date().isoformat(), command)
    with _part(run, "planted bugs"):
        run.caught = list(_planted(wanted.jobs))
    with _part(run, "crash points"):
        _crash_points(run, wanted)
    with _part(run, "power loss"):
        _power_loss(run, wanted)
    with _part(run, "real processes"):
        # One network at a time: how soon it recovers is measured.
        run.processes = run_rounds(wanted.first, kills=wanted.kills, watch=lambda r: _say(f"{r.kills:,} SIGKILLs"))
    with _part(run, "histories"):
        seeds = range(wanted.first, wanted.first + wanted.histories)
        run.seeds = f"{seeds.start:,} to {seeds.stop - 1:,}"
        run.histories = run_many(
            seeds, wanted.jobs, lambda c: _say(f"{c.histories:,} histories, {len(c.failed)} wrong")
        )
    page = markdown(run, ORDERS)
    if wanted.report is not None:
        wanted.report.write_text(page, encoding="utf-8")
    click.echo(page)
    return 1 if run.wrong else 0


@contextmanager
def _part(run: Run, name: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    run.seconds[name] = time.monotonic() - begun
    click.echo(f"\n{name}: {run.seconds[name]:.0f} s", err=True)


def _say(text: str) -> None:
    click.echo(f"\r{text}", nl=False, err=True)


def _crash_points(run: Run, wanted: argparse.Namespace) -> None:
    trials: list[Trial] = []
    for outcome in OUTCOMES:
        listed = list_points(outcome)
        run.points[outcome] = len(listed.payment)
        trials += draw_trials(listed, outcome, pairs=not wanted.singles)
    run.crash_points = make_all(
        trials, wanted.jobs, lambda r: _say(f"{r.trials:,} of {len(trials):,} crash points, {len(r.wrong)} wrong")
    )


def _power_loss(run: Run, wanted: argparse.Namespace) -> None:
    plans = every_sync(0, calls_of(0)["sync"])
    plans += drawn(range(max(0, wanted.points - len(plans))))
    run.power_loss = run_all(
        plans, wanted.jobs, lambda r: _say(f"{r.points:,} of {len(plans):,} power losses, {len(r.failed)} wrong")
    )


def _planted(jobs: int) -> Iterator[Caught]:
    """Each planted bug, and how soon the harness that is meant for it shows it."""
    asked: list[tuple[str, str, Callable[[], Any]]] = [
        *((bug, "simulation", partial(histories_to_catch, (bug, _PLANTED_WITHIN))) for bug in BUGS),
        *((bug, "power loss", partial(points_to_catch, bug, _PLANTED_WITHIN)) for bug in BUGS_OF_DISKS),
        *((bug, "crash points", partial(trials_to_catch, bug)) for bug in BUGS_OF_PROCESSES),
    ]
    with ProcessPoolExecutor(jobs, max_tasks_per_child=1) as pool:
        found = [(bug, harness, pool.submit(ask)) for bug, harness, ask in asked]
        for number, (bug, harness, future) in enumerate(found, start=1):
            after = future.result()
            yield Caught(bug, harness, after[1] if isinstance(after, tuple) else after)
            _say(f"{number} of {len(found)} planted bugs")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("--histories", type=int, default=100_000, metavar="N", help="of the simulation")
    parser.add_argument("--first", type=int, default=1_000_000, metavar="SEED", help="of them")
    parser.add_argument("--points", type=int, default=5_000, metavar="N", help="power losses and failing disks")
    parser.add_argument(
        "--kills", type=int, default=2_000, metavar="N", help="SIGKILLs of real processes behind proxies"
    )
    parser.add_argument("--singles", action="store_true", help="crash points one at a time, and no pairs")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the page here")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
