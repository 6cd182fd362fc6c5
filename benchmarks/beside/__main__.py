"""python -m benchmarks.beside CHECKOUT: what a change is worth. See the README one folder up."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from benchmarks.beside.measuring import Plan, measure
from benchmarks.beside.networks import check_compiled
from benchmarks.beside.report import Runs, table
from benchmarks.beside.ways import WAYS
from benchmarks.ending import end_on_signals
from benchmarks.failures import RunFailed
from benchmarks.places import Unusable, ask_for_directory, check_directory
from interbank.refusals import Refused
from lab.machine import commit, supported

_ROOT = Path(__file__).parents[2]


def main() -> int:
    """Pay through both networks and show what came of it; returns the exit code."""
    arguments = _arguments()
    people = Console(stderr=True, highlight=False, soft_wrap=True)
    if not supported():
        people.print("error: memory and processor time are read from /proc, so this needs Linux")
        return 1
    try:
        check_directory(arguments.directory)
        check_compiled(arguments.checkout, _ROOT)
    except Unusable as why:
        people.print(f"error: {why}\nhint: {why.hint}", markup=False)
        return 1
    end_on_signals()
    # The commits of now: whoever works on meanwhile changes what is there, and not what is measured.
    title = f"here ({commit(_ROOT)}) beside there ({commit(arguments.checkout)})"
    try:
        runs = _measure(arguments, people)
    except (RunFailed, Refused) as failed:
        people.print(f"error: {failed}", markup=False)
        people.print("no figures: a run that fails has no number")
        return 1
    Console(width=None if sys.stdout.isatty() else 120, highlight=False).print(table(runs, title=title))
    return 0


def _measure(arguments: argparse.Namespace, people: Console) -> Runs:
    begun = time.monotonic()

    def say(text: str) -> None:
        people.print(f"[dim]{time.monotonic() - begun:5.0f} s[/]  {text}")

    plan = Plan(tuple(arguments.only or WAYS), arguments.turns, arguments.seconds)
    with tempfile.TemporaryDirectory(prefix="interbank-beside-", dir=arguments.directory) as directory:
        return measure({"there": arguments.checkout, "here": _ROOT}, plan, Path(directory), say)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.beside",
        description="Pay through a network of another checkout and through one of this, in turn.",
    )
    parser.add_argument("checkout", type=Path, metavar="CHECKOUT", help="a clone of another commit, after make compile")
    parser.add_argument("--turns", type=_several, default=5, metavar="N", help="so many times each; by default 5")
    parser.add_argument("--seconds", type=_several, default=4, metavar="S", help="one run; by default 4")
    parser.add_argument("--only", action="append", choices=WAYS, help="this workload, and others that are named")
    ask_for_directory(parser)
    return parser.parse_args()


def _several(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1 up")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
