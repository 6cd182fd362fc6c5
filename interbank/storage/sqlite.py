"""What only SQLite can do: the driver, the pragmas, triggers that keep rows as they were written, text of times and
amounts in views. All other SQL of the project is SQLAlchemy Core and portable."""

import contextlib
import enum
import importlib
import sqlite3
from collections.abc import Iterable
from functools import cache
from types import ModuleType
from typing import Any

from sqlalchemy import BigInteger, Integer, LargeBinary, Text

WAL_RESET_FIXED = (3, 51, 3)
"""SQLite before this can corrupt a WAL database when two connections write or checkpoint at once
(https://www.sqlite.org/wal.html#walresetbug); also fixed in 3.44.6 and 3.50.7."""

_WRITER_CACHE_KB, _READER_CACHE_KB = 32_768, 2_048
"""Ids are hashes, so each row of a long ledger's indexes lies on a page of its own. With SQLite's own 2 MB the writer
reads a page from the system for nearly every one; the memory is taken as pages are met, and not before. The fault lab
takes a process that grows by 50 MB for one that leaks."""

Int64 = BigInteger().with_variant(Integer, "sqlite")
"""A signed 64-bit column; STRICT tables know no BIGINT."""
Str = Text()
Bytes = LargeBinary()


@cache
def driver() -> ModuleType:
    """The SQLite driver: pysqlite3, which brings a SQLite of its own, where it is installed; else Python's."""
    module: ModuleType = sqlite3
    with contextlib.suppress(ImportError):
        module = importlib.import_module("pysqlite3")
    module.register_adapter(type(None), lambda none: none)
    return module


def bindable(values: Iterable[Any]) -> list[Any]:
    """These values as the driver binds them fast. For bytes and None it looks for an adapter at every single one, and a
    look that finds none takes 1.5 µs, ten times as long as to bind: more than all else that SQLite does for a row."""
    return [bytearray(value) if type(value) is bytes else value for value in values]


def has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    """Whether this SQLite version has the WAL-reset bug."""
    if version >= WAL_RESET_FIXED:
        return False
    return not (version[:2] == (3, 44) and version >= (3, 44, 6)) and not (
        version[:2] == (3, 50) and version >= (3, 50, 7)
    )


def prepare_connection(connection: Any, *, read_only: bool) -> None:
    """Set a new DBAPI connection up: WAL, a sync at every commit (NORMAL may lose acknowledged commits at power loss),
    transactions begun by us and not by the driver."""
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "busy_timeout = 5000",
        "trusted_schema = OFF",
        "recursive_triggers = ON",  # else REPLACE deletes rows without asking the trigger
        "cell_size_check = ON",
        "wal_autocheckpoint = 4000",
        f"cache_size = {-_READER_CACHE_KB if read_only else -_WRITER_CACHE_KB}",
        f"query_only = {'ON' if read_only else 'OFF'}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def append_only(table: str) -> dict[str, str]:
    """Triggers, by name, that refuse to change or delete a row of `table`. They stop mistakes, not a person with the
    file: for that there is the audit."""
    return {
        f"{table}_no_{verb.lower()}": (
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
        for verb in ("UPDATE", "DELETE")
    }


def iso_time(column: str) -> str:
    """SQL text: microseconds since 1970 as UTC ISO 8601, for example 2026-11-22T14:02:11.204117Z."""
    return (
        f"strftime('%Y-%m-%dT%H:%M:%S', {column} / 1000000, 'unixepoch') || '.' || "
        f"substr(CAST(1000000 + {column} % 1000000 AS TEXT), 2) || 'Z'"
    )


def decimal_amount(minor_units: str, scale: str = "scale") -> str:
    """SQL text: minor units as a decimal without a float; runs on PostgreSQL too."""
    m, s = f"({minor_units})", scale
    return (
        f"CASE WHEN {m} < 0 THEN '-' ELSE '' END || CAST(abs({m}) / {s} AS TEXT) || "
        f"CASE WHEN {s} > 1 THEN '.' ELSE '' END || substr(CAST({s} + abs({m}) % {s} AS TEXT), 2)"
    )


class Trouble(enum.Enum):
    """What a driver's error means for the process."""

    FULL = "the disk is full; the transaction was rolled back"
    BROKEN = "the disk or the file failed; nothing that was not read again can be believed"
    OTHER = "a fault of the statement"


_BROKEN_CODES = {10, 11, 26}  # IOERR, CORRUPT, NOTADB: https://www.sqlite.org/rescode.html
_FULL_CODE = 13


def trouble(error: BaseException | None) -> Trouble:
    """Tell what an error of the driver means, by its primary result code."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return _trouble_in_words(str(error))
    primary = code & 0xFF
    if primary == _FULL_CODE:
        return Trouble.FULL
    return Trouble.BROKEN if primary in _BROKEN_CODES else Trouble.OTHER


def _trouble_in_words(message: str) -> Trouble:
    """For drivers that give no result code (pysqlite3): SQLite's own words for the same codes."""
    if "database or disk is full" in message:
        return Trouble.FULL
    broken = ("disk I/O error", "database disk image is malformed", "file is not a database")
    return Trouble.BROKEN if any(words in message for words in broken) else Trouble.OTHER
