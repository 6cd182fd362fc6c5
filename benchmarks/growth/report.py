"""The curves as a table for people, as an object for programs, and as a picture. No input or output."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from rich import box
from rich.table import Table

from benchmarks import workloads as w
from benchmarks.chart import Line, Panel, svg
from benchmarks.figures import Curve, Figure, Run
from benchmarks.growth.points import Point
from benchmarks.growth.sizes import Sizes
from benchmarks.report import number, plain

Curves = Mapping[str, Sequence[Point]]
"""Points in order, by what grows."""

_TITLES = {
    "banks": ("Banks", "banks in the network"),
    "accounts": ("Accounts", "accounts at three banks"),
    "entries": ("Length of the ledgers", "entries at three banks"),
    "clients": ("Customers at once", "clients who pay one by one"),
}
_LINES = ((w.BATCHED, "batched"), (w.ONE_BY_ONE, "one by one"))
_OF_A_RUN = tuple(field.name for field in fields(Run))


def document(
    curves: Curves, sizes: Sizes, machine: Mapping[str, Any], *, commit: str, date: str, seconds: float
) -> dict[str, Any]:
    """Everything, the repeats too."""
    return {
        "date": date,
        "commit": commit,
        "seconds": round(seconds),
        "machine": dict(machine),
        "sizes": plain(sizes),
        "curves": {
            axis: [
                {"size": point.size, "grown": _all_of(point.runs), "beside": _all_of(point.beside)} for point in points
            ]
            for axis, points in curves.items()
        },
    }


def table(curves: Curves) -> Table:
    """Medians: payments per second, what is left of the rate of the small network beside it, and the servers' time."""
    shown = Table(box=box.SIMPLE_HEAD, title="Cost as the work grows", show_edge=False)
    for heading in ("", "", "payments/s", "of a small network's", "µs of processor each", "of a small network's"):
        shown.add_column(heading, justify="right" if heading else "left")
    for axis, points in curves.items():
        for point in points:
            for workload, label in _LINES:
                if workload in point.runs:
                    rate, share = _median(point.runs, workload, "per_second"), _share(point, workload, "per_second")
                    cpu, more = _median(point.runs, workload, "cpu_us"), _share(point, workload, "cpu_us")
                    shown.add_row(f"{point.size:,} {axis}", label, number(rate), share, number(cpu), more)
        shown.add_section()
    return shown


def picture(curves: Curves, *, title: str) -> str:
    """Two rows of panels: payments per second, and below what each takes of the servers' processors."""
    return svg(
        title,
        *(
            [Panel(*_TITLES[axis], tuple(_lines(points, figure)), y_label) for axis, points in curves.items()]
            for figure, y_label in (("per_second", "payments per second"), ("cpu_us", "µs of processor for each"))
        ),
    )


def _lines(points: Sequence[Point], figure: str) -> Iterator[Line]:
    for workload, label in _LINES:
        yield Line(label, _curve(((point.size, point.runs) for point in points), workload, figure))
    for workload, label in _LINES:
        yield Line(f"{label}, small", _curve(((point.size, point.beside) for point in points), workload, figure))


def _curve(places: Iterable[tuple[int, Mapping[str, Sequence[Run]]]], workload: str, figure: str) -> Curve:
    return tuple((size, _median(runs, workload, figure)) for size, runs in places if workload in runs)


def _median(runs: Mapping[str, Sequence[Run]], workload: str, figure: str) -> float:
    return Figure(tuple(getattr(run, figure) for run in runs[workload])).median


def _share(point: Point, workload: str, figure: str) -> str:
    if workload not in point.beside:
        return ""
    return f"{_median(point.runs, workload, figure) / _median(point.beside, workload, figure):.0%}"


def _all_of(runs: Mapping[str, Sequence[Run]]) -> dict[str, dict[str, list[float | None]]]:
    return {
        workload: {name: [_rounded(getattr(run, name)) for run in some] for name in _OF_A_RUN}
        for workload, some in runs.items()
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
