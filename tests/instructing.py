"""Orders, instructions and books as an honest gateway and an honest bank make them, for tests to start from."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bank_service.books import CASH, INTERNAL_ACCOUNTS, Account, Book, Grant
from bank_service.ledger import grant_hash, post
from interbank.instructions import NO_HEAD, PURPOSES, Evidence, Head, Instruction, Outcome
from interbank.instructions import InstructionKind as I
from interbank.instructions import OutcomeKind as O
from interbank.orders import Order, Purpose, fingerprint, transfer_id

NOW = 1_795_000_000_000_000
"""Microseconds; an afternoon in November 2026."""

HOUR = 3600 * 1_000_000

ORDER = Order("NORTH", 1001, "SOUTH", 2001, "bob", 1000, "EUR", "rent", "k-1")
"""Alice at NORTH pays bob at SOUTH 10.00 EUR."""

WITHIN_NORTH = replace(ORDER, payee_bank="NORTH", payee_account=1002, payee_name="carol")
"""Alice pays carol, both at NORTH."""

CUSTOMERS = {1001: "alice", 1002: "carol"}
"""NORTH's, in these tests."""

EVIDENCE = {
    I.CREDIT: ("NORTH", O.DEBITED),
    I.RETURN_DEBIT: ("SOUTH", O.CANCELLED),
    I.SETTLE: ("SOUTH", O.CREDITED),
}
"""The other bank's outcome that an instruction about ORDER rests on."""


def instruct(kind: I, order: Order = ORDER, *, principal: str = "user:alice", **changes: Any) -> Instruction:
    """An instruction with the id and fingerprint of its order, its principal's grant, and the evidence of its kind."""
    digest = fingerprint(order, PURPOSES.get(kind, Purpose.TRANSFER))
    instruction = Instruction(
        kind,
        transfer_id(principal, order.idempotency_key, digest),
        digest,
        order,
        principal,
        grant_of(principal.removeprefix("user:")) if principal.startswith("user:") else b"",
        "" if principal.startswith("user:") else "admin",
        evidence(*EVIDENCE[kind]) if kind in EVIDENCE else None,
    )
    return replace(instruction, **changes)


def evidence(bank: str, kind: O, record_id: int = 7) -> Evidence:
    """An outcome of a bank at one of its records."""
    return Evidence(bank, kind, Head(record_id, hashlib.sha256(b"%d" % record_id).digest()))


def deposit(minor_units: int, account: int = 1001, key: str = "d-1") -> Instruction:
    """Cash in at the counter, on the customer's word."""
    return cash(I.DEPOSIT, minor_units, account, key, principal=f"user:{CUSTOMERS[account]}")


def withdrawal(minor_units: int, account: int = 1001, key: str = "w-1") -> Instruction:
    """Cash out at the counter, on the customer's word."""
    return cash(I.WITHDRAW, minor_units, account, key, principal=f"user:{CUSTOMERS[account]}")


def cash(
    kind: I, minor_units: int, account: int = 1001, key: str = "c-1", *, principal: str = "bank:NORTH"
) -> Instruction:
    """Cash in or out at NORTH."""
    out = kind is I.WITHDRAW
    payer, payee, name = (account, CASH, "cash") if out else (CASH, account, CUSTOMERS.get(account, "nobody"))
    return instruct(kind, Order("NORTH", payer, "NORTH", payee, name, minor_units, "EUR", "", key), principal=principal)


def debit(minor_units: int, key: str, **order: Any) -> Instruction:
    """A Debit of this amount under this key, else as ORDER."""
    return instruct(I.DEBIT, replace(ORDER, minor_units=minor_units, idempotency_key=key, **order))


def credit_to_north(minor_units: int, account: int = 1001, key: str = "in-1", **changes: Any) -> Instruction:
    """A Credit at NORTH: bob at SOUTH has paid one of its customers."""
    order = Order("SOUTH", 2001, "NORTH", account, CUSTOMERS.get(account, "nobody"), minor_units, "EUR", "", key)
    proof = evidence("SOUTH", O.DEBITED)
    return instruct(I.CREDIT, order, principal="user:bob", **{"grant": b"", "evidence": proof, **changes})


def grant_of(username: str) -> bytes:
    """The grant that a user holds in these tests."""
    return hashlib.sha256(username.encode()).digest()


def a_book(balances: Mapping[int, int] | None = None, *, bank: str = "NORTH", **settings: Any) -> Book:
    """A bank with customers who hold what they brought in cash, each with a grant."""
    names = CUSTOMERS if bank == "NORTH" else {2001: "bob"}
    held = dict.fromkeys(names, 10_000) | dict(balances or {})
    book = Book(
        bank,
        "EUR",
        settings.get("counter_open", True),
        settings.get("operator_admitted", True),
        NOW,
        NO_HEAD,
        0,
    )
    for number, kind in INTERNAL_ACCOUNTS.items():
        book.accounts[number] = Account(number, kind, None, "EUR", "OPEN", -sum(held.values()) if number == CASH else 0)
    for number, balance in held.items():
        name = names.get(number, f"user{number}")
        book.accounts[number] = Account(number, "customer", name, "EUR", "OPEN", balance)
        book.grants[grant_hash(grant_of(name))] = Grant(number, name, NOW + HOUR, ended=False)
    return book


def change(book: Book, account: int, **fields: Any) -> None:
    """Change an account as an operator or time has changed it."""
    book.accounts[account] = replace(book.accounts[account], **fields)


def end_grant(book: Book, username: str) -> None:
    """End a user's grant."""
    hashed = grant_hash(grant_of(username))
    book.grants[hashed] = replace(book.grants[hashed], ended=True)


def post_one(book: Book, instruction: Instruction) -> Outcome:
    """A batch of one."""
    (outcome,) = post(book, [instruction])
    return outcome


def balances(book: Book) -> dict[int, int]:
    """What each account holds."""
    return {number: account.balance for number, account in book.accounts.items()}


def without_replay(outcome: Outcome) -> Outcome:
    """The answer without the mark that says whether it was given before."""
    return replace(outcome, replayed=False)


EVERYTHING = [
    debit(10, "settled"),
    debit(20, "returned"),
    debit(30, "open"),
    debit(10_000, "refused"),
    instruct(I.RETURN_DEBIT, debit(5, "tombstone").order),
    instruct(I.BOOK_TRANSFER, WITHIN_NORTH),
    credit_to_north(40, key="credited"),
    credit_to_north(40, account=77, key="not credited"),
    instruct(I.CANCEL_CREDIT, credit_to_north(41, key="cancelled").order, principal="user:bob", grant=b""),
    deposit(7),
    withdrawal(3),
    cash(I.ADD_MONEY, 9),
]
"""One of each instruction, with success, refusal and tombstone, at NORTH where alice and carol hold 100 each."""

CONCLUDING = [
    instruct(I.SETTLE, debit(10, "settled").order, evidence=evidence("SOUTH", O.CREDITED, 3)),
    instruct(I.RETURN_DEBIT, debit(20, "returned").order, evidence=evidence("SOUTH", O.REFUSED, 4)),
]
"""How two of those debits end."""
