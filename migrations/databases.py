"""Makes databases, and brings them to the newest schema."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config

from interbank.locking import take_lock
from interbank.private_files import make_private_directory
from interbank.refusals import Reason, Refused
from interbank.storage.engine import open_engine
from interbank.storage.schema import Schema, check_origin, differing_definitions, disk_trouble_refused, revision_of
from migrations.environment import connected

_INI = Path(__file__).with_name("alembic.ini")


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What `upgrade` did: from which revision (None: there was none) to which, and the views and triggers that had to
    be put right without a new revision, in words."""

    before: str | None
    after: str
    put_right: tuple[str, ...] = ()


def alembic_config(schema: Schema) -> Config:
    """Alembic's settings for one history."""
    return Config(_INI, ini_section=schema.service)


def upgrade(schema: Schema, path: Path, *, history: Config | None = None) -> Upgraded:
    """Bring a database to the newest schema; make it first, for its owner alone, if it does not exist. `history` stands
    in for the one of alembic.ini.

    All or nothing: a crash leaves the database as it was. Raises Refused: DATABASE_FOREIGN or SCHEMA_UNKNOWN if the
    file is not this service's or from a newer version, DATABASE_DAMAGED, ALREADY_RUNNING if a server has it open.
    """
    make_private_database(path)
    before, differing = _state(schema, path)
    if before == schema.revision and not differing:
        return Upgraded(before, before)
    history = history or alembic_config(schema)
    with _no_server(path), connected(path) as connection:
        history.attributes.update(connection=connection, schema=schema)
        command.upgrade(history, "head")
    return Upgraded(before, schema.revision, tuple(differing) if before == schema.revision else ())


def make_private_database(path: Path) -> None:
    """Make an empty database file with mode 0600, in directories with mode 0700, unless it is there."""
    make_private_directory(path.parent)
    # SQLite gives its -wal and -shm files the mode of the database file.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def current(schema: Schema, path: Path) -> str | None:
    """The revision of an existing database; None if it is empty. Raises Refused as `upgrade` does."""
    if not path.is_file():
        raise Refused(Reason.SCHEMA_UNKNOWN, f"there is no database at {path}")
    return _state(schema, path)[0]


def _state(schema: Schema, path: Path) -> tuple[str | None, list[str]]:
    with disk_trouble_refused(), contextlib.closing(open_engine(path, read_only=True).connect()) as connection:
        check_origin(connection, schema)
        return revision_of(connection), differing_definitions(connection, schema)


@contextlib.contextmanager
def _no_server(path: Path) -> Iterator[None]:
    """Hold the lock that a server holds for its life: no schema changes under a server that was written for another."""
    descriptor = take_lock(path)
    try:
        yield
    finally:
        os.close(descriptor)
