"""python -m benchmarks.growth: what a payment costs as the network grows. See the README one folder up."""

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks.disk import filesystem
from benchmarks.ending import end_on_signals
from benchmarks.failures import RunFailed
from benchmarks.growth.axes import AXES
from benchmarks.growth.points import Point
from benchmarks.growth.report import document, picture, table
from benchmarks.growth.sizes import FULL, SMALL, Sizes
from benchmarks.payments import Say
from benchmarks.people import console, progress, usable, without_figures
from benchmarks.places import Kept, ask_for_places, check_directory, check_on_disk
from interbank.refusals import Refused
from lab.machine import commit, describe_machine

_ROOT = Path(__file__).parents[2]
KEPT = Kept(_ROOT / "benchmarks" / "curves.json", _ROOT / "docs" / "curves.svg")


def main() -> int:
    """Measure every curve, show and remember them; returns the exit code."""
    arguments = _arguments()
    people = console()
    # What was measured with small sizes is kept only where somebody says so.
    kept = None if arguments.small and arguments.output is None else KEPT.or_else(arguments.output)
    if not usable(people, lambda: _check_places(arguments.directory, kept)):
        return 1
    end_on_signals()
    try:
        _measure(SMALL if arguments.small else FULL, arguments.directory, kept, people)
    except (RunFailed, Refused) as failed:
        return without_figures(people, failed)
    return 0


def _measure(sizes: Sizes, parent: Path, kept: Kept | None, people: Console) -> None:
    # The commit of now: whoever works on meanwhile changes what is there, and not what is measured.
    measured_commit, begun, date = commit(), time.monotonic(), datetime.now(UTC)

    say = progress(people)
    with tempfile.TemporaryDirectory(prefix="interbank-curves-", dir=parent) as directory:
        machine = describe_machine(filesystem(Path(directory)))
        curves = _measured(sizes, Path(directory), say)
    Console(width=None if sys.stdout.isatty() else 120, highlight=False).print(table(curves))
    if kept is not None:
        iso, seconds = date.isoformat(timespec="seconds"), time.monotonic() - begun
        found = document(curves, sizes, machine, commit=measured_commit, date=iso, seconds=seconds)
        title = f"Cost as the work grows, on {machine['cores']} cores, {date.date()}"
        kept.write(found, picture(curves, title=title))


def _check_places(directory: Path, kept: Kept | None) -> None:
    """Raises Unusable."""
    check_directory(directory)
    if kept is not None:
        kept.check()
    if kept is KEPT:
        check_on_disk(directory, KEPT.figures)


def _measured(sizes: Sizes, directory: Path, say: Say) -> dict[str, list[Point]]:
    curves: dict[str, list[Point]] = {}
    for axis, measure in AXES.items():
        place = directory / axis
        place.mkdir()
        curves[axis] = list(measure(sizes, place, say))
    return curves


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth", description="Measure what a payment costs as the network grows."
    )
    parser.add_argument(
        "--small", action="store_true", help="two minutes, to see that everything works; writes only to --output"
    )
    ask_for_places(parser, KEPT)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
