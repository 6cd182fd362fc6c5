"""The gateway, put together: what it is handed, what listens, what runs."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from certs.credentials import Credentials, peer_credentials, server_credentials
from certs.names import bank_name
from gateway_service.bank_port import BankPort, GrpcBankPort
from gateway_service.banks import Link
from gateway_service.directory import Directory
from gateway_service.fencing import Fence
from gateway_service.grants import Grants
from gateway_service.pipeline import Pipeline
from gateway_service.rendering import Rendering
from gateway_service.repair import Repair
from gateway_service.servicers.accounts import AccountServicer
from gateway_service.servicers.admin import AdminServicer
from gateway_service.servicers.network import NetworkServicer
from gateway_service.servicers.payments import PaymentServicer
from gateway_service.servicers.sessions import SessionServicer
from gateway_service.sessions import Sessions
from gateway_service.submission import Submission
from gateway_service.tables import about
from interbank.refusals import Reason, Refused
from interbank.rpc.channel import open_peer_channel
from interbank.rpc.interceptor import Door
from interbank.rpc.server import CUSTOMER_MESSAGE_BYTES, SUBMIT_MESSAGE_BYTES, Health, bind, build_server, stop
from interbank.surroundings import Surroundings
from protos.v1 import gateway_pb2_grpc, network_pb2_grpc

Connect = Callable[[str, str], BankPort]
"""How a bank is reached: (bank id, address) to a BankPort."""

_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a started gateway listens, and how many transfers it took up again."""

    customers: str
    banks: str
    resumed: int


class GatewayServer:
    """A gateway with its two listeners: one for customers (server TLS), one for banks (mutual TLS). They are two
    servers, because one server with two ports serves everything on both."""

    def __init__(
        self, identity: Credentials, around: Surroundings, *, idle_limit_days: int, connect: Connect | None = None
    ) -> None:
        self._identity = identity
        self._around = around
        self._connect = connect or self._connect_by_tls
        database, clock = around.database, around.clock
        self._superseded: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._fence = Fence(database, around.entropy(16), self._stop_for_good)
        self._pipeline = Pipeline(database, lambda: self._directory, self._fence, clock)
        self._repair = Repair(
            database, self._fence, lambda: self._directory.links, self._pipeline.underway, around.entropy
        )
        self._directory = Directory(database, self._fence, clock, self._new_link)
        self._sessions = Sessions(database, around.passwords, clock, around.entropy, idle_limit_days=idle_limit_days)
        self._grants = Grants(self._sessions, self._directory)
        self._customers = build_server(
            [Door(clock, around.entropy, max_bytes=_max_bytes)], max_message_bytes=SUBMIT_MESSAGE_BYTES
        )
        self._add_customer_services()
        self._banks = build_server([Door(clock, around.entropy)], max_message_bytes=CUSTOMER_MESSAGE_BYTES)
        network_pb2_grpc.add_NetworkServiceServicer_to_server(NetworkServicer(self._directory), self._banks)
        self._servers = [(server, Health(server)) for server in (self._banks, self._customers)]
        self._carrying: asyncio.Task[None] | None = None

    async def start(self, listen_customers: str, listen_banks: str) -> Listening:
        """Take up what is not final, fence every bank that can be reached, then listen.

        Raises Refused(DEFAULT_PASSWORD_EXPOSED or PORT_TAKEN).
        """
        now_us = self._around.clock.now_us()
        await self._around.database.write(lambda connection: _found(connection, now_us))
        await self._sessions.found()
        await self._require_safe_password(listen_customers, listen_banks)
        customers = bind(self._customers, listen_customers, server_credentials(self._identity, require_client=False))
        banks = bind(self._banks, listen_banks, server_credentials(self._identity, require_client=True))
        await self._fence.load()
        await self._directory.load()
        self._carrying = asyncio.create_task(self._carry(), name="carrying")
        resumed = await self._pipeline.resume()
        await self._directory.start()
        for server, health in self._servers:
            await server.start()
            await health.serving(yes=True)
        return Listening(customers, banks, resumed)

    async def ended(self) -> None:
        """Return never, but raise when this gateway must not go on: Refused(EPOCH_SUPERSEDED), or a fault of ours."""
        assert self._carrying is not None  # noqa: S101  it was started
        waiting: set[asyncio.Future[Any]] = {self._superseded, self._carrying}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if self._carrying.done():
            await self._carrying
        raise Refused(
            Reason.EPOCH_SUPERSEDED,
            self._superseded.result(),
            hint="if no other gateway should run, start this one again: interbank up",
        )

    async def stop(self) -> None:
        """Let running calls end, then stop. What is not final is taken up at the next start."""
        for server, health in reversed(self._servers):
            await stop(server, health)
        await self._directory.stop()
        if self._carrying is not None:
            self._carrying.cancel()
            await asyncio.gather(self._carrying, return_exceptions=True)

    async def _carry(self) -> None:
        await asyncio.gather(self._pipeline.run(), self._grants.run())

    def _new_link(self, bank: str) -> Link:
        around = self._around
        return Link(
            bank,
            lambda address: self._connect(bank, address),
            self._fence,
            self._pipeline,
            self._repair,
            around.clock,
            around.chance,
            around.log,
        )

    def _connect_by_tls(self, bank: str, address: str) -> BankPort:
        channel = open_peer_channel(address, peer_credentials(self._identity), name=bank_name(bank))
        return GrpcBankPort(bank, channel)

    def _add_customer_services(self) -> None:
        server, database, clock = self._customers, self._around.database, self._around.clock
        submission = Submission(self._directory, self._pipeline, database, clock)
        rendering = Rendering(self._directory, clock)
        payments = PaymentServicer(
            self._sessions, submission, self._pipeline, rendering, database, clock, self._around.log
        )
        accounts = AccountServicer(self._sessions, self._directory)
        admin = AdminServicer(self._sessions, self._directory, payments)
        gateway_pb2_grpc.add_PaymentServiceServicer_to_server(payments, server)
        gateway_pb2_grpc.add_SessionServiceServicer_to_server(
            SessionServicer(self._sessions, self._directory, self._grants), server
        )
        gateway_pb2_grpc.add_AccountServiceServicer_to_server(accounts, server)
        gateway_pb2_grpc.add_AdminServiceServicer_to_server(admin, server)

    def _stop_for_good(self, text: str) -> None:
        if not self._superseded.done():
            self._superseded.set_result(text)

    async def _require_safe_password(self, *addresses: str) -> None:
        """The operator's first password is known to everybody who can read: only this computer may come in with it."""
        exposed = [address for address in addresses if address.rpartition(":")[0] not in _LOOPBACK]
        if exposed and await self._sessions.operator_password_is_first():
            raise Refused(
                Reason.DEFAULT_PASSWORD_EXPOSED,
                f"admin's password is still the first one, so the gateway does not listen on {exposed[0]}",
                hint="start on this computer alone, then: interbank admin password",
            )


def _max_bytes(method: str) -> int:
    return SUBMIT_MESSAGE_BYTES if method.endswith("/SubmitTransfers") else CUSTOMER_MESSAGE_BYTES


def _found(connection: Connection, now_us: int) -> None:
    if connection.execute(select(about.c.only_row)).first() is None:
        connection.execute(insert(about).values(only_row=1, founded_at=now_us, epoch=0))
