"""Commits writes in groups: many share one sync to disk, and each fails alone.

What runs the groups is another's: a thread in service, a simulation's own time elsewhere.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from interbank.refusals import Reason, Refused
from interbank.storage.sqlite import Trouble, trouble
from interbank.storage.statements import run

T = TypeVar("T")
Work = Callable[[Connection], T]


class Job(Generic[T]):
    """A write, who waits for it, and what came of it."""

    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Work[T], future: "asyncio.Future[T]") -> None:
        self.work = work
        self.future = future
        self.result: T | None = None
        self.error: BaseException | None = None

    def resolve(self) -> None:
        """Tell whoever waits, if he still does; the work is done all the same."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]


def commit(connection: Connection, group: Sequence[Job[Any]], broken: Callable[[Exception], None]) -> None:
    """Commit the group together; if that fails, each by itself, so that one fails alone. `broken` is called when the
    disk or the file failed: what was committed is unknown then."""
    try:
        with connection.begin():
            for job in group:
                _carry_out(connection, job, alone=len(group) == 1)
    except Exception as error:
        _leave_transaction(connection)
        if isinstance(error, DBAPIError) and trouble(error.orig) is Trouble.BROKEN:
            broken(error)
        if len(group) > 1:
            for job in group:
                job.error = None
                commit(connection, [job], broken)
        else:
            group[0].error = _explained(error)


def _carry_out(connection: Connection, job: Job[Any], *, alone: bool) -> None:
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


def _explained(error: Exception) -> Exception:
    if isinstance(error, DBAPIError) and trouble(error.orig) is Trouble.FULL:
        return Refused(Reason.STORAGE_FULL, retry_after_ms=5000)
    return error
