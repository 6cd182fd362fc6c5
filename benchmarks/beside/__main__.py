"""python -m benchmarks.beside CHECKOUT: what a change is worth. See the README one folder up."""

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.beside.measuring import Plan, measure
from benchmarks.beside.networks import check_compiled
from benchmarks.beside.report import Runs, table
from benchmarks.beside.ways import WAYS
from benchmarks.ending import end_on_signals
from benchmarks.failures import RunFailed
from benchmarks.people import console, progress, usable, without_figures
from benchmarks.places import ask_for_directory, check_directory
from interbank.refusals import Refused
from lab.machine import commit

_ROOT = Path(__file__).parents[2]


def main() -> int:
    """Pay through both networks and show what came of it; returns the exit code."""
    arguments = _arguments()
    people = console()
    if not usable(people, lambda: _check_places(arguments)):
        return 1
    end_on_signals()
    # The commits of now: whoever works on meanwhile changes what is there, and not what is measured.
    title = f"here ({commit(_ROOT)}) beside there ({commit(arguments.checkout)})"
    try:
        runs = _measure(arguments, people)
    except (RunFailed, Refused) as failed:
        return without_figures(people, failed)
    Console(width=None if sys.stdout.isatty() else 120, highlight=False).print(table(runs, title=title))
    return 0


def _measure(arguments: argparse.Namespace, people: Console) -> Runs:
    plan = Plan(tuple(arguments.only or WAYS), arguments.turns, arguments.seconds)
    with tempfile.TemporaryDirectory(prefix="interbank-beside-", dir=arguments.directory) as directory:
        checkouts = {"there": arguments.checkout, "here": _ROOT}
        return measure(checkouts, plan, Path(directory), progress(people))


def _check_places(arguments: argparse.Namespace) -> None:
    """Raises Unusable."""
    check_directory(arguments.directory)
    check_compiled(arguments.checkout, _ROOT)


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
