"""Throughput over orders in one call and over clients: a few short points beside the runs that are measured anyway."""

from collections.abc import Mapping, Sequence

from benchmarks import workloads as w
from benchmarks.figures import Curve, Figure, Run
from benchmarks.payments import Payments
from benchmarks.plan import BATCH, CLIENTS, SWEPT_BATCHES, SWEPT_CLIENTS, Plan


def measure_sweeps(plan: Plan, payments: Payments, runs: Mapping[str, Sequence[Run]]) -> dict[str, Curve]:
    """Curves by name, or none if the plan has none. Raises RunFailed."""
    if not plan.sweep:
        return {}
    over_batches = {BATCH: _median(runs[w.BATCHED])}
    for size in SWEPT_BATCHES:
        over_batches[size] = payments.in_batches(f"batches of {size}", plan.sweep, size).per_second
    over_clients = {1: _median(runs[w.ONE_CLIENT]), CLIENTS: _median(runs[w.ONE_BY_ONE])}
    for clients in SWEPT_CLIENTS:
        over_clients[clients] = payments.one_by_one(f"{clients:,} clients", clients, plan.sweep).per_second
    return {w.OVER_BATCHES: tuple(sorted(over_batches.items())), w.OVER_CLIENTS: tuple(sorted(over_clients.items()))}


def _median(runs: Sequence[Run]) -> float:
    return Figure(tuple(run.per_second for run in runs)).median
