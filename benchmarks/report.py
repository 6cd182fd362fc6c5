"""What was measured, as a table for people and as an object for programs. No input or output."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.table import Table

from benchmarks.figures import Figure, Goal, Peers, Results, goals, ratios
from benchmarks.plan import BATCH, BATCHES_IN_FLIGHT, CLIENTS, Plan

_BUSY_PERCENT = 10


def document(
    results: Results, plan: Plan, machine: Mapping[str, str | int | float], *, commit: str, date: str, seconds: float
) -> dict[str, Any]:
    """Everything, the repeats too."""
    one_by_one, batched, single = (
        {name: results.figure(runs, name) for name in ("per_second", "p50_ms", "p99_ms", "cpu_us", "elsewhere_percent")}
        for runs in (results.one_by_one, results.batched, results.single)
    )
    peers = results.peers
    return {
        "date": date,
        "commit": commit,
        "seconds": round(seconds),
        "machine": dict(machine),
        "load": {"clients": CLIENTS, "batch": BATCH, "batches_in_flight": BATCHES_IN_FLIGHT, **asdict(plan)},
        "payments_per_s": {
            "one_by_one": _rounded(one_by_one["per_second"].median),
            "batched": _rounded(batched["per_second"].median),
        },
        "latency_ms": {
            "p50": _rounded(single["p50_ms"].median),
            "p99": _rounded(single["p99_ms"].median),
            f"p50_at_{CLIENTS}_clients": _rounded(one_by_one["p50_ms"].median),
            f"p99_at_{CLIENTS}_clients": _rounded(one_by_one["p99_ms"].median),
        },
        "cpu_us_per_payment": {
            "one_by_one": _rounded(one_by_one["cpu_us"].median),
            "batched": _rounded(batched["cpu_us"].median),
        },
        "pss_mb": {"idle": _with_total(results.idle_mb), "after_load": _with_total(results.loaded_mb)},
        "peers": {
            "echo_per_s": {"1": _rounded(peers.echo_1.median), str(CLIENTS): _rounded(peers.echo_clients.median)},
            "echo_p50_ms": _rounded(peers.echo_1_p50_ms.median),
            "fdatasync_per_s": _rounded(peers.syncs.median),
            "pgbench_tpcb_per_s": _rounded(peers.pgbench.median) if peers.pgbench else None,
            "no_pgbench": peers.no_pgbench,
        },
        "ratios": {name: round(value, 3) for name, value in ratios(results).items()},
        "goals": [asdict(goal) | {"measured": _rounded(goal.measured), "met": goal.met} for goal in goals(results)],
        "books": {"payments_checked": results.payments_checked, "records_audited": results.records_audited},
        "repeats": {
            "one_by_one": _repeats(one_by_one),
            "batched": _repeats(batched),
            "one_client": _repeats(single),
            "peers": _repeats(_figures(peers)),
        },
    }


def table(results: Results) -> Table:
    """The figures, with their spread and the goals."""
    shown = Table(
        box=box.SIMPLE_HEAD, title="Interbank, three banks, every payment between two of them", show_edge=False
    )
    for heading, justify in (("", "left"), ("median", "right"), ("spread", "right"), ("goal", "left")):
        shown.add_column(heading, justify=justify)  # type: ignore[arg-type]
    wanted = {goal.name: goal for goal in goals(results)}
    for section in (_payment_rows(results), _memory_rows(results), _peer_rows(results.peers), _ratio_rows(results)):
        for name, median, spread in section:
            shown.add_row(name, median, spread, _verdict(wanted.get(name)))
        shown.add_section()
    return shown


def remarks(results: Results, *, filesystem: str) -> Iterator[str]:
    """What whoever reads the figures must know."""
    yield f"books: {results.payments_checked:,} payments are right, {results.records_audited:,} records audited"
    runs = (*results.one_by_one, *results.batched, *results.single)
    busiest = max(run.elsewhere_percent for run in runs)
    if busiest > _BUSY_PERCENT:
        yield f"something else used up to {busiest:.0f} % of this computer: alone, it is faster"
    if filesystem in ("tmpfs", "ramfs"):
        yield "the files were in memory, where a sync costs nothing: name a directory on a disk with --directory"


def _payment_rows(results: Results) -> Iterator[tuple[str, str, str]]:
    for name, runs in (("batched", results.batched), ("one by one", results.one_by_one)):
        yield _row(f"{name} payments/s", results.figure(runs, "per_second"))
    for name, runs in (("batched", results.batched), ("one by one", results.one_by_one)):
        yield _row(f"{name}, µs of the servers' processors each", results.figure(runs, "cpu_us"))
    for name, runs in (("one client", results.single), (f"{CLIENTS} clients", results.one_by_one)):
        for percent in ("p50", "p99"):
            yield _row(f"{name}, {percent} in ms", results.figure(runs, f"{percent}_ms"))


def _memory_rows(results: Results) -> Iterator[tuple[str, str, str]]:
    yield "idle PSS of gateway and three banks, MB", _number(sum(results.idle_mb.values())), ""
    yield "the same after the load", _number(sum(results.loaded_mb.values())), ""
    for name, loaded in results.loaded_mb.items():
        yield f"  {name}, idle and after", f"{_number(results.idle_mb[name])} {_number(loaded)}", ""


def _peer_rows(peers: Peers) -> Iterator[tuple[str, str, str]]:
    yield _row("gRPC echo calls/s, one client", peers.echo_1)
    yield _row(f"gRPC echo calls/s, {CLIENTS} clients", peers.echo_clients)
    yield _row("fdatasync/s", peers.syncs)
    if peers.pgbench is None:
        yield f"pgbench: {peers.no_pgbench}", "-", ""
    else:
        yield _row(f"pgbench TPC-B transactions/s, {CLIENTS} clients", peers.pgbench)


def _ratio_rows(results: Results) -> Iterator[tuple[str, str, str]]:
    for name, value in ratios(results).items():
        yield name.replace("_", " ").replace(" to ", " / "), f"{value:.2f}", ""


def _row(name: str, figure: Figure) -> tuple[str, str, str]:
    return name, _number(figure.median), f"{figure.spread_percent:.0f} %" if len(figure.values) > 1 else ""


def _verdict(goal: Goal | None) -> str:
    if goal is None:
        return ""
    bound = f"{'<' if goal.below else '≥'} {goal.wanted:,.0f}"
    return f"{bound}  [green]met[/]" if goal.met else f"{bound}  [red]not met[/]"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"


def _rounded(value: float) -> float:
    return round(value, 1) if value >= 10 else round(value, 3)


def _with_total(by_process: Mapping[str, float]) -> dict[str, float]:
    return {name: round(mb, 1) for name, mb in by_process.items()} | {"total": round(sum(by_process.values()), 1)}


def _figures(peers: Peers) -> dict[str, Figure]:
    return {name: figure for name in Peers.__slots__ if isinstance(figure := getattr(peers, name), Figure)}


def _repeats(figures: Mapping[str, Figure]) -> dict[str, Sequence[float]]:
    return {name: [_rounded(value) for value in figure.values] for name, figure in figures.items()}
