"""The arithmetic of `make bench`: medians, percentiles, ratios, goals, and what is told of them."""

from dataclasses import replace

import pytest

from benchmarks import workloads as w
from benchmarks.figures import Figure, Results, Run, p999, percentile
from benchmarks.goals import Goal, goals, ratios
from benchmarks.plan import FULL
from benchmarks.report import document, remarks, table

NOTHING = Results(runs={}, peers={}, idle_mb={}, loaded_mb={}, payments_checked=0, records_audited=0)


def _run(**changes: float | None) -> Run:
    return replace(Run(1, 1, 1, 1, 1, 1, 0), **changes)


def _measured(**changes: float) -> Results:
    """One run of everything, at the very bound of each goal."""
    rates = {w.BATCHED: 4000, w.ONE_BY_ONE: 450, w.HOT: 3600, w.RETRIED: 3800, w.SMALL_LEDGER: 1000, w.BIG_LEDGER: 900}
    p99 = {w.ONE_CLIENT: 20, w.OPEN_LOOP: 50, w.STEADY: 10, w.LOGINS: 15}
    names = {*rates, *p99}
    return Results(
        runs={name: (Run(1, rates.get(name, 1), 10, p99.get(name, 1), 1, 200, 0),) for name in names},
        peers={
            name: Figure((value,))
            for name, value in {
                w.pgbench(32): 1000,
                w.nostro(16): 90,
                w.echo(64): 1000,
                w.ECHO_P50: 1,
                w.ECHO_P99: 1,
                w.SYNCS: 4000,
            }.items()
        },
        idle_mb={"gateway": 55, "NORTH": 55, "SOUTH": 55, "EAST": 55},
        loaded_mb={},
        payments_checked=1,
        records_audited=1,
        others={
            name: Figure((changes.get(name, value),))
            for name, value in {
                w.START: 5,
                w.STATEMENT: 20,
                w.RECOVERY_GATEWAY: 10,
                w.RECOVERY_BANK: 10,
            }.items()
        },
    )


@pytest.mark.parametrize(("percent", "value"), [(1, 1), (50, 5), (90, 9), (91, 10), (99, 10), (100, 10)])
def test_a_percentile_is_a_value_that_was_measured(percent, value):
    assert percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent) == value


def test_the_median_counts_and_the_spread_is_told():
    figure = Figure((90.0, 100.0, 120.0))
    assert (figure.median, figure.spread_percent) == (100.0, 30.0)


def test_of_a_thousand_calls_there_is_a_p999_and_of_fewer_there_is_none():
    assert p999([1.0] * 998 + [2.0, 3.0]) == 2.0
    assert p999([1.0] * 999) is None
    runs = {w.ONE_BY_ONE: (_run(p999_ms=5), _run(p999_ms=7)), w.ONE_CLIENT: (_run(p999_ms=5), _run(p999_ms=None))}
    measured = replace(NOTHING, runs=runs, left_out=("no point for 1,024 clients",))
    found = document(measured, NOTHING, FULL, {}, commit="", date="", seconds=9.0, quick_seconds=81.4)
    assert found["latency_ms"]["p999"] == {w.ONE_BY_ONE: 6}
    assert found["latency_ms"]["p99"].keys() == {w.ONE_BY_ONE, w.ONE_CLIENT}
    assert found["repeats"][w.ONE_BY_ONE]["p999_ms"] == [5, 7]
    assert "p999_ms" not in found["repeats"][w.ONE_CLIENT]
    assert found["quick"]["seconds"] == 81
    assert found["left_out"] == ["no point for 1,024 clients"]
    rows = [str(cell) for cell in table(measured).columns[0].cells]
    assert "one by one, 64 clients: p99.9 in ms" in rows
    assert "one client: p99 in ms" in rows
    assert "one client: p99.9 in ms" not in rows


def test_whoever_reads_is_told_what_was_left_out_and_of_an_audit_only_where_there_was_one():
    measured = replace(NOTHING, runs={w.BATCHED: (_run(),)}, left_out=("no point",), payments_checked=5)
    assert list(remarks(measured, filesystem="ext4")) == ["books: 5 payments are right", "no point"]
    audited = replace(measured, records_audited=7, left_out=())
    assert list(remarks(audited, filesystem="ext4")) == ["books: 5 payments are right, 7 records audited"]


def test_ours_over_ours_is_the_median_of_the_rounds():
    hot, uniform = (100, 200, 400), (100, 100, 800)
    runs = {
        w.HOT: tuple(_run(per_second=rate) for rate in hot),
        w.BATCHED: tuple(_run(per_second=rate) for rate in uniform),
    }
    assert ratios(replace(NOTHING, runs=runs)) == {"hot_to_uniform": 1.0}
    runs[w.RETRIED] = tuple(_run(per_second=rate) for rate in (50, 300, 80))
    assert ratios(replace(NOTHING, runs=runs))["retried_to_fresh"] == 0.5


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (Goal("payments", 4000, 4000), True),
        (Goal("payments", 3999, 4000), False),
        (Goal("memory", 300, 300, at_most=True), True),
        (Goal("memory", 301, 300, at_most=True), False),
        (Goal("memory", None, 300, at_most=True), None),
    ],
)
def test_a_goal_is_met_or_it_is_not(goal, met):
    assert goal.met is met


def test_every_goal_is_held_against_its_figure():
    found = goals(_measured())
    assert len(found) == 16
    assert [(goal.name, goal.measured, goal.met) for goal in found if goal.measured != goal.wanted] == []
    assert all(goal.met for goal in found)


def test_a_goal_that_is_missed_is_the_only_one_that_is():
    missed = [goal.name for goal in goals(_measured(**{w.RECOVERY_BANK: 10.5})) if not goal.met]
    assert missed == ["SIGKILL of a bank until all are final, s"]


def test_what_was_not_measured_has_no_ratio_and_meets_no_goal():
    assert ratios(NOTHING) == {}
    assert {goal.met for goal in goals(NOTHING)} == {None}
