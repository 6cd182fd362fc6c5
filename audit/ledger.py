"""A bank's entries replayed from the first to the last, with every balance computed anew."""

import sqlite3
from collections.abc import Callable, Iterator

from audit.findings import Finding, Kind
from audit.records import gap

CASH, CLEARING, RECOVERY = -1, -2, -3
_INTERNAL = {CASH: "cash", CLEARING: "clearing", RECOVERY: "recovery"}

Money = Callable[[int], str]
"""Writes minor units in the bank's currency."""

_ENTRIES = """
SELECT entry_id, record_id, debit_account, credit_account, amount, debit_balance_after, credit_balance_after
FROM entries ORDER BY entry_id
"""


def account_name(number: int) -> str:
    """An account as people write it: "1001", or "clearing"."""
    return _INTERNAL.get(number, str(number))


def check(connection: sqlite3.Connection, where: str, money: Money) -> Iterator[Finding]:
    """Entries that are missing, out of order or wrong in their arithmetic; accounts that differ from their entries.

    After a wrong entry the replay goes on from the balances that the entry states: so one edit is one finding, not a
    thousand.
    """
    balances: dict[int, int] = {}
    expected_id, last_record = 1, 0
    for entry_id, record_id, debit, credit, amount, debit_after, credit_after in connection.execute(_ENTRIES):
        if entry_id != expected_id:
            yield gap(Kind.ENTRY_NUMBERS_HAVE_A_GAP, where, "entry", expected_id, entry_id)
        if record_id <= last_record:
            message = f"belongs to record {record_id}, the entry before it to record {last_record}"
            yield Finding(Kind.ENTRIES_OUT_OF_ORDER, where, f"entry {entry_id}", message)
        debit_before, credit_before = balances.get(debit, 0), balances.get(credit, 0)
        if debit == credit or debit_before - amount != debit_after or credit_before + amount != credit_after:
            sides = ((debit, debit_before, debit_after, -amount), (credit, credit_before, credit_after, amount))
            yield _wrong(where, entry_id, amount, sides, money)
        for account, after in ((debit, debit_after), (credit, credit_after)):
            if (after < 0 <= account) or (after > 0 and account in (CASH, RECOVERY)):
                message = f"leaves {account_name(account)} at {money(after)}"
                yield Finding(Kind.BALANCE_OUT_OF_BOUNDS, where, f"entry {entry_id}", message)
        balances[debit], balances[credit] = debit_after, credit_after
        expected_id, last_record = entry_id + 1, record_id
    yield from _accounts(connection, where, balances, money)


def _wrong(
    where: str, entry_id: int, amount: int, sides: tuple[tuple[int, int, int, int], ...], money: Money
) -> Finding:
    """Name the side that does not fit, the customer's rather than the bank's own."""
    wrong = [side for side in sides if side[1] + side[3] != side[2]]
    account, before, after, _ = max(wrong, default=sides[0])
    went = f"account {account_name(account)} went from {money(before)} to {money(after)}"
    message = f"amount {money(amount)}, but {went}" if wrong else f"debits and credits account {account_name(account)}"
    return Finding(Kind.ENTRY_ARITHMETIC_WRONG, where, f"entry {entry_id}", message)


def _accounts(connection: sqlite3.Connection, where: str, replayed: dict[int, int], money: Money) -> Iterator[Finding]:
    stored: dict[int, int] = dict(connection.execute("SELECT account, balance FROM accounts ORDER BY account"))
    for account, balance in stored.items():
        subject = f"account {account_name(account)}"
        if balance != replayed.get(account, 0):
            message = f"holds {money(balance)}; its entries add up to {money(replayed.get(account, 0))}"
            yield Finding(Kind.ACCOUNT_BALANCE_DIFFERS, where, subject, message)
        if (balance < 0 <= account) or (balance > 0 and account in (CASH, RECOVERY)):
            yield Finding(Kind.BALANCE_OUT_OF_BOUNDS, where, subject, f"is at {money(balance)}")
    for account in sorted(replayed.keys() - stored.keys()):
        yield Finding(Kind.ACCOUNT_MISSING, where, f"account {account_name(account)}", "has entries and does not exist")
    if sum(stored.values()) != 0:
        message = f"all accounts together hold {money(sum(stored.values()))}, not zero"
        yield Finding(Kind.ACCOUNTS_DO_NOT_SUM_TO_ZERO, where, "accounts", message)
