"""Round after round, each on a network of its own, and what came of them."""

import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lab.processes.plan import KINDS, PERIODS, draw
from lab.processes.round import Round, carry_out
from lab.tally import HIGHEST


@dataclass
class Result:
    """What came of rounds, summed up. `slowest` is a recovery in seconds, `largest` a process in MB. `failed` are the
    commands that carry a round out again, with what was wrong."""

    rounds: int = 0
    seconds: float = 0.0
    kills: int = 0
    orders: int = 0
    reads: int = 0
    slowest: float = field(default=0.0, metadata=HIGHEST)
    largest: float = field(default=0.0, metadata=HIGHEST)
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    unheard: Counter[str] = field(default_factory=Counter)
    not_now: Counter[str] = field(default_factory=Counter)
    failed: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(self, ended: Round) -> None:
        """Count one round."""
        self.rounds += 1
        self.seconds += ended.seconds
        self.kills += ended.kills
        self.orders += ended.orders
        self.reads += ended.reads
        self.slowest = max(self.slowest, ended.recovery)
        self.largest = max(self.largest, ended.memory)
        self.faults += ended.faults
        self.ends += ended.ends
        self.unheard += ended.unheard
        self.not_now += ended.not_now
        if ended.wrong:
            self.failed[ended.plan.command] = ended.wrong

    def lines(self, seconds: float) -> Iterator[str]:
        """A table for people; for each round that failed the command that carries it out again."""
        spent = f"{seconds:.0f} s, {self.seconds:.0f} s of them under faults"
        yield f"{self.rounds} rounds in {spent}; {self.orders:,} orders"
        yield f"SIGKILLs {self.kills:,}; " + _counted(self.faults)
        yield f"told      {_counted(self.ends)}; {self.reads:,} statements read after an answer"
        yield f"of which {self.unheard.total():,} were in doubt for a while: {_counted(self.unheard)}"
        yield f"asked again after {_counted(self.not_now)}"
        yield f"slowest until everything was final {self.slowest:.1f} s; largest process {self.largest:.0f} MB"
        for wrong, again in self.replays():
            yield f"WRONG {wrong}"
            yield f"  {again}"

    def replays(self) -> Iterator[tuple[str, str]]:
        """What ended wrong, and the command that carries it out again: the same faults at the same times, while what
        each process is doing then is up to the computer."""
        for command, wrong in self.failed.items():
            yield f"{wrong[0]}" + (f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""), command


def run_rounds(
    first: int,
    *,
    kinds: Collection[str] = KINDS,
    periods: int = PERIODS,
    kills: int = 0,
    minutes: float = 0.0,
    home: Path | None = None,
    watch: Callable[[Result], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> Result:
    """Rounds of the seeds from `first` on: until so many processes were killed, until so many minutes have passed, or
    one if neither is named. The files of each stay in a folder of `home`, if there is one."""
    result, begun = Result(), time.monotonic()
    while not result.rounds or result.kills < kills or time.monotonic() - begun < minutes * 60:
        seed = first + result.rounds
        left = kills - result.kills if kills else math.inf
        result.add(carry_out(draw(seed, kinds, periods), home / f"seed-{seed}" if home else None, say, left))
        watch(result)
    return result


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counter.items())) or "nothing else"
