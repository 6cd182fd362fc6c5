"""One bank, put together: what it is handed, what listens, what runs."""

import asyncio
from collections.abc import Sequence

import grpc

from bank_service.assembly import assemble
from bank_service.joining import keep_joined
from bank_service.settings import BankSettings
from certs.credentials import Credentials, peer_credentials, server_credentials
from certs.names import GATEWAY_NAME, is_gateway
from interbank.refusals import Reason, Refused
from interbank.rpc.channel import open_peer_channel
from interbank.rpc.interceptor import Context, Door, peer_names
from interbank.rpc.server import BANK_MESSAGE_BYTES, Health, bind, build_server, stop
from interbank.surroundings import Surroundings
from protos.v1 import bank_pb2_grpc


class BankServer:
    """A bank that listens for its gateway, and joins it for as long as it lives. `inside` see every call that the door
    has let in."""

    def __init__(
        self,
        settings: BankSettings,
        identity: Credentials,
        around: Surroundings,
        *,
        inside: Sequence[grpc.aio.ServerInterceptor] = (),
    ) -> None:
        self._settings = settings
        self._identity = identity
        self._around = around
        self._bank, self._servicer = assemble(settings, around)
        door = Door(around.clock, around.entropy, admit=_gateway_only)
        self._server = build_server([door, *inside], max_message_bytes=BANK_MESSAGE_BYTES)
        bank_pb2_grpc.add_BankServiceServicer_to_server(self._servicer, self._server)
        self._health = Health(self._server)
        self._joining: asyncio.Task[None] | None = None

    async def start(self, listen: str, gateway: str, advertise: str = "") -> str:
        """Found the books if they are new, listen, begin to join; returns the address that `listen` became. The gateway
        is told that one, or `advertise`.

        Raises Refused(DATABASE_FOREIGN or PORT_TAKEN).
        """
        await self._bank.found()
        address = bind(self._server, listen, server_credentials(self._identity, require_client=True))
        await self._server.start()
        await self._health.serving(yes=True)
        self._joining = asyncio.create_task(self._keep_joined(gateway, advertise or address))
        return address

    async def stop(self) -> None:
        """Let running calls end, then stop."""
        if self._joining is not None:
            self._joining.cancel()
            await asyncio.gather(self._joining, return_exceptions=True)
        self._servicer.conversations.end()
        await stop(self._server, self._health)

    async def _keep_joined(self, gateway: str, address: str) -> None:
        async with open_peer_channel(gateway, peer_credentials(self._identity), name=GATEWAY_NAME) as channel:
            await keep_joined(channel, address, self._settings.currency, self._around.chance)


def _gateway_only(context: Context, _method: str) -> None:
    if not is_gateway(peer_names(context)):
        raise Refused(Reason.CALLER_NOT_RECOGNISED)
