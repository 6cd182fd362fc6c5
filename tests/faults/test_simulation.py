"""The real gateway and banks in virtual time: whatever a seed makes of network, disks, processes and clocks, no money
is lost, made or moved twice, and everything becomes final."""

import os
import subprocess
import sys

import pytest

from lab.found import FOUND
from lab.simulation.campaign import Campaign, run_many
from lab.simulation.history import carry_out, run
from lab.simulation.plan import draw
from tests.faults.figures import HISTORIES, PAYMENTS, Tell


def show(campaign: Campaign) -> str:
    return "\n".join(campaign.lines(1))


def test_nothing_is_lost_made_or_doubled_in_a_hundred_histories() -> None:
    campaign = run_many(range(1_000, 1_100), os.cpu_count() or 1)
    assert not campaign.failed, show(campaign)
    assert campaign.ends["COMPLETED"] > 500
    assert {"RETURNED", "REFUSED"} <= campaign.ends.keys()
    assert campaign.deaths > 20
    assert campaign.repairs > 5


@pytest.mark.parametrize("seed", [found.seed for found in FOUND])
def test_a_history_that_was_wrong_once_is_right(seed: int) -> None:
    history = run(seed)
    assert history.wrong == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_nothing_is_lost_made_or_doubled_in_many_histories(tell: Tell) -> None:
    histories = int(os.environ.get("INTERBANK_HISTORIES", "5000"))
    campaign = run_many(range(10_000, 10_000 + histories), os.cpu_count() or 1)
    assert not campaign.failed, show(campaign)
    assert campaign.payments > 10 * histories
    assert campaign.looks > histories
    tell({HISTORIES: histories, PAYMENTS: campaign.payments})


def digest(seed: int, hash_seed: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "lab.simulation", "--seed", str(seed)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout.splitlines()[-1]


@pytest.mark.parametrize("seed", [3, 11, 56])
def test_a_seed_is_one_history_byte_for_byte_in_whatever_process(seed: int) -> None:
    assert digest(seed, "0") == digest(seed, "12345")


def test_plans_differ_and_each_kind_of_fault_is_drawn_and_left_out() -> None:
    plans = [draw(seed) for seed in range(300)]
    for fault in ("loss", "repeat", "slow", "slow_sync", "crashes", "cuts", "old_copies", "second_gateway",
                  "journal_lost", "leaps", "frozen"):  # fmt: skip
        drawn = sum(bool(getattr(plan, fault)) for plan in plans)
        assert 15 < drawn < 285, fault
    assert len({plan.orders for plan in plans}) > 10


def test_a_history_without_faults_is_quick_and_pays_everything() -> None:
    quiet = next(plan for plan in map(draw, range(10_000)) if not (
        plan.loss or plan.repeat or plan.slow or plan.slow_sync or plan.crashes or plan.cuts or plan.old_copies
        or plan.second_gateway or plan.journal_lost or plan.frozen))  # fmt: skip
    history = carry_out(quiet)
    assert history.wrong == []
    assert (history.deaths, history.repairs) == (0, 0)
    assert all(wish.told or wish.refused for wish in history.wishes)
