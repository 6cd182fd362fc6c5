"""`interbank lab`, as people and scripts call it, and the page that a campaign writes."""

from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from lab.crashpoints.campaign import Result as CrashPoints
from lab.crashpoints.trial import Ended, Trial
from lab.found import FOUND
from lab.pieces import Pieces
from lab.processes.campaign import Result as Processes
from lab.report import Caught, Run, markdown
from lab.simulation.campaign import Campaign
from lab.tally import merge
from tests.command_line import run


@pytest.mark.slow
def test_a_few_histories_are_told_as_a_table_and_as_json(tmp_path: Path) -> None:
    told = run("lab", "histories", "--number", "4", "--jobs", "1", env={"INTERBANK_HOME": str(tmp_path)})
    assert told.code == 0, told.err
    assert told.out.startswith("4 histories in ")

    found = run("lab", "histories", "--number", "4", "--jobs", "1", env={"INTERBANK_OUTPUT": "json"}).json
    assert found["wrong"] == []
    assert found["said"][0].startswith("4 histories in ")


def run_of(*caught: Caught) -> Run:
    run = Run({"cpu": "a fast one", "cores": 2}, "2026-11-23", "python -m lab", seeds="1 to 2", caught=caught)
    run.commits["histories"] = ["0123456789ab"]
    return run


def test_the_page_says_what_was_run_and_that_nothing_was_wrong() -> None:
    run = run_of(Caught("no sync at all", "power loss", 2))
    run.histories = Campaign(histories=2_000, payments=30_000, deaths=7)
    run.seconds["histories"] = 120.0
    run.processes = Processes(kills=2_001, orders=9_000, unheard=Counter(COMPLETED=40, REFUSED=2), slowest=4.24)
    run.processes.faults = Counter({"half-open": 17})

    page = markdown(run, orders_per_point=50)
    assert "Written by `python -m lab` from its own results" in page
    assert "at commit 0123456789ab, on cpu a fast one, cores 2" in page
    assert "| histories of the simulation, seeds 1 to 2 | 2,000, 1,000 a minute |" in page
    assert "| payments under faults, all together | 39,000 |" in page
    assert "| SIGKILLs of real processes behind proxies at random moments | 2,001 |" in page
    assert "| orders meanwhile, of which in doubt for a while | 9,000, 42 |" in page
    assert "| slowest until all was final, seconds after the last fault | 4.2 |" in page
    assert "| half-open | 17 |" in page
    assert "| planted bugs found | 1 of 1 |" in page
    assert "or anything else wrong** | **0** |" in page
    assert "\n## What ended wrong\n\nNothing.\n" in page
    for found in FOUND:
        assert f"| {found.seed} |" in page


def test_the_page_says_which_part_was_run_at_which_commit() -> None:
    run = run_of()
    run.commits |= {"power loss": ["0123456789ab"], "real processes": ["0123456789ab", "fedcba987654"]}
    page = markdown(run, orders_per_point=50)
    assert "commits 0123456789ab (histories, power loss, real processes), fedcba987654 (real processes)" in page


def test_a_campaign_that_is_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    made: list[int] = []

    def piece(number: int) -> Campaign:
        made.append(number)
        return Campaign(histories=number, slowest=float(number), ends=Counter(COMPLETED=number), failed={number: ["x"]})

    for numbers in ((1, 2), (1, 2, 3)):
        whole, pieces = Campaign(), Pieces(tmp_path / "kept")
        for number in numbers:
            merge(whole, pieces.get(f"histories-{number}", partial(piece, number)).result)
    assert made == [1, 2, 3]
    assert whole == Campaign(histories=6, slowest=3.0, ends=Counter(COMPLETED=6), failed={1: ["x"], 2: ["x"], 3: ["x"]})


def test_the_page_says_what_was_wrong_and_how_to_see_it_again() -> None:
    run = run_of(Caught("a new id on every retry", "simulation", None))
    run.histories = Campaign(failed={7: ["a cent is missing", "and more"]})
    run.processes.failed["python -m lab.processes --seed 9"] = ("a debit is still open", "and more")
    run.crash_points = CrashPoints()
    run.crash_points.add(Ended(Trial(("NORTH: taking DEBIT",), "COMPLETED", True), wrong=["paid 2 times"]))

    page = markdown(run, orders_per_point=50)
    assert "or anything else wrong** | **4** |" in page
    assert "- seed 7: a cent is missing; `python -m lab.simulation --seed 7 --timeline`" in page
    assert "paid 2 times; `python -m lab.crashpoints --outcome COMPLETED --point 'NORTH: taking DEBIT' --retry`" in page
    assert "- a debit is still open and 1 more; `python -m lab.processes --seed 9`" in page
    assert "- planted and not found: a new id on every retry" in page
    assert "| a new id on every retry | simulation | not found |" in page
