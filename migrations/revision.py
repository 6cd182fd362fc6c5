"""Writes a new revision out of what tables.py has and the history has not. For developers, in a checkout."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, CheckConstraint, MetaData

from interbank.storage.schema import Schema
from migrations.databases import alembic_config, make_private_database, upgrade
from migrations.environment import connected


def write_revision(schema: Schema, message: str, *, history: Config | None = None) -> Path | None:
    """Write the next revision of a history, the first if there is none, and return its file; None if nothing differs.
    `history` stands in for the one of alembic.ini; the file goes into the last of its directories.

    Look through it: what was renamed looks like one thing dropped and another added, and CHECKs of tables that were
    there before are not seen. Its number must then be written into the service's SCHEMA_REVISION.
    """
    history = history or alembic_config(schema)
    script = ScriptDirectory.from_config(history)
    revision = f"{schema.service}_{len(list(script.walk_revisions())) + 1:04}"
    with tempfile.TemporaryDirectory() as directory:
        upgrades = _difference(schema, Path(directory) / "history.db", history if script.get_heads() else None)
    if not upgrades:
        return None
    versions = history.get_version_locations_list() or []
    written = script.generate_revision(revision, message, head="head", version_path=versions[-1], upgrades=upgrades)
    return Path(written.path) if written else None


def _difference(schema: Schema, path: Path, history: Config | None) -> str:
    make_private_database(path)
    if history is not None:
        # Without views and triggers: they are as the new tables need them, which are not there yet.
        upgrade(replace(schema, views={}, triggers={}), path, history=history)
    batch = history is not None
    metadata = _with_checks_on_tables(schema.metadata)
    options: dict[str, Any] = {
        "target_metadata": metadata,
        "render_as_batch": batch,
        "render_item": _short_type,
    }
    with connected(path) as connection:
        changes = produce_migrations(MigrationContext.configure(connection, opts=options), metadata)
    if changes.upgrade_ops is None or changes.upgrade_ops.is_empty():
        return ""
    code = render_python_code(changes.upgrade_ops, render_as_batch=batch, render_item=_short_type)
    return "\n".join(line for line in code.splitlines() if not line.lstrip().startswith("# ###")).strip()


def _short_type(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    return "Int64" if kind == "type" and isinstance(item, BigInteger) else False


def _with_checks_on_tables(metadata: MetaData) -> MetaData:
    """The same tables, with the CHECKs of columns on their tables: Alembic renders only those."""
    copy = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        copied = table.to_metadata(copy)
        for column in copied.columns:
            for check in [one for one in column.constraints if isinstance(one, CheckConstraint)]:
                column.constraints.discard(check)
                copied.append_constraint(CheckConstraint(check.sqltext, name=check.name))
    return copy
