"""Every point and every pair of points, and what came of them."""

import asyncio
import itertools
import multiprocessing
import shlex
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from lab.crashpoints.customers import People
from lab.crashpoints.site import running
from lab.crashpoints.trial import Ended, Tester, Trial
from lab.home import GATEWAY
from lab.tally import HIGHEST

_ON_ONE_SITE = 40
"""Trials until a new network is made."""

_DIES_AT = {
    GATEWAY: "gateway: after the commit of ACCEPTED",
    "NORTH": "NORTH: before answering DEBIT",
    "SOUTH": "SOUTH: before answering CREDIT",
}
"""Where a process dies so that it starts again and passes the points of its start."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The points of one outcome's payment, and those of the starts of its processes, in the order of their passing."""

    payment: tuple[str, ...]
    start: tuple[str, ...]


@dataclass
class Result:
    """What came of trials, summed up. `unreached` counts those in which an armed point was never passed."""

    trials: int = 0
    singles: int = 0
    pairs: int = 0
    deaths: int = 0
    unreached: int = 0
    slowest: float = field(default=0.0, metadata=HIGHEST)
    told: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[Trial, list[str]]] = field(default_factory=list)

    def add(self, ended: Ended) -> None:
        """Count one trial."""
        trial = ended.trial
        self.trials += 1
        self.singles += len(trial.points) == 1
        self.pairs += len(trial.points) == 2
        self.deaths += len(ended.fired)
        self.unreached += len(ended.fired) < len(trial.points)
        self.slowest = max(self.slowest, ended.seconds)
        self.told.update(ended.told)
        if ended.wrong:
            self.wrong.append((trial, ended.wrong))

    def lines(self, seconds: float) -> Iterator[str]:
        """A table for people; for each trial that failed the command that makes it again."""
        armed = f"{self.singles:,} with one armed point, {self.pairs:,} with two"
        yield f"{self.trials:,} payments in {seconds:.0f} s: {armed}"
        yield f"SIGKILLs {self.deaths:,}; in {self.unreached:,} an armed point was not reached"
        yield "told " + ", ".join(f"{name} {count:,}" for name, count in sorted(self.told.items()))
        yield f"slowest until everything was final {self.slowest:.1f} s"
        for wrong, again in self.replays():
            yield f"WRONG {wrong}"
            yield f"  {again}"

    def replays(self) -> Iterator[tuple[str, str]]:
        """What ended wrong, and the command that makes it again."""
        for trial, wrong in self.wrong:
            yield f"{' + '.join(trial.points)} ({trial.outcome}): {wrong[0]}", command(trial)


def command(trial: Trial) -> str:
    """What makes a trial again."""
    points = "".join(f" --point {shlex.quote(point)}" for point in trial.points)
    return f"python -m lab.crashpoints --outcome {trial.outcome}{points}{' --retry' if trial.retry else ''}"


def make(trials: Sequence[Trial], bug: str = "") -> list[Ended]:
    """Make these trials, one after the other, on a network of their own."""
    return asyncio.run(_make(trials, bug))


async def _make(trials: Sequence[Trial], bug: str) -> list[Ended]:
    with tempfile.TemporaryDirectory(prefix="interbank-lab-") as folder:
        async with running(Path(folder), bug) as site:
            people = People(site)
            await people.settle_in()
            tester = Tester(site, people)
            ended = []
            for trial in trials:
                ended.append(await tester.make(trial))
                if ended[-1].wrong:
                    break  # what follows would stand on wrong books
            await people.close()
    return ended


def list_points(outcome: str) -> Listed:
    """The points that a payment of this outcome passes, by making some."""
    plain, *killed = make([Trial((), outcome, True), *(Trial((p,), outcome, True) for p in _kills(outcome))])
    payment = tuple(dict.fromkeys(plain.passed))
    starts = dict.fromkeys(point for ended in killed for point in ended.passed if point not in payment)
    return Listed(payment, tuple(starts))


def _kills(outcome: str) -> list[str]:
    """Where processes are killed to see what their starts pass; the payee's bank has no part in a refusal."""
    return [point for name, point in _DIES_AT.items() if outcome != "REFUSED" or name != "SOUTH"]


def draw(listed: Listed, outcome: str, *, pairs: bool) -> list[Trial]:
    """Every single point of the payment; with `pairs` every two of them, each with itself too, and every point of a
    start after a death of its process; each with and without the customer's asking again."""
    armed: list[tuple[str, ...]] = [(point,) for point in listed.payment]
    if pairs:
        armed += itertools.combinations_with_replacement(listed.payment, 2)
        armed += [(_DIES_AT[name], point) for point in listed.start if (name := point.partition(":")[0]) in _DIES_AT]
    return [Trial(points, outcome, retry) for points in armed for retry in (True, False)]


def make_all(
    trials: Sequence[Trial],
    jobs: int,
    watch: Callable[[Result], None],
    bug: str = "",
    *,
    to_the_first_wrong: bool = False,
) -> Result:
    """Make trials in so many processes; `watch` is told now and then. What follows a wrong one on its network is made
    on a new one, or not at all."""
    result = Result()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        parts = [trials[start : start + _ON_ONE_SITE] for start in range(0, len(trials), _ON_ONE_SITE)]
        waiting = {pool.submit(make, part, bug): part for part in parts}
        while waiting:
            done = next(as_completed(waiting))
            part, made = waiting.pop(done), done.result()
            for ended in made:
                result.add(ended)
            if rest := part[len(made) :]:
                waiting[pool.submit(make, rest, bug)] = rest
            watch(result)
            if result.wrong and to_the_first_wrong:
                pool.shutdown(cancel_futures=True)
                break
    return result


def trials_to_catch(bug: str) -> int | None:
    """How many trials with one armed point it takes until one shows that this planted bug is there; None if all of them
    do not."""
    for number, trial in enumerate(draw(list_points("COMPLETED"), "COMPLETED", pairs=False), start=1):
        if make([trial], bug)[0].wrong:
            return number
    return None
