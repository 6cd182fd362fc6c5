"""Sessions that nobody uses end, and no session lives for ever. The clock is the test's."""

from collections.abc import AsyncIterator

import pytest

from interbank.clock import SystemClock
from interbank.refusals import Reason
from protos.v1 import gateway_pb2
from tests.refusing import refused
from tests.world import Caller, World

DAY_US = 24 * 3600 * 1_000_000


class LeapingClock(SystemClock):
    """The computer's clock, put forward by days."""

    ahead_us = 0

    def now_us(self) -> int:
        return super().now_us() + self.ahead_us


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    network = World(tmp_path_factory.mktemp("network"), clock=LeapingClock(), idle_limit_days=30)
    async with network.running("NORTH") as world:
        yield world


async def asks(caller: Caller) -> None:
    await caller.call("SessionService", "WhoAmI", gateway_pb2.WhoAmIRequest())


async def test_a_session_ends_after_thirty_days_without_use_and_says_so(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    world.clock.ahead_us += 30 * DAY_US - 1_000_000
    await asks(alice)
    world.clock.ahead_us += 30 * DAY_US

    with refused(Reason.SESSION_EXPIRED) as caught:
        await asks(alice)

    assert "30 days without use" in caught.value.message
    assert caught.value.hint == f"interbank login --username {alice.username}"


async def test_a_session_that_ended_by_time_leaves_no_grant_at_its_bank(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    assert world.grants_of(alice.username) == {"NORTH": 1}
    world.clock.ahead_us += 31 * DAY_US

    await world.gateway.server.gateway.grants.end_what_is_over()

    assert world.grants_of(alice.username) == {}
    with refused(Reason.SESSION_EXPIRED):
        await asks(alice)


async def test_a_session_that_is_used_ends_by_its_age_after_a_year(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    for _ in range(14):
        world.clock.ahead_us += 26 * DAY_US
        await asks(alice)
    world.clock.ahead_us += 2 * DAY_US

    with refused(Reason.SESSION_EXPIRED) as caught:
        await asks(alice)

    assert "by its age" in caught.value.message


async def test_the_use_of_a_session_is_remembered_over_a_restart(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    world.clock.ahead_us += 20 * DAY_US
    await asks(alice)
    await world.stop_gateway()
    await world.start_gateway()
    world.clock.ahead_us += 20 * DAY_US
    await asks(alice)


async def test_a_session_that_is_over_is_shown_no_more(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    world.clock.ahead_us += 31 * DAY_US
    again = await Caller(world).login(alice.username)
    shown = await again.call("SessionService", "ListSessions", gateway_pb2.ListSessionsRequest())
    assert [one.current for one in shown.sessions] == [True]


async def test_a_clock_that_is_set_back_does_not_wake_the_dead(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    await alice.call("SessionService", "Logout", gateway_pb2.LogoutRequest())
    world.clock.ahead_us -= 365 * DAY_US
    try:
        with refused(Reason.NOT_LOGGED_IN):
            await asks(alice)
    finally:
        world.clock.ahead_us += 365 * DAY_US
