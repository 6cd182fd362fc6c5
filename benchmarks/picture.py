"""docs/benchmarks.svg: throughput over orders in one call and over clients, ours and the peers'. No input or output."""

from collections.abc import Callable

from benchmarks import workloads as w
from benchmarks.chart import Line, Panel, svg
from benchmarks.figures import Curve, Results

_COUNTS = (1, 8, 16, 32, 64)


def picture(results: Results, *, title: str) -> str:
    """The chart of what was measured."""
    ours = "Interbank"
    return svg(
        title,
        [
            Panel(
                "Orders in one call",
                "orders in each call, six calls under way",
                (Line(ours, results.curves.get(w.OVER_BATCHES, ())),),
                "payments per second",
            ),
            Panel(
                "One payment per call",
                "clients",
                (
                    Line(ours, results.curves.get(w.OVER_CLIENTS, ())),
                    Line("gRPC echo, TLS", _peer(results, w.echo)),
                    Line("pgbench", _peer(results, w.pgbench)),
                    Line("hf-nostro", _peer(results, w.nostro)),
                    Line("hf-nostro, apart", _peer(results, w.nostro_apart)),
                ),
                "per second",
            ),
        ],
    )


def _peer(results: Results, name: Callable[[int], str]) -> Curve:
    found = ((count, results.peers.get(name(count))) for count in _COUNTS)
    return tuple((count, figure.median) for count, figure in found if figure is not None)
