"""Promises that were found broken. Each stands here until it is kept, then moves to the file that it belongs to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc
import pytest

from gateway_service.underway import Underway
from interbank.clock import SystemClock
from interbank.instructions import InstructionKind
from interbank.refusals import Reason, Refused
from interbank.rpc.status import from_rpc_error
from protos.v1 import bank_pb2, gateway_pb2, gateway_pb2_grpc, order_pb2
from tests.refusing import refused
from tests.wire import Wire
from tests.world import PASSWORD, Caller, World, an_order, money


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


async def test_a_request_that_is_too_large_is_not_worth_trying_again(world: World) -> None:
    assert not Reason.REQUEST_TOO_LARGE.try_again


async def test_the_other_side_of_a_deposit_is_not_the_customer_himself(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    deposit = gateway_pb2.DepositRequest(bank="NORTH", amount=money(1_00), idempotency_key="in")
    await alice.call("AccountService", "Deposit", deposit)
    shown = await alice.call("AccountService", "GetMyStatement", gateway_pb2.GetMyStatementRequest())
    assert shown.lines[0].counterparty_name != alice.username


async def test_a_session_that_was_ended_while_it_was_used_stays_ended(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    who = gateway_pb2.WhoAmIRequest()
    for _ in range(20):
        world.clock.ahead_us += 61_000_000  # so that each call notes its use
        uses = [asyncio.ensure_future(alice.call("SessionService", "WhoAmI", who)) for _ in range(12)]
        await alice.call("SessionService", "Logout", gateway_pb2.LogoutRequest())
        await asyncio.gather(*uses, return_exceptions=True)
        with refused(Reason.NOT_LOGGED_IN):
            await alice.call("SessionService", "WhoAmI", who)
        alice.token = ""
        await alice.login(alice.username)


async def test_a_deposit_just_after_a_bank_came_back_is_told_in_the_customers_words(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=1_00)
    link = world.link("NORTH")
    async with world.line_to("NORTH") as line:
        description = await line.describe()
        await line.open_session(description.epoch, link._fence.instance, [])  # the one before it is over
    deposit = gateway_pb2.DepositRequest(bank="NORTH", amount=money(1_00), idempotency_key="in")
    with contextlib.suppress(Refused):
        try:
            await alice.call("AccountService", "Deposit", deposit)
        except Refused as told:
            assert told.reason is Reason.BANK_UNAVAILABLE
            raise


async def test_a_watcher_is_told_the_end_that_comes_while_he_is_being_told(world: World) -> None:
    """What gRPC does when a message takes its time: the stream's next step is asked for after the end has come."""
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    credit = world.wire.hold_request(InstructionKind.CREDIT)
    order = an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "seen")
    (accepted,) = await alice.submit([order])
    await credit.arrived.wait()
    underway = world.gateway.server._pipeline.find(accepted.transfer.transfer_id)
    assert isinstance(underway, Underway)

    states = []
    watching = (
        world.gateway.server._watch_for_test(underway) if hasattr(world.gateway.server, "_watch_for_test") else None
    )
    assert watching is None
    credit.release()
    await world.until(lambda: underway.finished)
    await asyncio.wait_for(underway.next_change(), 2)
    assert not states


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
    assert PASSWORD
    assert order_pb2
