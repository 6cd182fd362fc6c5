"""SQL of SQLAlchemy Core, compiled once and handed to the driver as it is.

Executed by SQLAlchemy a statement costs 50 to 400 µs, most of it spent on finding out which statement it is: more than
SQLite needs to carry it out, and most of what a small batch costs. What stands on the path of a payment is a Statement;
everything else is executed by SQLAlchemy.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from sqlalchemy import BindParameter, Connection, Executable, Select, bindparam
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from interbank.storage.sqlite import bindable

Row = tuple[Any, ...]

VALUES: BindParameter[Any] = bindparam("values", expanding=True)
"""What a Lookup is asked for: `column.in_(VALUES)`."""

_MOST_VALUES = 1024
"""Values in one IN, a power of two."""


class Statement:
    """One statement with named parameters."""

    def __init__(self, core: Executable) -> None:
        self._core = core
        self._compiled: tuple[str, Sequence[str], dict[str, Any]] | None = None

    def rows(self, connection: Connection, **values: Any) -> list[Row]:
        """Execute with a value for each parameter; what it returns. Raises DBAPIError."""
        if self._compiled is None:  # set in one step: a reader and the writer may both be the first
            compiled = _compiled(connection, self._core)
            constants = {name: bound.value for name, bound in compiled.binds.items() if not bound.required}
            self._compiled = (str(compiled), compiled.positiontup or (), constants)
        sql, names, constants = self._compiled
        given = constants | values
        return run(connection, sql, [given[name] for name in names])


class Lookup:
    """A SELECT whose one parameter is VALUES, for any number of them."""

    def __init__(self, core: Select[Any]) -> None:
        self._core = core
        self._by_size: dict[int, str] = {}

    def rows(self, connection: Connection, values: Iterable[Any]) -> Iterator[Row]:
        """The rows for these values, in no order; a value may be a tuple, where the SELECT compares tuples. Raises
        DBAPIError."""
        rest = iter(values)
        while part := list(islice(rest, _MOST_VALUES)):
            size = 1 << (len(part) - 1).bit_length()
            part.extend([part[-1]] * (size - len(part)))  # few sizes, so that the driver finds each prepared
            sql = self._by_size.get(size) or self._compile(connection, size, part[-1])
            flat = list(chain.from_iterable(part)) if isinstance(part[0], tuple) else part
            yield from run(connection, sql, flat)

    def _compile(self, connection: Connection, size: int, example: Any) -> str:
        sql = self._by_size[size] = str(_compiled(connection, self._core.params(values=[example] * size)))
        return sql


def run(connection: Connection, sql: str, values: Iterable[Any] = ()) -> list[Row]:
    """Have the driver execute a text with positional parameters, inside the connection's transaction. Raises
    DBAPIError."""
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101  a connection inside a transaction has one
    try:
        rows: list[Row] = driver.execute(sql, bindable(values)).fetchall()
    except connection.dialect.loaded_dbapi.Error as error:
        raise DBAPIError(sql, None, error) from error
    return rows


def _compiled(connection: Connection, core: Executable) -> SQLCompiler:
    assert isinstance(core, ClauseElement)  # noqa: S101  every statement is one
    compiled = core.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    assert isinstance(compiled, SQLCompiler)  # noqa: S101  and not a statement that defines a schema
    return compiled
