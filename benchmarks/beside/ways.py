"""How both networks are paid through, and which figures tell something then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import workloads as w
from benchmarks.figures import Run
from benchmarks.payments import Payments
from benchmarks.plan import CLIENTS, LOGINS_PER_SECOND

_BUSY_PER_SECOND, _STEADY_PER_SECOND = 250.0, 125.0
"""Payments a second of the open loops, the same for both: about half and a quarter of the most on two cores."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to pay. `measure` takes the payments, a name to say, and seconds; `figures` are those of a Run that the way
    does not itself decide."""

    measure: Callable[[Payments, str, float], Run]
    figures: Sequence[str]


_RATE, _COST, _LATENCY = ("per_second",), ("cpu_us",), ("p50_ms", "p99_ms")

WAYS = {
    w.BATCHED: Way(lambda payments, name, seconds: payments.in_batches(name, seconds), _RATE + _COST),
    w.ONE_BY_ONE: Way(
        lambda payments, name, seconds: payments.one_by_one(name, CLIENTS, seconds), _RATE + _COST + _LATENCY
    ),
    w.ONE_CLIENT: Way(lambda payments, name, seconds: payments.one_by_one(name, 1, seconds), _COST + _LATENCY),
    w.OPEN_LOOP: Way(
        lambda payments, name, seconds: payments.at_rate(name, seconds, _BUSY_PER_SECOND), _COST + _LATENCY
    ),
    w.LOGINS: Way(
        lambda payments, name, seconds: payments.at_rate(name, seconds, _STEADY_PER_SECOND, LOGINS_PER_SECOND),
        _COST + _LATENCY,
    ),
}
"""By workload."""
