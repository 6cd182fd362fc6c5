"""The PKDD'99 standing orders as files that `interbank admin` takes. No input or output but text."""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass

from interbank.money import MAX_MINOR_UNITS, Money, parse_money

PAYERS_BANK = "PRAHA"
CURRENCY = "CZK"


@dataclass(frozen=True, slots=True)
class StandingOrder:
    """One line of order.csv. A blank purpose is an empty reference."""

    payer_account: int
    payee_bank: str
    payee_account: int
    amount: Money
    reference: str


def read_orders(text: str) -> list[StandingOrder]:
    """The orders of order.csv, in its order. Raises Refused for an amount that is none, KeyError for a wrong header."""
    return [
        StandingOrder(
            int(row["account_id"]),
            row["bank_to"],
            int(row["account_to"]),
            parse_money(row["amount"], CURRENCY),
            row["k_symbol"].strip(),
        )
        for row in csv.DictReader(io.StringIO(text), delimiter=";")
    ]


def username(bank: str, account: int) -> str:
    """The name in which an account of the example stands: praha-1, yz-87144583."""
    return f"{bank.lower()}-{account}"


def banks(orders: Iterable[StandingOrder]) -> list[str]:
    """The payers' bank, then the payees' banks by name."""
    return [PAYERS_BANK, *sorted({order.payee_bank for order in orders})]


def accounts_file(bank: str, orders: Iterable[StandingOrder]) -> str:
    """What `interbank admin open-accounts` takes: every payer with the sum of his orders, every payee with nothing."""
    deposits: dict[int, int] = {}
    for order in orders:
        if bank == PAYERS_BANK:
            deposits[order.payer_account] = deposits.get(order.payer_account, 0) + order.amount.minor_units
        elif bank == order.payee_bank:
            deposits[order.payee_account] = 0
    rows = [
        (number, username(bank, number), Money(cents, CURRENCY).decimal) for number, cents in sorted(deposits.items())
    ]
    return _csv(("account", "username", "deposit"), rows)


def payments_file(orders: Iterable[StandingOrder]) -> str:
    """What `interbank admin pay-file` takes."""
    rows = [
        (
            order.payer_account,
            order.payee_bank,
            order.payee_account,
            username(order.payee_bank, order.payee_account),
            order.amount.decimal,
            order.reference,
        )
        for order in orders
    ]
    return _csv(("from_account", "to_bank", "to_account", "to_name", "amount", "reference"), rows)


def expected_totals(readme: str) -> dict[str, Money]:
    """What must arrive at each bank, as the data's own README says it."""
    _, _, listed = readme.partition("What must arrive, per bank (CZK):")
    found = re.findall(r"\b([A-Z]{2}) ([0-9]+\.[0-9]{2})\b", listed)
    return {bank: Money(_minor_units(amount), CURRENCY) for bank, amount in found}


def _minor_units(decimal: str) -> int:
    whole, _, fraction = decimal.partition(".")
    units = int(whole) * 100 + int(fraction)
    if units > MAX_MINOR_UNITS:
        raise ValueError(f"{decimal} is no total of the example")
    return units


def _csv(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
