"""Rows to the database as the tuples that they are: the path of a payment pays for no mapping of each value."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table, insert
from sqlalchemy.sql.expression import UpdateBase


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert whole rows, each in the order of the table's columns, with one statement."""
    if rows:
        connection.exec_driver_sql(_insert_sql(table, connection.dialect), list(rows))


def execute_rows(connection: Connection, statement: UpdateBase, rows: Sequence[tuple[Any, ...]]) -> None:
    """Execute an UPDATE or DELETE once for each row, whose values stand in the order of the statement's parameters."""
    if rows:
        connection.exec_driver_sql(_sql(statement, connection.dialect), list(rows))


@cache
def _insert_sql(table: Table, dialect: Dialect) -> str:
    return str(insert(table).compile(dialect=dialect))


@cache
def _sql(statement: UpdateBase, dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect))
