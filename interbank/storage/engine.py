"""Opens databases. Nobody else calls create_engine: with a driver's own settings two writers lose each other's
updates (SQLAlchemy on SQLite lost 60 of 80), and a commit may be gone after a power cut."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine, event

from interbank.storage.sqlite import driver, prepare_connection
from interbank.storage.statements import run

_KEPT_PREPARED = 512
"""Statements that the driver keeps prepared: those of a payment's path, for every number of rows that they come in."""


def open_engine(path: Path, *, read_only: bool = False) -> Engine:
    """An engine on an existing SQLite file. Every transaction of a writing engine begins with BEGIN IMMEDIATE, so what
    it reads cannot change before it writes. Connecting fails if the file does not exist."""
    engine = create_engine(
        f"sqlite:///file:{quote(quote(str(path.absolute())))}?mode=rw&uri=true",
        module=driver(),
        poolclass=NullPool,
        connect_args={"check_same_thread": False, "cached_statements": _KEPT_PREPARED},
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        prepare_connection(connection, read_only=read_only)

    return _begun_by_us(engine, "BEGIN" if read_only else "BEGIN IMMEDIATE")


def open_engine_over(connect: Callable[[], Any]) -> Engine:
    """An engine over connections of the driver that somebody else opens, such as a simulation's databases in memory."""
    engine = create_engine("sqlite://", module=driver(), poolclass=NullPool, creator=connect)
    return _begun_by_us(engine, "BEGIN IMMEDIATE")


def _begun_by_us(engine: Engine, begin: str) -> Engine:
    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        run(connection, begin)

    return engine
