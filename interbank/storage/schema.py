"""Whether a database is the one that this code was written for. Servers ask at their start, and migrations before they
change anything; neither the server nor this file knows how to migrate."""

import contextlib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, MetaData
from sqlalchemy.exc import DBAPIError

from interbank.refusals import Reason, Refused
from interbank.storage.engine import open_engine
from interbank.storage.sqlite import Trouble, trouble


@dataclass(frozen=True, slots=True)
class Schema:
    """What the code of one service, "bank" or "gateway", wants its database to be: the newest revision, the tables, and
    views and triggers by name."""

    service: str
    revision: str
    metadata: MetaData
    views: Mapping[str, str]
    triggers: Mapping[str, str]


def check_database(path: Path, schema: Schema) -> None:
    """Look at a database file before it is served: as `check_schema`, and SCHEMA_UNKNOWN if there is no such file,
    DATABASE_DAMAGED if it is no database at all."""
    if not path.is_file():
        raise Refused(Reason.SCHEMA_UNKNOWN, f"there is no database at {path}",
                      hint=_upgrade_command(schema.service, path))  # fmt: skip
    with disk_trouble_refused(), contextlib.closing(open_engine(path, read_only=True).connect()) as connection:
        check_schema(connection, schema)


def check_schema(connection: Connection, schema: Schema) -> None:
    """Refuse a database that this code must not serve.

    Raises Refused: DATABASE_DAMAGED if SQLite finds the file damaged, DATABASE_FOREIGN if it is another service's,
    SCHEMA_UNKNOWN if it is at another revision, has other columns than its revision, or one of its views or triggers is
    missing, altered, or not ours.
    """
    with disk_trouble_refused():
        _check_pages(connection)
        check_origin(connection, schema)
        found, wanted = revision_of(connection), schema.revision
        if found != wanted:
            raise _outdated(connection, schema, f"is at schema {found or 'none'} and this version needs {wanted}")
        _check_columns(connection, schema)
        differing = differing_definitions(connection, schema)
        if differing:
            raise _outdated(connection, schema, f"differs from what this version made: {', '.join(differing)}")


def check_origin(connection: Connection, schema: Schema) -> None:
    """Refuse what no migration of ours leads on from: DATABASE_FOREIGN for a database of another service or another
    program, SCHEMA_UNKNOWN for one that a newer version made."""
    found, service, wanted = revision_of(connection), schema.service, schema.revision
    if found is None and not _is_empty(connection):
        raise Refused(
            Reason.SCHEMA_UNKNOWN,
            f"{file_of(connection)} holds tables and says of no schema that it is theirs",
            hint="it is no database of ours, or a damaged one; take another file, or restore a backup",
        )
    if found is not None and not found.startswith(f"{service}_"):
        raise Refused(
            Reason.DATABASE_FOREIGN,
            f"{file_of(connection)} is no {service}'s database; its schema is {found}",
            hint=f"name the {service}'s own database file",
        )
    if found is not None and found > wanted:
        raise Refused(
            Reason.SCHEMA_UNKNOWN,
            f"{file_of(connection)} is at schema {found}, newer than {wanted}, the newest that this version knows",
            hint="start the version that made it, or restore a backup of before",
        )


def revision_of(connection: Connection) -> str | None:
    """The schema that the database says it has; None if it says nothing."""
    if "alembic_version" not in _definitions(connection, "table"):
        return None
    return ", ".join(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars()) or None


def differing_definitions(connection: Connection, schema: Schema) -> list[str]:
    """The views and triggers that are not as the lists say, in words. A view that is not ours is left alone, since it
    only reads; a trigger that is not ours acts, and is named."""
    found_views, found_triggers = _definitions(connection, "view"), _definitions(connection, "trigger")
    differing = [
        f"{kind} {name} is {'altered' if name in found else 'missing'}"
        for kind, listed, found in (
            ("view", schema.views, found_views),
            ("trigger", schema.triggers, found_triggers),
        )
        for name, sql in listed.items()
        if found.get(name) != sql
    ]
    return differing + [f"trigger {name} is not ours" for name in found_triggers if name not in schema.triggers]


@contextlib.contextmanager
def disk_trouble_refused() -> Iterator[None]:
    """Raise Refused where the driver says that the disk or the file failed, also on connecting: DATABASE_DAMAGED, or
    STORAGE_FULL."""
    try:
        yield
    except DBAPIError as error:
        found = trouble(error.orig)
        if found is Trouble.FULL:
            raise Refused(Reason.STORAGE_FULL, found.value) from error
        if found is Trouble.BROKEN:
            raise _damaged(f"the database file cannot be read: {error.orig}") from error
        raise


def file_of(connection: Connection) -> Path:
    """The file of the database."""
    return Path(connection.exec_driver_sql("SELECT file FROM pragma_database_list WHERE name = 'main'").scalar_one())


def _check_pages(connection: Connection) -> None:
    findings = connection.exec_driver_sql("PRAGMA quick_check(1)").scalars().all()
    if findings != ["ok"]:
        raise _damaged(f"{file_of(connection)} is damaged: {' '.join(str(findings[0]).split())}")


def _is_empty(connection: Connection) -> bool:
    return not connection.exec_driver_sql("SELECT name FROM sqlite_master LIMIT 1").all()


def _definitions(connection: Connection, kind: str) -> dict[str, str]:
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = ?", (kind,))
    return {row.name: row.sql for row in rows}


def _check_columns(connection: Connection, schema: Schema) -> None:
    """A revision says what its columns are; a version that was never published may have meant others by it."""
    for table in schema.metadata.sorted_tables:
        rows = connection.exec_driver_sql("SELECT name FROM pragma_table_info(?)", (table.name,))
        found, wanted = set(rows.scalars()), set(table.columns.keys())
        differing = [f"lacks {name}" for name in sorted(wanted - found)]
        differing += [f"has {name}, which is not known" for name in sorted(found - wanted)]
        if differing:
            raise Refused(
                Reason.SCHEMA_UNKNOWN,
                f"{file_of(connection)} is not what schema {schema.revision} is: table {table.name} {differing[0]}",
                hint="a version that was never published made it: start that one, or begin with another home",
            )


def _outdated(connection: Connection, schema: Schema, difference: str) -> Refused:
    path = file_of(connection)
    return Refused(Reason.SCHEMA_UNKNOWN, f"{path} {difference}", hint=_upgrade_command(schema.service, path))


def _upgrade_command(service: str, path: Path) -> str:
    return f"interbank up, or: python -m migrations upgrade {service}={shlex.quote(str(path))}"


def _damaged(message: str) -> Refused:
    return Refused(
        Reason.DATABASE_DAMAGED,
        message,
        hint="keep the file as it is, restore the newest backup, and see interbank audit verify",
    )
