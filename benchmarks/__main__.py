"""python -m benchmarks: measures a network on this computer and says how fast it is. See README.md beside this."""

import argparse
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks.disk import filesystem
from benchmarks.load import RunFailed
from benchmarks.plan import FULL, QUICK
from benchmarks.report import document, goal_table, remarks, table
from benchmarks.runs import measure
from interbank.refusals import Refused
from lab.machine import commit, describe_machine, supported

LATEST = Path(__file__).parent / "latest.json"


def main() -> int:
    """Measure, show, remember; returns the exit code."""
    arguments = _arguments()
    people = Console(stderr=True, highlight=False)
    if not supported():
        people.print("error: memory and processor time are read from /proc, so this needs Linux")
        return 1
    plan, begun, date = QUICK if arguments.quick else FULL, time.monotonic(), datetime.now(UTC)

    def say(text: str) -> None:
        people.print(f"[dim]{time.monotonic() - begun:5.0f} s[/]  {text}")

    try:
        with tempfile.TemporaryDirectory(prefix="interbank-bench-", dir=arguments.directory) as directory:
            kind = filesystem(Path(directory))
            results = measure(plan, Path(directory), arguments.directory, say)
    except (RunFailed, Refused) as failed:
        people.print(f"error: {failed}", markup=False)
        people.print("no figures: a run that fails has no number")
        return 1
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(table(results))
    console.print(goal_table(results))
    for remark in remarks(results, filesystem=kind):
        console.print(remark)
    output = arguments.output or (None if arguments.quick else LATEST)
    if output is not None:
        found = document(
            results,
            plan,
            describe_machine(kind),
            commit=commit(),
            date=date.isoformat(timespec="seconds"),
            seconds=time.monotonic() - begun,
        )
        output.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure a network on this computer.")
    parser.add_argument("--quick", action="store_true", help="about a minute, two repeats; remembered nowhere")
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path("/var/tmp"),  # noqa: S108 (on a disk, unlike /tmp on many systems)
        metavar="DIR",
        help="on the disk to measure; by default /var/tmp",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the figures as JSON here, not latest.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
