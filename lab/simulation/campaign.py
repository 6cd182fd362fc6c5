"""Many histories on all cores, and what came of them."""

import gc
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from lab.planted.names import planted
from lab.simulation.history import History, run
from lab.tally import HIGHEST, merge

_AT_ONCE = 10
"""Histories between two looks of whoever watches."""


@dataclass
class Campaign:
    """What came of histories, summed up. `failed` are seeds with what was wrong."""

    histories: int = 0
    payments: int = 0
    looks: int = 0
    deaths: int = 0
    repairs: int = 0
    slowest: float = field(default=0.0, metadata=HIGHEST)
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    failed: dict[int, list[str]] = field(default_factory=dict)

    def add(self, history: History) -> None:
        """Count one history."""
        plan = history.plan
        self.histories += 1
        self.payments += len(history.wishes)
        self.looks += sum(wish.read is not None for wish in history.wishes)
        self.deaths += history.deaths
        self.repairs += history.repairs
        self.slowest = max(self.slowest, history.healed_after)
        self.faults.update(
            name
            for name, drawn in {
                "messages lost": plan.loss,
                "messages repeated": plan.repeat,
                "messages late": plan.slow,
                "syncs slow": plan.slow_sync,
                "processes killed": plan.crashes,
                "routes cut": plan.cuts,
                "disks restored": plan.old_copies,
                "second gateway": plan.second_gateway,
                "journal lost": plan.journal_lost,
                "clocks set": plan.leaps,
                "accounts frozen": plan.frozen,
            }.items()
            if drawn
        )
        self.ends.update(wish.told[0][0] if wish.told else f"not accepted {wish.refused}" for wish in history.wishes)
        if history.wrong:
            self.failed[plan.seed] = history.wrong

    def lines(self, seconds: float) -> Iterator[str]:
        """A table for people; for each seed that failed the command that replays it."""
        rate = self.histories / max(seconds, 0.001) * 60
        yield f"{self.histories:,} histories in {seconds:.0f} s, {rate:,.0f} a minute"
        yield f"orders {self.payments:,}, statements read after an answer {self.looks:,}"
        yield f"deaths {self.deaths:,}, banks repaired {self.repairs:,}, slowest to become final {self.slowest:.1f} s"
        for title, counted in (("in how many", self.faults), ("orders told", self.ends)):
            yield f"{title:<12} " + ", ".join(f"{name} {count:,}" for name, count in sorted(counted.items()))
        for wrong, command in self.replays():
            yield f"WRONG {wrong}"
            yield f"  {command}"

    def replays(self) -> Iterator[tuple[str, str]]:
        """What ended wrong, and the command that replays it."""
        for seed, wrong in sorted(self.failed.items()):
            yield f"seed {seed}: {wrong[0]}", f"python -m lab.simulation --seed {seed} --timeline"


def run_many(seeds: Sequence[int], jobs: int, watch: Callable[[Campaign], None] = lambda _campaign: None) -> Campaign:
    """Carry out the histories of these seeds in so many processes; `watch` is told now and then."""
    campaign = Campaign()
    parts = [seeds[start : start + _AT_ONCE] for start in range(0, len(seeds), _AT_ONCE)]
    if jobs == 1:
        for part in parts:
            merge(campaign, _run_part(part))
            watch(campaign)
        return campaign
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for counted in pool.imap_unordered(_run_part, parts):
            merge(campaign, counted)
            watch(campaign)
    return campaign


def _run_part(seeds: Sequence[int]) -> Campaign:
    campaign = Campaign()
    gc.disable()  # a fifth of the time; a history leaves little behind, and all of it is collected here
    try:
        for seed in seeds:
            campaign.add(run(seed))
    finally:
        gc.enable()
        gc.collect()
    return campaign


def histories_to_catch(bug_and_limit: tuple[str, int]) -> tuple[str, int | None]:
    """How many histories it takes until one shows that this planted bug is there; None if so many do not."""
    name, limit = bug_and_limit
    gc.disable()
    with planted(name):
        for seed in range(limit):
            if run(seed).wrong:
                return name, seed + 1
            if seed % _AT_ONCE == 0:
                gc.collect()
    return name, None
