"""Random histories of a bank: few accounts, keys and orders, so that they meet. Replays, changed payloads, cancels,
returns and settles that come early, late or twice, grants that end, accounts that are frozen."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain, product
from random import Random
from typing import Any

from hypothesis import strategies as st

from bank_service.books import CASH, CLEARING, Book, Gathered
from bank_service.ledger import post
from interbank.instructions import Instruction, Outcome
from interbank.instructions import InstructionKind as I
from interbank.instructions import OutcomeKind as O
from interbank.orders import Order
from tests.instructing import a_book, cash, change, end_grant, evidence, grant_of, instruct

UNSTORED = {O.FINGERPRINT_MISMATCH, O.KEY_REUSED, O.CONTRADICTION}

AMOUNTS, KEYS, NAMES = (40, 60, 90, 10**15 - 1), ("a", "b"), {1001: "alice", 1002: "carol", 2001: "bob"}

Family = list[Instruction]
"""All that can be said of one order."""


def outgoing(payer: int, payee: int, amount: int, key: str, principal: str) -> Family:
    """A payment of alice's or carol's, on their own word, with a wrong grant, or on the bank's word."""
    here = payee != 2001
    order = Order("NORTH", payer, "NORTH" if here else "SOUTH", payee, NAMES[payee], amount, "EUR", "", key)
    if here:
        booked = instruct(I.BOOK_TRANSFER, order, principal=principal)
        return [booked, replace(booked, grant=grant_of("mallory"))]
    debit, returned, settled = (
        instruct(kind, order, principal=principal) for kind in (I.DEBIT, I.RETURN_DEBIT, I.SETTLE)
    )
    false = replace(settled, fingerprint=b"\0" * 32)
    return [debit, debit, debit, returned, settled, false, replace(debit, grant=grant_of("mallory"))]


def incoming(payee: int, name: str, amount: int, key: str) -> Family:
    """A payment of bob's at SOUTH to alice, carol or a stranger."""
    order = Order("SOUTH", 2001, "NORTH", payee, name, amount, "EUR", "", key)
    credit = instruct(I.CREDIT, order, principal="user:bob", grant=b"", evidence=evidence("SOUTH", O.DEBITED))
    return [credit, credit, instruct(I.CANCEL_CREDIT, order, principal="user:bob", grant=b"")]


PAYERS, PAYEES = (1001, 1002), [(1001, "alice"), (1002, "carol"), (1002, "caroline"), (77, "nobody")]
OUT = [
    outgoing(payer, payee, amount, key, principal)
    for payer, payee, amount, key in product(PAYERS, (1001, 1002, 2001), AMOUNTS, KEYS)
    for principal in (f"user:{NAMES[payer]}", "bank:NORTH")
    if payer != payee
]
IN = [incoming(payee, name, amount, key) for (payee, name), amount, key in product(PAYEES, AMOUNTS, KEYS)]
CASH_MOVED = [
    [cash(kind, amount, account, key, principal=principal)]
    for kind, account, amount, key in product((I.DEPOSIT, I.WITHDRAW, I.ADD_MONEY), PAYERS, AMOUNTS, KEYS)
    for principal in (f"user:{NAMES[account]}", "bank:NORTH")
]
FATES = ["FROZEN 1001", "OPEN 1001", "FROZEN 1002", "OPEN 1002", "grant alice", "grant carol"]

FAMILIES = [OUT, OUT, IN, CASH_MOVED]
families = st.one_of([st.sampled_from(kind) for kind in FAMILIES])


Batches = list[list[Instruction] | str]
"""What happens to a bank: batches of instructions, and fates that befall it between them."""


@st.composite
def histories(draw: st.DrawFn) -> Batches:
    """Batches about a few orders, and what befalls the accounts between them."""
    said = list(chain.from_iterable(draw(st.lists(families, min_size=1, max_size=5))))
    batch = st.lists(st.sampled_from(said), min_size=1, max_size=8)
    return draw(st.lists(st.one_of(batch, batch, st.sampled_from(FATES)), min_size=1, max_size=8))


def random_history(chance: Random) -> Batches:
    """One of the same, drawn more quickly and without shrinking."""
    said = list(chain.from_iterable(chance.choice(chance.choice(FAMILIES)) for _ in range(chance.randint(1, 5))))
    return [
        chance.choice(FATES) if chance.random() < 0.3 else chance.choices(said, k=chance.randint(1, 8))
        for _ in range(6)
    ]


def an_open_bank() -> Book:
    """Alice and carol hold 100 each, of which 40 came in as cash and the rest from other banks."""
    book = a_book({1001: 100, 1002: 100})
    change(book, CASH, balance=-40)
    change(book, CLEARING, balance=-160)
    return book


@dataclass
class History:
    """A bank that is asked batch after batch, each with a Book of its own, and all that it ever wrote."""

    book: Book = field(default_factory=an_open_bank)
    opening: dict[int, int] = field(default_factory=dict)
    asked: list[tuple[Instruction, Outcome]] = field(default_factory=list)
    outcomes: list[Any] = field(default_factory=list)
    conclusions: list[Any] = field(default_factory=list)
    entries: list[Any] = field(default_factory=list)
    open_debits: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.opening = {number: account.balance for number, account in self.book.accounts.items()}

    def run(self, steps: Batches) -> "History":
        for step in steps:
            befall(self.book, step) if isinstance(step, str) else self._post(step)
        return self

    def _post(self, batch: Iterable[Instruction]) -> None:
        book = self.book = replace(self.book, gathered=Gathered())
        for instruction in batch:
            before, written = book.head.record_id, len(book.gathered.records)
            (outcome,) = post(book, [instruction])
            self.asked.append((instruction, outcome))
            wrote = len(book.gathered.records) - written
            assert wrote == (0 if outcome.replayed or outcome.kind in UNSTORED else 1)
            assert book.head.record_id == before + wrote
            assert_books_hold(book)
        gathered = book.gathered
        self.outcomes += gathered.outcomes
        self.conclusions += gathered.conclusions
        self.entries += gathered.entries
        self.open_debits |= {record_id: transfer_id for record_id, transfer_id, _ in gathered.opened_debits}
        for record_id in gathered.closed_debits:
            del self.open_debits[record_id]


def befall(book: Book, fate: str) -> None:
    """Freeze or unfreeze an account, or end a grant."""
    what, whom = fate.split()
    if what == "grant":
        end_grant(book, whom)
    else:
        change(book, int(whom), status=what)


def assert_books_hold(book: Book) -> None:
    """What is true of a bank's balances at any moment."""
    assert sum(account.balance for account in book.accounts.values()) == 0
    assert all(account.balance >= 0 for account in book.accounts.values() if account.kind == "customer")
    assert book.accounts[CASH].balance <= 0
