"""A customer's connection to the gateway, and the calls that he makes."""

import asyncio
import contextlib
from typing import Any

import grpc

from certs.credentials import customer_credentials
from certs.names import GATEWAY_NAME
from gateway_service.sessions import FIRST_PASSWORD, OPERATOR
from interbank.refusals import Kind, Reason, Refused
from interbank.rpc.channel import open_peer_channel
from interbank.rpc.status import from_rpc_error
from lab.processes.network import Network
from protos.v1 import gateway_pb2, gateway_pb2_grpc

PASSWORD = "correct horse battery staple"  # noqa: S105  of people who do not exist
ANSWER_WITHIN = 15.0
"""Seconds that a customer waits for an answer."""


class Line:
    """One person's connection and session. Who hears nothing hangs up and calls again, as every command of the command
    line begins anew."""

    def __init__(self, network: Network) -> None:
        self.token = ""
        self._network = network
        self._channel: grpc.aio.Channel | None = None
        self._coming_back = asyncio.Lock()

    async def call(self, service: str, method: str, request: Any) -> Any:
        """Any rpc of the gateway. Raises Refused, GATEWAY_UNREACHABLE when there was no answer."""
        if self._channel is None:
            credentials = customer_credentials(self._network.home.authority.certificate.read_bytes())
            self._channel = open_peer_channel(self._network.customers_address, credentials, name=GATEWAY_NAME)
        channel = self._channel
        rpc = getattr(getattr(gateway_pb2_grpc, f"{service}Stub")(channel), method)
        metadata = (("authorization", f"Bearer {self.token}"),) if self.token else ()
        try:
            return await rpc(request, timeout=ANSWER_WITHIN, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            refused = from_rpc_error(error)
            if refused.reason is Reason.GATEWAY_UNREACHABLE and channel is self._channel:
                await self.hang_up()
            raise refused from None
        except (grpc.aio.UsageError, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Another call of this person heard nothing, and hung up.
            raise Refused(Reason.GATEWAY_UNREACHABLE) from None

    async def hang_up(self) -> None:
        """Let go of the connection; the next call makes a new one."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    async def log_in(self, username: str, bank: str) -> None:
        """Open a session. Raises Refused."""
        password = FIRST_PASSWORD if username == OPERATOR else PASSWORD
        request = gateway_pb2.LoginRequest(username=username, password=password, bank=bank)
        self.token = ""
        self.token = (await self.call("SessionService", "Login", request)).token

    async def register(self, username: str, bank: str, account: int) -> None:
        """Bind an account to a name; that it is bound already is as good. Raises Refused."""
        self.token = ""
        request = gateway_pb2.RegisterRequest(username=username, bank=bank, account=account, password=PASSWORD)
        try:
            await self.call("SessionService", "Register", request)
        except Refused as refused:
            if refused.reason not in (Reason.ALREADY_REGISTERED, Reason.USERNAME_TAKEN):
                raise

    async def come_back(self, username: str, bank: str, account: int, stale: str) -> None:
        """Register and log in again if nobody has since `stale` was the session, which was lost with the journal. It
        may fail, and be tried again."""
        async with self._coming_back:
            if self.token in ("", stale):
                with contextlib.suppress(Refused):
                    await self.register(username, bank, account)
                    await self.log_in(username, bank)


def may_change(refused: Refused) -> bool:
    """Whether a later call may be answered otherwise."""
    again = refused.reason.try_again or refused.reason.kind in (Kind.UNAUTHENTICATED, Kind.UNKNOWN, Kind.BROKEN)
    return again or refused.reason is Reason.GATEWAY_UNREACHABLE
