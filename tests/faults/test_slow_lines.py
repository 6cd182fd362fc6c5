"""Whoever is far away gets through: a connection that takes long to be made is made nevertheless."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from certs.credentials import customer_credentials
from certs.names import GATEWAY_NAME
from interbank.rpc.channel import open_customer_channel, open_peer_channel
from lab.processes.proxy import Condition, Proxy
from protos.v1 import gateway_pb2, gateway_pb2_grpc
from tests.world import World

FAR_AWAY = 0.1
"""Seconds each way, as between two continents."""


@pytest.fixture
async def far(tmp_path: Path) -> AsyncIterator[tuple[World, Proxy]]:
    """A gateway, and a way to it on which everything is late."""
    async with World(tmp_path).running() as world:
        proxy = Proxy(random.Random(0))
        assert world.gateway is not None
        proxy.target = world.gateway.address
        await proxy.start()
        proxy.set(Condition(delay=FAR_AWAY))
        try:
            yield world, proxy
        finally:
            await proxy.stop()


async def test_a_customer_on_another_continent_is_answered_at_the_first_try(far: tuple[World, Proxy]) -> None:
    world, proxy = far
    credentials = customer_credentials(world.gateway_identity.authority)

    def asks() -> gateway_pb2.ListBanksResponse:
        with open_customer_channel(proxy.address, credentials) as channel:
            answer = gateway_pb2_grpc.AccountServiceStub(channel).ListBanks(gateway_pb2.ListBanksRequest(), timeout=10)
            assert isinstance(answer, gateway_pb2.ListBanksResponse)
            return answer

    assert await asyncio.to_thread(asks) == gateway_pb2.ListBanksResponse()


async def test_a_peer_on_another_continent_is_answered_at_the_first_try(far: tuple[World, Proxy]) -> None:
    world, proxy = far
    credentials: grpc.ChannelCredentials = customer_credentials(world.gateway_identity.authority)
    async with open_peer_channel(proxy.address, credentials, name=GATEWAY_NAME) as channel:
        answer = await gateway_pb2_grpc.AccountServiceStub(channel).ListBanks(
            gateway_pb2.ListBanksRequest(), timeout=10
        )
    assert answer == gateway_pb2.ListBanksResponse()
