"""Networks that are hurt: between the gateway and its banks lies a wire at the test's mercy."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests import books
from tests.wire import Wire
from tests.world import World


@contextlib.asynccontextmanager
async def hurt_network(home: Path, *banks: str) -> AsyncIterator[World]:
    """Two banks under one gateway, or these, over a wire."""
    with pytest.MonkeyPatch.context() as patch:
        # A Settle waits for company, and nobody waits for it but these tests.
        patch.setattr("gateway_service.line.SETTLE_WITHIN", 0.01)
        async with World(home, wire=Wire()).running(*(banks or ("NORTH", "SOUTH"))) as world:
            yield world


@pytest.fixture(scope="module")
async def shared_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One for all tests of a module. At their end nothing is under way and the books are right."""
    async with hurt_network(tmp_path_factory.mktemp("network")) as world:
        yield world
        world.wire.heal()
        await world.quiet()
        books.check(world.home)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """One for this test alone; it looks into the books itself."""
    async with hurt_network(tmp_path) as world:
        yield world
        world.wire.heal()


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> float:
    """Impatient orders are given up after a fifth of a second without an answer."""
    monkeypatch.setattr("gateway_service.pipeline.PATIENCE", 0.2)
    monkeypatch.setattr("gateway_service.pipeline.TICK", 0.02)
    return 0.2
