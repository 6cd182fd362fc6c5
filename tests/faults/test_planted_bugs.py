"""A lab that would not find a defect proves nothing by finding none: here are defects, and it finds every one."""

import multiprocessing

import pytest

from lab.planted.names import planted
from lab.planted.rules import BUGS
from lab.simulation.campaign import histories_to_catch
from lab.simulation.history import run
from tests.faults.figures import PLANTED, Tell

WITHIN = 1_500
"""Histories in which each must be found."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_planted_bug_is_caught(tell: Tell) -> None:
    with multiprocessing.get_context("spawn").Pool() as pool:
        found = dict(pool.imap_unordered(histories_to_catch, [(name, WITHIN) for name in BUGS], chunksize=1))
    assert [name for name, after in found.items() if after is None] == []
    assert len(found) >= 20
    tell({PLANTED: len(found)})


def test_a_planted_bug_is_caught_and_gone_afterwards() -> None:
    with planted("a skipped leg"):
        assert run(0).wrong
    assert run(0).wrong == []
