"""The people of the simulated network: each makes a key first, then asks with it until he is told an end.

Every amount is another one, so that every entry in any book names the payment that it belongs to.
"""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

from grpc.aio import AioRpcError

from interbank.refusals import Kind, Reason, Refused
from interbank.rpc.status import from_rpc_error
from lab.simulation.network import Channel, Network
from lab.simulation.process import Trace
from protos.v1 import gateway_pb2, gateway_pb2_grpc, order_pb2

PASSWORD = "correct horse battery staple"  # noqa: S105  of people who do not exist
DEPOSIT = 1_000_00
"""Minor units that every customer has at the beginning."""

LOOKS = 0.2
"""How often somebody who was told how his payment ended looks at his statement."""

_STATES = {value: name.removeprefix("TRANSFER_STATE_") for name, value in order_pb2.TransferState.items()}


@dataclass
class Customer:
    """A person with one account, and his session."""

    name: str
    bank: str
    account: int = 0
    token: str = ""


@dataclass
class Wish:
    """One order of one customer, and everything that he was told of it: (state, reason) of every answer that was final,
    `refused` if it was not accepted for good, and `read`, if he looked after the answer, the kinds of movement that his
    statement showed for it."""

    payer: Customer
    order: order_pb2.Order
    patient: bool
    told: list[tuple[str, str]] = field(default_factory=list)
    refused: str = ""
    read: list[str] | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Principal and idempotency key."""
        return f"user:{self.payer.name}", self.order.idempotency_key


class People:
    """Everybody who pays. `gateway` is the name under which they look for it."""

    def __init__(self, network: Network, trace: Trace, chance: random.Random, gateway: str) -> None:
        self._gateway = gateway
        self._network = network
        self._trace = trace
        self._chance = chance
        self._stubs: dict[Any, Any] = {}

    async def call(self, stub: Any, method: str, request: Any, customer: Customer | None = None) -> Any:
        """Any rpc of the gateway. Raises Refused."""
        metadata = (("authorization", f"Bearer {customer.token}"),) if customer else ()
        if stub not in self._stubs:
            self._stubs[stub] = stub(Channel(self._network, None, self._gateway))
        try:
            return await getattr(self._stubs[stub], method)(request, timeout=12.0, metadata=metadata)
        except AioRpcError as error:
            raise from_rpc_error(error) from None

    async def register(self, customer: Customer) -> None:
        """Bind his account to his name; that it is bound already is as good."""
        request = gateway_pb2.RegisterRequest(
            username=customer.name, bank=customer.bank, account=customer.account, password=PASSWORD
        )
        try:
            await self.call(gateway_pb2_grpc.SessionServiceStub, "Register", request)
        except Refused as refused:
            if refused.reason not in (Reason.ALREADY_REGISTERED, Reason.USERNAME_TAKEN):
                raise

    async def login(self, customer: Customer) -> None:
        """Open a session. Raises Refused."""
        request = gateway_pb2.LoginRequest(username=customer.name, password=PASSWORD, bank=customer.bank)
        customer.token = (await self.call(gateway_pb2_grpc.SessionServiceStub, "Login", request)).token

    async def pay(self, wish: Wish) -> None:
        """Ask until there is an end, and then once more: it must be the same."""
        while True:
            try:
                shown = await self._ask(wish)
            except Refused as refused:
                if self._for_good(wish, refused):
                    return
                await self._begin_anew(wish.payer, refused)
            else:
                if shown.final:
                    wish.told.append((_STATES[shown.state], shown.reason))
                    self._trace(wish.payer.name, f"{wish.order.idempotency_key} is told {wish.told[-1][0]}")
                    if len(wish.told) > 1:
                        return
                    if self._chance.random() < LOOKS:
                        wish.read = await self._look(wish.payer, shown.transfer_id)
            await asyncio.sleep(self._chance.uniform(0.2, 2.0))

    async def _ask(self, wish: Wish) -> order_pb2.Transfer:
        if wish.patient:
            request = gateway_pb2.SubmitTransfersRequest(orders=[wish.order], patient=True, wait_seconds=5)
            stub, method = gateway_pb2_grpc.PaymentServiceStub, "SubmitTransfers"
            answer = (await self.call(stub, method, request, wish.payer)).submissions[0]
            if answer.HasField("not_accepted"):
                raise Refused(Reason[answer.not_accepted.reason], answer.not_accepted.message)
        else:
            order = gateway_pb2.TransferRequest(order=wish.order)
            answer = await self.call(gateway_pb2_grpc.PaymentServiceStub, "Transfer", order, wish.payer)
        shown: order_pb2.Transfer = answer.transfer
        return shown

    async def _look(self, payer: Customer, transfer_id: bytes) -> list[str] | None:
        """The kinds of movement in his statement, newest first, that belong to a transfer; None if he cannot see it."""
        request = gateway_pb2.GetMyStatementRequest(bank=payer.bank, page_size=200)
        try:
            answer = await self.call(gateway_pb2_grpc.AccountServiceStub, "GetMyStatement", request, payer)
        except Refused:
            return None
        return [line.kind for line in answer.lines if line.transfer_id == transfer_id]

    def _for_good(self, wish: Wish, refused: Refused) -> bool:
        again = refused.reason.try_again or refused.reason.kind in (Kind.UNAUTHENTICATED, Kind.UNKNOWN, Kind.BROKEN)
        if again or refused.reason is Reason.GATEWAY_UNREACHABLE:
            return False
        wish.refused = refused.reason.name
        self._trace(wish.payer.name, f"{wish.order.idempotency_key} is not accepted: {wish.refused}")
        return True

    async def _begin_anew(self, customer: Customer, refused: Refused) -> None:
        """His session was lost with the journal: he registers and logs in again."""
        if refused.reason is not Reason.NOT_LOGGED_IN:
            return
        try:
            await self.register(customer)
            await self.login(customer)
        except Refused:
            return  # not now


def draw_wishes(chance: random.Random, customers: list[Customer], count: int) -> list[Wish]:
    """So many orders: most of them good, some too large, to nobody, within one bank, or under a key of another."""
    wishes: list[Wish] = []
    for number in range(count):
        payer, payee = chance.sample(customers, 2)
        if chance.random() < 0.3:
            payee = customers[0]  # one who is paid by everybody
        if payee is payer:
            payee = customers[1] if payer is customers[0] else customers[0]
        fate, amount = chance.random(), 1_000 + number * 37 + chance.randrange(37)
        order = order_pb2.Order(
            payer_bank=payer.bank,
            payer_account=payer.account,
            payee_bank=payee.bank,
            payee_account=payee.account,
            payee_name="nobody" if fate < 0.05 else payee.name,
            minor_units=amount + DEPOSIT * 5 if fate > 0.92 else amount,
            currency="EUR",
            reference=f"order {number}",
            idempotency_key=f"key-{number}",
        )
        wishes.append(Wish(payer, order, patient=chance.random() < 0.3))
        if 0.05 <= fate < 0.12:  # the same key for another order: one of the two is refused
            other = order_pb2.Order()
            other.CopyFrom(order)
            other.minor_units += 500_000
            wishes.append(Wish(payer, other, patient=False))
        if 0.12 <= fate < 0.2:  # the same order from two places at once
            wishes.append(Wish(payer, order, patient=chance.random() < 0.5))
    return wishes
