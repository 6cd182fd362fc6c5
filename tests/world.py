"""A whole network inside one event loop: real servers, real TLS, real databases in a temporary folder.

Stories that need SIGKILL start real processes instead; everything else tells its story here, in milliseconds.
"""

import asyncio
import contextlib
import inspect
import io
import os
import queue
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from bank_service.schema import SCHEMA as BANK_SCHEMA
from bank_service.server import BankServer
from bank_service.settings import BankSettings
from certs.authority import Pair, create_authority, issue
from certs.credentials import Credentials, customer_credentials, peer_credentials, read_credentials
from certs.names import bank_name, gateway_names
from clients.launcher.ports import choose_block
from gateway_service.bank_port import GrpcBankPort
from gateway_service.banks import LinkStatus
from gateway_service.schema import SCHEMA as GATEWAY_SCHEMA
from gateway_service.server import Connect, GatewayServer
from interbank.clock import Clock, SystemClock
from interbank.instruction_log import InstructionLog
from interbank.passwords import BcryptPasswords
from interbank.refusals import Reason, Refused
from interbank.rpc.channel import open_peer_channel
from interbank.rpc.status import from_rpc_error
from interbank.storage.database import ThreadedDatabase
from interbank.storage.sqlite import driver
from interbank.surroundings import Surroundings
from protos.v1 import bank_pb2, gateway_pb2, gateway_pb2_grpc, money_pb2, order_pb2
from tests.databases import make_database
from tests.wire import Wire

PASSWORD = "correct horse battery staple"


@dataclass
class Running:
    """A server that can be stopped and started again on the same files."""

    server: Any
    database: ThreadedDatabase
    address: str
    path: Path


@dataclass
class RunningGateway(Running):
    """A gateway: where banks join it, and how many transfers it took up again."""

    banks: str = ""
    resumed: int = 0


async def kill(gateway: Running) -> None:
    """End a gateway as a crash does: nobody is told, what is queued is not written."""
    server = gateway.server
    tasks = [server.gateway.carrying, *server.gateway.directory._running.values()]
    for task in tasks:
        task.cancel()
    for listener, _ in server._servers:
        await listener.stop(None)
    await asyncio.gather(*tasks, return_exceptions=True)
    with contextlib.suppress(queue.Empty):
        while True:
            gateway.database._jobs.get_nowait()
    gateway.database.close()


@dataclass
class World:
    """Gateway and banks. `await world.start("NORTH", "SOUTH")`.

    With a `wire` the gateway's messages to the banks pass through it; `clock` is everybody's. `members` are what a
    gateway is told at its start of the network's banks. `counters_closed` and `without_operator` name the banks that
    are started with that setting off.
    """

    home: Path
    seed: int = 0
    wire: Wire | None = None
    clock: Clock = field(default_factory=SystemClock)
    idle_limit_days: int = 30
    members: tuple[str, ...] = ()
    counters_closed: set[str] = field(default_factory=set)
    without_operator: set[str] = field(default_factory=set)
    currencies: dict[str, str] = field(default_factory=dict)
    banks: dict[str, Running] = field(default_factory=dict)
    gateway: RunningGateway | None = None
    banks_port: str = ""
    passwords: BcryptPasswords = field(default_factory=lambda: BcryptPasswords(cost=4))
    log: io.StringIO = field(default_factory=io.StringIO)
    _customers: int = 0

    async def start(self, *banks: str, currency: str = "EUR") -> "World":
        """Make certificates and databases, start everything, wait until every bank is connected."""
        self._authority = Pair(self.home / "ca" / "ca.crt", self.home / "ca" / "ca.key")
        create_authority(self._authority)
        await self.start_gateway()
        for bank in banks:
            self.currencies[bank] = currency
            await self.start_bank(bank)
        await self.connected(*banks)
        return self

    @contextlib.asynccontextmanager
    async def running(self, *banks: str) -> AsyncIterator["World"]:
        """Started, and stopped whatever happens: a server that is left behind would keep the tests from ending."""
        try:
            yield await self.start(*banks)
        finally:
            await self.stop()

    async def start_gateway(self) -> None:
        path = self.home / "gateway" / "gateway.db"
        if not path.exists():
            make_database(path, GATEWAY_SCHEMA)
        self.banks_port = self.banks_port or _a_port()
        self.gateway = await self.run_gateway(path, self.banks_port)
        self.channel = self.open_channel(self.gateway.address)

    async def run_gateway(self, path: Path, listen_banks: str = "localhost:0") -> "RunningGateway":
        """A gateway on a journal, beside the world's own one or as it."""
        around = self._around(path, "gateway")
        connect = None if self.wire is None else self._connect_over(self.wire)
        server = GatewayServer(
            self.gateway_identity,
            around,
            idle_limit_days=self.idle_limit_days,
            members=self.members,
            connect=connect,
        )
        listening = await server.start("localhost:0", listen_banks)
        return RunningGateway(
            server, around.database, listening.customers, path, banks=listening.banks, resumed=listening.resumed
        )

    async def stop_gateway(self) -> None:
        assert self.gateway is not None
        await self.channel.close()
        await self.gateway.server.stop()
        self.gateway.database.close()

    async def kill_gateway(self) -> None:
        """End the gateway as a crash does: nobody is told, what is queued is not written."""
        assert self.gateway is not None
        await self.channel.close()
        await kill(self.gateway)

    async def start_bank(self, bank: str) -> None:
        folder = self.home / "banks" / bank
        path = folder / "bank.db"
        if not path.exists():
            make_database(path, BANK_SCHEMA)
        identity = self.bank_identity(bank)
        around = self._around(path, bank)
        settings = BankSettings(
            bank,
            self.currencies[bank],
            counter_open=bank not in self.counters_closed,
            operator_admitted=bank not in self.without_operator,
        )
        server = BankServer(settings, identity, around)
        listen = self.banks[bank].address if bank in self.banks else _a_port()
        address = await server.start(listen, self.banks_port)
        self.banks[bank] = Running(server, around.database, address, path)

    def grants_of(self, username: str) -> dict[str, int]:
        """How many grants that have not ended each bank holds for a user."""
        held = {}
        for bank, running in self.banks.items():
            with contextlib.closing(driver().connect(f"file:{running.path}?mode=ro", uri=True)) as books:
                query = "SELECT count(*) FROM grants WHERE username = ? AND ended_at IS NULL"
                held[bank] = books.execute(query, (username,)).fetchone()[0]
        return {bank: count for bank, count in held.items() if count}

    async def stop_bank(self, bank: str) -> None:
        await self.banks[bank].server.stop()
        self.banks[bank].database.close()

    async def stop(self) -> None:
        await self.stop_gateway()
        for bank in self.banks:
            await self.stop_bank(bank)
        self.passwords.close()

    async def connected(self, *banks: str) -> None:
        """Wait until the gateway holds a session with each of these banks."""
        await self.until(lambda: all(self.link(bank).status is LinkStatus.CONNECTED for bank in banks))

    def ask_for_open_debits(self, bank: str) -> None:
        """Let the question that the gateway asks every bank every few seconds be due now."""
        link = self.link(bank)
        link._question_at = 0.0
        link._line.wake.set()

    async def until(self, condition: Any, seconds: float = 20.0) -> Any:
        """Wait until a condition holds, and return what it gave; it may have to be awaited. Fails with the log."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            holds = condition()
            if inspect.isawaitable(holds):
                holds = await holds
            if holds:
                return holds
            assert loop.time() < end, f"waited {seconds} s in vain\n{self.log.getvalue()[-4000:]}"
            await asyncio.sleep(0.005)

    def link(self, bank: str) -> Any:
        assert self.gateway is not None
        links = self.gateway.server.gateway.directory.links
        return links[bank] if bank in links else _NoLink()

    def path(self, bank: str) -> Path:
        """Where a bank's database is, or the gateway's."""
        if bank != "gateway":
            return self.banks[bank].path
        assert self.gateway is not None
        return self.gateway.path

    def sql(self, bank: str, query: str) -> list[tuple[Any, ...]]:
        """Read a bank's file, or the gateway's, as an auditor would."""
        # The servers' own library: two SQLite libraries in one process lose each other's locks on a file.
        connection = driver().connect(f"file:{self.path(bank)}?mode=ro", uri=True)
        try:
            rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
            return rows
        finally:
            connection.close()

    async def operator(self) -> "Caller":
        """The operator, logged in with his first password."""
        return await Caller(self).login("admin", "1234")

    async def customer(self, name: str, *banks: str, cents: int = 0) -> "Caller":
        """A customer with an account and so much money at each of these banks, registered and logged in everywhere.
        His username begins with `name` and is new in this world."""
        operator = await self.operator()
        someone = Caller(self)
        self._customers += 1
        someone.username = f"{name}{self._customers}"
        for bank in banks:
            account = await operator.open_account(bank, someone.username, cents)
            await someone.register(someone.username, bank, account)
            await someone.login(someone.username, bank=bank)
            someone.accounts[bank] = account
        return someone

    @property
    def gateway_identity(self) -> Credentials:
        return self._identity("gateway", self.home / "gateway", gateway_names())

    def bank_identity(self, bank: str) -> Credentials:
        return self._identity("bank", self.home / "banks" / bank, [bank_name(bank)])

    def open_channel(self, address: str) -> grpc.aio.Channel:
        """A customer's channel to a gateway."""
        return grpc.aio.secure_channel(address, customer_credentials(self.gateway_identity.authority))

    @contextlib.asynccontextmanager
    async def line_to(self, bank: str) -> AsyncIterator[GrpcBankPort]:
        """A line to a bank with the gateway's certificate, past the gateway."""
        port = self._real_port(bank, self.banks[bank].address)
        try:
            yield port
        finally:
            await port.close()

    async def quiet(self) -> None:
        """Wait until every transfer is final and every debit settled or returned."""
        unfinished = "SELECT count(*) FROM transfers WHERE finished_at IS NULL"
        debits = "SELECT count(*) FROM open_debits"
        await self.until(
            lambda: (
                self.sql("gateway", unfinished) == [(0,)]
                and all(self.sql(bank, debits) == [(0,)] for bank in self.banks)
            )
        )

    def _connect_over(self, wire: Wire) -> Connect:
        return lambda bank, address: wire.port(bank, self._real_port(bank, address))

    def _real_port(self, bank: str, address: str) -> GrpcBankPort:
        credentials = peer_credentials(self.gateway_identity)
        return GrpcBankPort(bank, open_peer_channel(address, credentials, name=bank_name(bank)))

    def _identity(self, name: str, folder: Path, names: Sequence[str]) -> Credentials:
        leaf = Pair(folder / f"{name}.crt", folder / f"{name}.key")
        if not leaf.certificate.exists():
            issue(self._authority, leaf, names)
        return read_credentials(leaf.certificate, leaf.key, self._authority.certificate)

    def _around(self, path: Path, name: str) -> Surroundings:
        def broken(error: Exception) -> None:
            raise AssertionError(f"{name}: {error}")

        return Surroundings(
            ThreadedDatabase(path, broken=broken),
            self.clock,
            self.passwords,
            os.urandom,
            random.Random(self.seed),
            InstructionLog(name, self.clock, self.log),
        )


def _a_port() -> str:
    """An address to listen on, now and after a restart: a port that the system hands out may by then be somebody's."""
    return f"localhost:{choose_block(1)}"


class _NoLink:
    status = None


class Caller:
    """A customer or the operator, as a client of the gateway."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.token = ""
        self.username = ""
        self.request_id = ""
        self.accounts: dict[str, int] = {}

    def at(self, bank: str) -> tuple[str, int]:
        """His account there, as a payer's."""
        return bank, self.accounts[bank]

    def named_at(self, bank: str) -> tuple[str, int, str]:
        """His account there, as a payee's."""
        return bank, self.accounts[bank], self.username

    async def call(self, service: str, method: str, request: Any, timeout: float = 15.0) -> Any:
        stub = getattr(gateway_pb2_grpc, f"{service}Stub")(self.world.channel)
        metadata = [("authorization", f"Bearer {self.token}")] if self.token else []
        metadata += [("x-request-id", self.request_id)] if self.request_id else []
        try:
            return await getattr(stub, method)(request, timeout=timeout, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        except (grpc.aio.UsageError, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise Refused(Reason.GATEWAY_UNREACHABLE, "the test has stopped the gateway") from None

    async def login(self, username: str, password: str = PASSWORD, bank: str = "") -> "Caller":
        request = gateway_pb2.LoginRequest(username=username, password=password, bank=bank)
        answer = await self.call("SessionService", "Login", request)
        self.token = answer.token or self.token
        return self

    async def pay(
        self, payer: tuple[str, int], payee: tuple[str, int, str], cents: int, key: str, **fields: Any
    ) -> gateway_pb2.TransferResponse:
        order = an_order(payer, payee, cents, key, **fields)
        return await self.call("PaymentService", "Transfer", gateway_pb2.TransferRequest(order=order))

    async def watch(self, transfer_id: bytes, timeout: float = 15.0) -> AsyncIterator[order_pb2.Transfer]:
        """A transfer as it goes on, to its end."""
        stub = gateway_pb2_grpc.PaymentServiceStub(self.world.channel)
        request = gateway_pb2.WatchRequest(transfer_id=transfer_id)
        metadata = (("authorization", f"Bearer {self.token}"),)
        try:
            async for shown in stub.Watch(request, timeout=timeout, metadata=metadata):
                yield shown.transfer
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None

    async def submit(self, orders: Sequence[order_pb2.Order], **fields: Any) -> list[gateway_pb2.Submission]:
        request = gateway_pb2.SubmitTransfersRequest(orders=orders, **fields)
        answer = await self.call("PaymentService", "SubmitTransfers", request)
        return list(answer.submissions)

    async def by_key(self, *keys: str) -> list[order_pb2.Transfer]:
        request = gateway_pb2.GetTransfersRequest(idempotency_keys=keys)
        answer = await self.call("PaymentService", "GetTransfers", request)
        return list(answer.transfers)

    async def in_state(self, key: str, *states: str) -> order_pb2.Transfer | None:
        """His transfer of this key if it is in one of these states."""
        found = await self.by_key(key)
        names = [order_pb2.TransferState.Name(transfer.state).removeprefix("TRANSFER_STATE_") for transfer in found]
        return found[0] if names and names[0] in states else None

    async def set_status(self, bank: str, account: int, status: str) -> bank_pb2.Account:
        """As the operator: OPEN, FROZEN or CLOSED."""
        request = gateway_pb2.AdminServiceSetAccountStatusRequest(
            bank=bank, account=account, status=getattr(bank_pb2, f"ACCOUNT_STATUS_{status}")
        )
        answer = await self.call("AdminService", "SetAccountStatus", request)
        return answer.account

    async def add_money(self, bank: str, account: int, cents: int, key: str) -> None:
        """As the operator: cash that somebody brought."""
        request = gateway_pb2.AddMoneyRequest(bank=bank, account=account, amount=money(cents), idempotency_key=key)
        await self.call("AdminService", "AddMoney", request)

    async def balance(self, bank: str) -> int:
        answer = await self.call("AccountService", "ListMyAccounts", gateway_pb2.ListMyAccountsRequest())
        return next(mine.account.balance.minor_units for mine in answer.accounts if mine.account.bank == bank)

    async def open_account(self, bank: str, username: str, cents: int = 0, password: str = PASSWORD) -> int:
        """As the operator: an account with money in it; returns its number."""
        new = bank_pb2.NewAccount(username=username, deposit_minor_units=cents, password=password)

        async def once() -> Any:
            yield gateway_pb2.AdminServiceOpenAccountsRequest(bank=bank, accounts=[new])

        answer = await self.call("AdminService", "OpenAccounts", once())
        return answer.accounts[0].account

    async def register(self, username: str, bank: str, account: int, password: str = PASSWORD) -> None:
        request = gateway_pb2.RegisterRequest(username=username, bank=bank, account=account, password=password)
        await self.call("SessionService", "Register", request)


def an_order(
    payer: tuple[str, int],
    payee: tuple[str, int, str],
    cents: int,
    key: str,
    currency: str = "EUR",
    reference: str = "",
) -> order_pb2.Order:
    return order_pb2.Order(
        payer_bank=payer[0],
        payer_account=payer[1],
        payee_bank=payee[0],
        payee_account=payee[1],
        payee_name=payee[2],
        minor_units=cents,
        currency=currency,
        reference=reference,
        idempotency_key=key,
    )


def money(cents: int, currency: str = "EUR") -> money_pb2.Money:
    return money_pb2.Money(minor_units=cents, currency=currency)
