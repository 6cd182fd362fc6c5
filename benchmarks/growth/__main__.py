"""python -m benchmarks.growth: what a payment costs as the network grows. See the README one folder up."""

import argparse
import json
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
from interbank.refusals import Refused
from lab.machine import commit, describe_machine, supported

CURVES = Path(__file__).parent.parent / "curves.json"
CHART = Path(__file__).parent.parent.parent / "docs" / "curves.svg"


def main() -> int:
    """Measure every curve, show and remember them; returns the exit code."""
    arguments = _arguments()
    people, begun = Console(stderr=True, highlight=False), time.monotonic()
    if not supported():
        people.print("error: memory and processor time are read from /proc, so this needs Linux")
        return 1

    def say(text: str) -> None:
        people.print(f"[dim]{time.monotonic() - begun:5.0f} s[/]  {text}")

    end_on_signals()
    sizes, date = SMALL if arguments.small else FULL, datetime.now(UTC)
    try:
        with tempfile.TemporaryDirectory(prefix="interbank-curves-", dir=arguments.directory) as directory:
            curves = _measured(sizes, Path(directory), say)
            machine = describe_machine(filesystem(Path(directory)))
    except (RunFailed, Refused) as failed:
        people.print(f"error: {failed}", markup=False)
        people.print("no figures: a run that fails has no number")
        return 1
    Console(width=None if sys.stdout.isatty() else 120, highlight=False).print(table(curves))
    found = document(
        curves,
        sizes,
        machine,
        commit=commit(),
        date=date.isoformat(timespec="seconds"),
        seconds=time.monotonic() - begun,
    )
    output = arguments.output or (None if arguments.small else CURVES)
    if output is not None:
        output.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        chart = CHART if output == CURVES else output.with_suffix(".svg")
        title = f"Cost as the work grows, on {machine['cores']} cores, {date.date()}"
        chart.write_text(picture(curves, title=title), encoding="utf-8")
    return 0


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
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path("/var/tmp"),  # noqa: S108 (on a disk, unlike /tmp on many systems)
        metavar="DIR",
        help="on the disk to measure; by default /var/tmp",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write figures and chart here, and not to curves.json and docs"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
