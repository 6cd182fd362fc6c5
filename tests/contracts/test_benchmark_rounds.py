"""In which order `make bench` measures, and how hard."""

from dataclasses import replace
from typing import Any

from benchmarks import rounds
from benchmarks import workloads as w
from benchmarks.figures import Run
from benchmarks.plan import FULL, QUICK
from benchmarks.rounds import rotated
from benchmarks.sweeps import measure_sweeps, within


def _run(**changes: float | None) -> Run:
    return replace(Run(1, 1, 1, 1, 1, 1, 0), **changes)


class _Payments:
    """Writes down what it is told to pay, and is as fast as it is told to be."""

    def __init__(self, per_second: float = 1.0) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.per_second = per_second

    def __getattr__(self, kind: str) -> Any:
        def pay(name: str, *arguments: Any, **named: Any) -> Run:
            self.told.append((name, kind, *arguments, named))
            return _run(per_second=self.per_second)

        return pay


def test_every_workload_meets_what_grows_in_another_place_in_each_round():
    first, second, third = (rotated("ABCDE", number) for number in (1, 2, 3))
    assert ("".join(first), "".join(second), "".join(third)) == ("ABCDE", "BCDEA", "CDEAB")
    assert rotated("AB", 3) == ("A", "B")


def test_of_two_in_batches_that_are_compared_each_comes_first_in_some_round():
    places = []
    for number in (1, 2, 3):
        runs = list(rounds._closed(FULL, _Payments(), number))
        assert set(runs) == {w.BATCHED, w.ONE_BY_ONE, w.HOT, w.ONE_CLIENT, w.RETRIED}
        places.append({name: runs.index(name) for name in runs})
    for compared in (w.HOT, w.RETRIED, w.ONE_BY_ONE):
        assert {place[compared] < place[w.BATCHED] for place in places} == {True, False}


def test_the_open_loops_come_at_a_part_of_what_256_clients_get():
    payments = _Payments(per_second=800.0)
    assert list(rounds._open(FULL, payments, 1)) == [w.MAXIMUM, w.OPEN_LOOP, w.STEADY, w.LOGINS]
    kinds = [told[1:-1] for told in payments.told]
    seconds = FULL.open_loop
    assert kinds == [
        ("one_by_one", 256, FULL.one_by_one),
        ("at_rate", seconds, 400.0),
        ("at_rate", seconds, 200.0),
        ("at_rate", seconds, 200.0, 2.0),
    ]
    assert rounds._open(QUICK, payments, 1) == {}


def test_the_maximum_is_a_point_of_the_curve_and_not_measured_again():
    payments = _Payments(per_second=5.0)
    runs = {name: (_run(per_second=rate),) for name, rate in ((w.BATCHED, 9), (w.ONE_CLIENT, 1), (w.ONE_BY_ONE, 2))}
    runs[w.MAXIMUM] = (_run(per_second=2), _run(per_second=3), _run(per_second=9))
    found = measure_sweeps(FULL, payments, runs).curves
    assert found[w.OVER_CLIENTS] == ((1, 1), (8, 5.0), (64, 2), (256, 3), (1024, 5.0))
    assert not any("256" in told[0] for told in payments.told)


def test_clients_for_whose_connections_there_are_too_few_files_are_left_out_with_a_remark():
    assert within(None, (8, 1024)) == ((8, 1024), ())
    assert within(1024, (8, 1024)) == ((8, 1024), ())
    possible, left_out = within(1023, (8, 1024))
    assert possible == (8,)
    assert left_out == ("no point for 1,024 clients: a process may not open as many files here (ulimit -Hn)",)
