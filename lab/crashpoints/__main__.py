"""Kills real processes at every crash point of a payment: python -m lab.crashpoints, or one trial again:
--outcome COMPLETED --point 'NORTH: after the commit of DEBITED' --retry."""

import argparse
import os
import sys
import time
from collections.abc import Sequence

import click

from lab.crashpoints.campaign import Result, command, draw, list_points, make, make_all
from lab.crashpoints.trial import OUTCOMES, Trial
from lab.planted.durability import BUGS_OF_PROCESSES
from lab.planted.rules import BUGS


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 if every payment ended right, else 1."""
    arguments = _arguments(argv)
    if arguments.list:
        return _show_points(arguments.outcomes)
    if arguments.point:
        return _one(Trial(tuple(arguments.point), arguments.outcomes[0], arguments.retry), arguments.planted)
    begun = time.monotonic()
    trials: list[Trial] = []
    for outcome in arguments.outcomes:
        listed = list_points(outcome)
        trials += draw(listed, outcome, pairs=not arguments.singles)
        click.echo(f"{outcome}: {len(listed.payment)} points, {len(listed.start)} more of starts")

    def show(result: Result) -> None:
        spent = time.monotonic() - begun
        told = f"\r{result.trials:,} of {len(trials):,} payments, {spent:.0f} s, {len(result.wrong)} wrong"
        click.echo(told, nl=False, err=True)

    result = make_all(trials, arguments.jobs, show, arguments.planted, to_the_first_wrong=bool(arguments.planted))
    click.echo(err=True)
    for line in result.lines(time.monotonic() - begun):
        click.echo(line)
    return 1 if result.wrong else 0


def _one(trial: Trial, bug: str) -> int:
    (ended,) = make([trial], bug)
    click.echo(command(trial))
    click.echo("\n".join(ended.passed))
    click.echo(f"told {', '.join(sorted(ended.told))}; final after {ended.seconds:.2f} s")
    for wrong in ended.wrong:
        click.echo(f"wrong: {wrong}")
    return 1 if ended.wrong else 0


def _show_points(outcomes: Sequence[str]) -> int:
    for outcome in outcomes:
        listed = list_points(outcome)
        click.echo("\n".join((f"{outcome}, a payment", *listed.payment, f"{outcome}, a start", *listed.start, "")))
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.crashpoints", description=__doc__)
    parser.add_argument(
        "--outcome", dest="outcomes", nargs="+", default=OUTCOMES, choices=OUTCOMES, help="by default all three"
    )
    parser.add_argument("--singles", action="store_true", help="one armed point at a time, and no pairs")
    parser.add_argument("--point", action="append", metavar="NAME", help="one trial with this point armed; repeatable")
    parser.add_argument("--retry", action="store_true", help="with --point: the customer asks again")
    parser.add_argument("--list", action="store_true", help="name the points, and kill nobody")
    bugs = ["", *BUGS, *BUGS_OF_PROCESSES]
    parser.add_argument(
        "--planted", default="", choices=bugs, metavar="BUG", help="with this defect, to the first that is wrong"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="networks at a time")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
