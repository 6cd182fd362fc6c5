"""What both networks are made to do."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import Run
from benchmarks.payments import Payments
from benchmarks.plan import CLIENTS


@dataclass(frozen=True, slots=True)
class Workload:
    """A way to pay; `measure` takes the payments, a name to say, and seconds."""

    name: str
    measure: Callable[[Payments, str, float], Run]


_HALF_OF_THE_MAXIMUM = 250.0

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("batched", lambda payments, name, seconds: payments.in_batches(name, seconds)),
        Workload("one-by-one", lambda payments, name, seconds: payments.one_by_one(name, CLIENTS, seconds)),
        Workload("alone", lambda payments, name, seconds: payments.one_by_one(name, 1, seconds)),
        Workload("open-loop", lambda payments, name, seconds: payments.at_rate(name, seconds, _HALF_OF_THE_MAXIMUM)),
    )
}
"""By name. The open loop has one rate for both, whatever the computer is."""
