"""python -m benchmarks.beside CHECKOUT: what a change is worth. See the README one folder up."""

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from benchmarks.audits import audited
from benchmarks.beside.networks import command_of, network_of
from benchmarks.beside.report import table
from benchmarks.beside.workloads import WORKLOADS, Workload
from benchmarks.customers import open_customers
from benchmarks.ending import end_on_signals
from benchmarks.failures import RunFailed
from benchmarks.figures import Run
from benchmarks.payments import Payments, Say
from benchmarks.places import Unusable, check_directory
from benchmarks.plan import CLIENTS, QUICK
from interbank.refusals import Refused
from lab.machine import supported

_ROOT = Path(__file__).parents[2]
_WARM_UP = 2.0

Runs = dict[str, dict[str, list[Run]]]
"""By workload, then by "there" and "here"."""


def main() -> int:
    """Pay through both networks in turn and show what came of it; returns the exit code."""
    arguments = _arguments()
    people = Console(stderr=True, highlight=False, soft_wrap=True)
    if not supported():
        people.print("error: memory and processor time are read from /proc, so this needs Linux")
        return 1
    try:
        check_directory(arguments.directory)
        _check_compiled(arguments.checkout, _ROOT)
    except Unusable as why:
        people.print(f"error: {why}\nhint: {why.hint}", markup=False)
        return 1
    end_on_signals()
    begun = time.monotonic()

    def say(text: str) -> None:
        people.print(f"[dim]{time.monotonic() - begun:5.0f} s[/]  {text}")

    workloads = [WORKLOADS[name] for name in arguments.only or WORKLOADS]
    try:
        runs = _measured(arguments, workloads, say)
    except (RunFailed, Refused) as failed:
        people.print(f"error: {failed}", markup=False)
        people.print("no figures: a run that fails has no number")
        return 1
    Console(width=None if sys.stdout.isatty() else 120, highlight=False).print(table(runs))
    return 0


def _measured(arguments: argparse.Namespace, workloads: list[Workload], say: Say) -> Runs:
    runs: Runs = {workload.name: defaultdict(list) for workload in workloads}
    with (
        tempfile.TemporaryDirectory(prefix="interbank-beside-", dir=arguments.directory) as parent,
        ExitStack() as both,
    ):
        networks = {}
        for label, checkout in {"there": arguments.checkout, "here": _ROOT}.items():
            running = both.enter_context(network_of(checkout, Path(parent) / label))
            networks[label] = Payments(running, open_customers(running, QUICK), say)
        for label, payments in networks.items():
            payments.one_by_one(f"{label}: warm-up", CLIENTS, _WARM_UP)
            payments.in_batches(f"{label}: warm-up", _WARM_UP)
        for turn in range(1, arguments.turns + 1):
            # Whoever goes first goes second the next time: rates fall as the files grow.
            order = list(networks.items())[:: 1 if turn % 2 else -1]
            for workload in workloads:
                for label, payments in order:
                    name = f"{label}: {workload.name}, {turn} of {arguments.turns}"
                    runs[workload.name][label].append(workload.measure(payments, name, arguments.seconds))
        for label, payments in networks.items():
            say(f"{label}: audit: {audited(payments.running):,} records are right")
    return runs


def _check_compiled(*checkouts: Path) -> None:
    for checkout in checkouts:
        if not command_of(checkout).exists():
            raise Unusable(f"{checkout} is not compiled", f"make -C {checkout} compile")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.beside",
        description="Pay through a network of another checkout and through one of this, in turn.",
    )
    parser.add_argument("checkout", type=Path, metavar="CHECKOUT", help="a clone of another commit, after make compile")
    parser.add_argument("--turns", type=int, default=5, metavar="N", help="each network so many times; by default 5")
    parser.add_argument("--seconds", type=float, default=4.0, metavar="S", help="one run; by default 4")
    parser.add_argument("--only", action="append", choices=WORKLOADS, help="this workload, and others that are named")
    parser.add_argument("--directory", type=Path, default=Path("/var/tmp"), metavar="DIR")  # noqa: S108 (on a disk)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
