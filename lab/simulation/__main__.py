"""Runs histories: python -m lab.simulation --histories 1000, or one with its timeline: --seed 7 --timeline."""

import argparse
import os
import sys
import time
from collections.abc import Sequence

import click

from lab.simulation.campaign import Campaign, run_many
from lab.simulation.history import run


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 if every history ended right, else 1."""
    arguments = _arguments(argv)
    if arguments.seed is not None:
        return _one(arguments.seed, timeline=arguments.timeline)
    begun = time.monotonic()

    def show(campaign: Campaign) -> None:
        spent = time.monotonic() - begun
        rate = campaign.histories / spent * 60
        told = f"\r{campaign.histories:,} histories, {rate:,.0f} a minute, {len(campaign.failed)} wrong"
        click.echo(told, nl=False, err=True)

    campaign = run_many(range(arguments.first, arguments.first + arguments.histories), arguments.jobs, show)
    click.echo(err=True)
    for line in campaign.lines(time.monotonic() - begun):
        click.echo(line)
    return 1 if campaign.failed else 0


def _one(seed: int, *, timeline: bool) -> int:
    history = run(seed)
    click.echo(history.plan)
    if timeline:
        click.echo("\n".join(history.timeline))
    for wrong in history.wrong:
        click.echo(f"wrong: {wrong}")
    click.echo(f"digest {history.digest}")
    return 1 if history.wrong else 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, metavar="N", help="one history")
    parser.add_argument("--timeline", action="store_true", help="with --seed: everything that happened")
    parser.add_argument("--histories", type=int, default=1000, metavar="N")
    parser.add_argument("--first", type=int, default=0, metavar="SEED")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
