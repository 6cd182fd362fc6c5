"""The fault lab on the command line. It hurts a network that it makes for it, never yours."""

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import click

from clients.cli.options import Context, common
from clients.cli.output import print_one

SOMETHING_WRONG = 7
"""Exit code."""

_jobs = click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, metavar="N", help="Processes.")


class _Result(Protocol):
    def lines(self, seconds: float) -> Iterator[str]: ...

    def replays(self) -> Iterator[tuple[str, str]]: ...


@click.group()
def lab() -> None:
    """Hurt a network made for it, in every way, and look into its books. Exit 7 when something was wrong.

    \b
      interbank lab histories
      interbank lab crash-points
      interbank lab power-loss
      interbank lab processes
    """


@lab.command()
@common
@click.option("--number", type=click.IntRange(1), default=300, show_default=True, metavar="N", help="How many.")
@click.option("--first", type=click.IntRange(0), default=0, metavar="SEED", help="Seed of the first.")
@_jobs
def histories(context: Context, number: int, first: int, jobs: int) -> int:
    """Whole histories in virtual time, each drawn from a seed: messages lost and late, crashes, old copies of disks,
    two gateways at once.

    \b
      interbank lab histories --number 1000
      python -m lab.simulation --seed 7 --timeline
    """
    from lab.simulation.campaign import run_many

    return _show(context, lambda watch: run_many(range(first, first + number), jobs, watch))


@lab.command("crash-points")
@common
@click.option("--outcome", type=click.Choice(["COMPLETED", "REFUSED", "RETURNED"]), default="COMPLETED")
@click.option("--pairs", is_flag=True, help="Every two points too: minutes.")
@_jobs
def crash_points(context: Context, outcome: str, jobs: int, *, pairs: bool) -> int:
    """Real processes that kill themselves before and after every commit and every message of a payment.

    \b
      interbank lab crash-points
      interbank lab crash-points --outcome RETURNED --pairs
    """
    from lab.crashpoints.campaign import draw, list_points, make_all

    trials = draw(list_points(outcome), outcome, pairs=pairs)
    return _show(context, lambda watch: make_all(trials, jobs, watch))


@lab.command("power-loss")
@common
@click.option("--points", type=click.IntRange(1), default=100, show_default=True, metavar="N", help="How many.")
@_jobs
def power_loss(context: Context, points: int, jobs: int) -> int:
    """Disks that forget what was not synced, fill up or fail, while customers pay.

    \b
      interbank lab power-loss --points 500
    """
    try:
        from lab.powerloss.campaign import drawn, run_all
    except ModuleNotFoundError:
        raise click.ClickException("this needs APSW, which is SQLite with files of our own: pip install apsw") from None
    return _show(context, lambda watch: run_all(drawn(range(points)), jobs, watch))


@lab.command()
@common
@click.option("--kills", type=click.IntRange(1), default=30, show_default=True, metavar="N", help="How many SIGKILLs.")
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Of the first round; by default a new one.")
def processes(context: Context, kills: int, seed: int | None) -> int:
    """A gateway and three banks as real processes behind proxies: killed, paused, restored and cut off while customers
    pay.

    \b
      interbank lab processes --kills 100
    """
    from lab.processes.campaign import run_rounds

    first = random.randrange(2**32) if seed is None else seed  # noqa: S311  guards nothing
    return _show(context, lambda watch: run_rounds(first, kills=kills, watch=watch))


def _show(context: Context, carry_out: Callable[[Callable[[Any], None]], _Result]) -> int:
    begun = time.monotonic()

    def watch(result: _Result) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{next(result.lines(time.monotonic() - begun))}", nl=False, err=True)

    result = carry_out(watch)
    seconds = time.monotonic() - begun
    if sys.stderr.isatty():
        click.echo(err=True)
    lines, wrong = list(result.lines(seconds)), list(result.replays())
    if context.output == "table":
        click.echo("\n".join(lines))
    else:
        found = [{"wrong": what, "replay": command} for what, command in wrong]
        print_one(context, {"seconds": round(seconds, 1), "said": lines, "wrong": found}, ("seconds", "wrong"))
    return SOMETHING_WRONG if wrong else 0
