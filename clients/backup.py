"""Copies every database of a home, each into one file that needs no other, and all of one moment where that can be had.

SQLite's backup API does the copying: a plain copy of the file would leave out what stands in its -wal. Nothing of the
home is changed, and the servers may run.
"""

import contextlib
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from clients.launcher.home import Home
from interbank.refusals import Reason, Refused

MANIFEST = "manifest.json"

_PATIENCE_SECONDS = 3.0
"""How long to wait for a moment in which no server writes."""

_ABOUT_BANK = """
SELECT 'bank', bank, currency, version_num, (SELECT coalesce(max(record_id), 0) FROM records),
       (SELECT coalesce(max(entry_id), 0) FROM entries), 0 FROM about, alembic_version
"""
_ABOUT_GATEWAY = """
SELECT 'gateway', '', '', version_num, 0, 0, (SELECT count(*) FROM transfers) FROM about, alembic_version
"""


@dataclass(frozen=True, slots=True)
class Copy:
    """One database as it was copied; fields are those of the manifest. `size` is in bytes; numbers are 0 where a
    service has no such thing."""

    file: str
    service: str
    bank: str
    currency: str
    schema: str
    last_record_id: int
    last_entry_id: int
    transfers: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Backup:
    """What was written. `one_moment` is false if servers wrote all the time while the copies were begun: then the last
    few transfers may be in one file and not yet in another."""

    directory: Path
    made_at: str
    one_moment: bool
    copies: tuple[Copy, ...]


def back_up(home: Home, directory: Path, *, patience_seconds: float = _PATIENCE_SECONDS) -> Backup:
    """Copy the databases of `home` into `directory`, which must be empty or not exist yet, and write a manifest.

    Raises Refused with HOME_EMPTY, DIRECTORY_NOT_EMPTY, DATABASE_DAMAGED or STORAGE_FULL; nothing is left behind then.
    """
    sources = _sources(home)
    if not sources:
        raise Refused(Reason.HOME_EMPTY, f"no databases in {home.directory}", hint="interbank up, or --home DIR")
    if directory.exists() and any(directory.iterdir()):
        raise Refused(
            Reason.DIRECTORY_NOT_EMPTY,
            f"{directory} is not empty; a backup never overwrites one",
            field="to",
            hint="name a new directory",
        )
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _all_or_nothing(directory), contextlib.ExitStack() as stack:
        connections = [_opened(path, stack) for path in sources.values()]
        watchers = [_opened(path, stack) for path in sources.values()]
        one_moment = _begin_together(connections, watchers, patience_seconds)
        made_at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        copies = [_copy(connection, directory / name) for name, connection in zip(sources, connections, strict=True)]
        backup = Backup(directory, made_at, one_moment, tuple(copies))
        _write_manifest(backup)
    return backup


def _sources(home: Home) -> dict[str, Path]:
    """The databases of a home by the names of their copies. The gateway's comes first: its moment is never later than
    a bank's, so that banks can only be ahead of the journal."""
    gateway = home.gateway.database
    found = {"gateway.db": gateway} if gateway.exists() else {}
    banks = sorted((home.directory / "banks").glob("*/bank.db"))
    return found | {f"{path.parent.name}.db": path for path in banks}


@contextlib.contextmanager
def _all_or_nothing(directory: Path) -> Iterator[None]:
    """Half a backup is none: on any failure remove what was written."""
    try:
        yield
    except BaseException as error:
        for path in directory.iterdir():
            path.unlink()
        if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
            raise Refused(Reason.STORAGE_FULL, f"no room in {directory}") from error
        if isinstance(error, sqlite3.Error):
            raise Refused(Reason.DATABASE_DAMAGED, f"a database cannot be copied: {error}") from error
        raise


def _opened(path: Path, stack: contextlib.ExitStack) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    stack.callback(connection.close)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _begin_together(
    connections: Sequence[sqlite3.Connection], watchers: Sequence[sqlite3.Connection], patience_seconds: float
) -> bool:
    """Begin reading all databases; true if nobody wrote to any of them meanwhile, so that all show one moment."""
    give_up = time.monotonic() + patience_seconds
    while True:
        before = [_version(watcher) for watcher in watchers]
        for connection in connections:
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if before == [_version(watcher) for watcher in watchers]:
            return True
        if time.monotonic() > give_up:
            return False
        for connection in connections:
            connection.execute("ROLLBACK")


def _version(watcher: sqlite3.Connection) -> int:
    """A number that changes with every commit of another connection."""
    return int(watcher.execute("PRAGMA data_version").fetchone()[0])


def _copy(source: sqlite3.Connection, path: Path) -> Copy:
    """Copy a database into one file, check it, and say what it holds."""
    # Made before SQLite opens it, so that no other user can read it for a moment.
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as target:
        source.backup(target)
        # In this mode a file needs no second one beside it, so it can be read from a write-protected medium.
        target.execute("PRAGMA journal_mode = DELETE")
        (verdict,) = target.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise Refused(Reason.DATABASE_DAMAGED, f"the copy {path.name} fails SQLite's check: {verdict}")
        is_gateway = target.execute("SELECT 1 FROM sqlite_master WHERE name = 'transfers'").fetchone() is not None
        about = target.execute(_ABOUT_GATEWAY if is_gateway else _ABOUT_BANK).fetchone()
        if about is None:
            raise Refused(Reason.DATABASE_FOREIGN, f"{path.name} was made for a service that has never started")
    _sync(path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    service, bank, currency, schema, records, entries, transfers = about
    size = path.stat().st_size
    return Copy(path.name, service, bank, currency, schema, records, entries, transfers, size, sha256)


def _write_manifest(backup: Backup) -> None:
    """Last of all: a directory without it is no backup."""
    content = {
        "format": "interbank-backup/1",
        "made_at": backup.made_at,
        "one_moment": backup.one_moment,
        "files": [asdict(copy) for copy in backup.copies],
    }
    path = backup.directory / MANIFEST
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    _sync(path)
    _sync(backup.directory)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
