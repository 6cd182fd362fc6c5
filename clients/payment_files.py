"""Files of payments: what a line means, and the key that makes it paid once. No input or output.

A line without a key of its own gets one that follows from the run's label, the payer, the line's content and its count
among equal lines. So the same file pays nothing twice, a corrected file pays what is new, in whatever order its lines
stand, and a new run pays all again.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from clients.csv_files import Fault, Line, MalformedFile, read_lines
from interbank.canonical import canonical
from interbank.money import parse_money
from interbank.orders import (
    Order,
    check_account,
    check_bank_id,
    check_key,
    check_order,
    check_reference,
    check_username,
)
from interbank.refusals import Refused

COLUMNS = ("to_bank", "to_account", "to_name", "amount", "reference")
"""Columns of a customer's file; `key` may be added."""

OPERATOR_COLUMNS = ("from_account", *COLUMNS)
"""Columns of a bank's standing orders."""

_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays: one account of a bank, or with `account` None each line's own, on the bank's authority."""

    bank: str
    currency: str
    account: int | None


@dataclass(frozen=True, slots=True)
class PaymentLine:
    """A line as an order; the order's key is that of the first attempt."""

    number: int
    order: Order

    def attempt(self, count: int) -> Order:
        """The order of a later attempt: the same payment under another key. Attempt 0 is the order itself."""
        if count == 0:
            return self.order
        key = f"{self.order.idempotency_key}~{count}"
        if len(key) > 128:
            key = f"{hashlib.sha256(key.encode()).hexdigest()}~{count}"
        return replace(self.order, idempotency_key=key)


def parse_payments(content: bytes, payer: Payer, run: str) -> list[PaymentLine]:
    """The payments of a file, in its order. Raises MalformedFile with every fault of every line."""
    required = COLUMNS if payer.account is not None else OPERATOR_COLUMNS
    parsed: list[PaymentLine] = []
    lines, faults = read_lines(content, required=required, optional=("key",))
    for line in lines:
        reader = _Reader(line)
        order = reader.order(payer)
        faults += reader.faults
        if order is not None and not reader.faults:
            parsed.append(PaymentLine(line.number, order))
    faults += _keys_twice(parsed)
    if faults:
        raise MalformedFile(sorted(faults, key=lambda fault: fault.line))
    return _keyed(parsed, run)


class _Reader:
    """Reads the values of one line, and collects what is wrong with them."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.faults: list[Fault] = []

    def order(self, payer: Payer) -> Order | None:
        account = self._account("from_account") if payer.account is None else payer.account
        bank = self._checked("to_bank", check_bank_id)
        to_account = self._account("to_account")
        name = self._checked("to_name", check_username)
        amount = self._read("amount", lambda text: parse_money(text, payer.currency))
        reference = self._checked("reference", check_reference)
        key = self._checked("key", check_key) if self._line.values.get("key") else ""
        if self.faults or account is None or to_account is None or amount is None:
            return None
        order = Order(payer.bank, account, bank, to_account, name, amount.minor_units, amount.currency, reference, key)
        self._read("to_account", lambda _text: check_order(replace(order, idempotency_key=key or "key")))
        return order

    def _account(self, column: str) -> int | None:
        return self._read(column, _account_number)

    def _checked(self, column: str, check: Callable[[str], None]) -> str:
        self._read(column, check)
        return self._line.values[column]

    def _read(self, column: str, read: Callable[[str], _Value]) -> _Value | None:
        try:
            return read(self._line.values[column])
        except Refused as refused:
            hint = f"; {refused.hint}" if refused.hint else ""
            self.faults.append(Fault(self._line.number, column, f"{refused.message}{hint}"))
            return None


def _account_number(text: str) -> int:
    number = int(text) if _NUMBER.fullmatch(text) else -1
    try:
        check_account(number)
    except Refused as refused:
        raise Refused(refused.reason, f'"{text[:40]}" is not an account number', hint=refused.hint) from None
    return number


def _keys_twice(lines: Sequence[PaymentLine]) -> list[Fault]:
    first: dict[str, int] = {}
    faults = []
    for line in lines:
        key = line.order.idempotency_key
        if key and first.setdefault(key, line.number) != line.number:
            faults.append(
                Fault(line.number, "key", f'"{key}" stands on line {first[key]} too; a key is for one payment')
            )
    return faults


def _keyed(lines: Sequence[PaymentLine], run: str) -> list[PaymentLine]:
    seen: Counter[Order] = Counter()
    keyed = []
    for line in lines:
        if line.order.idempotency_key:
            keyed.append(line)
            continue
        seen[line.order] += 1
        key = _key(line.order, run, seen[line.order])
        keyed.append(replace(line, order=replace(line.order, idempotency_key=key)))
    return keyed


def _key(order: Order, run: str, count: int) -> str:
    """ "file-" and 40 hexadecimal digits. The names of columns never change it, their content always does."""
    content = canonical(
        "interbank/pay-file/v1",
        run,
        order.payer_bank,
        order.payer_account,
        order.payee_bank,
        order.payee_account,
        order.payee_name,
        order.minor_units,
        order.currency,
        order.reference,
        count,
    )
    return f"file-{hashlib.sha256(content).hexdigest()[:40]}"
