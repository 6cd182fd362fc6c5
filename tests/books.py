"""A second opinion on a network's files after a test: `check(home)` fails with all that is wrong in them."""

from pathlib import Path
from typing import Any

try:  # The servers' own library: two SQLite libraries in one process lose each other's locks on a file.
    import pysqlite3 as sqlite3
except ImportError:
    import sqlite3

from lab.books import BankBooks, Row, findings
from lab.books import read_bank as bank_of
from lab.books import read_journal as journal_of


def check(home: Path, *, at_rest: bool = True, journal_whole: bool = True) -> None:
    """Fail if the books are wrong. `at_rest`: nothing is under way any more. `journal_whole`: the gateway never lost
    its journal, so it has a row for whatever banks did for each other."""
    banks = {books.bank: books for books in map(read_bank, sorted(home.glob("banks/*/bank.db")))}
    journal = read_journal(home / "gateway" / "gateway.db")
    wrong = findings(banks, journal, at_rest=at_rest, journal_whole=journal_whole)
    assert not wrong, "\n".join(wrong)


def read_bank(path: Path) -> BankBooks:
    """All that a bank's file holds."""
    with _opened(path) as rows:
        return bank_of(rows)


def read_journal(path: Path) -> dict[bytes, Row]:
    """The gateway's transfers by id."""
    with _opened(path) as rows:
        return journal_of(rows)


class _opened:  # noqa: N801
    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("BEGIN")  # one moment, however many questions

    def __enter__(self) -> Any:
        return lambda query: [dict(row) for row in self._connection.execute(query)]

    def __exit__(self, *_: object) -> None:
        self._connection.close()
