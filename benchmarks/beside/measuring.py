"""Both networks, paid through in turn."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.audits import audited
from benchmarks.beside.networks import network_of
from benchmarks.beside.report import Runs
from benchmarks.beside.ways import WAYS
from benchmarks.customers import open_customers
from benchmarks.figures import Run
from benchmarks.payments import Payments, Say
from benchmarks.plan import CLIENTS, QUICK
from benchmarks.workloads import LABELS


@dataclass(frozen=True, slots=True)
class Plan:
    """Which workloads there are, how many turns, how many seconds a run takes, and a warm-up before all of them."""

    workloads: Sequence[str]
    turns: int
    seconds: float
    warm_up: float = 2.0


def measure(checkouts: Mapping[str, Path], plan: Plan, directory: Path, say: Say) -> Runs:
    """Pay through a network of each checkout in turn, with files in `directory`. Raises RunFailed if a run is not what
    it should be, and Refused if an account cannot be opened."""
    runs: dict[str, dict[str, list[Run]]] = {workload: defaultdict(list) for workload in plan.workloads}
    with _networks(checkouts, plan.warm_up, directory, say) as networks:
        for turn in range(1, plan.turns + 1):
            # Whoever goes first goes last the next time: rates fall as the files grow.
            order = list(networks.items())[:: 1 if turn % 2 else -1]
            for workload in plan.workloads:
                for label, payments in order:
                    name = f"{label}: {LABELS[workload]}, {turn} of {plan.turns}"
                    runs[workload][label].append(WAYS[workload].measure(payments, name, plan.seconds))
    return runs


@contextmanager
def _networks(
    checkouts: Mapping[str, Path], warm_up: float, directory: Path, say: Say
) -> Iterator[dict[str, Payments]]:
    """Both networks with customers, warm; stopped in the end after every record of them was audited."""
    with ExitStack() as running:
        networks = {}
        for label, checkout in checkouts.items():
            network = running.enter_context(network_of(checkout, directory / label))
            networks[label] = Payments(network, open_customers(network, QUICK), say)
        for label, payments in networks.items():
            payments.one_by_one(f"{label}: warm-up", CLIENTS, warm_up)
            payments.in_batches(f"{label}: warm-up", warm_up)
        yield networks
        for label, payments in networks.items():
            say(f"{label}: audit: {audited(payments.running):,} records are right")
