"""Fills the file of a stopped bank with entries: the bank's own rules and its own SQL, without a network between. What
comes out is what the bank would have written for so many additions of money, so `audit verify` accepts it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from bank_service.books import CASH
from bank_service.ledger import post
from bank_service.settings import BankSettings
from bank_service.storage import load_batch, load_book, store
from benchmarks.failures import RunFailed
from benchmarks.orders import Payee
from benchmarks.plan import CURRENCY
from interbank.clock import SystemClock
from interbank.instructions import Instruction, InstructionKind, OutcomeKind
from interbank.locking import take_lock
from interbank.orders import Order, Purpose, bank_principal, fingerprint, transfer_id
from interbank.storage.engine import open_engine

MINOR_UNITS = 1
"""What each entry adds to an account."""

_AT_A_TIME = 10_000
_OPERATOR = "admin"


@dataclass(frozen=True, slots=True)
class Filling:
    """Additions of money to accounts of `bank`. Every `every`-th is for the first of them, who gets a long statement;
    the others have theirs in turn. There are at least two."""

    bank: str
    payees: Sequence[Payee]
    every: int

    def payee(self, number: int) -> Payee:
        """Whose the addition with this number is."""
        others = len(self.payees) - 1
        return self.payees[0 if number % self.every == 0 else 1 + number % others]

    def instruction(self, number: int) -> Instruction:
        """The addition with this number, as the operator gives it; each has a key of its own."""
        payee = self.payee(number)
        key = f"filling-{number}"
        order = Order(self.bank, CASH, self.bank, payee.account, payee.name, MINOR_UNITS, CURRENCY, "benchmark", key)
        principal, digest = bank_principal(self.bank), fingerprint(order, Purpose.MONEY_ADDED)
        identity = transfer_id(principal, key, digest)
        return Instruction(InstructionKind.ADD_MONEY, identity, digest, order, principal, actor=_OPERATOR)


def fill(database: Path, filling: Filling, numbers: range) -> None:
    """Carry out the additions with these numbers. Raises Refused(ALREADY_RUNNING) if the bank runs, and RunFailed if it
    would refuse one."""
    settings = BankSettings(filling.bank, CURRENCY, counter_open=False, operator_admitted=True)
    lock, engine = take_lock(database), open_engine(database)
    try:
        with engine.connect() as connection:
            for first in range(numbers.start, numbers.stop, _AT_A_TIME):
                some = range(first, min(first + _AT_A_TIME, numbers.stop))
                with connection.begin():
                    _carry_out(connection, settings, [filling.instruction(number) for number in some])
    finally:
        engine.dispose()
        os.close(lock)


def _carry_out(connection: Connection, settings: BankSettings, instructions: Sequence[Instruction]) -> None:
    book = load_book(connection, settings, SystemClock().now_us())
    load_batch(connection, book, instructions)
    for outcome in post(book, instructions):
        if outcome.kind is not OutcomeKind.BOOKED:
            raise RunFailed(f"{settings.bank} added no money: {outcome.kind.name} {outcome.reason}".strip())
    store(connection, book)
