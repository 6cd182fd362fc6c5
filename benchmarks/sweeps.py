"""Throughput over orders in one call and over clients: a few short points beside the runs that are measured anyway."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks import workloads as w
from benchmarks.figures import Curve, Figure, Run
from benchmarks.limits import most_connections
from benchmarks.payments import Payments
from benchmarks.plan import BATCH, CLIENTS, MOST_CLIENTS, SWEPT_BATCHES, SWEPT_CLIENTS, Plan


@dataclass(frozen=True, slots=True)
class Sweeps:
    """Curves by name, and in words what they have no point for, and why."""

    curves: Mapping[str, Curve] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


def measure_sweeps(plan: Plan, payments: Payments, runs: Mapping[str, Sequence[Run]]) -> Sweeps:
    """All points, or none if the plan has none. Raises RunFailed."""
    if not plan.sweep:
        return Sweeps()
    over_batches = {BATCH: _median(runs[w.BATCHED])}
    for size in SWEPT_BATCHES:
        over_batches[size] = payments.in_batches(f"batches of {size}", plan.sweep, size).per_second
    measured = {1: w.ONE_CLIENT, CLIENTS: w.ONE_BY_ONE, MOST_CLIENTS: w.MAXIMUM}
    over_clients = {clients: _median(runs[name]) for clients, name in measured.items() if name in runs}
    possible, left_out = within(most_connections(), SWEPT_CLIENTS)
    for clients in possible:
        over_clients[clients] = payments.one_by_one(f"{clients:,} clients", clients, plan.sweep).per_second
    curves = {w.OVER_BATCHES: over_batches, w.OVER_CLIENTS: over_clients}
    return Sweeps({name: tuple(sorted(curve.items())) for name, curve in curves.items()}, left_out)


def within(limit: int | None, wanted: Sequence[int]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The numbers of clients for whose connections there are enough files, and a remark for each of the others."""
    possible = tuple(clients for clients in wanted if limit is None or clients <= limit)
    return possible, tuple(
        f"no point for {clients:,} clients: a process may not open as many files here (ulimit -Hn)"
        for clients in wanted
        if clients not in possible
    )


def _median(runs: Sequence[Run]) -> float:
    return Figure(tuple(run.per_second for run in runs)).median
