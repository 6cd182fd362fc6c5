"""Many histories, each with one fault of a disk, and what came of them."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from lab.planted.names import planted
from lab.powerloss.history import History, carry_out
from lab.powerloss.plan import Plan, draw
from lab.tally import merge

_AT_ONCE = 5
"""Histories between two looks of whoever watches."""


@dataclass
class Result:
    """What came of histories, summed up. `failed` are plans with what was wrong."""

    points: int = 0
    unmet: int = 0
    acknowledged: int = 0
    answered: int = 0
    deaths: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[Plan, list[str]]] = field(default_factory=list)

    def add(self, plan: Plan, history: History) -> None:
        """Count one history."""
        self.points += 1
        self.unmet += not history.met
        self.acknowledged += history.acknowledged
        self.answered += history.answered
        self.deaths += history.deaths
        self.faults[plan.fault.value] += 1
        if history.wrong:
            self.failed.append((plan, history.wrong))

    def lines(self, seconds: float) -> Iterator[str]:
        """A table for people; for each plan that failed the command that replays it."""
        yield f"{self.points:,} points in {seconds:.0f} s; {self.unmet:,} came after the last call of their history"
        for fault, count in sorted(self.faults.items()):
            yield f"  {fault}: {count:,}"
        yield f"before it {self.acknowledged:,} payments had been acknowledged, {self.answered:,} records told by banks"
        yield f"processes that died {self.deaths:,}; histories that ended wrong {len(self.failed):,}"
        for wrong, again in self.replays():
            yield f"WRONG {wrong}"
            yield f"  {again}"

    def replays(self) -> Iterator[tuple[str, str]]:
        """What ended wrong, and the command that replays it."""
        for plan, wrong in self.failed:
            yield f"{plan.fault.value}, call {plan.call} of history {plan.seed}: {wrong[0]}", command(plan)


def command(plan: Plan) -> str:
    """What replays a plan."""
    everywhere = " --everywhere" if plan.everywhere else ""
    return (
        f"python -m lab.powerloss --timeline --seed {plan.seed} --fault {plan.fault.name} --call {plan.call}"
        f" --kept {plan.kept} --draws {plan.draws} --checkpoint {plan.checkpoint}{everywhere}"
    )


_HISTORIES = 20
"""Histories that drawn points are spread over."""


def drawn(points: Iterable[int]) -> list[Plan]:
    """The plans of these points."""
    calls = [calls_of(seed) for seed in range(_HISTORIES)]
    return [draw(point, point % _HISTORIES, calls[point % _HISTORIES]) for point in points]


def calls_of(seed: int) -> Counter[str]:
    """How many syncs and writes the history of a seed has when nothing happens."""
    return carry_out(None, seed).calls


def run_all(plans: Sequence[Plan], jobs: int, watch: Callable[[Result], None] = lambda _result: None) -> Result:
    """Carry out these plans in so many processes; `watch` is told now and then."""
    result = Result()
    parts = [plans[start : start + _AT_ONCE] for start in range(0, len(plans), _AT_ONCE)]
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for counted in pool.imap_unordered(_run_part, parts):
            merge(result, counted)
            watch(result)
    return result


def _run_part(plans: Sequence[Plan]) -> Result:
    result = Result()
    for plan in plans:
        result.add(plan, carry_out(plan))
    return result


def points_to_catch(bug: str, limit: int) -> int | None:
    """How many drawn points it takes until one shows that this planted bug is there; None if so many do not. They are
    drawn as if nothing was planted: a bug may leave no sync to count."""
    calls = calls_of(0)
    with planted(bug):
        for point in range(limit):
            if carry_out(draw(point, 0, calls)).wrong:
                return point + 1
    return None
