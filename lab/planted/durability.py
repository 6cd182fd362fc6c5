"""Defects of durability: an answer too early, a sync left out. Virtual time has no moment between a
commit and its sync, so only real processes or disks that forget show them."""

import asyncio
import copy
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection

from bank_service.operations import Bank
from gateway_service.pipeline import Pipeline
from gateway_service.transfer import Transfer
from gateway_service.underway import Underway
from interbank.instructions import Instruction, Outcome
from interbank.storage import database, groups, sqlite
from interbank.storage.database import Database
from interbank.storage.groups import Job, Work
from interbank.storage.statements import run
from lab.planted.patches import Patch

T = TypeVar("T")

_LATE = 0.3
"""Seconds from an answer to the commit that should have come before it."""


def _told_before_the_commit() -> list[Patch]:
    """The gateway has a bank's answer when all is written, and the commit follows a moment later."""
    right = groups.commit

    def commit(connection: Connection, group: Sequence[Job[Any]], broken: Callable[[Exception], None]) -> None:
        if not any(job.work.__qualname__.endswith("carry_out") for job in group):
            right(connection, group, broken)
            return
        with connection.begin():
            for job in group:
                job.result = job.work(connection)
            database._settle(group)
            time.sleep(_LATE)

    return [(database, "commit", commit)]


class _AnswersFirst:
    """A Database that answers when it knows what to answer, and writes afterwards."""

    def __init__(self, inner: Database) -> None:
        self._inner = inner

    def write(self, work: Work[T]) -> "asyncio.Future[T]":
        """See Database."""

        def rehearse(connection: Connection) -> T:
            run(connection, "SAVEPOINT rehearsal")
            result = work(connection)
            run(connection, "ROLLBACK TO rehearsal")
            run(connection, "RELEASE rehearsal")
            return result

        self._inner.write(work)
        return self._inner.read(rehearse)


def _bank_answers_first() -> list[Patch]:
    right = Bank.post

    def post(self: Bank, session_id: bytes, instructions: Sequence[Instruction]) -> "asyncio.Future[list[Outcome]]":
        hasty: Any = copy.copy(self)
        hasty._database = _AnswersFirst(self._database)
        return right(hasty, session_id, instructions)

    return [(Bank, "post", post)]


def _gateway_answers_first() -> list[Patch]:
    right = Pipeline._move

    def move(self: Pipeline, underway: Underway, transfer: Transfer) -> None:
        right(self, underway, transfer)
        if transfer.final:
            underway.finish()

    return [(Pipeline, "_move", move)]


def _set(pragma: str) -> Callable[[], list[Patch]]:
    def patches() -> list[Patch]:
        from lab.powerloss import vfs

        right = sqlite.prepare_connection

        def prepare_connection(connection: Any, *, read_only: bool) -> None:
            right(connection, read_only=read_only)
            connection.execute(f"PRAGMA {pragma}")

        return [(vfs, "prepare_connection", prepare_connection)]

    return patches


BUGS_OF_PROCESSES: dict[str, Callable[[], list[Patch]]] = {
    "told before the commit": _told_before_the_commit,
}
"""Defects that crash points show."""

BUGS_OF_DISKS: dict[str, Callable[[], list[Patch]]] = {
    "no sync at all": _set("synchronous = OFF"),
    "a sync at checkpoints alone": _set("synchronous = NORMAL"),
    "a rollback journal in memory": _set("journal_mode = MEMORY"),
    "no journal": _set("journal_mode = OFF"),
    "a bank that answers before its commit": _bank_answers_first,
    "a gateway that answers before its own final row": _gateway_answers_first,
}
"""Defects that a power loss shows."""
