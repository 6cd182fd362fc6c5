"""Why a bank refuses: one row for each thing that can be wrong, in the order in which they are looked at."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bank_service.books import BALANCE_LIMIT, CASH, CLEARING, Account, Book
from bank_service.ledger import grant_hash, payee_refusal, post
from interbank.instructions import Instruction
from interbank.instructions import InstructionKind as I
from interbank.instructions import OutcomeKind as O
from interbank.refusals import Reason
from tests.instructing import (
    ORDER,
    WITHIN_NORTH,
    a_book,
    balances,
    cash,
    change,
    credit_to_north,
    deposit,
    end_grant,
    grant_of,
    instruct,
    post_one,
    withdrawal,
)

Fault = Callable[[Book, Instruction], Instruction]


def fault(action: Callable[[Book], object]) -> Fault:
    def apply(book: Book, instruction: Instruction) -> Instruction:
        action(book)
        return instruction

    return apply


def with_order(**fields: object) -> Fault:
    def apply(_: Book, instruction: Instruction) -> Instruction:
        order = replace(instruction.order, **fields)  # type: ignore[arg-type]
        return instruct(instruction.kind, order, principal=instruction.principal, grant=instruction.grant)

    return apply


def with_grant_of(username: str) -> Fault:
    return lambda _, instruction: replace(instruction, grant=grant_of(username))


def no_such_payer(book: Book, instruction: Instruction) -> Instruction:
    """Alice's grant is for an account that the bank does not have."""
    hashed = grant_hash(grant_of("alice"))
    book.grants[hashed] = replace(book.grants[hashed], account=77)
    return with_order(payer_account=77)(book, instruction)


def mine_is_another(book: Book) -> None:
    hashed = grant_hash(grant_of("alice"))
    book.grants[hashed] = replace(book.grants[hashed], account=1002)


def ends_now(book: Book) -> None:
    hashed = grant_hash(grant_of("alice"))
    book.grants[hashed] = replace(book.grants[hashed], ends_at=book.now)


NO_GRANT, OTHERS_GRANT = fault(lambda book: book.grants.clear()), with_grant_of("carol")
FULL = BALANCE_LIMIT - 999

AUTHORITY = [
    ("grant unknown", "grant", NO_GRANT, Reason.GRANT_ENDED),
    ("grant of another user", "grant", OTHERS_GRANT, Reason.GRANT_ENDED),
    ("no grant", "grant", lambda _, i: replace(i, grant=b""), Reason.GRANT_ENDED),
    ("grant for another account", "account", fault(mine_is_another), Reason.ACCOUNT_NOT_FOUND),
    ("grant revoked", "end", fault(lambda book: end_grant(book, "alice")), Reason.GRANT_ENDED),
    ("grant ends this microsecond", "end", fault(ends_now), Reason.GRANT_ENDED),
]
COUNTER = [("counter closed", "counter", fault(lambda book: setattr(book, "counter_open", False)),
            Reason.COUNTER_CLOSED)]  # fmt: skip
PAYER = [
    ("payer unknown", "payer", no_such_payer, Reason.ACCOUNT_NOT_FOUND),
    ("payer closed", "status", fault(lambda book: change(book, 1001, status="CLOSED")), Reason.ACCOUNT_CLOSED),
    ("payer frozen", "status", fault(lambda book: change(book, 1001, status="FROZEN")), Reason.ACCOUNT_FROZEN),
    ("payer's currency", "currency", fault(lambda book: change(book, 1001, currency="USD")), Reason.CURRENCY_MISMATCH),
    ("funds", "funds", fault(lambda book: change(book, 1001, balance=999)), Reason.INSUFFICIENT_FUNDS),
]
PAYEE = [
    ("payee unknown", "payee", with_order(payee_account=78), Reason.PAYEE_ACCOUNT_NOT_FOUND),
    ("payee's name", "name", with_order(payee_name="carole"), Reason.PAYEE_NAME_MISMATCH),
    ("payee closed", "payee's status", fault(lambda book: change(book, 1002, status="CLOSED")),
     Reason.PAYEE_ACCOUNT_CLOSED),
    ("payee frozen", "payee's status", fault(lambda book: change(book, 1002, status="FROZEN")),
     Reason.PAYEE_ACCOUNT_FROZEN),
    ("payee's currency", "payee's currency", fault(lambda book: change(book, 1002, currency="USD")),
     Reason.CURRENCY_MISMATCH),
    ("payee full", "limit", fault(lambda book: change(book, 1002, balance=FULL)), Reason.BALANCE_LIMIT_EXCEEDED),
]  # fmt: skip
CLEARING_FULL = [("clearing full", "limit", fault(lambda book: change(book, CLEARING, balance=FULL)),
                  Reason.BALANCE_LIMIT_EXCEEDED)]  # fmt: skip
CLEARING_LOW = [("clearing low", "low", fault(lambda book: change(book, CLEARING, balance=-FULL)),
                 Reason.BALANCE_LIMIT_EXCEEDED)]  # fmt: skip
CASH_GONE = [("cash gone", "cash", fault(lambda book: change(book, CASH, balance=-999)), Reason.CASH_EXHAUSTED)]
CASH_LOW = [("cash low", "low", fault(lambda book: change(book, CASH, balance=-FULL)), Reason.BALANCE_LIMIT_EXCEEDED)]

Row = tuple[str, str, Fault, Reason]

IN_ORDER: dict[str, tuple[Instruction, list[Row]]] = {
    "Debit": (instruct(I.DEBIT), [*AUTHORITY, *PAYER, *CLEARING_FULL]),
    "BookTransfer": (instruct(I.BOOK_TRANSFER, WITHIN_NORTH), [*AUTHORITY, *PAYER, *PAYEE]),
    "Credit": (credit_to_north(1_000, 1002), [*CLEARING_LOW, *PAYEE]),
    "Withdraw": (withdrawal(1_000), [*AUTHORITY, *COUNTER, *PAYER, *CASH_GONE]),
}


@pytest.mark.parametrize(
    ("instruction", "row"),
    [pytest.param(i, row, id=f"{name}: {row[0]}") for name, (i, rows) in IN_ORDER.items() for row in rows],
)
def test_each_thing_that_can_be_wrong_has_its_refusal(instruction: Instruction, row: Row) -> None:
    _, _, apply, reason = row
    book = a_book()
    wrong = apply(book, instruction)
    held = balances(book)
    outcome = post_one(book, wrong)
    assert (outcome.kind, outcome.reason) == (O.REFUSED, reason.name)
    assert (outcome.entry_id, outcome.balance_after, outcome.replayed) == (0, 0, False)
    assert balances(book) == held
    assert book.gathered.entries == book.gathered.opened_debits == []
    assert [stored[4] for stored in book.gathered.outcomes] == [reason.name]


@pytest.mark.parametrize("name", IN_ORDER)
def test_of_two_things_that_are_wrong_the_first_one_is_said(name: str) -> None:
    instruction, rows = IN_ORDER[name]
    for place, (first, slot, apply_first, reason) in enumerate(rows):
        for second, other_slot, apply_second, _ in rows[place + 1 :]:
            if other_slot == slot or "payer unknown" in (first, second):
                continue  # one thing cannot be wrong in two ways
            book = a_book()
            outcome = post_one(book, apply_first(book, apply_second(book, instruction)))
            assert outcome.reason == reason.name, f"{first} before {second}"


def test_cash_in_is_refused_for_the_same_things_as_a_credit_and_for_its_authority() -> None:
    for name, _, apply, reason in [*AUTHORITY, *COUNTER, *CASH_LOW]:
        book = a_book()
        assert post_one(book, apply(book, deposit(1_000))).reason == reason.name, name
    carols = cash(I.ADD_MONEY, 1_000, 1002)
    for name, _, apply, reason in [*CASH_LOW, *PAYEE]:
        book = a_book()
        assert post_one(book, apply(book, carols)).reason == reason.name, name


@pytest.mark.parametrize("kind", [I.DEBIT, I.BOOK_TRANSFER, I.WITHDRAW, I.DEPOSIT, I.ADD_MONEY])
def test_the_banks_own_word_counts_only_where_the_operator_is_admitted(kind: I) -> None:
    order = {I.DEBIT: ORDER, I.BOOK_TRANSFER: WITHIN_NORTH}
    instruction = instruct(kind, order[kind], principal="bank:NORTH") if kind in order else cash(kind, 100)
    admitted, closed = a_book(counter_open=False), a_book(operator_admitted=False)
    assert post_one(admitted, instruction).kind in (O.DEBITED, O.BOOKED)
    assert post_one(closed, instruction).reason == "OPERATOR_NOT_ADMITTED"


@pytest.mark.parametrize("principal", ["bank:SOUTH", "user:", "alice", "", "bank:"])
def test_nobody_else_moves_a_customers_money(principal: str) -> None:
    for kind, order in ((I.DEBIT, ORDER), (I.BOOK_TRANSFER, WITHIN_NORTH)):
        for grant in (b"", grant_of("alice")):
            book = a_book()
            outcome = post_one(book, instruct(kind, order, principal=principal, grant=grant))
            assert (outcome.kind, outcome.reason) == (O.REFUSED, "GRANT_ENDED")


def test_a_customer_cannot_add_money_to_himself() -> None:
    outcome = post_one(a_book(), cash(I.ADD_MONEY, 100, principal="user:alice"))
    assert (outcome.kind, outcome.reason) == (O.REFUSED, "OPERATOR_NOT_ADMITTED")


def test_a_grant_lives_until_its_last_microsecond() -> None:
    book = a_book()
    hashed = grant_hash(grant_of("alice"))
    book.grants[hashed] = replace(book.grants[hashed], ends_at=book.now + 1)
    assert post_one(book, instruct(I.DEBIT)).kind is O.DEBITED


def test_the_banks_own_account_pays_and_is_paid_like_any_other() -> None:
    book = a_book({0: 500})
    change(book, 0, username="admin")
    order = replace(ORDER, payer_account=0, minor_units=500)
    assert post_one(book, instruct(I.DEBIT, order, principal="bank:NORTH")).kind is O.DEBITED


# --- limits


def test_an_account_may_hold_exactly_the_limit() -> None:
    for account, instruction in ((1001, credit_to_north(1_000)), (1001, deposit(1_000))):
        at, over = a_book(), a_book()
        change(at, account, balance=BALANCE_LIMIT - 1_000)
        change(over, account, balance=BALANCE_LIMIT - 999)
        assert post_one(at, instruction).kind in (O.CREDITED, O.BOOKED)
        assert post_one(over, instruction).reason == "BALANCE_LIMIT_EXCEEDED"


def test_an_account_may_pay_its_last_unit_and_not_one_more() -> None:
    assert post_one(a_book({1001: 1_000}), instruct(I.DEBIT)).balance_after == 0
    assert post_one(a_book({1001: 999}), instruct(I.DEBIT)).reason == "INSUFFICIENT_FUNDS"


def test_a_bank_pays_out_its_last_cash_and_none_that_came_from_another_bank() -> None:
    book = a_book({1001: 0, 1002: 300})
    credited, more, last = post(book, [credit_to_north(1_000), withdrawal(301, key="a"), withdrawal(300, key="b")])
    assert credited.kind is O.CREDITED
    assert (more.kind, more.reason) == (O.REFUSED, "CASH_EXHAUSTED")
    assert (last.kind, book.accounts[CASH].balance) == (O.BOOKED, 0)


def test_internal_accounts_stop_at_the_limit_on_both_sides() -> None:
    for instruction, account, at in (
        (instruct(I.DEBIT), CLEARING, BALANCE_LIMIT - 1_000),
        (credit_to_north(1_000), CLEARING, -BALANCE_LIMIT + 1_000),
        (cash(I.ADD_MONEY, 1_000), CASH, -BALANCE_LIMIT + 1_000),
    ):
        for room, refused in ((at, ""), (at + (1 if at > 0 else -1), "BALANCE_LIMIT_EXCEEDED")):
            book = a_book()
            change(book, account, balance=room)
            assert post_one(book, instruction).reason == refused


def test_no_balance_within_the_limit_leaves_64_bits_by_one_movement() -> None:
    assert BALANCE_LIMIT + 10**15 < 2**63


# --- the question that a gateway asks before it accepts an order


@pytest.mark.parametrize(
    ("account", "name", "reason"),
    [
        (Account(1, "customer", "bob", "EUR", "OPEN", 0), "bob", None),
        (None, "bob", Reason.PAYEE_ACCOUNT_NOT_FOUND),
        (Account(-1, "cash", None, "EUR", "OPEN", 0), "bob", Reason.PAYEE_ACCOUNT_NOT_FOUND),
        (Account(1, "customer", "bob", "EUR", "OPEN", 0), "Bob", Reason.PAYEE_NAME_MISMATCH),
        (Account(1, "customer", "bob", "EUR", "OPEN", 0), "", Reason.PAYEE_NAME_MISMATCH),
        (Account(1, "customer", "bob", "EUR", "CLOSED", 0), "bobby", Reason.PAYEE_NAME_MISMATCH),
        (Account(1, "customer", "bob", "EUR", "CLOSED", 0), "bob", Reason.PAYEE_ACCOUNT_CLOSED),
        (Account(1, "customer", "bob", "USD", "FROZEN", 0), "bob", Reason.PAYEE_ACCOUNT_FROZEN),
        (Account(1, "customer", "bob", "USD", "OPEN", 0), "bob", Reason.CURRENCY_MISMATCH),
        (Account(1, "customer", "bob", "EUR", "OPEN", BALANCE_LIMIT), "bob", None),
    ],
)
def test_a_payee_is_judged_before_any_money_moves(account: Account | None, name: str, reason: Reason | None) -> None:
    assert payee_refusal(account, name, "EUR") is reason
