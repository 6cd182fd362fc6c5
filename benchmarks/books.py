"""Whether the books are right after a run, from the database files alone: a run after which they are not has no number.

Plain SQL that can be read at a glance. `audit verify` recomputes every hash and number besides, once at the end.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.orders import Payment

_PAYMENTS = """
SELECT o.transfer_id, o.payer_bank, o.payer_account, o.payee_bank, o.payee_account, e.amount
FROM entries e JOIN outcomes o ON o.record_id = e.record_id
WHERE o.instruction = ? AND e.entry_id > ?
  AND e.debit_account = CASE o.instruction WHEN 'CREDIT' THEN -2 ELSE o.payer_account END
  AND e.credit_account = CASE o.instruction WHEN 'DEBIT' THEN -2 ELSE o.payee_account END
ORDER BY o.transfer_id"""

_OTHER_MOVEMENTS = """
SELECT count(*) FROM entries e
LEFT JOIN outcomes o ON o.record_id = e.record_id AND o.instruction IN ('DEBIT', 'CREDIT', 'BOOK_TRANSFER')
WHERE o.record_id IS NULL AND e.entry_id > ?"""

_COMPLETED = """
SELECT transfer_id, payer_bank, payer_account, payee_bank, payee_account, amount
FROM transfers WHERE state = 'COMPLETED' AND journal_id > ? ORDER BY transfer_id"""

_INSTRUCTIONS = {"DEBIT": "debits", "CREDIT": "credits", "BOOK_TRANSFER": "payments of its own"}


class Books:
    """The files of the gateway and of all banks, looked at after each run: what it added to them, and their sums."""

    def __init__(self, gateway: Path, banks: dict[str, Path]) -> None:
        self._gateway = gateway
        self._banks = banks
        self._begin_after_the_last()
        self._put_in = self._customers_hold()
        self.checked = 0
        """Payments that were found to be right so far."""

    def faults(self, acknowledged: Sequence[Payment]) -> list[str]:
        """What is wrong after a run that had these payments acknowledged, and no others; empty when all is right."""
        expected = sorted(acknowledged)
        found = [*self._faults_of_sums(), *self._faults_of_movements(expected)]
        self._begin_after_the_last()
        self.checked += 0 if found else len(expected)
        return found

    def add(self, minor_units: int) -> None:
        """Know of money that was put in between two runs, by entries that are no payments."""
        self._begin_after_the_last()
        self._put_in += minor_units

    def entries(self) -> int:
        """How many entries the ledgers of all banks have."""
        return sum(self._number(path, "SELECT max(entry_id) FROM entries") for path in self._banks.values())

    def _begin_after_the_last(self) -> None:
        self._last_entries = {
            bank: self._number(path, "SELECT max(entry_id) FROM entries") for bank, path in self._banks.items()
        }
        self._last_transfer = self._number(self._gateway, "SELECT max(journal_id) FROM transfers")

    def _faults_of_sums(self) -> Iterator[str]:
        for bank, path in self._banks.items():
            if total := self._number(path, "SELECT sum(balance) FROM accounts"):
                yield f"the accounts of {bank} sum to {total}, not to 0"
        if under_way := sum(
            self._number(path, "SELECT balance FROM accounts WHERE account = -2") for path in self._banks.values()
        ):
            yield f"{under_way} minor units are between the banks, and every payment is final"
        if (held := self._customers_hold()) != self._put_in:
            yield f"customers hold {held}, and {self._put_in} was put in"

    def _faults_of_movements(self, expected: list[Payment]) -> Iterator[str]:
        yield from _differences(
            "the gateway's journal", expected, self._payments(self._gateway, _COMPLETED, self._last_transfer)
        )
        for bank, path in self._banks.items():
            after = self._last_entries[bank]
            touching = [payment for payment in expected if bank in (payment.payer_bank, payment.payee_bank)]
            for instruction, words in _INSTRUCTIONS.items():
                wanted = [payment for payment in touching if _instruction(payment, bank) == instruction]
                found = self._payments(path, _PAYMENTS, instruction, after)
                yield from _differences(f"{bank}'s {words}", wanted, found)
            if others := self._number(path, _OTHER_MOVEMENTS, after):
                yield f"{others} entries of {bank} are no part of a payment"

    def _customers_hold(self) -> int:
        return sum(
            self._number(path, "SELECT sum(balance) FROM accounts WHERE account >= 0") for path in self._banks.values()
        )

    def _payments(self, path: Path, query: str, *parameters: object) -> list[Payment]:
        with _reading(path) as connection:
            return [Payment(*row) for row in connection.execute(query, parameters)]

    def _number(self, path: Path, query: str, *parameters: object) -> int:
        with _reading(path) as connection:
            return connection.execute(query, parameters).fetchone()[0] or 0


def _instruction(payment: Payment, bank: str) -> str:
    """What a bank is told for a payment that touches it."""
    if payment.payer_bank == payment.payee_bank:
        return "BOOK_TRANSFER"
    return "DEBIT" if payment.payer_bank == bank else "CREDIT"


def _differences(where: str, expected: list[Payment], found: list[Payment]) -> Iterator[str]:
    """Both are sorted, and equal when every expected payment is there exactly once and nothing else is."""
    if found == expected:
        return
    missing, strange = set(expected) - set(found), set(found) - set(expected)
    yield (
        f"{where}: {len(found)} payments for {len(expected)} that were acknowledged; "
        f"{len(missing)} missing, {len(strange)} that nobody was told of, {len(found) - len(set(found))} twice"
        + "".join(f"; {payment.transfer_id.hex()}" for payment in _some(missing | strange))
    )


def _some(payments: Iterable[Payment]) -> list[Payment]:
    return sorted(payments)[:3]


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        yield connection
