"""A server with a Door and handlers of the test's own, on a free port of this computer, for raw bytes."""

import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import grpc

from interbank.clock import SystemClock
from interbank.rpc.interceptor import Admit, Door, admit_all
from interbank.rpc.server import build_server

SERVICE = "interbank.v1.Test"


@contextlib.asynccontextmanager
async def standing(
    handlers: Mapping[str, Any],
    *,
    admit: Admit = admit_all,
    max_bytes: Callable[[str], int] | None = None,
) -> AsyncIterator[str]:
    """Serve these methods behind a door; gives the address."""
    server = build_server(
        [Door(SystemClock(), os.urandom, admit=admit, max_bytes=max_bytes)], max_message_bytes=1024 * 1024
    )
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
    port = server.add_insecure_port("localhost:0")
    await server.start()
    try:
        yield f"localhost:{port}"
    finally:
        await server.stop(0)


def unary(behaviour: Any) -> Any:
    """One request, one answer."""
    return grpc.unary_unary_rpc_method_handler(behaviour, request_deserializer=bytes)


async def ask(address: str, method: str, request: bytes = b"", **options: Any) -> bytes:
    """Call a method once. Raises grpc.aio.AioRpcError."""
    async with grpc.aio.insecure_channel(address) as channel:
        answer: bytes = await channel.unary_unary(f"/{SERVICE}/{method}")(request, timeout=10, **options)
        return answer
