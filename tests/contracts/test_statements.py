"""What a bank shows: statements page by page, open debits, and the stream of records."""

from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bank_service import queries
from interbank.instructions import InstructionKind as I
from interbank.instructions import OutcomeKind as O
from tests.contracts.one_bank import OneBank
from tests.instructing import WITHIN_NORTH, cash, credit_to_north, debit, deposit, evidence, instruct, withdrawal


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[OneBank]:
    started = await OneBank(tmp_path / "bank.db").start({"alice": 10_000, "carol": 0})
    yield started
    started.stop()


async def statement(
    bank: OneBank, account: int = 1001, *, before: int = 0, limit: int = 100
) -> list[queries.StatementRow]:
    return await bank.database.read(lambda c: queries.statement(c, account, before=before, limit=limit))


async def test_a_statement_names_the_other_side_of_every_movement(bank: OneBank) -> None:
    sent, returned = debit(10, "sent", reference="rent"), debit(20, "returned")
    await bank.post(
        sent,
        returned,
        instruct(I.RETURN_DEBIT, returned.order),
        credit_to_north(40),
        instruct(I.BOOK_TRANSFER, replace(WITHIN_NORTH, minor_units=50)),
        deposit(60),
        withdrawal(70),
        cash(I.ADD_MONEY, 80),
    )
    shown = [
        (row.kind, row.counterparty_bank, row.counterparty_account, row.counterparty_name, row.minor_units)
        for row in await statement(bank)
    ]
    assert shown == [
        ("MONEY_ADDED", "NORTH", -1, "", 80),
        ("WITHDRAWAL", "NORTH", -1, "cash", -70),
        ("DEPOSIT", "NORTH", -1, "", 60),
        ("BOOKED", "NORTH", 1002, "carol", -50),
        ("CREDITED", "SOUTH", 2001, "bob", 40),
        ("RETURNED", "SOUTH", 2001, "bob", 20),
        ("DEBITED", "SOUTH", 2001, "bob", -20),
        ("DEBITED", "SOUTH", 2001, "bob", -10),
        ("MONEY_ADDED", "NORTH", -1, "", 10_000),
    ]
    (carols,) = await statement(bank, 1002)
    assert (carols.counterparty_account, carols.counterparty_name, carols.minor_units) == (1001, "alice", 50)


async def test_the_balance_after_each_line_is_that_of_the_line_below_and_its_amount(bank: OneBank) -> None:
    await bank.post(*(deposit(n, key=f"d{n}") for n in range(1, 20)), *(debit(n, f"o{n}") for n in range(1, 20)))
    lines = await statement(bank)
    for newer, older in pairwise(lines):
        assert newer.entry_id > older.entry_id
        assert newer.balance_after == older.balance_after + newer.minor_units
    assert lines[0].balance_after == bank.balances()[1001]
    assert lines[-1].balance_after == lines[-1].minor_units


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
async def test_pages_put_together_are_the_whole_statement(bank: OneBank, size: int) -> None:
    moves = [deposit(1, key=f"d{n}") if n % 3 else debit(2, f"o{n}") for n in range(20)]
    await bank.post(*moves, instruct(I.BOOK_TRANSFER, WITHIN_NORTH))
    whole = await statement(bank)
    pages: list[queries.StatementRow] = []
    while page := await statement(bank, before=pages[-1].entry_id if pages else 0, limit=size):
        assert len(page) <= size
        pages += page
    assert pages == whole
    assert len(whole) == 22


async def test_what_the_view_shows_is_what_the_statement_says(bank: OneBank) -> None:
    returned = debit(20, "returned")
    await bank.post(debit(10, "a"), returned, instruct(I.RETURN_DEBIT, returned.order), credit_to_north(40), deposit(5),
                    withdrawal(3), instruct(I.BOOK_TRANSFER, WITHIN_NORTH), cash(I.ADD_MONEY, 8))  # fmt: skip
    view = bank.sql(
        "SELECT entry_id, kind, counterparty_bank, counterparty_account, counterparty_name, minor_units, reference "
        "FROM v_statement WHERE account = '1001' ORDER BY entry_id DESC"
    )
    assert view == [
        (row.entry_id, row.kind, row.counterparty_bank, {-1: "cash"}.get(row.counterparty_account,
         str(row.counterparty_account)), row.counterparty_name, row.minor_units, row.reference)
        for row in await statement(bank)
    ]  # fmt: skip


async def test_open_debits_are_listed_oldest_first_with_their_whole_order(bank: OneBank) -> None:
    sent = [debit(n, f"k{n}", reference=f"line {n}") for n in range(1, 6)]
    outcomes = await bank.post(*sent)
    await bank.post(instruct(I.SETTLE, sent[1].order), instruct(I.RETURN_DEBIT, sent[3].order))

    async def listed(after: int, limit: int) -> list[queries.OpenDebitRow]:
        return await bank.database.read(lambda c: queries.list_open(c, after=after, limit=limit))

    found = await listed(0, 10)
    assert [row.order for row in found] == [sent[n].order for n in (0, 2, 4)]
    assert [(row.transfer_id, row.fingerprint, row.principal) for row in found] == [
        (sent[n].transfer_id, sent[n].fingerprint, "user:alice") for n in (0, 2, 4)
    ]
    assert [row.head for row in found] == [outcomes[n].head for n in (0, 2, 4)]
    assert await listed(0, 2) + await listed(outcomes[2].head.record_id, 2) == found


async def test_the_stream_of_records_tells_everything_that_was_done_in_order(bank: OneBank) -> None:
    first, *_ = await bank.post(debit(10, "a"), debit(10**9, "b"))
    await bank.post(instruct(I.SETTLE, debit(10, "a").order, evidence=evidence("SOUTH", O.CREDITED)))
    await bank.acts.set_status(1002, "FROZEN", "admin")
    since = first.head.record_id - 1
    stream = await bank.database.read(lambda c: queries.list_records(c, since=since, limit=100))
    assert [(row.kind, row.reason, row.actor) for row in stream] == [
        ("DEBITED", "", ""),
        ("REFUSED", "INSUFFICIENT_FUNDS", ""),
        ("SETTLED", "", ""),
        ("ACCOUNT_FROZEN", "", "admin"),
    ]
    assert [row.head.record_id for row in stream] == [since + n for n in range(1, 5)]
    assert stream[0].head == first.head
    assert stream[0].transfer_id == stream[2].transfer_id == first.transfer_id
    assert [row.entry_id for row in stream] == [first.entry_id, 0, 0, 0]


async def test_a_record_names_the_account_of_this_bank_that_it_concerns(bank: OneBank) -> None:
    settled, returned = debit(1, "settled"), debit(2, "returned")
    await bank.post(credit_to_north(5), deposit(5), settled, returned)
    await bank.post(
        instruct(I.SETTLE, settled.order, evidence=evidence("SOUTH", O.CREDITED)),
        instruct(I.RETURN_DEBIT, returned.order, evidence=evidence("SOUTH", O.CANCELLED)),
    )
    stream = await bank.database.read(lambda c: queries.list_records(c, since=0, limit=100))
    assert [(row.kind, row.account) for row in stream[-6:]] == [
        ("CREDITED", 1001),
        ("BOOKED", 1001),
        ("DEBITED", 1001),
        ("DEBITED", 1001),
        ("SETTLED", 1001),
        ("RETURNED", 1001),
    ]


async def test_accounts_are_listed_by_number_page_by_page(bank: OneBank) -> None:
    async def listed(after: int, limit: int) -> list[int]:
        rows = await bank.database.read(lambda c: queries.list_accounts(c, after=after, limit=limit))
        return [row.account for row in rows]

    assert await listed(-1000, 100) == [-3, -2, -1, 0, 1001, 1002]
    assert await listed(-1000, 2) + await listed(-2, 4) == await listed(-1000, 100)
