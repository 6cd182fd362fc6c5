"""Networks in which stories are told: started once per module, with customers of its own for each story."""

from collections.abc import AsyncIterator

import pytest

from tests import books
from tests.world import World


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Two banks under one gateway. When its stories are told, the books must be right."""
    async with World(tmp_path_factory.mktemp("network")).running("NORTH", "SOUTH") as world:
        yield world
        await world.quiet()
        books.check(world.home)
