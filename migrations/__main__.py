"""The door to both histories: python -m migrations upgrade gateway=FILE bank=FILE …"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from interbank.refusals import EXIT_CODES, Refused
from interbank.storage.engine import open_engine
from interbank.storage.schema import Schema, disk_trouble_refused
from migrations.databases import Upgraded, current, upgrade
from migrations.drift import drift
from migrations.schemas import SCHEMAS

Database = tuple[Schema, Path]

DRIFTED = 1
"""Exit code of `check` when a schema is not as the code has it."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 refused or drifted, 2 usage."""
    arguments = _arguments(argv)
    try:
        sys.exit(arguments.run(arguments))
    except Refused as refused:
        hint = f"\n{refused.hint}" if refused.hint else ""
        sys.stderr.write(f"error: {refused.message}. {refused.reason.name}{hint}\n")
        sys.exit(EXIT_CODES[refused.reason.kind])


def _upgrade(arguments: argparse.Namespace) -> int:
    for schema, path in arguments.databases:
        _say(f"{_done(upgrade(schema, path))}  {path}")
    return 0


def _current(arguments: argparse.Namespace) -> int:
    for schema, path in arguments.databases:
        _say(f"{current(schema, path) or 'empty'}  {path}")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as directory:
        new = [(schema, Path(directory) / f"{schema.service}.db") for schema in SCHEMAS.values()]
        for schema, path in new:
            upgrade(schema, path)
        lines = [line for schema, path in arguments.databases or new for line in _drift(schema, path)]
    _say("\n".join(lines) if lines else "no drift")
    return DRIFTED if lines else 0


def _drift(schema: Schema, path: Path) -> list[str]:
    found = current(schema, path)
    if found != schema.revision:
        return [f"{path}: is at {found or 'no revision'}, the code at {schema.revision}"]
    with disk_trouble_refused(), contextlib.closing(open_engine(path, read_only=True).connect()) as connection:
        return [f"{path}: {line}" for line in drift(connection, schema)]


def _revision(arguments: argparse.Namespace) -> int:
    # Writing revisions needs Alembic's autogenerate and ruff, which running them does not.
    from migrations.revision import write_revision

    written = write_revision(SCHEMAS[arguments.service], arguments.message)
    if written is None:
        _say("no new table, column or index; a CHECK is written by hand (compare: python -m migrations check)")
    else:
        _say(f"{written}\nRead it, and write its number into SCHEMA_REVISION.")
    return 0


def _done(upgraded: Upgraded) -> str:
    if upgraded.put_right:
        return f"{upgraded.after}, put right: {', '.join(upgraded.put_right)}"
    if upgraded.before == upgraded.after:
        return f"{upgraded.after} already"
    return f"{upgraded.before or 'new'} -> {upgraded.after}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m migrations", description="Make databases and migrate them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, least, text in (
        ("upgrade", _upgrade, "+", "bring databases to the newest schema; make those that do not exist"),
        ("current", _current, "+", "say which schema databases have"),
        ("check", _check, "*", "compare databases, or new ones, with what the code describes; exit 1 if they differ"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("databases", nargs=least, type=_database, metavar="SERVICE=FILE")
        command.set_defaults(run=run)
    command = commands.add_parser("revision", help="write the next revision of a history out of its tables.py")
    command.add_argument("service", choices=SCHEMAS)
    command.add_argument("message", help="what changes, for example: add a limit to accounts")
    command.set_defaults(run=_revision)
    return parser.parse_args(argv)


def _database(text: str) -> Database:
    service, _, path = text.partition("=")
    if service not in SCHEMAS or not path:
        raise argparse.ArgumentTypeError(f"{text}: write bank=FILE or gateway=FILE")
    return SCHEMAS[service], Path(path).absolute()


if __name__ == "__main__":
    main()
