"""A repair comes in pages, is written whole or not at all, and only into a bank that lacks something."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from bank_service.repair import Gatekeeping
from interbank.instructions import Head, KnownOutcome
from interbank.instructions import InstructionKind as I
from interbank.instructions import OutcomeKind as O
from interbank.refusals import Reason
from tests.contracts.one_bank import INSTANCE, OneBank
from tests.instructing import WITHIN_NORTH, cash, debit, instruct
from tests.refusing import refused

LACKED = Head(1_000, b"\x07" * 32)
ATTEMPT, ANOTHER = b"a" * 16, b"b" * 16


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[OneBank]:
    """NORTH, which somebody has seen at record 1,000."""
    started = await OneBank(tmp_path / "bank.db").start({"alice": 10_000, "carol": 0})
    with refused(Reason.BANK_QUARANTINED):
        await started.open_session(2, INSTANCE, [LACKED])
    yield started
    started.stop()


def paid(key: str, at: int) -> KnownOutcome:
    return KnownOutcome(debit(100, key), O.DEBITED, "", Head(at, bytes(32)))


async def take(
    bank: OneBank, page: int, *outcomes: KnownOutcome, last: bool = False, attempt: bytes = ATTEMPT, epoch: int = 2,
    heads: Sequence[Head] = (LACKED,),
) -> int:  # fmt: skip
    return await bank.repair.take(Gatekeeping(epoch, INSTANCE, heads, 5), attempt, page, outcomes, last=last)


async def test_pages_are_written_together_with_the_last_one(bank: OneBank) -> None:
    before = bank.balances()
    assert await take(bank, 0, paid("a", 900)) == 0
    assert await take(bank, 1, paid("b", 901)) == 0
    assert bank.balances() == before
    assert await take(bank, 2, paid("c", 902), last=True) == 3
    assert bank.balances()[1001] == 10_000 - 300
    assert bank.sql("SELECT * FROM lost_records") == [(1_001, 6, 1_000)]
    await bank.open_session(2, INSTANCE, [LACKED])


async def test_a_page_that_does_not_follow_is_refused_and_the_repair_begins_anew(bank: OneBank) -> None:
    await take(bank, 0, paid("a", 900))
    with refused(Reason.PAGES_OUT_OF_ORDER):
        await take(bank, 2, paid("c", 902), last=True)
    with refused(Reason.PAGES_OUT_OF_ORDER):
        await take(bank, 1, paid("b", 901), attempt=ANOTHER, last=True)
    with refused(Reason.PAGES_OUT_OF_ORDER):
        await take(bank, 0, attempt=ANOTHER) or await take(bank, 1, attempt=ATTEMPT)
    assert await take(bank, 0, paid("b", 901), attempt=ANOTHER, last=True) == 1
    assert bank.balances()[1001] == 10_000 - 100


async def test_a_page_that_comes_twice_is_not_counted_twice(bank: OneBank) -> None:
    await take(bank, 0, paid("a", 900))
    await take(bank, 1, paid("b", 901))
    with refused(Reason.PAGES_OUT_OF_ORDER):
        await take(bank, 1, paid("b", 901))
    assert await take(bank, 2, last=True) == 2


async def test_an_older_gateway_repairs_nothing(bank: OneBank) -> None:
    with refused(Reason.EPOCH_SUPERSEDED):
        await take(bank, 0, paid("a", 900), last=True, epoch=1)
    assert bank.sql("SELECT * FROM lost_records") == []


async def test_a_bank_that_was_repaired_is_not_repaired_again_by_a_late_message(bank: OneBank) -> None:
    await take(bank, 0, paid("a", 900), last=True)
    with refused(Reason.NOT_QUARANTINED):
        await take(bank, 0, paid("b", 901), last=True)
    await bank.open_session(2, INSTANCE, [LACKED])
    with refused(Reason.NOT_QUARANTINED):
        await take(bank, 0, paid("b", 901), last=True)


async def test_positions_that_were_lost_are_known_and_later_ones_are_not(bank: OneBank) -> None:
    await take(bank, 0, last=True)
    await bank.open_session(2, INSTANCE, [LACKED, Head(700, bytes(32))])
    with refused(Reason.BANK_QUARANTINED):
        await bank.open_session(2, INSTANCE, [Head(1_001, bytes(32))])


@pytest.mark.parametrize(
    "known",
    [
        KnownOutcome(cash(I.ADD_MONEY, 5), O.BOOKED, "", LACKED),
        KnownOutcome(debit(5, "k"), O.CREDITED, "", LACKED),
        KnownOutcome(debit(5, "k"), O.REFUSED, "", LACKED),
        KnownOutcome(debit(5, "k"), O.REFUSED, "BECAUSE", LACKED),
        KnownOutcome(debit(5, "k"), O.DEBITED, "ACCOUNT_FROZEN", LACKED),
        KnownOutcome(instruct(I.BOOK_TRANSFER, WITHIN_NORTH), O.DEBITED, "", LACKED),
        KnownOutcome(instruct(I.SETTLE), O.SETTLED, "", LACKED),
    ],
)
async def test_what_nobody_else_can_know_is_not_written_back(bank: OneBank, known: KnownOutcome) -> None:
    with refused(Reason.INSTRUCTION_MALFORMED):
        await take(bank, 0, known, last=True)
