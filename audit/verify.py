"""The books of each file by themselves: every number, sum and hash computed anew from the rows."""

import sqlite3
from collections.abc import Iterator

from audit import accounts, journal, ledger, outcomes, records, schema
from audit.amounts import decimals, grouped
from audit.files import Files, OpenFile
from audit.findings import Finding, Kind
from audit.report import Totals

CHECKED_IN_A_BANK = (
    "records and entries without gaps, times in order",
    "every balance recomputed from the first entry on; all accounts of a bank sum to zero",
    "every order's fingerprint and transfer id recomputed",
    "each outcome moved exactly what its order says; refusals and tombstones moved nothing",
    "open debits and clearing explained, transfer by transfer",
    "accounts as the acts opened, froze and closed them",
    "the chain hash of every record recomputed",
)
CHECKED_IN_THE_JOURNAL = ("the journal's numbers, identities, states, times and evidence",)

UNREADABLE = (sqlite3.Error, TypeError, ValueError, AttributeError)
"""What reading a damaged file can raise: an edit of the raw bytes can put text where a number belongs, and then Python
cannot count with it either."""

_TOTALS = """
SELECT coalesce(-sum(balance) FILTER (WHERE kind = 'cash'), 0),
       coalesce(sum(balance) FILTER (WHERE kind = 'customer'), 0),
       coalesce(sum(balance) FILTER (WHERE kind = 'clearing'), 0),
       coalesce(sum(balance) FILTER (WHERE kind = 'recovery'), 0) FROM accounts
"""


def verify_file(file: OpenFile) -> Iterator[Finding]:
    """Everything that is wrong inside one file."""
    connection, where = file.connection, file.name
    yield from _readable(file, _damage(connection, where))
    altered = list(_readable(file, schema.altered(connection, file.service, where)))
    yield from altered
    if altered:
        return  # what is read from such tables means something else
    yield from _readable(file, schema.unguarded(connection, file.service, where))
    if file.service == "gateway":
        yield from _readable(file, journal.check(connection))
        return
    currency = file.currency

    def money(minor_units: int) -> str:
        return grouped(minor_units, currency)

    yield from _readable(file, _scale(connection, where, currency))
    yield from _readable(file, records.check(connection, where))
    yield from _readable(file, ledger.check(connection, where, money))
    yield from _readable(file, outcomes.check(connection, where, money))
    yield from _readable(file, accounts.check(connection, where, currency))


def totals(files: Files) -> tuple[Totals, ...]:
    """What was put in and what is held, by currency, over all banks that are here."""
    sums: dict[str, list[int]] = {}
    for bank in files.banks.values():
        found = bank.connection.execute(_TOTALS).fetchone()
        so_far = sums.setdefault(bank.currency, [0, 0, 0, 0])
        sums[bank.currency] = [one + other for one, other in zip(so_far, found, strict=True)]
    return tuple(Totals(currency, *sums[currency]) for currency in sorted(sums))


def _readable(file: OpenFile, check: Iterator[Finding]) -> Iterator[Finding]:
    """A check's findings, and one more if the file will not be read."""
    try:
        yield from check
    except UNREADABLE as error:
        yield Finding(Kind.FILE_UNREADABLE, file.name, "file", f"{file.path.name}: {error}")


def _damage(connection: sqlite3.Connection, where: str) -> Iterator[Finding]:
    for (message,) in connection.execute("PRAGMA integrity_check(20)"):
        if message != "ok":
            yield Finding(Kind.FILE_DAMAGED, where, "file", str(message))


def _scale(connection: sqlite3.Connection, where: str, currency: str) -> Iterator[Finding]:
    found = connection.execute("SELECT scale FROM currencies WHERE currency = ?", (currency,)).fetchone()
    if found is None or found[0] != 10 ** decimals(currency):
        message = f"scale is {found[0] if found else 'missing'}; ISO 4217 has {decimals(currency)} decimals"
        yield Finding(Kind.SCALE_ALTERED, where, f"currency {currency}", message)
