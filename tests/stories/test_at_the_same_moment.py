"""Two things at the same moment: an end that comes while something is still being used, asked or told."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import TypeVar

import pytest

from gateway_service.rendering import Rendering
from gateway_service.servicers.payments import PaymentServicer
from gateway_service.sessions import Access
from interbank.clock import SystemClock
from interbank.instructions import InstructionKind
from interbank.refusals import Reason, Refused
from interbank.storage.database import Database
from interbank.storage.groups import Work
from protos.v1 import gateway_pb2
from tests.refusing import refused
from tests.wire import Wire
from tests.world import World, an_order, money

T = TypeVar("T")


class LeapingClock(SystemClock):
    ahead_us = 0

    def now_us(self) -> int:
        return super().now_us() + self.ahead_us


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    network = World(tmp_path_factory.mktemp("network"), wire=Wire(), clock=LeapingClock())
    async with network.running("NORTH", "SOUTH") as world:
        yield world


class FirstWriteHeld:
    """A database whose first write is done at once, but told late."""

    def __init__(self, real: Database) -> None:
        self._real = real
        self.arrived = asyncio.Event()
        self.released = asyncio.Event()

    def read(self, work: Work[T]) -> "asyncio.Future[T]":
        return self._real.read(work)

    def write(self, work: Work[T]) -> "asyncio.Future[T]":
        done = self._real.write(work)
        if self.arrived.is_set():
            return done
        self.arrived.set()

        async def told_late() -> T:
            result = await done
            await self.released.wait()
            return result

        return asyncio.ensure_future(told_late())


async def test_a_session_that_was_ended_while_it_was_used_stays_ended(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    sessions = world.gateway.server.gateway.sessions
    database, sessions._database = sessions._database, FirstWriteHeld(sessions._database)
    world.clock.ahead_us += 61_000_000  # so that the next call notes its use
    use = asyncio.ensure_future(alice.call("SessionService", "WhoAmI", gateway_pb2.WhoAmIRequest()))
    await sessions._database.arrived.wait()
    await alice.call("SessionService", "Logout", gateway_pb2.LogoutRequest())
    sessions._database.released.set()
    await asyncio.gather(use, return_exceptions=True)
    sessions._database = database

    with refused(Reason.NOT_LOGGED_IN):
        await alice.call("SessionService", "WhoAmI", gateway_pb2.WhoAmIRequest())


async def test_a_deposit_at_a_bank_that_has_begun_anew_is_told_in_the_customers_words(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=1_00)
    async with world.line_to("NORTH") as line:
        description = await line.describe()
        await line.open_session(description.epoch, world.link("NORTH")._fence.instance, [])
    deposit = gateway_pb2.DepositRequest(bank="NORTH", amount=money(1_00), idempotency_key="in")

    (told,) = await asyncio.gather(alice.call("AccountService", "Deposit", deposit), return_exceptions=True)

    assert not isinstance(told, Refused) or told.reason is Reason.BANK_UNAVAILABLE


async def test_a_watcher_is_told_the_end_that_comes_while_he_is_being_told(world: World) -> None:
    """The stream is asked for its next message, as gRPC does, only after the payment has ended."""
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    credit = world.wire.hold_request(InstructionKind.CREDIT)
    (accepted,) = await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "seen")])
    await credit.arrived.wait()
    transfer_id = accepted.transfer.transfer_id
    server = world.gateway.server
    rendering = Rendering(server.gateway.directory, world.clock)
    payments = PaymentServicer(
        server.gateway.sessions, None, None, server.gateway.pipeline, rendering, world.gateway.database
    )
    context = SimpleNamespace(invocation_metadata=lambda: (("authorization", f"Bearer {alice.token}"),))

    watching = payments.Watch(gateway_pb2.WatchRequest(transfer_id=transfer_id), context)
    assert not (await anext(watching)).transfer.final
    credit.release()
    await world.until(lambda: server.gateway.pipeline.find(transfer_id) is None)

    async with asyncio.timeout(2):
        assert (await anext(watching)).transfer.final


async def test_noting_that_a_session_is_used_undoes_no_login_beside_it(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    sessions = world.gateway.server.gateway.sessions
    (session,) = [one for one in sessions._remembered.values() if one.username == alice.username]
    old = replace(session, used_at=session.used_at - 61_000_000)
    sessions._remembered[session.token_hash] = old
    await asyncio.gather(sessions.add_access(old, "SOUTH", Access(1, b"g" * 32)), sessions._use(old))
    assert set(sessions._remembered[session.token_hash].access) == {"NORTH", "SOUTH"}


async def test_a_known_order_that_ends_while_it_is_looked_up_is_told_as_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bank is away when it is sent again, so that it is looked up; it ends between the look and the answer."""
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    order = an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "looked up")
    credit = world.wire.hold_request(InstructionKind.CREDIT)
    (accepted,) = await alice.submit([order])
    await credit.arrived.wait()
    submission = world.gateway.server.gateway.payments._intake._submission
    database = submission._database

    class ReadLate:
        def __init__(self) -> None:
            self.reads = 0

        async def read(self, work: Work[T]) -> T:
            found = await database.read(work)
            self.reads += 1
            if self.reads == 1:
                credit.release()
                await world.quiet()
            return found

    def away(*_: object) -> Refused:
        return Refused(Reason.PAYEE_BANK_UNAVAILABLE)

    monkeypatch.setattr(submission, "_database", ReadLate())
    monkeypatch.setattr(submission, "_refusal", away)
    (again,) = await alice.submit([order])

    assert again.transfer.transfer_id == accepted.transfer.transfer_id
    assert again.transfer.final
