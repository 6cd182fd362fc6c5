"""How an upgrade runs, for both histories: all of it in one transaction, with views and triggers out of the way."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from alembic import context
from sqlalchemy import Connection

from interbank.refusals import Reason, Refused
from interbank.storage.engine import open_engine
from interbank.storage.schema import Schema, disk_trouble_refused, file_of
from migrations.schemas import SCHEMAS


def run() -> None:
    """Do what Alembic was told. `python -m migrations` puts a connection and a schema into `config.attributes`; plain
    Alembic names a section of alembic.ini and a file, `-x database=FILE`."""
    attributes = context.config.attributes
    schema: Schema = attributes.get("schema") or SCHEMAS[context.config.config_ini_section]
    if "connection" in attributes:
        _migrate(attributes["connection"], schema)
        return
    with connected(Path(context.get_x_argument(as_dictionary=True)["database"])) as connection:
        _migrate(connection, schema)


@contextlib.contextmanager
def connected(path: Path) -> Iterator[Connection]:
    """A connection for migrations to an existing database file; raises Refused(DATABASE_DAMAGED) if it is none.

    Foreign keys are not enforced while a table is copied and swapped; the upgrade checks them all before it commits.
    """
    with disk_trouble_refused(), contextlib.closing(open_engine(path).connect()) as connection:
        # Inside a transaction this pragma does nothing, so it goes past SQLAlchemy, which would begin one.
        connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
        yield connection


def _migrate(connection: Connection, schema: Schema) -> None:
    # SQLite's DDL is transactional: a crash anywhere in here leaves the old schema, with its views and triggers.
    with connection.begin():
        _drop_definitions(connection)
        context.configure(connection=connection, target_metadata=schema.metadata, render_as_batch=True)
        context.run_migrations()
        for sql in (*schema.views.values(), *schema.triggers.values()):
            connection.exec_driver_sql(sql)
        _check_foreign_keys(connection)


def _drop_definitions(connection: Connection) -> None:
    """Drop all views and triggers: a batch operation fails while a view reads the table, and forgets its triggers.
    Those of older versions go too, so that nothing is left over."""
    query = "SELECT type, name FROM sqlite_master WHERE type IN ('view', 'trigger')"
    for kind, name in connection.exec_driver_sql(query).all():
        quoted = str(name).replace('"', '""')
        connection.exec_driver_sql(f'DROP {kind} "{quoted}"')


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise Refused(
            Reason.DATABASE_DAMAGED,
            f"{file_of(connection)}: a row of {broken[0]} refers to a row of {broken[2]} that is not there",
            hint="nothing was changed; see interbank audit verify",
        )
