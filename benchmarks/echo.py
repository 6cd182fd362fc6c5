"""The peer that bounds everything one by one: the smallest possible gRPC service, with TLS like ours."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import grpc

from benchmarks.connections import connections
from benchmarks.failures import RunFailed
from certs.credentials import Credentials, server_credentials

_METHOD = "/benchmark.Echo/Echo"
_PAYLOAD = b"x" * 150  # about as much as one order
_STARTED_WITHIN = 20.0


@dataclass(frozen=True, slots=True)
class Echoed:
    """Calls per second, and the seconds that each took."""

    per_second: float
    latencies: tuple[float, ...]


@contextmanager
def echo_server(identity: Credentials) -> Iterator[str]:
    """Serve in a process of its own; yields the address."""
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs, identity), daemon=True)
    process.start()
    try:
        if not ours.poll(_STARTED_WITHIN):
            raise RunFailed("the echo server did not start")
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def call_echo(address: str, authority: bytes, clients: int, seconds: float) -> Echoed:
    """So many clients call, each over a connection of its own, waiting for the answer before the next call."""
    return asyncio.run(_call(address, authority, clients, seconds))


async def _call(address: str, authority: bytes, clients: int, seconds: float) -> Echoed:
    latencies: list[float] = []

    async def client(channel: grpc.aio.Channel) -> None:
        echo = channel.unary_unary(_METHOD, request_serializer=bytes, response_deserializer=bytes)
        while (sent := time.perf_counter()) < end:
            await echo(_PAYLOAD)
            latencies.append(time.perf_counter() - sent)

    async with connections(address, authority, clients) as channels:
        begun = time.perf_counter()
        end = begun + seconds
        await asyncio.gather(*map(client, channels))
        return Echoed(len(latencies) / (time.perf_counter() - begun), tuple(latencies))


def _serve(parent: Connection, identity: Credentials) -> None:
    asyncio.run(_serve_until_killed(parent, identity))


async def _serve_until_killed(parent: Connection, identity: Credentials) -> None:
    async def echo(request: bytes, _context: Any) -> bytes:
        return request

    handler = grpc.unary_unary_rpc_method_handler(echo, request_deserializer=bytes, response_serializer=bytes)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("benchmark.Echo", {"Echo": handler})])
    port = server.add_secure_port("localhost:0", server_credentials(identity, require_client=False))
    await server.start()
    parent.send(f"localhost:{port}")
    await server.wait_for_termination()
