"""How a database's schema differs from the one that its code describes.

Alembic compares tables, columns and indexes, but no CHECKs, no STRICT, no views and no triggers; here a database and a
description are equal if SQLite was told the same, whatever the order of constraints.
"""

import re
from collections.abc import Iterator

from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from interbank.storage.schema import Schema

Parts = dict[str, frozenset[str]]
"""What makes up each table, index, view and trigger, by kind and name."""

_OF_ALEMBIC = "alembic_version"
_CONSTRAINT = re.compile(r"(?:CONSTRAINT\s+\w+\s+)?CHECK\s*\(")
_TABLE = re.compile(r"CREATE TABLE (?P<name>\S+) \((?P<parts>.*)\)(?P<options>[^)]*)")


def drift(connection: Connection, schema: Schema) -> list[str]:
    """Every difference, one line each; empty if there is none."""
    wanted, found = described(schema), existing(connection)
    lines = []
    for name in sorted(wanted.keys() | found.keys()):
        ours, theirs = wanted.get(name, frozenset()), found.get(name, frozenset())
        lines += [f"{name}: the database lacks {part}" for part in sorted(ours - theirs)]
        lines += [f"{name}: the code does not know {part}" for part in sorted(theirs - ours)]
    return lines


def described(schema: Schema) -> Parts:
    """The schema as the code has it."""
    dialect = sqlite.dialect()
    parts: Parts = {}
    for table in schema.metadata.sorted_tables:
        parts[f"table {table.name}"] = table_parts(str(CreateTable(table).compile(dialect=dialect)))
        for index in table.indexes:
            parts[f"index {index.name}"] = _whole(str(CreateIndex(index).compile(dialect=dialect)))
    parts |= {f"view {name}": _whole(sql) for name, sql in schema.views.items()}
    return parts | {f"trigger {name}": _whole(sql) for name, sql in schema.triggers.items()}


def existing(connection: Connection) -> Parts:
    """The schema as the database has it. Indexes without a text are those that a UNIQUE or PRIMARY KEY implies."""
    query = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name <> ?"
    return {
        f"{kind} {name}": table_parts(sql) if kind == "table" else _whole(sql)
        for kind, name, sql in connection.exec_driver_sql(query, (_OF_ALEMBIC,))
    }


def table_parts(sql: str) -> frozenset[str]:
    """What a CREATE TABLE says: its columns, its constraints, its options. A CHECK behind a column means the same as
    one of the table, and SQLAlchemy writes the one where Alembic writes the other."""
    match = _TABLE.fullmatch(_one_line(sql))
    if match is None:
        raise ValueError(f"not a CREATE TABLE as SQLAlchemy writes it: {sql}")
    parts = {f"option {match['options'].strip()}"}
    for part in _split(match["parts"]):
        column, checks = _without_checks(part)
        parts.update(filter(None, (column, *checks)))
    return frozenset(parts)


def _without_checks(part: str) -> tuple[str, list[str]]:
    checks = []
    while match := _CONSTRAINT.search(part):
        end = next(index for index, depth, _ in _scan(part) if index >= match.end() and depth == 0) + 1
        checks.append(part[match.start() : end])
        part = f"{part[: match.start()].strip()} {part[end:].strip()}".strip()
    return part, checks


def _split(parts: str) -> list[str]:
    """Split at the commas outside of brackets and quotes."""
    commas = [index for index, depth, letter in _scan(parts) if letter == "," and depth == 0]
    return [parts[a + 1 : b].strip() for a, b in zip([-1, *commas], [*commas, len(parts)], strict=True)]


def _scan(sql: str) -> Iterator[tuple[int, int, str]]:
    """Each letter outside of quotes: where it stands, how deep in brackets after it, and what it is."""
    depth, quote = 0, ""
    for index, letter in enumerate(sql):
        if quote:
            quote = "" if letter == quote else quote
            continue
        if letter in "'\"":
            quote = letter
            continue
        depth += (letter == "(") - (letter == ")")
        yield index, depth, letter


def _whole(sql: str) -> frozenset[str]:
    return frozenset({_one_line(sql)})


def _one_line(sql: str) -> str:
    return " ".join(sql.split())
