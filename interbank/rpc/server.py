"""Builds, binds and stops a gRPC server the way every server of the network is."""

import contextlib
from collections.abc import Sequence

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from interbank.refusals import Reason, Refused

CUSTOMER_MESSAGE_BYTES = 64 * 1024
SUBMIT_MESSAGE_BYTES = 1024 * 1024
BANK_MESSAGE_BYTES = 4 * 1024 * 1024
"""The largest request: of a customer's call, of one that brings many orders, and between gateway and bank."""

GRACE_SECONDS = 5
"""How long running calls may go on after a server was told to stop."""


def build_server(
    interceptors: Sequence[grpc.aio.ServerInterceptor], *, max_message_bytes: int, read_ahead: bool = True
) -> grpc.aio.Server:
    """A server that refuses what is too large, too much or too often. Two processes never share its port. With
    `read_ahead` it takes megabytes of a stream before they are asked for, as the line allows; without, 64 KiB."""
    return grpc.aio.server(
        interceptors=list(interceptors),
        maximum_concurrent_rpcs=4096,
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.http2.bdp_probe", int(read_ahead)),
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", BANK_MESSAGE_BYTES),
            ("grpc.max_metadata_size", 8 * 1024),
            ("grpc.absolute_max_metadata_size", 16 * 1024),
            ("grpc.server_handshake_timeout_ms", 10_000),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.keepalive_time_ms", 60_000),  # else who has vanished keeps his calls for hours
            ("grpc.keepalive_timeout_ms", 20_000),
        ],
    )


def bind(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials) -> str:
    """Listen on "host:port" with TLS, port 0 for any free one; returns the address that it became.

    Raises Refused(PORT_TAKEN).
    """
    host, _, port = address.rpartition(":")
    try:
        bound = server.add_secure_port(address, credentials)
    except RuntimeError:
        bound = 0
    if bound == 0:
        raise Refused(
            Reason.PORT_TAKEN, f"port {port} of {host} is taken, or {host} is no address of this computer",
            hint="choose another port, or stop the process that listens there",
        )  # fmt: skip
    return f"{host}:{bound}"


class Health:
    """The standard health service (grpc.health.v1) of a server."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._servicer = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def serving(self, *, yes: bool) -> None:
        """Say whether the server serves."""
        status = health_pb2.HealthCheckResponse.SERVING if yes else health_pb2.HealthCheckResponse.NOT_SERVING
        await self._servicer.set("", status)


async def stop(server: grpc.aio.Server, health: Health) -> None:
    """Tell everybody that the server goes, let running calls end, then end them."""
    await health.serving(yes=False)
    with contextlib.suppress(Exception):
        await server.stop(GRACE_SECONDS)
