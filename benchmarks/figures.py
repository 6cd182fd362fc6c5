"""Figures out of what was measured: medians, ratios, goals. No input or output."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """The same thing measured several times."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The one that counts."""
        return statistics.median(self.values)

    @property
    def spread_percent(self) -> float:
        """From the lowest to the highest, in percent of the median."""
        return (max(self.values) - min(self.values)) / self.median * 100


@dataclass(frozen=True, slots=True)
class Run:
    """One run of payments: how many, how fast, how long each call took, what they cost the servers, and how much of the
    computer something else used meanwhile."""

    payments: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    elsewhere_percent: float


@dataclass(frozen=True, slots=True)
class Peers:
    """What the same computer did in the same minutes. `pgbench` is empty where there is none, and `no_pgbench` says why
    then."""

    echo_1: Figure
    echo_1_p50_ms: Figure
    echo_clients: Figure
    syncs: Figure
    pgbench: Figure | None
    no_pgbench: str


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that was measured. Memory is PSS in MB by process."""

    one_by_one: tuple[Run, ...]
    batched: tuple[Run, ...]
    single: tuple[Run, ...]
    idle_mb: Mapping[str, float]
    loaded_mb: Mapping[str, float]
    peers: Peers
    payments_checked: int
    records_audited: int

    def figure(self, runs: Sequence[Run], name: str) -> Figure:
        """One attribute of several runs."""
        return Figure(tuple(getattr(run, name) for run in runs))


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and what it should be: at least, or with `below` less than."""

    name: str
    measured: float
    wanted: float
    below: bool = False

    @property
    def met(self) -> bool:
        """Whether it is."""
        return self.measured < self.wanted if self.below else self.measured >= self.wanted


def goals(results: Results) -> tuple[Goal, ...]:
    """What this project promises of a computer with two cores."""
    return (
        Goal("batched payments/s", results.figure(results.batched, "per_second").median, 4000),
        Goal("one by one payments/s", results.figure(results.one_by_one, "per_second").median, 500),
        Goal("idle PSS of gateway and three banks, MB", sum(results.idle_mb.values()), 300, below=True),
    )


def ratios(results: Results) -> dict[str, float]:
    """Our figures over those of the peers, which travel better from computer to computer than either.

    The floor of a lone payment are its four syncs (order, debit, credit, end) and its three round trips.
    """
    peers = results.peers
    one_by_one = results.figure(results.one_by_one, "per_second").median
    batched = results.figure(results.batched, "per_second").median
    floor_ms = 4 * 1000 / peers.syncs.median + 3 * peers.echo_1_p50_ms.median
    found = {
        "one_by_one_to_echo": one_by_one / peers.echo_clients.median,
        "one_by_one_to_syncs": one_by_one / peers.syncs.median,
        "batched_to_one_by_one": batched / one_by_one,
        "latency_p50_to_floor": results.figure(results.single, "p50_ms").median / floor_ms,
    }
    if peers.pgbench is not None:
        found["one_by_one_to_pgbench"] = one_by_one / peers.pgbench.median
        found["batched_to_pgbench"] = batched / peers.pgbench.median
    return found


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of all are not above (nearest rank)."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
