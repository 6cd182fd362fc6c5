"""What `make bench-curves` tells of its points."""

from benchmarks import workloads as w
from benchmarks.figures import Run
from benchmarks.growth.points import Point
from benchmarks.growth.report import document, picture, table
from benchmarks.growth.sizes import FULL, SMALL


def _run(per_second: float, cpu_us: float) -> Run:
    return Run(100, per_second, 1.0, 2.0, 3.0, cpu_us, 0.0)


SMALL_ONE = {w.BATCHED: (_run(4000, 400),), w.ONE_BY_ONE: (_run(500, 3000),)}
CURVES = {
    "banks": [
        Point(1, {w.BATCHED: (_run(1, 1), _run(6000, 200), _run(9000, 900))}, SMALL_ONE),
        Point(32, {w.BATCHED: (_run(3000, 500),), w.ONE_BY_ONE: (_run(250, 4000),)}, SMALL_ONE),
    ],
    "clients": [Point(64, {w.ONE_BY_ONE: (_run(512, 3100),)})],
}


def _rows() -> list[tuple[str, ...]]:
    shown = table(CURVES)
    return list(zip(*(column.cells for column in shown.columns), strict=True))


def test_a_median_stands_beside_its_share_of_the_small_network():
    assert ("1 banks", "batched", "6,000", "150%", "200", "50%") in _rows()
    assert ("32 banks", "one by one", "250", "50%", "4,000", "133%") in _rows()


def test_a_point_without_a_network_beside_it_has_no_share():
    assert ("64 clients", "one by one", "512", "", "3,100", "") in _rows()


def test_every_repeat_is_kept():
    found = document(CURVES, SMALL, {"cores": 2}, commit="abc", date="2026-11-24", seconds=1.4)
    first, last = found["curves"]["banks"]
    assert first["grown"][w.BATCHED]["per_second"] == [1, 6000, 9000]
    assert last["beside"][w.ONE_BY_ONE]["cpu_us"] == [3000]
    assert found["sizes"]["banks"] == list(SMALL.banks)


def test_the_picture_tells_rates_and_what_they_cost():
    told = picture(CURVES, title="Cost")
    assert "Banks, payments per second: batched 6,000 at 1, 3,000 at 32; one by one 250 at 32;" in told
    assert "Banks, µs of processor for each: batched 200 at 1, 500 at 32" in told
    assert "Customers at once, payments per second: one by one 512 at 64." in told


def test_the_curves_are_as_long_as_was_asked():
    assert (FULL.banks[0], FULL.banks[-1]) == (1, 32)
    assert (FULL.accounts[0], FULL.accounts[-1]) == (100, 1_000_000)
    assert (FULL.entries[0], FULL.entries[-1]) == (0, 10_000_000)
    assert (FULL.clients[0], FULL.clients[-1]) == (1, 1_024)
