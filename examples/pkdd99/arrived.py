"""What a bank of the example holds, read from its database as anybody can with `sqlite3`; its server may run."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from examples.pkdd99.convert import CURRENCY
from interbank.money import Money

_CREDITED = "SELECT count(*), coalesce(sum(minor_units), 0) FROM v_entries WHERE kind = 'CREDITED'"
# Internal accounts have names, and account 0 is the bank's own.
_CUSTOMERS = """
SELECT count(*), coalesce(sum(minor_units), 0) FROM v_balances WHERE account GLOB '[1-9]*'
"""


@dataclass(frozen=True, slots=True)
class Books:
    """How many payments of other banks were credited here, and their sum; the customers' accounts, and their sum."""

    credits: int
    credited: Money
    accounts: int
    held: Money


def read_books(database: Path) -> Books:
    """Read a bank's file, and change nothing. Raises sqlite3.Error."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        credits_, credited = connection.execute(_CREDITED).fetchone()
        accounts, held = connection.execute(_CUSTOMERS).fetchone()
    return Books(credits_, Money(credited, CURRENCY), accounts, Money(held, CURRENCY))
