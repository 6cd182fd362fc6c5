"""A bank's accounts against the acts that opened, froze and closed them: acts stand in the chained records, accounts
do not."""

import sqlite3
from collections.abc import Iterator

from audit.findings import Finding, Kind
from audit.ledger import account_name

_ACTS = """
SELECT act, account, username FROM acts
WHERE act IN ('ACCOUNT_OPENED', 'ACCOUNT_FROZEN', 'ACCOUNT_UNFROZEN', 'ACCOUNT_CLOSED') ORDER BY record_id
"""
_ACCOUNTS = "SELECT account, coalesce(username, ''), status, currency FROM accounts ORDER BY account"
_STATUS = {"ACCOUNT_FROZEN": "FROZEN", "ACCOUNT_UNFROZEN": "OPEN", "ACCOUNT_CLOSED": "CLOSED"}


def check(connection: sqlite3.Connection, where: str, currency: str) -> Iterator[Finding]:
    """Accounts that no act opened, or that are in another name, status or currency than they should be."""
    should_be = _by_acts(connection)
    for account, username, status, held_in in connection.execute(_ACCOUNTS):
        expected = should_be.pop(account, None)
        if expected is None:
            message = "exists, and no act opened it"
        elif expected != (username, status):
            message = f"is {status} {username!r}; by the acts it is {expected[1]} {expected[0]!r}"
        elif held_in != currency:
            message = f"is in {held_in}, the bank in {currency}"
        else:
            continue
        yield Finding(Kind.ACCOUNT_ACTS_DIFFER, where, f"account {account_name(account)}", message)
    for account in sorted(should_be):
        message = "was opened, and does not exist"
        yield Finding(Kind.ACCOUNT_ACTS_DIFFER, where, f"account {account_name(account)}", message)


def _by_acts(connection: sqlite3.Connection) -> dict[int, tuple[str, str]]:
    """User and status of every account, worked out from the acts."""
    found: dict[int, tuple[str, str]] = {}
    for act, account, username in connection.execute(_ACTS):
        if act == "ACCOUNT_OPENED":
            found[account] = (username or "", "OPEN")
        elif account in found:
            found[account] = (found[account][0], _STATUS[act])
    return found
