"""python -m benchmarks: measures a network on this computer and says how fast it is. See README.md beside this."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks.disk import filesystem
from benchmarks.ending import end_on_signals
from benchmarks.failures import RunFailed
from benchmarks.figures import Results
from benchmarks.goals import ratios
from benchmarks.guard import compare
from benchmarks.last import last_ratios
from benchmarks.people import console, progress, usable, without_figures
from benchmarks.picture import picture
from benchmarks.places import Kept, ask_for_places, check_directory, check_on_disk
from benchmarks.plan import FULL, QUICK, Plan
from benchmarks.report import document, goal_table, guard_table, remarks, table
from benchmarks.runs import measure
from interbank.refusals import Refused
from lab.machine import commit, describe_machine

LATEST = Path(__file__).parent / "latest.json"
CHART = Path(__file__).parent.parent / "docs" / "benchmarks.svg"
KEPT = Kept(LATEST, CHART)

Measure = Callable[[Plan, str], Results]
"""Measures a plan with files in a directory of this name."""


def main() -> int:
    """Measure, show, remember or compare; returns the exit code."""
    arguments = _arguments()
    people = console()
    if not usable(people, lambda: _check_places(arguments)):
        return 1
    last = last_ratios(LATEST) if arguments.quick else {}
    if last is None:
        people.print(f"error: {LATEST.name}, as it was committed, says nothing of such a measurement")
        people.print("hint: make bench, and commit what it writes")
        return 2
    end_on_signals()
    try:
        return _measure(arguments, last, people)
    except (RunFailed, Refused) as failed:
        return without_figures(people, failed)


def _measure(arguments: argparse.Namespace, last: Mapping[str, float], people: Console) -> int:
    say = progress(people)
    with tempfile.TemporaryDirectory(prefix="interbank-bench-", dir=arguments.directory) as directory:

        def measured(plan: Plan, name: str) -> Results:
            place = Path(directory) / name
            place.mkdir()
            return measure(plan, place, arguments.directory, say)

        kind = filesystem(Path(directory))
        return _quick(measured, kind, last) if arguments.quick else _full(measured, kind, arguments.output)


def _full(measured: Measure, filesystem: str, output: Path | None) -> int:
    # Of now: whoever works on meanwhile changes what is there, and not what is measured.
    measured_commit, machine = commit(), describe_machine(filesystem)
    begun, date = time.monotonic(), datetime.now(UTC)
    results = measured(FULL, "full")
    between = time.monotonic()
    quick, ended = measured(QUICK, "quick"), time.monotonic()
    _show(results, filesystem)
    found = document(
        results,
        quick,
        FULL,
        machine,
        commit=measured_commit,
        date=date.isoformat(timespec="seconds"),
        seconds=ended - begun,
        quick_seconds=ended - between,
    )
    title = f"Interbank on {machine['cores']} cores, {date.date()}"
    KEPT.or_else(output).write(found, picture(results, title=title))
    return 0


def _quick(measured: Measure, filesystem: str, last: Mapping[str, float]) -> int:
    """Exit code 1 if a ratio fell."""
    results = measured(QUICK, "quick")
    _show(results, filesystem)
    changes = compare(last, ratios(results))
    _console().print(guard_table(changes))
    return 1 if any(change.fell for change in changes) else 0


def _show(results: Results, filesystem: str) -> None:
    console = _console()
    console.print(table(results))
    console.print(goal_table(results))
    for remark in remarks(results, filesystem=filesystem):
        console.print(remark)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)


def _check_places(arguments: argparse.Namespace) -> None:
    """Raises Unusable."""
    check_directory(arguments.directory)
    if arguments.quick:
        return
    KEPT.or_else(arguments.output).check()
    if arguments.output is None:
        check_on_disk(arguments.directory, LATEST)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure a network on this computer.")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="in a minute and a half, held against the last measurement; exit code 1 if slower",
    )
    ask_for_places(parser, KEPT)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
