"""A real server that says who called it, and a real call: what two sets of credentials do to each other."""

import contextlib
from collections.abc import AsyncIterator

import grpc

from certs.credentials import Credentials, customer_credentials, peer_credentials, server_credentials
from interbank.rpc.channel import open_peer_channel
from interbank.rpc.interceptor import peer_names
from interbank.rpc.server import bind, build_server

METHOD = "/interbank.test.Door/WhoAmI"


@contextlib.asynccontextmanager
async def serving(credentials: Credentials, *, require_client: bool = True) -> AsyncIterator[str]:
    """A server on a free port; yields its address."""

    async def who_am_i(_request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        return ",".join(peer_names(context)).encode()

    server = build_server([], max_message_bytes=1024)
    handler = grpc.unary_unary_rpc_method_handler(who_am_i)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("interbank.test.Door", {"WhoAmI": handler})])
    address = bind(server, "localhost:0", server_credentials(credentials, require_client=require_client))
    await server.start()
    try:
        yield address
    finally:
        await server.stop(None)


async def call_as_peer(address: str, credentials: Credentials, *, name: str) -> list[str]:
    """Call with a certificate and expect the server to be `name`. Returns the names that the server saw."""
    return await _call(open_peer_channel(address, peer_credentials(credentials), name=name))


async def call_as_customer(address: str, authority: bytes, *, name: str | None = None) -> list[str]:
    """Call without a certificate, expecting the host of the address or `name`."""
    options = [("grpc.ssl_target_name_override", name)] if name else []
    return await _call(grpc.aio.secure_channel(address, customer_credentials(authority), options=options))


async def _call(channel: grpc.aio.Channel) -> list[str]:
    async with channel:
        answer: bytes = await channel.unary_unary(METHOD)(b"", timeout=5)
    return answer.decode().split(",") if answer else []
