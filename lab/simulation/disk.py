"""Disks of the simulated processes, and the databases on them: SQLite in memory, committed in virtual time.

A group of writes is carried out and committed at one moment, that of its sync. A process that dies before loses the
group; one that dies after has it, and tells nobody.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from interbank.storage.engine import open_engine_over
from interbank.storage.groups import Job, Work, commit
from interbank.storage.schema import Schema
from interbank.storage.sqlite import driver
from lab.layout import lay_out
from lab.simulation.process import Process

T = TypeVar("T")


class _Opening:
    """The driver's connection that the next `Engine.connect` hands out: one engine serves all disks, because making one
    takes longer than a whole history."""

    next: Any = None


_ENGINE = open_engine_over(lambda: _Opening.next)


class Storage(Protocol):
    """A disk with one database."""

    def connect(self) -> Connection:
        """A connection to it; closing that leaves the disk as it is."""
        ...


class Disk:
    """What stays when a process dies. Taking a copy, and putting one in its place, is what backups do."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    @classmethod
    def empty(cls, schema: Schema) -> "Disk":
        """A disk with an empty database."""
        disk = cls(_new())
        with disk.connect() as connection, connection.begin():
            lay_out(connection, schema)
        return disk

    def copy(self) -> "Disk":
        """The same content on a disk of its own."""
        raw = _new()
        self.raw.backup(raw)
        return Disk(raw)

    def connect(self) -> Connection:
        """A connection to it; closing that leaves the disk as it is."""
        _Opening.next = _Kept(self.raw)
        return _ENGINE.connect()


class _Kept:
    """A driver's connection that outlives those who close it."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def close(self) -> None:
        pass


def _new() -> Any:
    raw = driver().connect(":memory:", isolation_level=None, check_same_thread=False)
    for pragma in ("foreign_keys = ON", "recursive_triggers = ON", "trusted_schema = OFF"):
        raw.execute(f"PRAGMA {pragma}")
    return raw


class VirtualDatabase:
    """A Database (see interbank.storage.database) of one process, on one disk. `sync` draws how many seconds a sync
    takes."""

    def __init__(self, disk: Storage, process: Process, sync: Callable[[], float]) -> None:
        self._connection = disk.connect()
        self._process = process
        self._sync = sync
        self._queued: list[Job[Any]] = []
        self._syncing = False
        self.broken: Exception | None = None

    def write(self, work: Work[T]) -> "asyncio.Future[T]":
        """See Database."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queued.append(Job(work, future))
        self._begin()
        return future

    def read(self, work: Work[T]) -> "asyncio.Future[T]":
        """See Database."""
        loop = asyncio.get_running_loop()
        job = Job(work, loop.create_future())
        if self._process.alive:
            try:
                with self._connection.begin():
                    job.result = work(self._connection)
            except Exception as error:
                job.error = error
            loop.call_later(self._sync() / 10, job.resolve)
        return job.future

    def _begin(self) -> None:
        if not self._syncing and self._queued and self._process.alive:
            self._syncing = True
            asyncio.get_running_loop().call_later(self._sync(), self._commit)

    def _commit(self) -> None:
        group, self._queued, self._syncing = self._queued, [], False
        if not self._process.step("before a commit"):
            return
        commit(self._connection, group, self._note)
        if self._process.step("after a commit"):
            for job in group:
                job.resolve()
            self._begin()

    def _note(self, error: Exception) -> None:
        self.broken = error
        self._process.die()


def draw_sync(chance: random.Random, slow: float) -> Callable[[], float]:
    """Seconds of a sync: a few milliseconds, and now and then, with the probability `slow`, up to a second."""
    return lambda: chance.uniform(0.2, 1.0) if chance.random() < slow else chance.uniform(0.001, 0.01)
