"""What every process of the load does alike: run apart from the servers, and hold a connection for each client."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

import grpc

from benchmarks.failures import RunFailed
from benchmarks.limits import raise_open_files
from certs.credentials import customer_credentials

P = ParamSpec("P")
T = TypeVar("T")

_CONNECTED_WITHIN = 30.0
_OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)
"""Without it, all channels of a process to one address share a connection."""


def apart(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Call `work` in a new process of its own; its module must be importable, and all that goes in or out picklable.
    Raises RunFailed if that process ends before it has answered."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=raise_open_files) as process:
        try:
            return process.submit(work, *arguments, **named).result()
        except BrokenProcessPool:
            raise RunFailed("the process that makes the load has ended before its time") from None


@contextlib.asynccontextmanager
async def connections(address: str, authority: bytes, count: int) -> AsyncIterator[list[grpc.aio.Channel]]:
    """So many TLS connections to one address, all of them up. Raises RunFailed if they are not in time."""
    credentials = customer_credentials(authority)
    channels = [grpc.aio.secure_channel(address, credentials, options=[_OWN_CONNECTION]) for _ in range(count)]
    try:
        await _all_ready(channels)
        yield channels
    finally:
        await asyncio.gather(*(channel.close() for channel in channels))


async def _all_ready(channels: list[grpc.aio.Channel]) -> None:
    try:
        async with asyncio.timeout(_CONNECTED_WITHIN):
            await asyncio.gather(*(channel.channel_ready() for channel in channels))
    except TimeoutError:
        raise RunFailed(f"{len(channels):,} connections were not up within {_CONNECTED_WITHIN:.0f} s") from None
