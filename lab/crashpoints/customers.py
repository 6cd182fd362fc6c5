"""Who pays on the small network, and the operator who helps: clients over TLS like everybody."""

import asyncio
import itertools
from typing import Any

import grpc

from certs.credentials import customer_credentials, peer_credentials
from certs.names import bank_name
from gateway_service.sessions import FIRST_PASSWORD, OPERATOR
from interbank.refusals import Refused
from interbank.rpc.channel import open_peer_channel
from interbank.rpc.status import from_rpc_error
from lab.crashpoints.site import BANKS, Site, until
from lab.home import CURRENCY, GATEWAY
from protos.v1 import bank_pb2, bank_pb2_grpc, gateway_pb2, gateway_pb2_grpc, order_pb2

PASSWORD = "correct horse battery staple"  # noqa: S105  of people who do not exist
DEPOSIT = 100_000_000
"""Minor units that the payer has at the beginning."""

_RECONNECT = [
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 50),
]
_CALL = 15.0
"""Seconds that a customer waits for an answer."""


class People:
    """alice at NORTH pays bob at SOUTH, or fred there, whose account is frozen behind the gateway's back."""

    def __init__(self, site: Site) -> None:
        self._site = site
        authority = site.home.authority.certificate.read_bytes()
        self._channel = grpc.aio.secure_channel(site.address, customer_credentials(authority), options=_RECONNECT)
        self._token = self._operator = ""
        self._numbers = itertools.count(1)
        self.accounts: dict[str, int] = {}

    async def settle_in(self) -> None:
        """Open the accounts, register and log in. Raises Refused."""
        self._operator = await self._login(OPERATOR, FIRST_PASSWORD, bank="")
        await until(self.connected)
        for name, bank, cents in (("alice", "NORTH", DEPOSIT), ("bob", "SOUTH", 0), ("fred", "SOUTH", 0)):
            new = bank_pb2.NewAccount(username=name, deposit_minor_units=cents, password=PASSWORD)
            opening = _once(gateway_pb2.AdminServiceOpenAccountsRequest(bank=bank, accounts=[new]))
            opened = await self._call("AdminService", "OpenAccounts", opening, self._operator)
            self.accounts[name] = opened.accounts[0].account
        registration = gateway_pb2.RegisterRequest(
            username="alice", bank="NORTH", account=self.accounts["alice"], password=PASSWORD
        )
        await self._call("SessionService", "Register", registration)
        self._token = await self._login("alice", PASSWORD, "NORTH")

    async def close(self) -> None:
        """Let go of the connection."""
        await self._channel.close()

    async def connected(self) -> bool:
        """Whether the gateway serves and holds a session with every bank."""
        try:
            answer = await self._call("AccountService", "ListBanks", gateway_pb2.ListBanksRequest())
        except Refused:
            return False
        links = [bank.link for bank in answer.banks]
        return len(links) == len(BANKS) and set(links) == {gateway_pb2.BANK_LINK_CONNECTED}

    def order(self, payee: str, minor_units: int, key: str) -> order_pb2.Order:
        """Of alice's."""
        return order_pb2.Order(
            payer_bank="NORTH",
            payer_account=self.accounts["alice"],
            payee_bank="SOUTH",
            payee_account=self.accounts[payee],
            payee_name=payee,
            minor_units=minor_units,
            currency=CURRENCY,
            idempotency_key=key,
        )

    async def pay(self, order: order_pb2.Order) -> order_pb2.Transfer:
        """One call, and its answer. Raises Refused: not accepted, or GATEWAY_UNREACHABLE when there was no answer."""
        request = gateway_pb2.TransferRequest(order=order)
        answer = await self._call("PaymentService", "Transfer", request, self._token)
        transfer: order_pb2.Transfer = answer.transfer
        return transfer

    async def look_up(self, key: str) -> order_pb2.Transfer | None:
        """What became of the order with this key, if there is one. Raises Refused."""
        request = gateway_pb2.GetTransfersRequest(idempotency_keys=[key])
        answer = await self._call("PaymentService", "GetTransfers", request, self._token)
        return answer.transfers[0] if answer.transfers else None

    async def freeze_fred_once_confirmed(self) -> None:
        """The gateway takes him for payable, and his bank will refuse the credit. Raises Refused."""
        await self._set_status("fred", bank_pb2.ACCOUNT_STATUS_OPEN)
        too_much = self.order("fred", DEPOSIT * 20, f"confirm-{next(self._numbers)}")
        await self.pay(too_much)
        await self._set_status("fred", bank_pb2.ACCOUNT_STATUS_FROZEN)

    async def have_bob_forgotten(self) -> None:
        """The gateway must ask his bank again whether he can be paid. Raises Refused."""
        for status in (bank_pb2.ACCOUNT_STATUS_FROZEN, bank_pb2.ACCOUNT_STATUS_OPEN):
            request = gateway_pb2.AdminServiceSetAccountStatusRequest(
                bank="SOUTH", account=self.accounts["bob"], status=status
            )
            await self._insist("AdminService", "SetAccountStatus", request, self._operator)

    async def _set_status(self, name: str, status: Any) -> None:
        credentials = peer_credentials(self._site.home.identity(GATEWAY))
        request = bank_pb2.SetAccountStatusRequest(operator=OPERATOR, account=self.accounts[name], status=status)
        async with open_peer_channel(self._site.address_of("SOUTH"), credentials, name=bank_name("SOUTH")) as channel:
            await bank_pb2_grpc.BankServiceStub(channel).SetAccountStatus(request, timeout=5.0)

    async def _login(self, username: str, password: str, bank: str) -> str:
        request = gateway_pb2.LoginRequest(username=username, password=password, bank=bank)
        token: str = (await self._call("SessionService", "Login", request)).token
        return token

    async def _insist(self, service: str, method: str, request: Any, token: str) -> None:
        """Call until it is not refused for now: the gateway may see only at a call that a bank has started again."""
        while True:
            try:
                await self._call(service, method, request, token)
            except Refused as refused:
                if not refused.reason.try_again:
                    raise
                await asyncio.sleep(0.005)
            else:
                return

    async def _call(self, service: str, method: str, request: Any, token: str = "") -> Any:
        rpc = getattr(getattr(gateway_pb2_grpc, f"{service}Stub")(self._channel), method)
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        try:
            return await rpc(request, timeout=_CALL, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None


async def _once(request: Any) -> Any:
    yield request
