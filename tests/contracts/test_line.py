"""The line before a bank: nobody stands in it twice, nobody is forgotten, and who is alone waits for nobody."""

import asyncio
from dataclasses import replace

import pytest

from gateway_service.line import GATHERED, SETTLE_WITHIN, Asked, Line
from gateway_service.transfer import State, give_up
from gateway_service.underway import Underway
from interbank.instructions import InstructionKind as I
from interbank.instructions import OutcomeKind as O
from tests.contracts.one_bank import Watch
from tests.contracts.test_pipeline import a_transfer
from tests.instructing import ORDER, evidence


@pytest.fixture
async def line() -> Line:
    return Line("NORTH", Watch())


def underway(key: str = "k-1") -> Underway:
    return Underway(a_transfer(replace(ORDER, idempotency_key=key)))


def kinds(batch: list[Asked]) -> list[tuple[str, I]]:
    return [(asked.transfer.order.idempotency_key, asked.kind) for asked in batch]


@pytest.mark.parametrize("turns", range(4))
async def test_whoever_is_told_to_stop_at_the_moment_somebody_joins_stops(line: Line, turns: int) -> None:
    waiting = asyncio.ensure_future(line.woken(within=60))
    await asyncio.sleep(0)
    line.join(underway())
    for _ in range(turns):
        await asyncio.sleep(0)
    told = waiting.cancel()  # unless it has ended by now
    await asyncio.wait([waiting])
    assert waiting.cancelled() == told


async def test_nobody_stands_in_line_twice(line: Line) -> None:
    one = underway()
    for _ in range(3):
        line.join(one)
    assert len(line.waiting) == 1
    assert kinds(line.take()) == [("k-1", I.DEBIT)]
    line.join(one)
    assert kinds(line.take()) == [("k-1", I.DEBIT)]


async def test_a_transfer_is_asked_for_as_what_it_is_when_its_turn_comes(line: Line) -> None:
    one, gone = underway("one"), underway("gone")
    line.join(one)
    line.join(gone)
    gone.moved(give_up(gone.transfer))
    assert give_up(gone.transfer).state is State.CANCELLING, "which is for its payee's bank"
    assert kinds(line.take()) == [("one", I.DEBIT)]


async def test_what_was_not_answered_stands_first_in_its_order(line: Line) -> None:
    for key in ("a", "b"):
        line.join(underway(key))
    batch = line.take()
    line.join(underway("c"))
    line.put_back(batch, stumbled=False)
    assert kinds(line.take()) == [("a", I.DEBIT), ("b", I.DEBIT), ("c", I.DEBIT)]


async def test_what_came_back_by_itself_is_not_put_back_beside_itself(line: Line) -> None:
    one = underway()
    line.join(one)
    batch = line.take()
    line.join(one)
    line.put_back(batch, stumbled=False)
    assert len(line.waiting) == 1


async def test_batches_halve_until_the_one_that_makes_the_bank_stumble_is_alone_and_comes_back_later(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway_service.line.STUMBLED_PAUSE", 0.0)
    for key in "abcd":
        line.join(underway(key))
    sizes = []
    for _ in range(3):
        batch = line.take()
        sizes.append(len(batch))
        line.put_back(batch, stumbled=True)
    assert sizes == [4, 2, 1]
    assert kinds(line.take()) == [("b", I.DEBIT)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [one.transfer.order.idempotency_key for one in line.waiting] == ["c", "d", "a"]


async def test_settle_goes_with_others_or_when_its_time_has_come(line: Line) -> None:
    credited = replace(a_transfer(), state=State.COMPLETED, credit=evidence("SOUTH", O.CREDITED), finished_at=1)
    line.settle([credited])
    assert line.take() == []
    line.join(underway("other"))
    assert kinds(line.take()) == [("other", I.DEBIT), ("k-1", I.SETTLE)]
    line.settle([credited])
    line._clock.now += int(SETTLE_WITHIN * 1_000_000) + 1  # type: ignore[attr-defined]
    assert kinds(line.take()) == [("k-1", I.SETTLE)]


@pytest.mark.parametrize(("waiting", "moving"), [(0, 50), (1, 1), (GATHERED, 500)])
async def test_nobody_waits_for_company_that_cannot_come_or_is_enough(line: Line, waiting: int, moving: int) -> None:
    for n in range(waiting):
        line.join(underway(f"k-{n}"))
    gathering = line.gather(moving)
    with pytest.raises(StopIteration):
        gathering.send(None)


async def test_others_may_join_who_is_not_alone(line: Line) -> None:
    line.join(underway("first"))
    gathering = asyncio.create_task(line.gather(2))
    await asyncio.sleep(0)
    line.join(underway("second"))
    await gathering
    assert len(line.take()) == 2
