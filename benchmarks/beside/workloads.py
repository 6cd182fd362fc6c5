"""What both networks are made to do."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import Run
from benchmarks.payments import Payments
from benchmarks.plan import CLIENTS, LOGINS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Workload:
    """A way to pay; `measure` takes the payments, a name to say, and seconds."""

    name: str
    measure: Callable[[Payments, str, float], Run]


_HALF, _QUARTER = 250.0, 125.0

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("batched", lambda payments, name, seconds: payments.in_batches(name, seconds)),
        Workload("one-by-one", lambda payments, name, seconds: payments.one_by_one(name, CLIENTS, seconds)),
        Workload("alone", lambda payments, name, seconds: payments.one_by_one(name, 1, seconds)),
        Workload("open-loop", lambda payments, name, seconds: payments.at_rate(name, seconds, _HALF)),
        Workload(
            "logins",
            lambda payments, name, seconds: payments.at_rate(name, seconds, _QUARTER, LOGINS_PER_SECOND),
        ),
    )
}
"""By name. The open loops have one rate for both, about half and a quarter of what two cores can do."""
