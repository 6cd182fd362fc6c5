"""Both networks as a table. No input or output."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table

from benchmarks.beside.ways import WAYS
from benchmarks.figures import Figure, Run
from benchmarks.report import number

Runs = Mapping[str, Mapping[str, Sequence[Run]]]
"""By workload, then by checkout ("there" and "here"); of one workload each has as many."""

_WORDS = {"per_second": "payments/s", "cpu_us": "µs of processor each", "p50_ms": "p50 ms", "p99_ms": "p99 ms"}


def table(runs: Runs, *, title: str) -> Table:
    """By workload: the medians of both, and of the ratios of each turn the median, the lowest and the highest."""
    shown = Table(box=box.SIMPLE_HEAD, title=title, show_edge=False)
    for heading in ("", "", "there", "here", "here / there", "from", "to"):
        shown.add_column(heading, justify="right" if heading else "left")
    for workload, found in runs.items():
        for figure in WAYS[workload].figures:
            there, here = ([getattr(run, figure) for run in found[label]] for label in ("there", "here"))
            ratios = [after / before for before, after in zip(there, here, strict=True)]
            medians = (number(Figure(tuple(some)).median) for some in (there, here))
            spread = (Figure(tuple(ratios)).median, min(ratios), max(ratios))
            shown.add_row(workload, _WORDS[figure], *medians, *(f"{ratio:.2f}" for ratio in spread))
        shown.add_section()
    return shown
