"""SQLite on these files: a VFS of APSW, and its connections as the product's storage expects a driver's."""

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

import apsw
from sqlalchemy import Connection

from interbank.storage.engine import open_engine_over
from interbank.storage.sqlite import driver, prepare_connection
from lab.powerloss.files import File, Folder

NAME = "books.db"
"""Of the database in every folder."""

_OPENED: dict[str, Folder] = {}
"""Folders by the path that SQLite is given; one VFS serves all of them."""


class _Files(apsw.VFS):
    def __init__(self) -> None:
        super().__init__("unsynced", base="")

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        folder, _, file = path.rpartition("/")
        return _Handle(_OPENED[folder], file, flags)

    def xDelete(self, path: str, _sync: bool) -> None:
        folder, _, file = path.rpartition("/")
        _OPENED[folder].files.pop(file, None)

    def xAccess(self, path: str, _flags: int) -> bool:
        folder, _, file = path.rpartition("/")
        return file in _OPENED[folder].files

    def xFullPathname(self, path: str) -> str:
        return path


class _Handle(apsw.VFSFile):
    def __init__(self, folder: Folder, name: str, _flags: list[int]) -> None:
        self._calls = folder.calls
        self._file = folder.files.setdefault(name, File())

    def xRead(self, amount: int, offset: int) -> bytes:
        return bytes(self._file.written[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        self._calls.about_to("write")
        self._file.write(offset, bytes(data))
        self._calls.done("write")

    def xTruncate(self, size: int) -> None:
        self._calls.about_to("truncate")
        self._file.write(size, None)
        self._calls.done("truncate")

    def xSync(self, _flags: int) -> None:
        self._calls.about_to("sync")
        self._file.sync()
        self._calls.done("sync")

    def xFileSize(self) -> int:
        return len(self._file.written)

    def xSectorSize(self) -> int:
        return 4096  # as SQLite's own layer for Unix says, and the next too

    def xDeviceCharacteristics(self) -> int:
        return int(apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE)

    def xFileControl(self, _op: int, _pointer: int) -> bool:
        return False

    def xLock(self, level: int) -> None:
        """One connection alone uses a folder."""

    def xUnlock(self, level: int) -> None:
        """See xLock."""

    def xCheckReservedLock(self) -> bool:
        return False

    def xClose(self) -> None:
        """Nothing is kept open."""


_VFS = _Files()
_Error: Any = driver().OperationalError
_Integrity: Any = driver().IntegrityError


class _Cursor:
    """Rows of one statement, as a DB-API cursor gives them."""

    arraysize = 1
    lastrowid = None

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Sequence[Any] | None = None
        self.rowcount = -1

    def execute(self, sql: str, values: Iterable[Any] = ()) -> "_Cursor":
        try:
            cursor = self._connection.cursor()
            cursor.exec_trace = self._describe
            self._rows = cursor.execute(sql, tuple(values)).fetchall()
        except apsw.ConstraintError as error:
            raise _Integrity(str(error)) from error
        except apsw.Error as error:
            raise _Error(_words(error)) from error
        self.rowcount = self._connection.changes()
        return self

    def _describe(self, cursor: Any, _sql: str, _values: Any) -> bool:
        """Called by APSW before the first row, which is when it knows the columns of what will return none."""
        columns = cursor.get_description()
        self.description = [(name, None, None, None, None, None, None) for name, _ in columns] or None
        return True

    def executemany(self, sql: str, rows: Iterable[Iterable[Any]]) -> None:
        for values in rows:
            self.execute(sql, values)

    def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    def fetchone(self) -> Any:
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int = 1) -> list[Any]:
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    def close(self) -> None:
        self._rows = []


def _words(error: apsw.Error) -> str:
    """SQLite's own words, by which the product tells what the disk says."""
    return {
        apsw.FullError: "database or disk is full",
        apsw.IOError: "disk I/O error",
        apsw.CorruptError: "database disk image is malformed",
    }.get(type(error), str(error))


class _Driver:
    """A connection of APSW as SQLAlchemy and interbank.storage.statements know one."""

    isolation_level = None
    total_changes = 0

    def __init__(self, raw: apsw.Connection) -> None:
        self._raw = raw

    @property
    def in_transaction(self) -> bool:
        try:
            return self._raw.in_transaction
        except apsw.ConnectionClosedError:
            return False

    def cursor(self) -> _Cursor:
        return _Cursor(self._raw)

    def execute(self, sql: str, values: Iterable[Any] = ()) -> _Cursor:
        return _Cursor(self._raw).execute(sql, values)

    def create_function(self, *_: Any, **__: Any) -> None:
        """SQLAlchemy offers one that no statement of ours uses."""

    def commit(self) -> None:
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self.in_transaction:
            self.execute("ROLLBACK")

    def close(self) -> None:
        """The disk stays."""


class _Opening:
    """What the next connection of the engine is."""

    next: Any = None


_ENGINE = open_engine_over(lambda: _Opening.next)


class LossyDisk:
    """A disk of the simulation (see lab.simulation.disk.Disk) that a power loss can take something of. Connections have
    the product's own settings, so that a change of them is seen here; `checkpoint` is how many pages a WAL may have
    otherwise."""

    _numbers = iter(range(1, 1 << 62))

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.checkpoint = 0
        self._path = f"/disk{next(self._numbers)}"
        self._raw: apsw.Connection | None = None
        _OPENED[self._path] = folder

    @property
    def raw(self) -> _Driver:
        """The one connection; made at the first use, which is when SQLite recovers."""
        if self._raw is None:
            flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
            self._raw = apsw.Connection(f"{self._path}/{NAME}", flags=flags, vfs="unsynced")
            # Without shared memory a WAL is for one connection alone.
            self._raw.execute("PRAGMA locking_mode = EXCLUSIVE")
            prepare_connection(_Driver(self._raw), read_only=False)
            self.checkpoint = self.checkpoint or int(self._raw.execute("PRAGMA wal_autocheckpoint").get)
            self._raw.set_wal_hook(self._checkpoint)
        return _Driver(self._raw)

    def _checkpoint(self, connection: apsw.Connection, _name: str, pages: int) -> int:
        """What SQLite does by itself after a commit, whose success does not depend on it: APSW would let the commit
        raise what the disk said to the checkpoint."""
        if pages >= self.checkpoint:
            with contextlib.suppress(apsw.Error):
                connection.wal_checkpoint()
        return apsw.SQLITE_OK

    def connect(self) -> Connection:
        """See lab.simulation.disk.Disk."""
        _Opening.next = self.raw
        return _ENGINE.connect()

    def forget(self) -> None:
        """Let nothing of it stay in memory. What SQLite would still write on closing goes nowhere."""
        self.folder.calls.about_to = self.folder.calls.done = lambda _call: None
        if self._raw is not None:
            self._raw.close(True)
        _OPENED.pop(self._path, None)
