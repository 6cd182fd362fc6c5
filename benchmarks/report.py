"""What was measured, as a table for people and as an object for programs. No input or output."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from benchmarks import workloads as w
from benchmarks.disk import IN_MEMORY
from benchmarks.figures import Figure, Results, Run
from benchmarks.goals import Goal, goals, ratios
from benchmarks.guard import Change
from benchmarks.plan import BATCH, BATCHES_IN_FLIGHT, CLIENTS, QUICK, Plan

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_BUSY_PERCENT = 10
_OF_A_RUN = tuple(field.name for field in fields(Run))


def document(
    results: Results,
    quick: Results,
    plan: Plan,
    machine: Mapping[str, str | int | float],
    *,
    commit: str,
    date: str,
    seconds: float,
    quick_seconds: float,
) -> dict[str, Any]:
    """Everything, the repeats too; `quick` is what the quick plan gave in the same hour, and how long it took."""
    return {
        "date": date,
        "commit": commit,
        "seconds": round(seconds),
        "machine": dict(machine),
        "load": {"clients": CLIENTS, "batch": BATCH, "batches_in_flight": BATCHES_IN_FLIGHT, **plain(plan)},
        "payments_per_s": _medians(results, "per_second"),
        "latency_ms": {
            percent: _medians(results, f"{percent}_ms", without=w.IN_BATCHES) for percent in ("p50", "p99", "p999")
        },
        "cpu_us_per_payment": _medians(results, "cpu_us"),
        "pss_mb": {"idle": _with_total(results.idle_mb), "after_load": _with_total(results.loaded_mb)},
        "others": {name: _rounded(figure.median) for name, figure in results.others.items()},
        "peers": {name: _rounded(figure.median) for name, figure in results.peers.items()},
        "no_peers": dict(results.no_peers),
        "left_out": list(results.left_out),
        "ratios": _ratios(results),
        "quick": {"seconds": round(quick_seconds), "plan": plain(QUICK), "ratios": _ratios(quick)},
        "goals": [asdict(goal) | {"measured": _maybe(goal.measured), "met": goal.met} for goal in goals(results)],
        "books": {"payments_checked": results.payments_checked, "records_audited": results.records_audited},
        "curves": {name: [[x, _rounded(rate)] for x, rate in points] for name, points in results.curves.items()},
        "repeats": {
            **{name: _repeats(_figures(results, name)) for name in results.runs},
            "others": _repeats(results.others),
            "peers": _repeats(results.peers),
        },
    }


def table(results: Results) -> Table:
    """The figures with their spread."""
    shown = _empty_table("Interbank, three banks, every payment between two of them", "median", "spread")
    for section in (_payment_rows(results), _other_rows(results), _peer_rows(results), _ratio_rows(results)):
        for row in section:
            shown.add_row(*row)
        shown.add_section()
    return shown


def goal_table(results: Results) -> Table:
    """Every goal, and whether it was met."""
    shown = _empty_table("Goals", "measured", "goal", "")
    for goal in goals(results):
        measured = "-" if goal.measured is None else number(goal.measured)
        shown.add_row(goal.name, measured, f"{'≤' if goal.at_most else '≥'} {goal.wanted:,g}", _verdict(goal))
    return shown


def guard_table(changes: Sequence[Change]) -> Table:
    """Every guarded ratio as it was and as it is."""
    shown = _empty_table("Ratios, as the last measurement says and now", "then", "now", "left", "")
    for change in changes:
        left = "-" if change.left is None else f"{change.left:.0%}"
        verdict = "[red]fell[/]" if change.fell else ""
        shown.add_row(_words(change.name), _ratio(change.before), _ratio(change.now), left, verdict)
    return shown


def plain(plan: "DataclassInstance") -> dict[str, Any]:
    """What a measurement was asked to do, as it stands in JSON."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(plan).items()}


def remarks(results: Results, *, filesystem: str) -> Iterator[str]:
    """What whoever reads the figures must know."""
    audited = f", {results.records_audited:,} records audited" if results.records_audited else ""
    yield f"books: {results.payments_checked:,} payments are right{audited}"
    yield from results.left_out
    for peer, why in results.no_peers.items():
        yield f"{peer} is missing: {why}"
    busiest = max(run.elsewhere_percent for runs in results.runs.values() for run in runs)
    if busiest > _BUSY_PERCENT:
        yield f"something else used up to {busiest:.0f} % of this computer: alone, it is faster"
    if filesystem in IN_MEMORY:
        yield "the files were in memory, where a sync costs nothing: name a directory on a disk with --directory"


def number(value: float) -> str:
    """As people read it: three digits or more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"


def _empty_table(title: str, *headings: str) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, title=title, show_edge=False)
    shown.add_column("", justify="left")
    for heading in headings:
        shown.add_column(heading, justify="right" if heading else "left")
    return shown


def _payment_rows(results: Results) -> Iterator[tuple[str, str, str]]:
    measured = [(name, label) for name, label in w.LABELS.items() if name in results.runs]
    for name, label in measured:
        yield _row(f"{label}: payments/s", _figures(results, name)["per_second"])
    for name, label in measured:
        yield _row(f"{label}: µs of the servers' processors each", _figures(results, name)["cpu_us"])
    for name, label in measured:
        figures = _figures(results, name)
        for percent, key in (("p50", "p50_ms"), ("p99", "p99_ms"), ("p99.9", "p999_ms")):
            if name not in w.IN_BATCHES and key in figures:
                yield _row(f"{label}: {percent} in ms", figures[key])


def _other_rows(results: Results) -> Iterator[tuple[str, str, str]]:
    for name, label in w.OTHERS.items():
        if name in results.others:
            yield _row(label, results.others[name])
    yield "idle PSS of gateway and three banks, MB", number(sum(results.idle_mb.values())), ""
    yield "the same after the load", number(sum(results.loaded_mb.values())), ""
    for name, loaded in results.loaded_mb.items():
        yield f"  {name}, idle and after", f"{number(results.idle_mb[name])} {number(loaded)}", ""


def _peer_rows(results: Results) -> Iterator[tuple[str, str, str]]:
    for name, figure in results.peers.items():
        yield _row(name.replace("_per_s", "/s").replace("_", " "), figure)


def _ratio_rows(results: Results) -> Iterator[tuple[str, str, str]]:
    for name, value in ratios(results).items():
        yield _words(name), f"{value:.2f}", ""


def _words(ratio: str) -> str:
    return ratio.replace("_", " ").replace(" to ", " / ")


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _ratios(results: Results) -> dict[str, float]:
    return {name: round(value, 3) for name, value in ratios(results).items()}


def _row(name: str, figure: Figure) -> tuple[str, str, str]:
    return name, number(figure.median), f"{figure.spread_percent:.0f} %" if len(figure.values) > 1 else ""


def _verdict(goal: Goal) -> str:
    return {None: "not measured", True: "[green]met[/]", False: "[red]not met[/]"}[goal.met]


def _figures(results: Results, workload: str) -> dict[str, Figure]:
    """What there is of its runs."""
    found = ((name, results.figure(workload, name)) for name in _OF_A_RUN)
    return {name: figure for name, figure in found if figure is not None}


def _medians(results: Results, name: str, without: frozenset[str] = frozenset()) -> dict[str, float]:
    found = ((workload, results.figure(workload, name)) for workload in results.runs if workload not in without)
    return {workload: _rounded(figure.median) for workload, figure in found if figure is not None}


def _rounded(value: float) -> float:
    return round(value, 1) if value >= 10 else round(value, 3)


def _maybe(value: float | None) -> float | None:
    return None if value is None else _rounded(value)


def _with_total(by_process: Mapping[str, float]) -> dict[str, float]:
    return {name: round(mb, 1) for name, mb in by_process.items()} | {"total": round(sum(by_process.values()), 1)}


def _repeats(figures: Mapping[str, Figure]) -> dict[str, Sequence[float]]:
    return {name: [_rounded(value) for value in figure.values] for name, figure in figures.items()}
