"""Hurts a network of real processes behind proxies while people pay: python -m lab.processes --kills 100, or one round
again: --seed 7."""

import argparse
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from lab.processes.campaign import Result, run_rounds
from lab.processes.disk import LARGEST, may_fill
from lab.processes.plan import FULL_DISK, KINDS, PERIODS


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 if nothing was wrong, else 1."""
    arguments = _arguments(argv)
    seed = random.randrange(2**32) if arguments.seed is None else arguments.seed  # noqa: S311  guards nothing
    click.echo(f"first seed {seed}", err=True)
    begun = time.monotonic()

    def watch(result: Result) -> None:
        click.echo(
            f"\n{result.kills:,} SIGKILLs, {result.orders:,} orders, {len(result.failed)} rounds wrong", err=True
        )

    result = run_rounds(
        seed,
        kinds=arguments.only,
        periods=arguments.periods,
        kills=arguments.kills,
        minutes=arguments.minutes,
        home=arguments.home,
        watch=watch,
        say=lambda text: click.echo(text, err=True),
    )
    for line in result.lines(time.monotonic() - begun):
        click.echo(line)
    return 1 if result.failed else 0


def _kinds(text: str) -> tuple[str, ...]:
    asked = text.split(",")
    known = (*KINDS, FULL_DISK)
    if unknown := [kind for kind in asked if kind not in known]:
        raise argparse.ArgumentTypeError(f"no such fault: {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(kind for kind in known if kind in asked)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.processes", description=__doc__)
    parser.add_argument("--seed", type=int, metavar="N", help="of the first round; by default a new one")
    until = parser.add_mutually_exclusive_group()
    until.add_argument("--kills", type=int, default=0, metavar="N", help="rounds until so many SIGKILLs")
    until.add_argument(
        "--minutes", type=float, default=0.0, metavar="M", help="rounds for so long; by default one round"
    )
    parser.add_argument("--periods", type=int, default=PERIODS, metavar="N", help=f"in a round; by default {PERIODS}")
    parser.add_argument("--only", type=_kinds, default=KINDS, metavar="A,B", help=f"of {','.join((*KINDS, FULL_DISK))}")
    parser.add_argument("--home", type=Path, metavar="DIR", help="keep each round's files in a folder of it")
    arguments = parser.parse_args(argv)
    if FULL_DISK in arguments.only and not (arguments.home and may_fill(arguments.home)):
        parser.error(
            f"{FULL_DISK} needs --home on a disk of its own of at most {LARGEST // 2**20} MiB, such as a tmpfs"
        )
    return arguments


if __name__ == "__main__":
    sys.exit(main())
