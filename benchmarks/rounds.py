"""Everything that is measured again and again, in turn, so that a change of the computer's mood meets all of it."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmarks import workloads as w
from benchmarks.connections import apart
from benchmarks.disk import syncs_per_second
from benchmarks.echo import call_echo, echo_server
from benchmarks.figures import Figure, Run, percentile
from benchmarks.payments import Payments
from benchmarks.plan import (
    BANKS,
    CLIENTS,
    LOGINS_PER_SECOND,
    MOST_CLIENTS,
    OF_THE_MAXIMUM,
    SENT_AGAIN,
    STEADY_OF_THE_MAXIMUM,
    Plan,
)
from certs.credentials import read_credentials

T = TypeVar("T")


def measure_rounds(
    plan: Plan, directory: Path, payments: Payments
) -> tuple[Mapping[str, tuple[Run, ...]], Mapping[str, Figure]]:
    """The runs by workload, and the peers that need no database. Raises RunFailed."""
    home = payments.running.home
    identity = read_credentials(home.gateway.certificate, home.gateway.key, home.authority_certificate)
    runs: dict[str, list[Run]] = defaultdict(list)
    peers: dict[str, list[float]] = defaultdict(list)
    with echo_server(identity) as address:
        for number in range(1, plan.repeats + 1):
            for workload, run in (_closed(plan, payments, number) | _open(plan, payments, number)).items():
                runs[workload].append(run)
            for name, value in _peers(plan, directory, address, payments.running.authority).items():
                peers[name].append(value)
    return {name: tuple(some) for name, some in runs.items()}, {
        name: Figure(tuple(values)) for name, values in peers.items()
    }


def rotated(some: Sequence[T], number: int) -> tuple[T, ...]:
    """The same in another order for each round (the first has number 1): ledgers grow and computers drift, which none
    may meet more often than another."""
    first = (number - 1) % len(some)
    return (*some[first:], *some[:first])


def _closed(plan: Plan, payments: Payments, number: int) -> dict[str, Run]:
    of, in_batches = f"{number} of {plan.repeats}", partial(payments.in_batches, seconds=plan.batched)
    # Rotated in this order, each of those in batches that are compared comes before the other in some round.
    runs: dict[str, Callable[[], Run]] = {
        w.BATCHED: partial(in_batches, f"batched, {of}"),
        w.ONE_BY_ONE: partial(payments.one_by_one, f"one by one, {of}", CLIENTS, plan.one_by_one),
        w.HOT: partial(in_batches, f"batched, all to one account, {of}", hot_bank=BANKS[0]),
        w.ONE_CLIENT: partial(payments.one_by_one, f"one client, {of}", 1, plan.latency),
        w.RETRIED: partial(in_batches, f"batched, every tenth key twice, {of}", again=SENT_AGAIN),
    }
    return {workload: runs[workload]() for workload in rotated(tuple(runs), number)}


def _open(plan: Plan, payments: Payments, number: int) -> dict[str, Run]:
    """The maximum, and customers who come at a part of it; nothing if the plan has none of that."""
    if not plan.open_loop:
        return {}
    of, seconds = f"{number} of {plan.repeats}", plan.open_loop
    maximum = payments.one_by_one(f"one by one, {MOST_CLIENTS} clients, {of}", MOST_CLIENTS, plan.one_by_one)
    half, quarter = maximum.per_second * OF_THE_MAXIMUM, maximum.per_second * STEADY_OF_THE_MAXIMUM
    return {
        w.MAXIMUM: maximum,
        w.OPEN_LOOP: payments.at_rate(f"open loop, half of the maximum, {of}", seconds, half),
        w.STEADY: payments.at_rate(f"open loop, a quarter, {of}", seconds, quarter),
        w.LOGINS: payments.at_rate(f"a quarter beside logins, {of}", seconds, quarter, LOGINS_PER_SECOND),
    }


def _peers(plan: Plan, directory: Path, address: str, authority: bytes) -> dict[str, float]:
    alone = apart(call_echo, address, authority, 1, plan.echo)
    return {
        w.echo(1): alone.per_second,
        w.ECHO_P50: percentile(alone.latencies, 50) * 1000,
        w.ECHO_P99: percentile(alone.latencies, 99) * 1000,
        w.echo(CLIENTS): apart(call_echo, address, authority, CLIENTS, plan.echo).per_second,
        w.SYNCS: syncs_per_second(directory, plan.disk),
    }
