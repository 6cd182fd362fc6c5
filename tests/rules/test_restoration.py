"""A repair writes what others know into books that lack it: each outcome once, in order, and never over another one."""

from dataclasses import replace

import pytest

from bank_service.books import CASH, CLEARING, RECOVERY, Account, Book
from bank_service.restoration import restore
from interbank.instructions import Head, Instruction, KnownOutcome, LostRecords
from interbank.instructions import InstructionKind as I
from interbank.instructions import OutcomeKind as O
from interbank.refusals import Reason, Refused
from tests.instructing import ORDER, WITHIN_NORTH, a_book, credit_to_north, instruct

LOST = LostRecords(41, 60)


def known(instruction: Instruction, kind: O, *, at: int = 50, reason: str = "") -> KnownOutcome:
    return KnownOutcome(instruction, kind, reason, Head(at, bytes(32)))


def repair(book: Book, *outcomes: KnownOutcome, numbers: dict[str, int] | None = None) -> int:
    book.accounts.setdefault(RECOVERY, Account(RECOVERY, "recovery", None, "EUR", "OPEN", 0))
    before = sum(account.balance for account in book.accounts.values())
    restored = restore(book, outcomes, LOST, numbers if numbers is not None else {"alice": 1001, "carol": 1002})
    assert sum(account.balance for account in book.accounts.values()) == before, "all accounts sum to what they did"
    assert book.accounts[CASH].balance <= 0 >= book.accounts[RECOVERY].balance
    assert all(account.balance >= 0 for number, account in book.accounts.items() if number >= 0)
    return restored


def test_new_records_are_numbered_above_all_that_were_seen_and_say_what_is_lost() -> None:
    book = a_book()
    repair(book, known(instruct(I.DEBIT), O.DEBITED))
    assert [record[0] for record in book.gathered.records] == [61, 62]
    assert book.gathered.acts[0][1] == "RESTORED"
    assert book.gathered.acts[0][-1] == "records 41 to 60 lost, 1 outcomes restored from what others know"


def test_outcomes_come_back_in_the_order_in_which_the_bank_once_did_them() -> None:
    """Alice got 10.00 and then paid it on: in the other order there would be a shortfall."""
    book = a_book()
    book.accounts[1001] = replace(book.accounts[1001], balance=0)
    credit = credit_to_north(1_000)
    credit = instruct(I.CREDIT, replace(credit.order, payee_account=1001, payee_name="alice"), principal="user:bob",
                      evidence=credit.evidence)  # fmt: skip
    assert repair(book, known(instruct(I.DEBIT), O.DEBITED, at=52), known(credit, O.CREDITED, at=51)) == 2
    assert book.accounts[RECOVERY].balance == 0
    assert book.accounts[1001].balance == 0


def test_what_the_books_have_is_left_as_it_is() -> None:
    book = a_book()
    outcome = known(instruct(I.DEBIT), O.DEBITED)
    assert repair(book, outcome) == 1
    balance = book.accounts[1001].balance
    assert repair(book, outcome) == 0
    assert book.accounts[1001].balance == balance


@pytest.mark.parametrize("status", ["OPEN", "FROZEN"])
def test_money_that_was_taken_is_taken_whatever_the_account_is_now(status: str) -> None:
    book = a_book()
    book.accounts[1001] = replace(book.accounts[1001], status=status, balance=300)
    book.grants.clear()
    repair(book, known(instruct(I.DEBIT), O.DEBITED))
    assert (book.accounts[1001].balance, book.accounts[RECOVERY].balance, book.accounts[CLEARING].balance) == (
        0, -700, 1_000)  # fmt: skip


def test_a_return_follows_its_debit_and_leaves_nothing_open() -> None:
    book = a_book()
    before = book.accounts[1001].balance
    repair(book, known(instruct(I.RETURN_DEBIT), O.RETURNED, at=55), known(instruct(I.DEBIT), O.DEBITED, at=51))
    assert book.accounts[1001].balance == before
    assert [row[0] for row in book.gathered.opened_debits] == book.gathered.closed_debits


@pytest.mark.parametrize(
    ("instruction", "kind", "reason"),
    [
        (instruct(I.DEBIT), O.REFUSED, "INSUFFICIENT_FUNDS"),
        (instruct(I.RETURN_DEBIT), O.NOT_DEBITED, ""),
        (instruct(I.BOOK_TRANSFER, WITHIN_NORTH), O.REFUSED, "ACCOUNT_FROZEN"),
    ],
)
def test_a_no_comes_back_as_a_no_and_moves_nothing(instruction: Instruction, kind: O, reason: str) -> None:
    book = a_book()
    before = dict(book.accounts)
    repair(book, known(instruction, kind, reason=reason))
    decision = book.decisions[instruction.transfer_id]
    assert (decision.kind, decision.reason) == (kind, reason)
    assert {number: book.accounts[number] for number in before} == before


def test_a_payer_whose_account_was_opened_since_is_opened_in_his_name() -> None:
    book = a_book()
    debit = instruct(I.DEBIT, replace(ORDER, payer_account=1007), principal="user:dora")
    repair(book, known(debit, O.DEBITED))
    assert (book.accounts[1007].username, book.accounts[1007].balance) == ("dora", 0)
    assert book.accounts[RECOVERY].balance == -1_000


@pytest.mark.parametrize("principal", ["bank:NORTH", "user:carol"])
def test_an_account_of_which_nobody_knows_whose_it_was_is_opened_in_a_name_that_nobody_can_have(principal: str) -> None:
    """The bank's own run names no payer; and carol has another account in this copy."""
    book = a_book()
    debit = instruct(I.DEBIT, replace(ORDER, payer_account=1007), principal=principal)
    repair(book, known(debit, O.DEBITED))
    assert book.accounts[1007].username == "?1007"


def close(book: Book) -> None:
    book.accounts[1001] = replace(book.accounts[1001], status="CLOSED", balance=0)


def refuse(book: Book) -> None:
    book.decide(instruct(I.DEBIT), O.REFUSED, reason="ACCOUNT_FROZEN")


def use_the_key(book: Book) -> None:
    book.keys["user:alice", ORDER.idempotency_key] = b"another order..."


@pytest.mark.parametrize(
    ("otherwise", "here"),
    [(close, "account 1001 is closed"), (refuse, "it is REFUSED"), (use_the_key, "its key belongs to")],
)
def test_another_history_is_not_written_over(otherwise: object, here: str) -> None:
    book = a_book()
    otherwise(book)  # type: ignore[operator]
    with pytest.raises(Refused) as caught:
        repair(book, known(instruct(I.DEBIT), O.DEBITED))
    assert caught.value.reason is Reason.OUTCOMES_CONTRADICT
    assert here in caught.value.message


def test_a_return_without_a_debit_is_another_history() -> None:
    with pytest.raises(Refused) as caught:
        repair(a_book(), known(instruct(I.RETURN_DEBIT), O.RETURNED))
    assert caught.value.reason is Reason.OUTCOMES_CONTRADICT
