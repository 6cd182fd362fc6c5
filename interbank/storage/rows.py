"""Many rows to the database with few statements, each row as the tuple that it is.

SQLite's driver lets go of Python's lock and takes it back at every step of a statement. One step per row, as with
executemany, makes a writing thread queue for the lock a thousand times per batch behind a busy event loop; a statement
of many rows is one step. Their numbers are few, so that the driver finds each statement prepared: all up to eight, and
then powers of two.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import Column, Connection, Table

from interbank.storage.statements import Row, run

_MOST_ROWS, _ANY_NUMBER_UP_TO = 256, 8
"""Rows in one statement, and so many of which each number has a statement of its own."""


def insert_rows(
    connection: Connection, table: Table, rows: Sequence[Row], columns: Sequence[Column[Any]] | None = None
) -> None:
    """Insert rows, each in the order of these columns, the others left to what the database gives them; by default all
    columns of the table. Raises DBAPIError."""
    given = tuple(table.columns.values() if columns is None else columns)
    for chunk in _chunked(rows):
        run(connection, _insert(table.name, given, len(chunk)), chain.from_iterable(chunk))


def update_rows(
    connection: Connection, key: Column[Any], columns: Sequence[Column[Any]], rows: Sequence[Row], *, only_if: str = ""
) -> None:
    """Update one row of the table for each of `rows`: the value of `key`, then those of `columns`. No key twice. Rows
    that do not meet the condition `only_if`, which begins with a column of the table and may name one of `given`, stay
    as they are. Raises DBAPIError."""
    for chunk in _chunked(rows):
        sql = _update(key, tuple(columns), only_if, len(chunk))
        run(connection, sql, chain.from_iterable(chunk))


def delete_rows(connection: Connection, key: Column[Any], values: Sequence[Any]) -> None:
    """Delete the rows whose `key` is one of `values`. Raises DBAPIError."""
    for chunk in _chunked(values):
        run(connection, _delete(key, len(chunk)), chunk)


def _chunked(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    start, size = 0, _MOST_ROWS
    while (rest := len(rows) - start) > _ANY_NUMBER_UP_TO:
        while size > rest:
            size >>= 1
        yield rows[start : start + size]
        start += size
    if rest:
        yield rows[start:]


@cache
def _insert(table: str, columns: tuple[Column[Any], ...], rows: int) -> str:
    return f"INSERT INTO {table} ({_names(columns)}) VALUES {_places(len(columns), rows)}"


@cache
def _update(key: Column[Any], columns: tuple[Column[Any], ...], only_if: str, rows: int) -> str:
    table = key.table.name
    given = ", ".join(f"{column.name} = given.{column.name}" for column in columns)
    return (
        f"WITH given ({_names((key, *columns))}) AS (VALUES {_places(1 + len(columns), rows)}) "
        f"UPDATE {table} SET {given} FROM given WHERE {table}.{key.name} = given.{key.name}"
        f"{f' AND {table}.{only_if}' if only_if else ''}"
    )


@cache
def _delete(key: Column[Any], rows: int) -> str:
    return f"DELETE FROM {key.table.name} WHERE {key.name} IN ({', '.join('?' * rows)})"


def _names(columns: Sequence[Column[Any]]) -> str:
    return ", ".join(column.name for column in columns)


def _places(columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return ", ".join([row] * rows)
