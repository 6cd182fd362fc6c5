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
from typing import Any, Protocol, TypeVar

from sqlalchemy.exc import DBAPIError

from interbank.refusals import Reason, Refused
from interbank.storage.engine import open_engine
from interbank.storage.groups import Job, Work, commit
from interbank.storage.sqlite import Trouble, driver, has_wal_reset_bug, trouble

T = TypeVar("T")

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


class ThreadedDatabase:
    """A Database on one SQLite file, with one writing thread that owns the only writing connection.

    `broken` is called, from the thread that meets it, when the disk or the file fails: what was committed is unknown
    then, and the process must stop and read the disk again rather than go on (no second fsync can be believed).
    """

    def __init__(self, path: Path, *, broken: Callable[[Exception], None], readers: int = 2) -> None:
        _warn_of_wal_reset_bug(driver().sqlite_version_info)
        self._broken = broken
        self._writer_engine = open_engine(path)
        self._reader_engine = open_engine(path, read_only=True)
        self._local = threading.local()
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="reader")
        self._jobs: queue.SimpleQueue[Job[Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_groups, name="writer", daemon=True)
        self._thread.start()

    def write(self, work: Work[T]) -> "asyncio.Future[T]":
        """See Database."""
        if self._jobs.qsize() >= MAX_QUEUED:
            raise Refused(Reason.BANK_BUSY, retry_after_ms=200)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put(Job(work, future))
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
        try:
            with connection.begin():
                return work(connection)
        except DBAPIError as error:
            if trouble(error.orig) is Trouble.BROKEN:
                self._broken(error)
            raise

    def _write_groups(self) -> None:
        with self._writer_engine.connect() as connection:
            while (group := self._gather()) is not None:
                commit(connection, group, self._broken)
                _settle(group)

    def _gather(self) -> list[Job[Any]] | None:
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


def _warn_of_wal_reset_bug(version: tuple[int, ...]) -> None:
    if has_wal_reset_bug(version):
        log.warning(
            "SQLite %s can corrupt a database that two connections write or checkpoint; here one alone does. "
            "Where there is a wheel of it, install pysqlite3.",
            ".".join(map(str, version)),
        )


def _settle(group: Sequence[Job[Any]]) -> None:
    """Resolve the group's futures on their loop, with one wake-up for all of them."""
    loop = group[0].future.get_loop()

    def resolve() -> None:
        for job in group:
            job.resolve()

    try:
        loop.call_soon_threadsafe(resolve)
    except RuntimeError:
        log.info("%d writes committed after the loop had closed", len(group))
