"""The gateway behind its listeners: what it is handed, what it is made of, what runs."""

import asyncio
from collections.abc import Callable, Collection

from sqlalchemy import Connection, insert, select

from gateway_service.bank_port import BankPort
from gateway_service.banks import Link
from gateway_service.directory import Directory
from gateway_service.fencing import Fence
from gateway_service.grants import Grants
from gateway_service.pipeline import Pipeline
from gateway_service.rendering import Rendering
from gateway_service.repair import Repair
from gateway_service.servicers.accounts import AccountServicer
from gateway_service.servicers.admin import AdminServicer
from gateway_service.servicers.intake import Intake
from gateway_service.servicers.payments import PaymentServicer
from gateway_service.servicers.sessions import SessionServicer
from gateway_service.servicers.streaming import Streams
from gateway_service.sessions import Sessions
from gateway_service.submission import Submission
from gateway_service.tables import about
from interbank.storage.statements import Statement
from interbank.surroundings import Surroundings

_FOUNDED = Statement(select(about.c.only_row))

Connect = Callable[[str, str], BankPort]
"""How a bank is reached: (bank id, address) to a BankPort."""


class Gateway:
    """Sessions, directory, journal and pipeline, and the servicers that speak for them. `superseded` is called when a
    bank says that a newer gateway was there: this one must stop. `members` are the banks that the network is known to
    have, whatever became of the journal."""

    def __init__(
        self,
        around: Surroundings,
        connect: Connect,
        superseded: Callable[[str], None],
        *,
        idle_limit_days: int,
        members: Collection[str] = (),
    ) -> None:
        self._around = around
        self._connect = connect
        database, clock = around.database, around.clock
        self.fence = Fence(database, around.entropy(16), superseded)
        self.pipeline = Pipeline(database, lambda: self.directory, self.fence, clock)
        self._repair = Repair(
            database, self.fence, lambda: self.directory.links, members, self.pipeline.underway, around.entropy
        )
        self.directory = Directory(database, self.fence, clock, self._new_link)
        self.sessions = Sessions(database, around.passwords, clock, around.entropy, idle_limit_days=idle_limit_days)
        self.grants = Grants(self.sessions, self.directory)
        rendering = Rendering(self.directory, clock)
        submission = Submission(self.directory, self.pipeline, database, clock)
        intake = Intake(self.sessions, submission, clock, around.log)
        streams = Streams(self.sessions, intake, rendering)
        self.payments = PaymentServicer(self.sessions, intake, streams, self.pipeline, rendering, database)
        self.accounts = AccountServicer(self.sessions, self.directory)
        self.admin = AdminServicer(self.sessions, self.directory, self.payments)
        self.logins = SessionServicer(self.sessions, self.directory, self.grants)
        self.carrying: asyncio.Task[None] | None = None

    async def found(self) -> None:
        """Give a new network its journal and its operator; does nothing to one that has them."""
        now_us = self._around.clock.now_us()
        await self._around.database.write(lambda connection: _found(connection, now_us))
        await self.sessions.found()

    async def start(self) -> int:
        """Take up what is not final, fence every bank that can be reached, and let transfers go; returns how many were
        taken up."""
        await self.fence.load()
        await self.directory.load()
        self.carrying = asyncio.create_task(self._carry(), name="carrying")
        resumed = await self.pipeline.resume()
        await self.directory.start()
        return resumed

    async def stop(self) -> None:
        """Let go. What is not final is taken up at the next start."""
        await self.directory.stop()
        if self.carrying is not None:
            self.carrying.cancel()
            await asyncio.gather(self.carrying, return_exceptions=True)

    async def _carry(self) -> None:
        await asyncio.gather(self.pipeline.run(), self.grants.run())

    def _new_link(self, bank: str) -> Link:
        around = self._around
        return Link(
            bank,
            lambda address: self._connect(bank, address),
            self.fence,
            self.pipeline,
            self._repair,
            around.clock,
            around.chance,
            around.log,
        )


def _found(connection: Connection, now_us: int) -> None:
    if not _FOUNDED.rows(connection):
        connection.execute(insert(about).values(only_row=1, founded_at=now_us, epoch=0, after_loss=0))
