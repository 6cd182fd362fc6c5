"""Everything that is measured again and again, in turn, so that a change of the computer's mood meets all of it."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from benchmarks import workloads as w
from benchmarks.connections import apart
from benchmarks.disk import syncs_per_second
from benchmarks.echo import call_echo, echo_server
from benchmarks.figures import Figure, Run, percentile
from benchmarks.payments import Payments
from benchmarks.plan import BANKS, CLIENTS, LOGINS_PER_SECOND, OF_THE_MAXIMUM, SENT_AGAIN, STEADY_OF_THE_MAXIMUM, Plan
from certs.credentials import read_credentials


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
            of = f"{number} of {plan.repeats}"
            for workload, run in _closed(plan, payments, of).items():
                runs[workload].append(run)
            if plan.open_loop:
                for workload, run in _open(plan, payments, runs[w.ONE_BY_ONE][-1].per_second, of).items():
                    runs[workload].append(run)
            for name, value in _peers(plan, directory, address, payments.running.authority).items():
                peers[name].append(value)
    return {name: tuple(some) for name, some in runs.items()}, {
        name: Figure(tuple(values)) for name, values in peers.items()
    }


def _closed(plan: Plan, payments: Payments, of: str) -> dict[str, Run]:
    return {
        w.ONE_BY_ONE: payments.one_by_one(f"one by one, {of}", CLIENTS, plan.one_by_one),
        w.HOT: payments.in_batches(f"batched, all to one account, {of}", plan.batched, hot_bank=BANKS[0]),
        w.BATCHED: payments.in_batches(f"batched, {of}", plan.batched),
        w.RETRIED: payments.in_batches(f"batched, every tenth key twice, {of}", plan.batched, again=SENT_AGAIN),
        w.ONE_CLIENT: payments.one_by_one(f"one client, {of}", 1, plan.latency),
    }


def _open(plan: Plan, payments: Payments, maximum: float, of: str) -> dict[str, Run]:
    half, quarter, seconds = maximum * OF_THE_MAXIMUM, maximum * STEADY_OF_THE_MAXIMUM, plan.open_loop
    return {
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
