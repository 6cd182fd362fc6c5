"""`make bench-quick` fails when this project became slower, and only then."""

import pytest

from benchmarks.guard import GUARDED, LOWER_IS_BETTER, Change, compare


def test_what_is_as_it_was_has_not_fallen():
    ratios = dict.fromkeys(GUARDED, 0.8)
    assert not any(change.fell for change in compare(ratios, ratios))


@pytest.mark.parametrize("name", sorted(set(GUARDED) - LOWER_IS_BETTER))
def test_a_rate_may_fall_by_a_quarter_and_no_more(name):
    assert not Change(name, 1.0, 0.75).fell
    assert Change(name, 1.0, 0.74).fell
    assert not Change(name, 1.0, 9.0).fell


@pytest.mark.parametrize("name", sorted(LOWER_IS_BETTER))
def test_a_time_may_rise_by_a_third_and_no_more(name):
    assert not Change(name, 3.0, 4.0).fell
    assert Change(name, 3.0, 4.1).fell
    assert not Change(name, 3.0, 0.1).fell


def test_one_that_fell_is_found_among_those_that_did_not():
    before = dict.fromkeys(GUARDED, 1.0)
    fallen = [change.name for change in compare(before, before | {"hot_to_uniform": 0.5}) if change.fell]
    assert fallen == ["hot_to_uniform"]


@pytest.mark.parametrize(("before", "now"), [(1.0, None), (None, 1.0), (None, None), (0.0, 1.0)])
def test_what_was_not_measured_on_one_side_is_told_and_fails_nothing(before, now):
    change = Change("batched_to_pgbench_32", before, now)
    assert change.left is None
    assert not change.fell


def test_nothing_but_guarded_ratios_is_compared():
    assert [change.name for change in compare({"p99": 1.0}, {"p99": 0.1})] == list(GUARDED)
