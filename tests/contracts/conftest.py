"""A network that the command line is tried on: started once per module, with customers of its own for each test."""

from collections.abc import AsyncIterator

import pytest

from clients.cli import desk
from tests import books
from tests.command_line import CommandLine, Pair
from tests.wire import Wire
from tests.world import World


@pytest.fixture(scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Two banks under one gateway. When all is tried, the books must be right."""
    world = await World(tmp_path_factory.mktemp("network"), wire=Wire()).start("NORTH", "SOUTH")
    yield world
    await world.quiet()
    desk.close_connections()
    books.check(world.home)
    await world.stop()


@pytest.fixture
async def pair(network: World) -> Pair:
    """Alice, logged in, with 100.00 EUR at NORTH, and bob with nothing at SOUTH."""
    alice = await network.customer("alice", "NORTH", cents=100_00)
    bob = await network.customer("bob", "SOUTH")
    line = await CommandLine(network, alice.username).login(alice)
    return Pair(alice, bob, line)
