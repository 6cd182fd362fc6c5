"""What was measured, and the simple arithmetic on it. No input or output."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_ENOUGH_FOR_P999 = 1000


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
        return (max(self.values) - min(self.values)) / self.median * 100 if self.median else 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run of payments: how many, how fast, how long each call took, what they cost the servers, and how much of the
    computer something else used meanwhile. There is no `p999_ms` of too few calls."""

    payments: int
    per_second: float
    p50_ms: float
    p99_ms: float
    p999_ms: float | None
    cpu_us: float
    elsewhere_percent: float


Curve = tuple[tuple[int, float], ...]
"""Points of something that grows: how much of it, and payments per second then."""


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that was measured: runs of payments by workload (the names are those of `workloads.py`), other figures
    and the peers' by name, which peer is missing with the reason, and in words what else was left out. Memory is PSS in
    MB by process.

    A quick measurement has no value for much of it; whoever reads asks for what there is.
    """

    runs: Mapping[str, tuple[Run, ...]]
    peers: Mapping[str, Figure]
    idle_mb: Mapping[str, float]
    loaded_mb: Mapping[str, float]
    payments_checked: int
    records_audited: int
    others: Mapping[str, Figure] = field(default_factory=dict)
    no_peers: Mapping[str, str] = field(default_factory=dict)
    curves: Mapping[str, Curve] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def figure(self, workload: str, name: str) -> Figure | None:
        """One attribute of all runs of a workload; None if it was not run, or not every run has it."""
        values = tuple(getattr(run, name) for run in self.runs.get(workload, ()))
        return Figure(values) if values and None not in values else None

    def known(self, name: str) -> Figure | None:
        """A figure that is not of a run of payments, ours or a peer's; None if it was not measured."""
        return self.others.get(name) or self.peers.get(name)


def p999(values: Sequence[float]) -> float | None:
    """The percentile 99.9; None of so few that it would be no more than the highest of them."""
    return percentile(values, 99.9) if len(values) >= _ENOUGH_FOR_P999 else None


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of all are not above (nearest rank)."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
