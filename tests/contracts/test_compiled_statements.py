"""Statements that go to the driver past SQLAlchemy ask what they say, for one value or for thousands."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, MetaData, Table, insert, select, text, tuple_
from sqlalchemy.exc import DBAPIError

from interbank.storage.engine import open_engine
from interbank.storage.rows import delete_rows, insert_rows, update_rows
from interbank.storage.sqlite import Int64, Str, driver
from interbank.storage.statements import VALUES, Lookup, Statement

METADATA = MetaData()
NUMBERS = Table(
    "numbers", METADATA, Column("number", Int64, primary_key=True), Column("name", Str, nullable=False)
)  # fmt: skip
SIZES = (0, 1, 2, 3, 7, 8, 9, 16, 17, 64, 255, 256, 257, 1023, 1024, 1025, 2500)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    driver().connect(tmp_path / "numbers.db").close()
    engine = open_engine(tmp_path / "numbers.db")
    METADATA.create_all(engine)
    with engine.connect() as opened, opened.begin():
        yield opened
    engine.dispose()


def stored(connection: Connection) -> list[tuple[int, str]]:
    return [tuple(row) for row in connection.execute(select(NUMBERS).order_by(NUMBERS.c.number))]


@pytest.mark.parametrize("size", SIZES)
def test_each_row_is_inserted_found_changed_and_deleted_once(connection: Connection, size: int) -> None:
    rows = [(n, f"n{n}") for n in range(size)]
    insert_rows(connection, NUMBERS, rows)
    assert stored(connection) == rows

    by_number = Lookup(select(NUMBERS.c.number, NUMBERS.c.name).where(NUMBERS.c.number.in_(VALUES)))
    assert sorted(by_number.rows(connection, range(size))) == rows
    by_both = Lookup(select(NUMBERS.c.number).where(tuple_(NUMBERS.c.number, NUMBERS.c.name).in_(VALUES)))
    assert sorted(by_both.rows(connection, rows)) == [(n,) for n in range(size)]
    assert list(by_both.rows(connection, [(n, "other") for n in range(size)])) == []

    update_rows(connection, NUMBERS.c.number, [NUMBERS.c.name], [(n, f"m{n}") for n in range(size)])
    assert stored(connection) == [(n, f"m{n}") for n in range(size)]
    delete_rows(connection, NUMBERS.c.number, [*range(size)])
    assert stored(connection) == []


def test_columns_that_are_not_named_are_given_by_the_database_in_the_order_of_the_rows(connection: Connection) -> None:
    insert_rows(connection, NUMBERS, [(7, "seven")])
    insert_rows(connection, NUMBERS, [(f"n{n}",) for n in range(20)], [NUMBERS.c.name])
    assert stored(connection) == [(7, "seven"), *((8 + n, f"n{n}") for n in range(20))]


def test_rows_that_do_not_meet_the_condition_stay_as_they_are(connection: Connection) -> None:
    insert_rows(connection, NUMBERS, [(1, "b"), (2, "b")])
    update_rows(connection, NUMBERS.c.number, [NUMBERS.c.name], [(1, "a"), (2, "c")], only_if="name < given.name")
    assert stored(connection) == [(1, "b"), (2, "c")]


def test_a_lookup_does_not_mind_values_that_come_twice(connection: Connection) -> None:
    insert_rows(connection, NUMBERS, [(1, "one"), (2, "two")])
    lookup = Lookup(select(NUMBERS.c.name).where(NUMBERS.c.number.in_(VALUES)))
    assert sorted(lookup.rows(connection, [2, 1, 2, 9, 1])) == [("one",), ("two",)]


def test_a_statement_takes_its_values_by_name_and_keeps_its_own(connection: Connection) -> None:
    insert_rows(connection, NUMBERS, [(1, "one"), (2, "two")])
    chosen = Statement(select(NUMBERS.c.name).where(NUMBERS.c.number > 1))
    assert chosen.rows(connection) == chosen.rows(connection) == [("two",)]
    renamed = Statement(text("UPDATE numbers SET name = :name WHERE number = :number RETURNING name"))
    assert renamed.rows(connection, number=1, name="uno") == [("uno",)]
    with pytest.raises(KeyError, match="name"):
        renamed.rows(connection, number=1)


def test_what_the_database_refuses_is_an_error_like_any_other(connection: Connection) -> None:
    connection.execute(insert(NUMBERS).values(number=1, name="one"))
    with pytest.raises(DBAPIError, match="UNIQUE"):
        insert_rows(connection, NUMBERS, [(1, "again")])
    assert stored(connection) == [(1, "one")]
