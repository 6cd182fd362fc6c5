"""The whole campaign of the fault lab: python -m lab --report docs/faults.md. The harnesses by themselves are
lab.simulation, lab.crashpoints, lab.powerloss and lab.processes."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from lab.crashpoints.campaign import Listed, list_points, make_all, trials_to_catch
from lab.crashpoints.campaign import Result as CrashPoints
from lab.crashpoints.campaign import draw as draw_trials
from lab.crashpoints.trial import OUTCOMES
from lab.machine import describe_machine
from lab.pieces import Pieces
from lab.planted.durability import BUGS_OF_DISKS, BUGS_OF_PROCESSES
from lab.planted.rules import BUGS
from lab.powerloss.campaign import calls_of, drawn, points_to_catch, run_all
from lab.powerloss.history import ORDERS
from lab.powerloss.plan import every_sync
from lab.processes.campaign import run_rounds
from lab.report import Caught, Run, markdown
from lab.simulation.campaign import histories_to_catch, run_many
from lab.tally import merge

T = TypeVar("T")

_PLANTED_WITHIN = 1_500

_HISTORIES, _POINTS, _KILLS = 2_000, 500, 50
"""How many make a piece of their part of the campaign."""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 if nothing was wrong and every planted bug was found, else 1."""
    wanted = _arguments(argv)
    run = Run(describe_machine("a temporary folder"), datetime.now(UTC).date().isoformat(), _command(wanted))
    campaign = _Campaign(run, Pieces(wanted.keep))
    _planted_bugs(campaign, wanted)
    _crash_points(campaign, wanted)
    _power_loss(campaign, wanted)
    _histories(campaign, wanted)
    _real_processes(campaign, wanted)
    page = markdown(run, ORDERS)
    if wanted.report is not None:
        wanted.report.write_text(page, encoding="utf-8")
    click.echo(page)
    return 1 if run.wrong else 0


def _command(wanted: argparse.Namespace) -> str:
    """What makes the same campaign on another computer: without the folders of this one."""
    numbers = [f"--{name}={getattr(wanted, name)}" for name in ("histories", "first", "points", "kills")]
    return shlex.join(["python", "-m", "lab", *numbers, *(["--singles"] if wanted.singles else [])])


class _Campaign:
    """A run in the making, piece by piece."""

    def __init__(self, run: Run, pieces: Pieces) -> None:
        self.run = run
        self._pieces = pieces

    def part(self, name: str, key: str, make: Callable[[], T]) -> T:
        """A piece of a part, now or from an earlier run; when it was made, in how long and at which commit is noted."""
        piece = self._pieces.get(f"{name} {key}".strip().replace(" ", "-"), make)
        self.run.seconds[name] = self.run.seconds.get(name, 0.0) + piece.seconds
        commits = self.run.commits.setdefault(name, [])
        if piece.commit not in commits:
            commits.append(piece.commit)
        click.echo(f"\n{name} {key}: {piece.seconds:.0f} s", err=True)
        return piece.result


def _say(text: str) -> None:
    click.echo(f"\r{text}", nl=False, err=True)


def _slices(total: int, size: int) -> Iterator[range]:
    for start in range(0, total, size):
        yield range(start, min(start + size, total))


def _planted_bugs(campaign: _Campaign, wanted: argparse.Namespace) -> None:
    campaign.run.caught = campaign.part("planted bugs", "", lambda: list(_planted(wanted.jobs)))


def _crash_points(campaign: _Campaign, wanted: argparse.Namespace) -> None:
    for outcome in OUTCOMES:
        listed: Listed = campaign.part("crash points", f"{outcome} listed", partial(list_points, outcome))
        campaign.run.points[outcome] = len(listed.payment)
        trials = draw_trials(listed, outcome, pairs=not wanted.singles)
        watch = partial(_say_trials, len(trials))
        key = f"{outcome} singles" if wanted.singles else outcome
        made = partial(make_all, trials, wanted.jobs, watch)
        merge(campaign.run.crash_points, campaign.part("crash points", key, made))


def _say_trials(total: int, made: CrashPoints) -> None:
    _say(f"{made.trials:,} of {total:,} crash points, {len(made.wrong)} wrong")


def _power_loss(campaign: _Campaign, wanted: argparse.Namespace) -> None:
    plans = every_sync(0, calls_of(0)["sync"])
    plans += drawn(range(max(0, wanted.points - len(plans))))
    for part in _slices(len(plans), _POINTS):
        made = partial(run_all, plans[part.start : part.stop], wanted.jobs)
        merge(campaign.run.power_loss, campaign.part("power loss", f"{part.start} to {part.stop}", made))
        _say(f"{part.stop:,} of {len(plans):,} power losses, {len(campaign.run.power_loss.failed)} wrong")


def _histories(campaign: _Campaign, wanted: argparse.Namespace) -> None:
    first, run = wanted.first, campaign.run
    run.seeds = f"{first:,} to {first + wanted.histories - 1:,}"
    for part in _slices(wanted.histories, _HISTORIES):
        seeds = range(first + part.start, first + part.stop)
        made = partial(run_many, seeds, wanted.jobs)
        merge(run.histories, campaign.part("histories", f"{seeds.start} to {seeds.stop}", made))
        _say(f"{run.histories.histories:,} histories, {len(run.histories.failed)} wrong")


def _real_processes(campaign: _Campaign, wanted: argparse.Namespace) -> None:
    """One network at a time: how soon it recovers is measured."""
    for part in _slices(wanted.kills, _KILLS):
        made = partial(run_rounds, wanted.first + part.start, kills=len(part))
        merge(campaign.run.processes, campaign.part("real processes", f"{part.start} to {part.stop}", made))
        _say(f"{campaign.run.processes.kills:,} SIGKILLs, {len(campaign.run.processes.failed)} wrong")


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
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep each piece there; the same command goes on where it was"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the page here")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
