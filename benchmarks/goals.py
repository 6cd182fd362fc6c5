"""What this project promises of a computer with two cores, and the ratios that travel to others. No input or output."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import workloads as w
from benchmarks.figures import Figure, Results

PER_SECOND, P50, P99, CPU = "per_second", "p50_ms", "p99_ms", "cpu_us"

_OVER_OURS = {
    "batched_to_one_by_one": (PER_SECOND, w.BATCHED, w.ONE_BY_ONE),
    "hot_to_uniform": (PER_SECOND, w.HOT, w.BATCHED),
    "retried_to_fresh": (PER_SECOND, w.RETRIED, w.BATCHED),
    "p99_with_logins_to_without": (P99, w.LOGINS, w.STEADY),
    "big_ledger_to_empty": (PER_SECOND, w.BIG_LEDGER, w.SMALL_LEDGER),
}


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and what it should be: at least, or with `at_most` no more. `measured` is None where there is none."""

    name: str
    measured: float | None
    wanted: float
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Whether it is; None if nobody knows."""
        if self.measured is None:
            return None
        return self.measured <= self.wanted if self.at_most else self.measured >= self.wanted


def goals(results: Results) -> tuple[Goal, ...]:
    """Every goal, measured or not."""
    found = ratios(results)
    memory = sum(results.idle_mb.values()) if results.idle_mb else None
    start = _other(results, w.START)
    return (
        Goal("batched payments / pgbench, 32 clients", found.get("batched_to_pgbench_32"), 4),
        Goal("one by one, 64 clients / echo, 64 clients", found.get("one_by_one_to_echo_64"), 0.45),
        Goal("one by one, 64 clients / hf-nostro, 16 threads", found.get("one_by_one_to_nostro_16"), 5),
        Goal("one client, p50 / echo's p50", found.get("latency_p50_to_echo"), 10, at_most=True),
        Goal("one client, p99 / echo's p99", found.get("latency_p99_to_echo"), 20, at_most=True),
        Goal("open loop at half of the maximum, p99 in ms", _run(results, w.OPEN_LOOP, P99), 50, at_most=True),
        Goal("one hot account / uniform", found.get("hot_to_uniform"), 0.9),
        Goal("10 % of the keys sent again / none", found.get("retried_to_fresh"), 0.95),
        Goal("a ledger with 1,000,000 entries / empty", found.get("big_ledger_to_empty"), 0.9),
        Goal("p99 beside 2 logins/s / without", found.get("p99_with_logins_to_without"), 1.5, at_most=True),
        Goal("first page of a long statement, ms", _other(results, w.STATEMENT), 20, at_most=True),
        Goal("start of gateway and three banks to the first payment, s", start, 5, at_most=True),
        Goal("idle PSS of gateway and three banks, MB", memory, 220, at_most=True),
        Goal("batched, µs of the servers' processors each", _run(results, w.BATCHED, CPU), 200, at_most=True),
        Goal("SIGKILL of the gateway until all are final, s", _other(results, w.RECOVERY_GATEWAY), 10, at_most=True),
        Goal("SIGKILL of a bank until all are final, s", _other(results, w.RECOVERY_BANK), 10, at_most=True),
    )


def ratios(results: Results) -> dict[str, float]:
    """Figures over figures of the same minutes, which travel better from computer to computer than either; those of
    which both sides were measured."""
    over_peers = {name: ours / theirs for name, ours, theirs in _over_peers(results) if ours is not None and theirs}
    over_ours = {
        name: _by_round(results, attribute, ours, theirs) for name, (attribute, ours, theirs) in _OVER_OURS.items()
    }
    return over_peers | {name: value for name, value in over_ours.items() if value is not None}


def _over_peers(results: Results) -> Iterator[tuple[str, float | None, float | None]]:
    """Medians: a peer is not measured beside each round of ours."""
    one_by_one, batched = _run(results, w.ONE_BY_ONE, PER_SECOND), _run(results, w.BATCHED, PER_SECOND)
    yield "one_by_one_to_echo_64", one_by_one, _other(results, w.echo(64))
    yield "one_by_one_to_syncs", one_by_one, _other(results, w.SYNCS)
    yield "batched_to_echo_64", batched, _other(results, w.echo(64))
    yield "latency_p50_to_floor", _run(results, w.ONE_CLIENT, P50), _floor_ms(results)
    yield "latency_p50_to_echo", _run(results, w.ONE_CLIENT, P50), _other(results, w.ECHO_P50)
    yield "latency_p99_to_echo", _run(results, w.ONE_CLIENT, P99), _other(results, w.ECHO_P99)
    yield "one_by_one_to_pgbench_32", one_by_one, _other(results, w.pgbench(32))
    yield "batched_to_pgbench_32", batched, _other(results, w.pgbench(32))
    yield "one_by_one_to_nostro_16", one_by_one, _other(results, w.nostro(16))
    yield "one_by_one_to_nostro_apart_16", one_by_one, _other(results, w.nostro_apart(16))


def _by_round(results: Results, attribute: str, ours: str, theirs: str) -> float | None:
    """The median of the ratios of each round, whose two runs met the same ledgers and the same computer."""
    over, under = results.figure(ours, attribute), results.figure(theirs, attribute)
    if over is None or under is None or not all(under.values):
        return None
    return Figure(tuple(one / other for one, other in zip(over.values, under.values, strict=True))).median


def _floor_ms(results: Results) -> float | None:
    """A lone payment's four syncs (order, debit, credit, end) and its three round trips."""
    syncs, echo = _other(results, w.SYNCS), _other(results, w.ECHO_P50)
    return None if not syncs or echo is None else 4 * 1000 / syncs + 3 * echo


def _run(results: Results, workload: str, name: str) -> float | None:
    figure = results.figure(workload, name)
    return None if figure is None else figure.median


def _other(results: Results, name: str) -> float | None:
    figure = results.known(name)
    return None if figure is None else figure.median
