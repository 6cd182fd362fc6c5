"""One point of a curve: a network of some size, paid through in turn with a small one that was started for it."""

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import workloads as w
from benchmarks.audits import audited
from benchmarks.customers import open_customers
from benchmarks.figures import Run
from benchmarks.growth.sizes import Sizes
from benchmarks.network import Running, running_network
from benchmarks.payments import Payments, Say
from benchmarks.plan import BANKS, CLIENTS, QUICK

ACCOUNTS_PER_BANK, USERS = QUICK.accounts_per_bank, QUICK.users
"""Of a small network. Its users are logged in; each pays for several clients."""


@dataclass(frozen=True, slots=True)
class Point:
    """Runs by workload of a network that has so much of something, and beside it those of a small network in the same
    minutes: where both are slower than before, it was the computer."""

    size: int
    runs: Mapping[str, tuple[Run, ...]]
    beside: Mapping[str, tuple[Run, ...]] = field(default_factory=dict)


@contextlib.contextmanager
def open_network(
    directory: Path,
    say: Say,
    banks: tuple[str, ...] = BANKS,
    accounts_per_bank: int = ACCOUNTS_PER_BANK,
) -> Iterator[Payments]:
    """A network of its own with customers, stopped in the end after every record of it was audited. Raises Refused and
    RunFailed."""
    users = max(USERS, len(banks))
    plan = replace(QUICK, accounts_per_bank=accounts_per_bank, users=min(users, accounts_per_bank * len(banks)))
    with running_network(directory, banks) as running:
        yield Payments(running, open_customers(running, plan), say)
        audit(running, say)


def audit(running: Running, say: Say) -> None:
    """Have every record of the network audited. Raises RunFailed."""
    say(f"audit: {audited(running):,} records are right")


def measure_beside_small(sizes: Sizes, payments: Payments, size: int, what: str, directory: Path, say: Say) -> Point:
    """The network of these payments and a new small one, in turn. Raises RunFailed and Refused."""
    name = f"{size:,} {what}"
    with open_network(directory, say) as small:
        both = {name: payments, f"beside {name}": small}
        for label, some in both.items():
            some.one_by_one(f"{label}: warm-up", CLIENTS, sizes.warm_up)
            some.in_batches(f"{label}: warm-up", sizes.warm_up)
        runs: dict[str, dict[str, list[Run]]] = {label: defaultdict(list) for label in both}
        for number in range(1, sizes.repeats + 1):
            of = f"{number} of {sizes.repeats}"
            # Whoever goes first goes second the next time: the second was better by some percent where both were alike.
            order = list(both.items())[:: 1 if number % 2 else -1]
            for label, some in order:
                runs[label][w.BATCHED].append(some.in_batches(f"{label}: batched, {of}", sizes.seconds))
            for label, some in order:
                one_by_one = some.one_by_one(f"{label}: one by one, {of}", CLIENTS, sizes.seconds)
                runs[label][w.ONE_BY_ONE].append(one_by_one)
    grown, beside = ({name: tuple(found) for name, found in runs[label].items()} for label in both)
    return Point(size, grown, beside)
