"""Rows to the database as the tuples that they are: the path of a payment pays for no mapping."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table, insert


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert whole rows, each in the order of the table's columns, with one statement."""
    if rows:
        connection.exec_driver_sql(_insert_sql(table, connection.dialect), list(rows))


@cache
def _insert_sql(table: Table, dialect: Dialect) -> str:
    return str(insert(table).compile(dialect=dialect))
