"""How a bank comes into the network, and back into it: it calls the gateway, again and again."""

import asyncio
import logging
import random

import grpc

from interbank.rpc.status import cause
from protos.v1 import network_pb2, network_pb2_grpc

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_DEADLINE = 5.0


async def keep_joined(channel: grpc.aio.Channel, address: str, currency: str, chance: random.Random) -> None:
    """Join now, and again whenever the gateway wants it, for ever; a gateway that is down is tried again soon."""
    network = network_pb2_grpc.NetworkServiceStub(channel)
    pause = _FIRST_PAUSE
    while True:
        try:
            joined = await network.Join(
                network_pb2.JoinRequest(address=address, currency=currency), timeout=_DEADLINE, wait_for_ready=True
            )
        except grpc.aio.AioRpcError as error:
            log.info("Join  the gateway does not take us yet: %s", cause(error))
            await asyncio.sleep(chance.uniform(pause / 2, pause))
            pause = min(pause * 2, _LONGEST_PAUSE)
            continue
        pause = _FIRST_PAUSE
        await asyncio.sleep(max(1, joined.rejoin_after_seconds))
