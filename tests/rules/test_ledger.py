"""What a bank answers: the tables of docs/protocol.md as literal tables, and the laws behind them."""

from dataclasses import dataclass, replace

import pytest

from bank_service.books import CLEARING, Book
from bank_service.ledger import post
from interbank.instructions import Instruction
from interbank.instructions import InstructionKind as I
from interbank.instructions import OutcomeKind as O
from tests.instructing import (
    ORDER,
    WITHIN_NORTH,
    a_book,
    balances,
    cash,
    change,
    credit_to_north,
    debit,
    end_grant,
    evidence,
    instruct,
    post_one,
    without_replay,
)
from tests.rules.scenes import counts, one_bank, payees_bank, payers_bank

# --- the two tables of answers


@dataclass(frozen=True)
class Does:
    """What an instruction does: its answer, records and entries written, and whether the answer was stored before."""

    answer: O
    records: int
    entries: int
    replayed: bool


MOVES, WRITES, REPLAYS, CLASHES = (1, 1, False), (1, 0, False), (0, 0, True), (0, 0, False)

PAYERS_BANK = [
    ("nothing", I.DEBIT, Does(O.DEBITED, *MOVES)),
    ("nothing, no money", I.DEBIT, Does(O.REFUSED, *WRITES)),
    ("nothing", I.RETURN_DEBIT, Does(O.NOT_DEBITED, *WRITES)),
    ("nothing", I.SETTLE, Does(O.CONTRADICTION, *CLASHES)),
    ("DEBITED", I.DEBIT, Does(O.DEBITED, *REPLAYS)),
    ("DEBITED", I.RETURN_DEBIT, Does(O.RETURNED, *MOVES)),
    ("DEBITED", I.SETTLE, Does(O.SETTLED, *WRITES)),
    ("SETTLED", I.DEBIT, Does(O.DEBITED, *REPLAYS)),
    ("SETTLED", I.RETURN_DEBIT, Does(O.CONTRADICTION, *CLASHES)),
    ("SETTLED", I.SETTLE, Does(O.SETTLED, *REPLAYS)),
    ("REFUSED", I.DEBIT, Does(O.REFUSED, *REPLAYS)),
    ("REFUSED", I.RETURN_DEBIT, Does(O.REFUSED, *REPLAYS)),
    ("REFUSED", I.SETTLE, Does(O.CONTRADICTION, *CLASHES)),
    ("NOT_DEBITED", I.DEBIT, Does(O.NOT_DEBITED, *REPLAYS)),
    ("NOT_DEBITED", I.RETURN_DEBIT, Does(O.NOT_DEBITED, *REPLAYS)),
    ("NOT_DEBITED", I.SETTLE, Does(O.CONTRADICTION, *CLASHES)),
    ("RETURNED", I.DEBIT, Does(O.RETURNED, *REPLAYS)),
    ("RETURNED", I.RETURN_DEBIT, Does(O.RETURNED, *REPLAYS)),
    ("RETURNED", I.SETTLE, Does(O.CONTRADICTION, *CLASHES)),
]

PAYEES_BANK = [
    ("nothing", I.CREDIT, Does(O.CREDITED, *MOVES)),
    ("nothing, payee frozen", I.CREDIT, Does(O.REFUSED, *WRITES)),
    ("nothing", I.CANCEL_CREDIT, Does(O.CANCELLED, *WRITES)),
    ("CREDITED", I.CREDIT, Does(O.CREDITED, *REPLAYS)),
    ("CREDITED", I.CANCEL_CREDIT, Does(O.CREDITED, *REPLAYS)),
    ("REFUSED", I.CREDIT, Does(O.REFUSED, *REPLAYS)),
    ("REFUSED", I.CANCEL_CREDIT, Does(O.REFUSED, *REPLAYS)),
    ("CANCELLED", I.CREDIT, Does(O.CANCELLED, *REPLAYS)),
    ("CANCELLED", I.CANCEL_CREDIT, Does(O.CANCELLED, *REPLAYS)),
]

ONE_BANK = [
    ("nothing", I.BOOK_TRANSFER, Does(O.BOOKED, *MOVES)),
    ("nothing, no money", I.BOOK_TRANSFER, Does(O.REFUSED, *WRITES)),
    ("BOOKED", I.BOOK_TRANSFER, Does(O.BOOKED, *REPLAYS)),
    ("REFUSED", I.BOOK_TRANSFER, Does(O.REFUSED, *REPLAYS)),
    ("BOOKED", I.SETTLE, Does(O.CONTRADICTION, *CLASHES)),
]


def test_the_tables_have_every_cell() -> None:
    known = {"nothing", "DEBITED", "SETTLED", "REFUSED", "NOT_DEBITED", "RETURNED"}
    assert {(k, i) for k, i, _ in PAYERS_BANK} >= {(k, i) for k in known for i in (I.DEBIT, I.RETURN_DEBIT, I.SETTLE)}
    known = {"nothing", "CREDITED", "REFUSED", "CANCELLED"}
    assert {(k, i) for k, i, _ in PAYEES_BANK} >= {(k, i) for k in known for i in (I.CREDIT, I.CANCEL_CREDIT)}


@pytest.mark.parametrize(("known", "kind", "does"), PAYERS_BANK)
def test_what_the_payers_bank_answers(known: str, kind: I, does: Does) -> None:
    check_cell(payers_bank(known), instruct(kind), does)


@pytest.mark.parametrize(("known", "kind", "does"), PAYEES_BANK)
def test_what_the_payees_bank_answers(known: str, kind: I, does: Does) -> None:
    check_cell(payees_bank(known), instruct(kind), does)


@pytest.mark.parametrize(("known", "kind", "does"), ONE_BANK)
def test_what_a_bank_answers_that_has_both_accounts(known: str, kind: I, does: Does) -> None:
    check_cell(one_bank(known), instruct(kind, WITHIN_NORTH), does)


@pytest.mark.parametrize("kind", [I.DEPOSIT, I.WITHDRAW, I.ADD_MONEY])
def test_cash_is_moved_once_however_often_it_is_asked(kind: I) -> None:
    book, instruction = a_book(), cash(kind, 500)
    check_cell(book, instruction, Does(O.BOOKED, *MOVES))
    check_cell(book, instruction, Does(O.BOOKED, *REPLAYS))
    assert book.accounts[1001].balance == 10_000 + (-500 if kind is I.WITHDRAW else 500)


def check_cell(book: Book, instruction: Instruction, does: Does) -> None:
    before, held = counts(book), balances(book)
    head = book.head
    first = post_one(book, instruction)

    written = tuple(now - then for now, then in zip(counts(book), before, strict=True))
    assert (first.kind, *written, first.replayed) == (does.answer, does.records, does.entries, does.replayed)
    assert first.transfer_id == instruction.transfer_id
    assert book.head.record_id == head.record_id + does.records
    assert (book.head == head) == (does.records == 0)
    assert (balances(book) == held) == (does.entries == 0)
    assert sum(balances(book).values()) == 0
    if does.records:
        assert first.head == book.head

    again = post_one(book, instruction)
    assert without_replay(again) == without_replay(first)
    assert again.replayed == (first.kind is not O.CONTRADICTION)
    assert book.head.record_id == head.record_id + does.records


# --- what the tables move


def test_a_debit_waits_in_the_clearing_account_and_settling_leaves_it_there() -> None:
    book = a_book()
    post_one(book, instruct(I.DEBIT))
    assert (book.accounts[1001].balance, book.accounts[CLEARING].balance) == (9_000, 1_000)
    post_one(book, instruct(I.SETTLE))
    assert (book.accounts[1001].balance, book.accounts[CLEARING].balance) == (9_000, 1_000)


def test_a_credit_comes_out_of_the_clearing_account() -> None:
    book = a_book({2001: 5}, bank="SOUTH")
    outcome = post_one(book, instruct(I.CREDIT))
    assert (book.accounts[2001].balance, book.accounts[CLEARING].balance) == (1_005, -1_000)
    assert (outcome.balance_after, outcome.entry_id) == (1_005, 1)


def test_money_comes_back_to_the_account_that_it_left() -> None:
    book = a_book()
    debited, returned = post(book, [instruct(I.DEBIT), instruct(I.RETURN_DEBIT)])
    assert (debited.balance_after, returned.balance_after) == (9_000, 10_000)
    assert (debited.entry_id, returned.entry_id) == (1, 2)
    assert book.accounts[CLEARING].balance == 0


@pytest.mark.parametrize("status", ["FROZEN", "CLOSED"])
def test_a_debit_is_returned_whatever_became_of_the_account(status: str) -> None:
    book = a_book()
    post_one(book, instruct(I.DEBIT))
    change(book, 1001, status=status)
    end_grant(book, "alice")
    assert post_one(book, instruct(I.RETURN_DEBIT)).kind is O.RETURNED
    assert book.accounts[1001].balance == 10_000


def test_a_booked_transfer_is_one_entry_and_touches_no_clearing() -> None:
    book = a_book()
    outcome = post_one(book, instruct(I.BOOK_TRANSFER, WITHIN_NORTH))
    ((_, _, _, debit_account, credit_account, amount, debited, credited),) = book.gathered.entries
    assert (debit_account, credit_account, amount, debited, credited) == (1001, 1002, 1_000, 9_000, 11_000)
    assert outcome.balance_after == 9_000
    assert book.accounts[CLEARING].balance == 0


def test_an_open_debit_is_listed_until_it_is_settled_or_returned() -> None:
    settled, returned, still_open = debit(1, "a"), debit(2, "b"), debit(3, "c")
    book = a_book()
    post(book, [settled, returned, still_open])
    assert [transfer_id for _, transfer_id, _ in book.gathered.opened_debits] == [
        i.transfer_id for i in (settled, returned, still_open)
    ]
    post(book, [replace(instruct(I.SETTLE), transfer_id=settled.transfer_id, fingerprint=settled.fingerprint)])
    post(book, [instruct(I.RETURN_DEBIT, returned.order)])
    assert book.gathered.closed_debits == [1, 2]


# --- tombstones


def test_a_late_debit_finds_its_tombstone_and_moves_nothing() -> None:
    book = a_book()
    assert [o.kind for o in post(book, [instruct(I.RETURN_DEBIT), instruct(I.DEBIT)])] == [O.NOT_DEBITED, O.NOT_DEBITED]
    assert book.accounts[1001].balance == 10_000


def test_a_late_credit_finds_its_tombstone_and_moves_nothing() -> None:
    book = a_book({2001: 0}, bank="SOUTH")
    assert [o.kind for o in post(book, [instruct(I.CANCEL_CREDIT), instruct(I.CREDIT)])] == [O.CANCELLED, O.CANCELLED]
    assert book.accounts[2001].balance == 0


def test_a_tombstone_of_a_debit_leaves_its_key_free_for_another_order() -> None:
    other = replace(ORDER, minor_units=7)
    book = a_book()
    post_one(book, instruct(I.RETURN_DEBIT))
    assert post_one(book, instruct(I.DEBIT, other)).kind is O.DEBITED


# --- evidence


def test_the_bank_keeps_the_highest_position_of_each_other_bank_that_it_was_shown() -> None:
    book = a_book()
    low, high = evidence("SOUTH", O.DEBITED, 5), evidence("SOUTH", O.DEBITED, 9)
    east = evidence("EAST", O.DEBITED, 2)
    post(book, [credit_to_north(1, key=str(n), evidence=e) for n, e in enumerate((low, high, east, low))])
    assert book.gathered.heads == {"SOUTH": high.head, "EAST": east.head}


def test_the_evidence_stands_beside_the_outcome_that_rests_on_it() -> None:
    book = a_book()
    proof = evidence("SOUTH", O.CANCELLED, 12)
    post(book, [instruct(I.DEBIT), instruct(I.RETURN_DEBIT, evidence=proof)])
    (conclusion,) = book.gathered.conclusions
    assert conclusion[3:] == ("SOUTH", "CANCELLED", 12, proof.head.chain_hash)
    credited = a_book({2001: 0}, bank="SOUTH")
    post_one(credited, instruct(I.CREDIT))
    (outcome,) = credited.gathered.outcomes
    assert outcome[-4:-1] == ("NORTH", "DEBITED", 7)


def test_a_replay_brings_no_new_evidence() -> None:
    book = a_book({2001: 0}, bank="SOUTH")
    post_one(book, instruct(I.CREDIT))
    book.gathered.heads.clear()
    post_one(book, instruct(I.CREDIT, evidence=evidence("NORTH", O.DEBITED, 99)))
    assert book.gathered.heads == {}


def test_a_settle_on_another_banks_word_than_the_payees_writes_nothing() -> None:
    """It would be stored as evidence, and count as a position of that bank."""
    book = a_book()
    post_one(book, debit(100, "k"))
    records = len(book.gathered.records)
    lie = instruct(I.SETTLE, debit(100, "k").order, evidence=evidence("EAST", O.CREDITED))
    assert post_one(book, lie).kind is O.CONTRADICTION
    assert (len(book.gathered.records), book.gathered.heads) == (records, {})
