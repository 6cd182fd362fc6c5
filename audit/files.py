"""Finds database files, opens them so that nothing changes, and says whose they are.

How a file is opened follows from what lies beside it. In write-ahead mode SQLite keeps the newest rows in a second
file, NAME-wal, while a server runs or after one died:

- no -wal: the one file is everything. `immutable=1` reads it without a lock, so a write-protected stick will do.
- -wal and -shm in a folder that can be written: `mode=ro` reads both beside a running server.
- -wal alone: a copy of two files. They are copied once more, to a private folder, because SQLite would create a -shm.
- -wal in a folder that cannot be written: refused. Without the -wal the newest entries would silently be missing.

On a running network audit in a process of your own: a process that closes a file loses all its locks on that file.
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from audit import schema

_MAGIC = b"SQLite format 3\x00"
_CACHE_KIB = 512 * 1024
"""Memory for pages of all files together: transfers are looked up in the order of their ids, so all over a file."""

State = tuple[int, int] | None
"""Size and time of a file, None if there is none."""


class CannotAudit(Exception):
    """There is nothing to audit, or it cannot be read without harm. `reason` is one word of the network's language."""

    def __init__(self, reason: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.hint = hint


class _UnknownSchema(Exception):
    """A database of the network, of a version that this auditor cannot read."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A database in a read transaction: everything read from it is of one moment.

    `service` is "bank" or "gateway"; `name` the bank's id or "gateway"; `currency` the bank's, empty for the gateway;
    `live` says that a server may be writing beside us.
    """

    path: Path
    service: str
    name: str
    currency: str
    revision: str
    live: bool
    connection: sqlite3.Connection
    before: tuple[State, State]

    @property
    def has_wal(self) -> bool:
        """Whether a second file with newer rows was read together with it."""
        return self.before[1] is not None

    def still_the_same(self) -> bool:
        """Whether nobody wrote to a file for which no lock was taken."""
        return self.live or _states(self.path) == self.before


@dataclass(frozen=True, slots=True)
class Files:
    """What was found: at most one gateway, and banks by id. `others` are files that hold no books, `damaged` databases
    that SQLite will not open, `unknown` those of a schema that this auditor does not know, each with the reason."""

    gateway: OpenFile | None
    banks: dict[str, OpenFile]
    others: tuple[tuple[Path, str], ...]
    damaged: tuple[tuple[Path, str], ...]
    unknown: tuple[tuple[Path, str], ...]

    @property
    def all(self) -> tuple[OpenFile, ...]:
        """Banks by name, then the gateway."""
        banks = tuple(self.banks[name] for name in sorted(self.banks))
        return banks + ((self.gateway,) if self.gateway else ())

    def without(self, names: Collection[str]) -> "Files":
        """The files that are not of these."""
        gateway = None if self.gateway and self.gateway.name in names else self.gateway
        banks = {name: bank for name, bank in self.banks.items() if name not in names}
        return Files(gateway, banks, self.others, self.damaged, self.unknown)

    @property
    def live(self) -> bool:
        """Whether any of them may change while we read another."""
        return any(file.live for file in self.all)


@contextlib.contextmanager
def opened(places: Iterable[Path]) -> Iterator[Files]:
    """Open every database in these homes, folders and files. Raises CannotAudit.

    The gateway's moment is the first: so banks can only be ahead of the journal, which is how a payment goes.
    """
    with contextlib.ExitStack() as stack:
        found: list[OpenFile] = []
        others: list[tuple[Path, str]] = []
        damaged: list[tuple[Path, str]] = []
        unknown: list[tuple[Path, str]] = []
        for path, named in _candidates(places):
            try:
                file = _open(path, stack)
            except sqlite3.Error as error:
                damaged.append((path, str(error)))
                continue
            except _UnknownSchema as error:
                unknown.append((path, str(error)))
                continue
            if isinstance(file, OpenFile):
                found.append(file)
            elif named:
                raise CannotAudit("DATABASE_FOREIGN", f"{path}: {file}")
            else:
                others.append((path, file))
        files = _sorted(found, others, damaged, unknown)
        for file in sorted(found, key=lambda file: file.service != "gateway"):
            file.connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB // len(found)}")
            begin(file)
        try:
            yield files
        except sqlite3.Error as error:
            raise CannotAudit("DATABASE_DAMAGED", f"a database cannot be read: {error}", "audit verify") from error
        for file in found:
            if not file.still_the_same():
                raise CannotAudit("DATABASE_UNFINISHED", f"{file.path} was written while it was read", "run it again")


def begin(file: OpenFile) -> None:
    """Fix the moment of which a file is read: SQLite does so at the first SELECT, not at BEGIN."""
    file.connection.execute("BEGIN")
    file.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def can_write(folder: Path) -> bool:
    """Whether SQLite could make files here. A function of its own because root may write where others may not, so a
    test cannot take the right away from itself."""
    return os.access(folder, os.W_OK)


def _candidates(places: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Files to look at, each once, and whether it was named itself."""
    seen: set[Path] = set()
    for place in places:
        if place.is_dir():
            inside = [*sorted(place.glob("*.db")), *sorted(place.glob("banks/*/*.db")), *place.glob("gateway/*.db")]
        elif place.is_file():
            inside = [place]
        else:
            raise CannotAudit("HOME_EMPTY", f"{place} does not exist", "name a home, a backup, or files")
        for path in inside:
            if path.resolve() not in seen and path.is_file():
                seen.add(path.resolve())
                yield path, path == place
    if not seen:
        names = ", ".join(map(str, places))
        raise CannotAudit("HOME_EMPTY", f"no database in {names}", "name a home, a backup, or files")


def _open(path: Path, stack: contextlib.ExitStack) -> OpenFile | str:
    """Open a file, or say why it holds no books."""
    with path.open("rb") as raw:
        if raw.read(len(_MAGIC)) != _MAGIC:
            return "not a database of this network"
    before = _states(path)
    readable, options = _way_to_read(path, stack)
    uri = f"{readable.absolute().as_uri()}?{options}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, cached_statements=0)
    stack.callback(connection.close)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    about = _recognise(connection)
    if isinstance(about, str):
        return about
    live = options == "mode=ro" and readable == path
    return OpenFile(path, *about, live, connection, before)


def _way_to_read(path: Path, stack: contextlib.ExitStack) -> tuple[Path, str]:
    if _beside(path, "-journal"):
        raise CannotAudit("DATABASE_UNFINISHED", f"{path} was left in the middle of a write: {path.name}-journal")
    wal, shared = _beside(path, "-wal"), Path(f"{path}-shm").exists()
    if not wal and not (shared and can_write(path.parent)):
        return path, "immutable=1"
    if not can_write(path.parent):
        raise CannotAudit(
            "DATABASE_UNFINISHED",
            f"the newest entries are in {path.name}-wal, which cannot be read in a write-protected folder",
            "copy the databases where they run, with: interbank backup --to DIR",
        )
    return (path, "mode=ro") if shared else (_private_copy(path, stack), "mode=ro")


def _private_copy(path: Path, stack: contextlib.ExitStack) -> Path:
    """A copy of a database and its -wal. No process has it open: whoever has, keeps a -shm beside it."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="audit-")))
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{path}{suffix}", folder / f"copy.db{suffix}")
    return folder / "copy.db"


def _recognise(connection: sqlite3.Connection) -> tuple[str, str, str, str] | str:
    """Service, name, currency and revision of a database; or why it holds no books. Raises _UnknownSchema."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"about", "alembic_version"} <= tables:
        return "not a database of this network"
    revisions = [row[0] for row in connection.execute("SELECT version_num FROM alembic_version")]
    revision = ", ".join(map(str, revisions)) or "none"
    service = schema.REVISIONS.get(revision)
    if service is None:
        raise _UnknownSchema(f"has schema {revision}, which this auditor does not know")
    columns = "'gateway', ''" if service == "gateway" else "bank, currency"
    row = connection.execute(f"SELECT {columns} FROM about").fetchone()
    if row is None:
        return f"made for a {service} that has never started"
    return service, str(row[0]), str(row[1]), revision


def _sorted(
    found: Iterable[OpenFile],
    others: Iterable[tuple[Path, str]],
    damaged: Sequence[tuple[Path, str]],
    unknown: Sequence[tuple[Path, str]],
) -> Files:
    """Files by whose they are. Two of one bank cannot be told apart: which is the true one?"""
    by_name: dict[str, OpenFile] = {}
    for file in found:
        if file.name in by_name:
            raise CannotAudit(
                "DATABASE_FOREIGN",
                f"{by_name[file.name].path} and {file.path} are both of {file.name}",
                "audit one of them at a time",
            )
        by_name[file.name] = file
    gateway = by_name.pop("gateway", None)
    if gateway is None and not by_name:
        if unknown:
            hint = f"it knows {', '.join(schema.REVISIONS)}"
            raise CannotAudit("SCHEMA_UNKNOWN", f"{unknown[0][0]} {unknown[0][1]}", hint)
        if damaged:
            raise CannotAudit("DATABASE_DAMAGED", f"{damaged[0][0]} cannot be read: {damaged[0][1]}")
        raise CannotAudit("HOME_EMPTY", "no database of a bank or of a gateway was found")
    return Files(gateway, by_name, tuple(others), tuple(damaged), tuple(unknown))


def _beside(path: Path, suffix: str) -> State:
    """The state of a second file, if it has something in it."""
    second = Path(f"{path}{suffix}")
    found = second.stat() if second.exists() else None
    return (found.st_size, found.st_mtime_ns) if found and found.st_size else None


def _states(path: Path) -> tuple[State, State]:
    """What a write would change: the file, or its -wal."""
    return _beside(path, ""), _beside(path, "-wal")
