"""Both networks as a table. No input or output."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table

from benchmarks.figures import Figure, Run
from benchmarks.report import number

Runs = Mapping[str, Mapping[str, Sequence[Run]]]
"""By workload, then by checkout ("there" and "here"); of one workload each has as many."""

_FIGURES = {"per_second": "payments/s", "cpu_us": "µs of processor each", "p50_ms": "p50 ms", "p99_ms": "p99 ms"}


def table(runs: Runs, *, title: str) -> Table:
    """By workload: the medians of both, and the median of the ratios of each turn, here over there."""
    shown = Table(box=box.SIMPLE_HEAD, title=title, show_edge=False)
    for heading in ("", "", "there", "here", "here / there"):
        shown.add_column(heading, justify="right" if heading else "left")
    for workload, found in runs.items():
        for name, heading in _FIGURES.items():
            there, here = ([getattr(run, name) for run in found[label]] for label in ("there", "here"))
            ratios = Figure(tuple(ours / theirs for ours, theirs in zip(here, there, strict=True)))
            medians = (number(Figure(tuple(some)).median) for some in (there, here))
            shown.add_row(workload, heading, *medians, f"{ratios.median:.2f}")
        shown.add_section()
    return shown
