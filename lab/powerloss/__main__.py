"""Cuts the power at every sync: python -m lab.powerloss, or at drawn points of drawn histories: --points 1000."""

import argparse
import os
import sys
import time
from collections.abc import Sequence

import click

try:
    from lab.powerloss.campaign import Result, calls_of, command, drawn, run_all
    from lab.powerloss.history import carry_out
    from lab.powerloss.plan import Fault, Plan, every_sync
except ModuleNotFoundError as missing:
    sys.exit(f"error: {missing}\nhint: pip install apsw, which is SQLite with files of our own below it")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 if nothing was lost, else 1."""
    arguments = _arguments(argv)
    if arguments.fault is not None:
        return _one(arguments)
    if arguments.points:
        plans = drawn(range(arguments.first, arguments.first + arguments.points))
    else:
        plans = every_sync(arguments.seed, calls_of(arguments.seed)["sync"])
    begun = time.monotonic()

    def show(result: Result) -> None:
        told = f"\r{result.points:,} of {len(plans):,} points, {len(result.failed)} wrong"
        click.echo(told, nl=False, err=True)

    result = run_all(plans, arguments.jobs, show)
    click.echo(err=True)
    for line in result.lines(time.monotonic() - begun):
        click.echo(line)
    return 1 if result.failed else 0


def _one(arguments: argparse.Namespace) -> int:
    plan = Plan(
        arguments.seed,
        Fault[arguments.fault],
        arguments.call,
        arguments.everywhere,
        arguments.kept,
        arguments.checkpoint,
        arguments.draws,
    )
    history = carry_out(plan)
    click.echo(command(plan))
    if arguments.timeline:
        click.echo("\n".join(history.timeline))
    for wrong in history.wrong:
        click.echo(f"wrong: {wrong}")
    return 1 if history.wrong else 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.powerloss", description=__doc__)
    parser.add_argument("--points", type=int, metavar="N", help="drawn ones, and not every sync of one history")
    parser.add_argument("--first", type=int, default=0, metavar="POINT", help="with --points: the first of them")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the history")
    parser.add_argument("--fault", choices=[fault.name for fault in Fault], help="one point alone")
    parser.add_argument("--call", type=int, default=1, metavar="N", help="with --fault: which sync or write meets it")
    parser.add_argument("--kept", type=float, default=0.0, metavar="SHARE", help="of what was not synced, 0 to 1")
    parser.add_argument("--draws", type=int, default=0, metavar="N", help="seed of which sectors are kept")
    parser.add_argument("--checkpoint", type=int, default=0, metavar="PAGES", help="that a WAL may grow to")
    parser.add_argument("--everywhere", action="store_true", help="the power goes for all computers at once")
    parser.add_argument("--timeline", action="store_true", help="with --fault: everything that happened")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
