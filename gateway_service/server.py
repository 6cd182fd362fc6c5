"""The gateway's two listeners, and its start and end."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from certs.credentials import Credentials, peer_credentials, server_credentials
from certs.names import bank_name
from gateway_service.bank_port import BankPort, GrpcBankPort
from gateway_service.gateway import Connect, Gateway
from gateway_service.servicers.intake import require_few_orders
from gateway_service.servicers.network import NetworkServicer
from gateway_service.sessions import Sessions
from interbank.refusals import Reason, Refused
from interbank.rpc.channel import open_peer_channel
from interbank.rpc.interceptor import Door, peer_address
from interbank.rpc.server import CUSTOMER_MESSAGE_BYTES, SUBMIT_MESSAGE_BYTES, Health, bind, build_server, stop
from interbank.surroundings import Surroundings
from protos.v1 import gateway_pb2_grpc, network_pb2_grpc

_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a started gateway listens, and how many transfers it took up again."""

    customers: str
    banks: str
    resumed: int


class GatewayServer:
    """A gateway with its two listeners: one for customers (server TLS), one for banks (mutual TLS). They are two
    servers, because one server with two ports serves everything on both. `connect` is how banks are reached, over TLS
    if nothing else is said; `members` are the banks that the network is known to have; `inside` see every call that the
    door has let in."""

    def __init__(
        self,
        identity: Credentials,
        around: Surroundings,
        *,
        idle_limit_days: int,
        members: Collection[str] = (),
        connect: Connect | None = None,
        inside: Sequence[grpc.aio.ServerInterceptor] = (),
    ) -> None:
        self._identity = identity
        self._superseded: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.gateway = Gateway(
            around,
            connect or over_tls(identity),
            self._stop_for_good,
            idle_limit_days=idle_limit_days,
            members=members,
        )
        door = Door(
            around.clock, around.entropy, max_bytes=_max_bytes, inspect=require_few_orders, name_of=peer_address
        )
        self._customers = build_server([door, *inside], max_message_bytes=SUBMIT_MESSAGE_BYTES, read_ahead=False)
        self._add_customer_services()
        banks_door = Door(around.clock, around.entropy)
        self._banks = build_server([banks_door, *inside], max_message_bytes=CUSTOMER_MESSAGE_BYTES)
        network_pb2_grpc.add_NetworkServiceServicer_to_server(NetworkServicer(self.gateway.directory), self._banks)
        self._servers = [(server, Health(server)) for server in (self._banks, self._customers)]

    async def start(self, listen_customers: str, listen_banks: str) -> Listening:
        """Take up what is not final, fence every bank that can be reached, then listen.

        Raises Refused(DEFAULT_PASSWORD_EXPOSED or PORT_TAKEN).
        """
        await self.gateway.found()
        await require_safe_password(self.gateway.sessions, listen_customers, listen_banks)
        customers = bind(self._customers, listen_customers, server_credentials(self._identity, require_client=False))
        banks = bind(self._banks, listen_banks, server_credentials(self._identity, require_client=True))
        resumed = await self.gateway.start()
        for server, health in self._servers:
            await server.start()
            await health.serving(yes=True)
        return Listening(customers, banks, resumed)

    async def ended(self) -> None:
        """Return never, but raise when this gateway must not go on: Refused(EPOCH_SUPERSEDED), or a fault of ours."""
        carrying = self.gateway.carrying
        assert carrying is not None  # noqa: S101  it was started
        waiting: set[asyncio.Future[Any]] = {self._superseded, carrying}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if carrying.done():
            await carrying
        raise Refused(
            Reason.EPOCH_SUPERSEDED,
            self._superseded.result(),
            hint="if no other gateway should run, start this one again: interbank up",
        )

    async def stop(self) -> None:
        """Let running calls end, then stop. What is not final is taken up at the next start."""
        for server, health in reversed(self._servers):
            await stop(server, health)
        await self.gateway.stop()

    def _add_customer_services(self) -> None:
        server, gateway = self._customers, self.gateway
        gateway_pb2_grpc.add_PaymentServiceServicer_to_server(gateway.payments, server)
        gateway_pb2_grpc.add_SessionServiceServicer_to_server(gateway.logins, server)
        gateway_pb2_grpc.add_AccountServiceServicer_to_server(gateway.accounts, server)
        gateway_pb2_grpc.add_AdminServiceServicer_to_server(gateway.admin, server)

    def _stop_for_good(self, text: str) -> None:
        if not self._superseded.done():
            self._superseded.set_result(text)


def over_tls(identity: Credentials) -> Connect:
    """Banks, reached with the gateway's certificate."""

    def connect(bank: str, address: str) -> BankPort:
        return GrpcBankPort(bank, open_peer_channel(address, peer_credentials(identity), name=bank_name(bank)))

    return connect


async def require_safe_password(sessions: Sessions, *addresses: str) -> None:
    """The operator's first password is known to everybody who can read: only this computer may come in with it. Raises
    Refused(DEFAULT_PASSWORD_EXPOSED)."""
    exposed = [address for address in addresses if address.rpartition(":")[0] not in _LOOPBACK]
    if exposed and await sessions.operator_password_is_first():
        raise Refused(
            Reason.DEFAULT_PASSWORD_EXPOSED,
            f"admin's password is still the first one, so the gateway does not listen on {exposed[0]}",
            hint="start on this computer alone, then: interbank admin password",
        )


def _max_bytes(method: str) -> int:
    many = method.endswith(("/SubmitTransfers", "/StreamTransfers"))
    return SUBMIT_MESSAGE_BYTES if many else CUSTOMER_MESSAGE_BYTES
