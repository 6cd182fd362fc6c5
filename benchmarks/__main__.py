"""python -m benchmarks: measures a network on this computer and says how fast it is. See README.md beside this."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.disk import filesystem
from benchmarks.failures import RunFailed
from benchmarks.figures import Results
from benchmarks.goals import ratios
from benchmarks.guard import compare
from benchmarks.picture import picture
from benchmarks.plan import FULL, QUICK, Plan
from benchmarks.report import document, goal_table, guard_table, plain, remarks, table
from benchmarks.runs import measure
from interbank.refusals import Refused
from lab.machine import commit, describe_machine, supported

LATEST = Path(__file__).parent / "latest.json"
CHART = Path(__file__).parent.parent / "docs" / "benchmarks.svg"

Measure = Callable[[Plan, str], Results]
"""Measures a plan with files in a directory of this name."""


def main() -> int:
    """Measure, show, remember or compare; returns the exit code."""
    arguments = _arguments()
    people, begun = Console(stderr=True, highlight=False), time.monotonic()
    if not supported():
        people.print("error: memory and processor time are read from /proc, so this needs Linux")
        return 1
    last = _last_ratios() if arguments.quick else {}
    if last is None:
        people.print(f"error: {LATEST.name} says nothing of such a measurement\nhint: make bench")
        return 2

    def say(text: str) -> None:
        people.print(f"[dim]{time.monotonic() - begun:5.0f} s[/]  {text}")

    try:
        with tempfile.TemporaryDirectory(prefix="interbank-bench-", dir=arguments.directory) as directory:

            def measured(plan: Plan, name: str) -> Results:
                place = Path(directory) / name
                place.mkdir()
                return measure(plan, place, arguments.directory, say)

            kind = filesystem(Path(directory))
            return _quick(measured, kind, last) if arguments.quick else _full(measured, kind, arguments.output)
    except (RunFailed, Refused) as failed:
        people.print(f"error: {failed}", markup=False)
        people.print("no figures: a run that fails has no number")
        return 1


def _full(measured: Measure, filesystem: str, output: Path | None) -> int:
    begun, date = time.monotonic(), datetime.now(UTC)
    results, quick = measured(FULL, "full"), measured(QUICK, "quick")
    _show(results, filesystem)
    machine = describe_machine(filesystem)
    found = document(
        results,
        quick,
        FULL,
        machine,
        commit=commit(),
        date=date.isoformat(timespec="seconds"),
        seconds=time.monotonic() - begun,
    )
    chart = CHART if output is None else output.with_suffix(".svg")
    (output or LATEST).write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    title = f"Interbank on {machine['cores']} cores, {date.date()}"
    chart.write_text(picture(results, title=title), encoding="utf-8")
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


def _last_ratios() -> dict[str, float] | None:
    """What the quick plan gave at the last `make bench`; None if it never was, or was another plan."""
    try:
        quick: dict[str, Any] = json.loads(LATEST.read_text(encoding="utf-8"))["quick"]
    except (FileNotFoundError, KeyError):
        return None
    found: dict[str, float] = quick["ratios"]
    return found if quick["plan"] == plain(QUICK) else None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure a network on this computer.")
    parser.add_argument(
        "--quick", action="store_true", help="in a minute, held against the last measurement; exit code 1 if slower"
    )
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path("/var/tmp"),  # noqa: S108 (on a disk, unlike /tmp on many systems)
        metavar="DIR",
        help="on the disk to measure; by default /var/tmp",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write figures and chart here, and not to latest.json and docs"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
