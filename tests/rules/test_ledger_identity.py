"""One id, one order, one answer: fingerprints, keys, replays, and batches that are seen in order."""

from dataclasses import replace

import pytest

from bank_service.books import HOLDS_KEY, Book
from bank_service.ledger import post
from bank_service.tables import HOLDS_KEY_SQL
from interbank.instructions import NO_HEAD, Instruction, Outcome
from interbank.instructions import InstructionKind as I
from interbank.instructions import OutcomeKind as O
from tests.instructing import (
    NOW,
    ORDER,
    WITHIN_NORTH,
    a_book,
    balances,
    cash,
    change,
    credit_to_north,
    debit,
    deposit,
    instruct,
    post_one,
    withdrawal,
    without_replay,
)
from tests.rules.scenes import counts, payees_bank, payers_bank

AT_PAYER, AT_PAYEE = [I.DEBIT, I.RETURN_DEBIT, I.SETTLE], [I.CREDIT, I.CANCEL_CREDIT]


@pytest.mark.parametrize("kind", AT_PAYER)
@pytest.mark.parametrize("known", ["DEBITED", "SETTLED", "REFUSED", "NOT_DEBITED", "RETURNED"])
def test_the_payers_bank_does_nothing_under_an_id_of_another_order(known: str, kind: I) -> None:
    check_mismatch(payers_bank(known), replace(instruct(kind), fingerprint=b"\xff" * 32))


@pytest.mark.parametrize("kind", AT_PAYEE)
@pytest.mark.parametrize("known", ["CREDITED", "REFUSED", "CANCELLED"])
def test_the_payees_bank_does_nothing_under_an_id_of_another_order(known: str, kind: I) -> None:
    check_mismatch(payees_bank(known), replace(instruct(kind), fingerprint=b"\xff" * 32))


def check_mismatch(book: Book, instruction: Instruction) -> None:
    known, before, held = book.decisions[instruction.transfer_id], counts(book), balances(book)
    outcome = post_one(book, instruction)
    assert (outcome.kind, outcome.reason) == (O.FINGERPRINT_MISMATCH, "FINGERPRINT_MISMATCH")
    assert outcome.head == known.head
    assert (outcome.entry_id, outcome.balance_after, outcome.replayed) == (0, 0, False)
    assert (counts(book), balances(book)) == (before, held)


KEYED = {
    I.DEBIT: instruct(I.DEBIT, replace(ORDER, idempotency_key="same")),
    I.BOOK_TRANSFER: instruct(I.BOOK_TRANSFER, replace(WITHIN_NORTH, idempotency_key="same")),
    I.DEPOSIT: deposit(100, key="same"),
    I.WITHDRAW: withdrawal(100, key="same"),
}


@pytest.mark.parametrize("second", KEYED)
@pytest.mark.parametrize("first", KEYED)
def test_a_principals_key_belongs_to_one_order_for_ever(first: I, second: I) -> None:
    book, instruction = a_book(), KEYED[second]
    if first is second:
        other = replace(instruction.order, minor_units=101)
        instruction = instruct(second, other)
    post_one(book, KEYED[first])
    before, held = counts(book), balances(book)

    for _ in range(2):
        outcome = post_one(book, instruction)
        assert outcome == Outcome(instruction.transfer_id, O.KEY_REUSED, "IDEMPOTENCY_KEY_REUSED", NO_HEAD)
    assert (counts(book), balances(book)) == (before, held)


def test_a_refused_order_keeps_its_key_too() -> None:
    book = a_book({1001: 0})
    assert post_one(book, debit(1, "k")).kind is O.REFUSED
    post_one(book, deposit(100))
    assert post_one(book, debit(2, "k")).kind is O.KEY_REUSED


def test_the_operators_run_has_keys_of_its_own() -> None:
    book = a_book()
    by_alice, by_bank = cash(I.WITHDRAW, 1, key="k", principal="user:alice"), cash(I.WITHDRAW, 1, key="k")
    assert [o.kind for o in post(book, [by_alice, by_bank])] == [O.BOOKED, O.BOOKED]
    assert post_one(book, cash(I.ADD_MONEY, 1, key="k")).kind is O.KEY_REUSED


def test_a_credit_holds_no_key_since_its_principal_is_another_banks_customer() -> None:
    book = a_book()
    same = [credit_to_north(1, key="k"), credit_to_north(2, key="k")]
    assert [o.kind for o in post(book, same)] == [O.CREDITED, O.CREDITED]


def test_the_database_holds_keys_of_the_same_instructions_as_the_rules() -> None:
    listed = HOLDS_KEY_SQL.removeprefix("instruction IN (").removesuffix(")").replace("'", "").split(", ")
    assert {I[name] for name in listed} == HOLDS_KEY


# --- idempotence comes before validity


def everything_goes_wrong(book: Book) -> None:
    """Whatever could refuse an instruction that comes for the first time."""
    book.operator_admitted = False
    book.counter_open = False
    for number in [number for number in book.accounts if number >= 0]:
        change(book, number, status="CLOSED", username="someone", currency="USD")
    book.grants.clear()
    book.now = NOW * 2


@pytest.mark.parametrize("instruction", [*KEYED.values(), cash(I.ADD_MONEY, 5), credit_to_north(5)],
                         ids=lambda i: i.kind.name)  # fmt: skip
def test_a_success_is_answered_again_whatever_has_changed_since(instruction: Instruction) -> None:
    book = a_book()
    first = post_one(book, instruction)
    everything_goes_wrong(book)
    again = post_one(book, instruction)
    assert (again.replayed, without_replay(again)) == (True, first)
    assert first.entry_id == book.last_entry_id


def test_a_refusal_is_answered_again_although_it_would_succeed_now() -> None:
    book = a_book({1001: 0})
    first = post_one(book, instruct(I.DEBIT))
    post_one(book, deposit(50_000))
    again = post_one(book, instruct(I.DEBIT))
    assert (again.kind, again.reason, again.head) == (O.REFUSED, "INSUFFICIENT_FUNDS", first.head)
    assert book.accounts[1001].balance == 50_000


def test_a_replay_tells_the_balance_of_its_own_entry_and_not_of_today() -> None:
    book = a_book()
    first = post_one(book, instruct(I.DEBIT))
    post_one(book, deposit(7))
    assert post_one(book, instruct(I.DEBIT)).balance_after == first.balance_after == 9_000


# --- batches are seen in order


def test_minus_ten_and_plus_ten_on_nothing_is_one_refusal_and_one_success() -> None:
    book = a_book({1001: 0, 1002: 1_000})
    assert [o.kind for o in post(book, [withdrawal(10), deposit(10)])] == [O.REFUSED, O.BOOKED]
    assert book.accounts[1001].balance == 10


def test_plus_ten_and_minus_ten_on_nothing_are_two_successes() -> None:
    book = a_book({1001: 0})
    assert [o.kind for o in post(book, [deposit(10), withdrawal(10)])] == [O.BOOKED, O.BOOKED]
    assert book.accounts[1001].balance == 0


def test_of_three_debits_those_that_fit_succeed_in_order() -> None:
    book = a_book({1001: 100})
    outcomes = post(book, [debit(80, "a"), debit(50, "b"), debit(20, "c")])
    assert [(o.kind, o.balance_after) for o in outcomes] == [(O.DEBITED, 20), (O.REFUSED, 0), (O.DEBITED, 0)]


def test_the_same_order_twice_in_one_batch_moves_money_once() -> None:
    book = a_book()
    first, second = post(book, [instruct(I.DEBIT), instruct(I.DEBIT)])
    assert (first.kind, second.kind, second.replayed, second.head) == (O.DEBITED, O.DEBITED, True, first.head)
    assert book.accounts[1001].balance == 9_000


def test_two_orders_under_one_key_in_one_batch_are_one() -> None:
    book = a_book()
    assert [o.kind for o in post(book, [debit(1, "k"), debit(2, "k")])] == [O.DEBITED, O.KEY_REUSED]


def test_money_that_comes_in_can_go_out_in_the_same_batch() -> None:
    book = a_book({1001: 0, 1002: 0})
    outcomes = post(book, [deposit(60), instruct(I.BOOK_TRANSFER, replace(WITHIN_NORTH, minor_units=60)),
                           withdrawal(60, 1002)])  # fmt: skip
    assert [o.kind for o in outcomes] == [O.BOOKED] * 3
    assert set(balances(book).values()) == {0}
