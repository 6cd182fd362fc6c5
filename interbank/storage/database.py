"""One database and the threads that use it: one that writes, in groups, and a few that read.

Chain, do not wait: while one group of writes commits, the next one gathers; when the commit lands, all that gathered
goes at once. Alone, a write waits for nobody; under load one sync to disk serves many.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from interbank.refusals import Reason, Refused
from interbank.storage.engine import open_engine
from interbank.storage.sqlite import Trouble, driver, has_wal_reset_bug, trouble
from interbank.storage.statements import run

T = TypeVar("T")
Work = Callable[[Connection], T]

log = logging.getLogger(__name__)

MAX_QUEUED = 4096
"""Writes that may wait; beyond them a write is refused before it is taken."""

MAX_GROUP = 256
"""Writes in one commit, so that none waits too long for the others."""


class Database(Protocol):
    """Where a service keeps what it must not forget. In service a thread does the writing; a simulation may do it
    inline. `work` gets a connection inside a transaction and must change nothing else: it may run twice."""

    def write(self, work: Work[T]) -> "asyncio.Future[T]":
        """Run `work` in a transaction and resolve once that is synced to disk. Raises Refused(BANK_BUSY) at once when
        too much waits; the future raises what `work` raised, Refused(STORAGE_FULL), or DBAPIError."""
        ...

    def read(self, work: Work[T]) -> "asyncio.Future[T]":
        """Run `work` in a transaction that only reads, beside the writer."""
        ...


class _Job(Generic[T]):
    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Work[T], future: "asyncio.Future[T]") -> None:
        self.work = work
        self.future = future
        self.result: T | None = None
        self.error: BaseException | None = None


class ThreadedDatabase:
    """A Database on one SQLite file, with one writing thread that owns the only writing connection.

    `broken` is called, from the writing thread, when the disk or the file fails: what was committed is unknown then,
    and the process must stop and read the disk again rather than go on (no second fsync can be believed).
    """

    def __init__(self, path: Path, *, broken: Callable[[Exception], None], readers: int = 2) -> None:
        _warn_of_wal_reset_bug(driver().sqlite_version_info)
        self._broken = broken
        self._writer_engine = open_engine(path)
        self._reader_engine = open_engine(path, read_only=True)
        self._local = threading.local()
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="reader")
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_groups, name="writer", daemon=True)
        self._thread.start()

    def write(self, work: Work[T]) -> "asyncio.Future[T]":
        """See Database."""
        if self._jobs.qsize() >= MAX_QUEUED:
            raise Refused(Reason.BANK_BUSY, retry_after_ms=200)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(work, future))
        return future

    def read(self, work: Work[T]) -> "asyncio.Future[T]":
        """See Database."""
        return asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def close(self) -> None:
        """Finish what was taken, then let go of the file."""
        self._jobs.put(None)
        self._thread.join()
        self._readers.shutdown()
        self._writer_engine.dispose()
        self._reader_engine.dispose()

    def _read(self, work: Work[T]) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._reader_engine.connect()
        with connection.begin():
            return work(connection)

    def _write_groups(self) -> None:
        with self._writer_engine.connect() as connection:
            while (group := self._gather()) is not None:
                self._commit(connection, group)
                _settle(group)

    def _gather(self) -> list[_Job[Any]] | None:
        first = self._jobs.get()
        if first is None:
            return None
        group = [first]
        while len(group) < MAX_GROUP:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)
                break
            group.append(job)
        return group

    def _commit(self, connection: Connection, group: Sequence[_Job[Any]]) -> None:
        """Commit the group together; if that fails, each by itself, so that one fails alone."""
        try:
            with connection.begin():
                for job in group:
                    _carry_out(connection, job, alone=len(group) == 1)
        except Exception as error:
            _leave_transaction(connection)
            if isinstance(error, DBAPIError) and trouble(error.orig) is Trouble.BROKEN:
                self._broken(error)
            if len(group) > 1:
                for job in group:
                    job.error = None
                    self._commit(connection, [job])
            else:
                group[0].error = _explained(error)


def _carry_out(connection: Connection, job: _Job[Any], *, alone: bool) -> None:
    """What a job raises in a group undoes that job and no other; what the disk says concerns them all."""
    if alone:
        job.result = job.work(connection)
        return
    run(connection, "SAVEPOINT job")
    try:
        job.result = job.work(connection)
    except Exception as error:
        if isinstance(error, DBAPIError) and trouble(error.orig) is not Trouble.OTHER:
            raise
        run(connection, "ROLLBACK TO job")
        job.error = error
    run(connection, "RELEASE job")


def _leave_transaction(connection: Connection) -> None:
    """A COMMIT that fails leaves SQLite's transaction open, and SQLAlchemy takes it for ended."""
    driver = connection.connection.driver_connection
    if driver is not None and driver.in_transaction:
        driver.execute("ROLLBACK")


def _warn_of_wal_reset_bug(version: tuple[int, ...]) -> None:
    if has_wal_reset_bug(version):
        log.warning(
            "SQLite %s can corrupt a database that two connections write or checkpoint; here one alone does. "
            "Where there is a wheel of it, install pysqlite3.",
            ".".join(map(str, version)),
        )


def _explained(error: Exception) -> Exception:
    if isinstance(error, DBAPIError) and trouble(error.orig) is Trouble.FULL:
        return Refused(Reason.STORAGE_FULL, retry_after_ms=5000)
    return error


def _settle(group: Sequence[_Job[Any]]) -> None:
    """Resolve the group's futures on their loop, with one wake-up for all of them."""
    loop = group[0].future.get_loop()

    def resolve() -> None:
        for job in group:
            if job.future.done():
                continue  # the caller went away; the work is done all the same
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)

    try:
        loop.call_soon_threadsafe(resolve)
    except RuntimeError:
        log.info("%d writes committed after the loop had closed", len(group))
