"""Promises that were found broken. Each stands here until it is kept, then moves to the file that it belongs to."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import TypeVar

import grpc
import pytest

from gateway_service.rendering import Rendering
from gateway_service.servicers.payments import PaymentServicer
from interbank.clock import SystemClock
from interbank.instructions import InstructionKind
from interbank.refusals import Reason, Refused
from interbank.rpc.status import from_rpc_error
from interbank.storage.database import Database, Work
from interbank.telemetry import InstructionLog
from protos.v1 import bank_pb2, gateway_pb2, gateway_pb2_grpc
from tests.refusing import refused
from tests.wire import Wire
from tests.world import Caller, World, an_order, money

T = TypeVar("T")


class LeapingClock(SystemClock):
    ahead_us = 0

    def now_us(self) -> int:
        return super().now_us() + self.ahead_us


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    world = World(tmp_path_factory.mktemp("network"), wire=Wire(), clock=LeapingClock())
    await world.start("NORTH", "SOUTH")
    yield world
    await world.stop()


def live_grants(world: World, caller: Caller, bank: str) -> int:
    query = f"SELECT count(*) FROM grants WHERE username = '{caller.username}' AND ended_at IS NULL"
    return int(world.sql(bank, query)[0][0])


async def failed_login(world: World, username: str) -> tuple[object, ...]:
    stub = gateway_pb2_grpc.SessionServiceStub(world.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Login(gateway_pb2.LoginRequest(username=username, password="not the right one"), timeout=10)
    refusal = from_rpc_error(caught.value)
    return caught.value.details(), refusal.reason, refusal.hint, refusal.field


async def test_a_login_without_a_bank_tells_nobody_which_names_are_registered(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    assert await failed_login(world, alice.username) == await failed_login(world, "nobody-at-all")


async def test_logging_in_again_on_one_session_leaves_no_grant_behind(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    await alice.login(alice.username)
    assert live_grants(world, alice, "NORTH") == 1
    await alice.call("SessionService", "Logout", gateway_pb2.LogoutRequest())
    assert live_grants(world, alice, "NORTH") == 0


async def test_a_new_account_after_a_closed_one_can_be_registered_and_used(world: World) -> None:
    operator = await world.operator()
    alice = await world.customer("alice", "NORTH")
    await operator.set_status("NORTH", alice.accounts["NORTH"], "CLOSED")
    second = await operator.open_account("NORTH", alice.username, 5_00)
    await alice.register(alice.username, "NORTH", second)
    await alice.login(alice.username)
    assert await alice.balance("NORTH") == 5_00


async def test_too_large_a_message_in_a_stream_is_refused_by_its_size(world: World) -> None:
    operator = await world.operator()

    async def large() -> AsyncIterator[gateway_pb2.AdminServiceOpenAccountsRequest]:
        accounts = [bank_pb2.NewAccount(username=f"in-a-crowd-{n}-{'x' * 15}") for n in range(3000)]
        yield gateway_pb2.AdminServiceOpenAccountsRequest(bank="NORTH", accounts=accounts)

    with refused(Reason.REQUEST_TOO_LARGE):
        await operator.call("AdminService", "OpenAccounts", large())


async def test_a_request_that_is_too_large_is_not_worth_trying_again() -> None:
    assert not Reason.REQUEST_TOO_LARGE.try_again


async def test_the_other_side_of_a_deposit_is_not_the_customer_himself(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    deposit = gateway_pb2.DepositRequest(bank="NORTH", amount=money(1_00), idempotency_key="in")
    await alice.call("AccountService", "Deposit", deposit)
    shown = await alice.call("AccountService", "GetMyStatement", gateway_pb2.GetMyStatementRequest())
    assert shown.lines[0].counterparty_name != alice.username


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
    sessions = world.gateway.server._sessions
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
    rendering = Rendering(server._directory, world.clock)
    payments = PaymentServicer(
        server._sessions, None, server._pipeline, rendering, world.gateway.database, InstructionLog("test", world.log)
    )
    context = SimpleNamespace(invocation_metadata=lambda: (("authorization", f"Bearer {alice.token}"),))

    watching = payments.Watch(gateway_pb2.WatchRequest(transfer_id=transfer_id), context)
    assert not (await anext(watching)).transfer.final
    credit.release()
    await world.until(lambda: server._pipeline.find(transfer_id) is None)

    assert (await asyncio.wait_for(anext(watching), 2)).transfer.final


async def test_an_old_password_cannot_be_guessed_without_end_from_a_session(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    request = gateway_pb2.SessionServiceChangePasswordRequest(
        old_password="a wrong guess", new_password="my own new password"
    )
    reasons = []
    for _ in range(8):
        with pytest.raises(Refused) as caught:
            await alice.call("SessionService", "ChangePassword", request)
        reasons.append(caught.value.reason)
    assert Reason.LOGIN_THROTTLED in reasons
