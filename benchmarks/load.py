"""What every load is made of: clients that pay for a while over connections of their own, and what came of it. Runs in
a process apart from the servers."""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import grpc

from benchmarks.connections import connections
from benchmarks.customers import Customers
from benchmarks.failures import RunFailed
from benchmarks.orders import Orders, Payment, payment
from benchmarks.procfs import busy_seconds, cpu_seconds
from interbank.rpc.status import from_rpc_error
from protos.v1 import gateway_pb2, order_pb2

ANSWER_WITHIN = 20.0
WAIT_SECONDS = 10
"""How long the gateway may take to make a batch final before it answers."""

AFTERWARDS = 0.5
"""Seconds after the last answer that belong to a run still: Settle follows a payment that was answered."""


@dataclass(frozen=True, slots=True)
class Load:
    """Pay through the gateway at `address` for so many seconds. `pids` are the servers', whose time is counted."""

    address: str
    authority: bytes
    customers: Customers
    pids: tuple[int, ...]
    seconds: float
    first_amount: int
    label: str

    def orders(self, *, hot_bank: str = "") -> Orders:
        """Its source of orders."""
        return Orders(self.customers.payees, first_amount=self.first_amount, label=self.label, hot_bank=hot_bank)


@dataclass(frozen=True, slots=True)
class Measured:
    """A run: payments that were acknowledged as COMPLETED, the seconds until the last of them, the seconds that each
    call took, processor seconds of the servers, and the share of the computer that something else used (0 to 1).
    `earlier` are payments that were made before the measured time: the books must hold them, no figure counts them."""

    payments: tuple[Payment, ...]
    seconds: float
    latencies: tuple[float, ...]
    server_cpu: float
    elsewhere: float
    earlier: tuple[Payment, ...] = ()

    @property
    def acknowledged(self) -> tuple[Payment, ...]:
        """Every payment that the books must hold."""
        return self.earlier + self.payments

    @property
    def per_second(self) -> float:
        """Payments per second."""
        return len(self.payments) / self.seconds

    @property
    def cpu_us(self) -> float:
        """Processor time of the servers for one payment, in microseconds."""
        return self.server_cpu * 1_000_000 / len(self.payments)


@dataclass(slots=True)
class Tally:
    """What came back so far, and from when until when orders are sent (`time.perf_counter`)."""

    begun: float
    end: float
    payments: list[Payment] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    @property
    def goes_on(self) -> bool:
        """Whether more is to be sent."""
        return time.perf_counter() < self.end

    def take(self, order: order_pb2.Order, transfer: order_pb2.Transfer) -> None:
        """Count the payment that this order became. Raises RunFailed unless the answer is about it, and COMPLETED."""
        self.payments.append(completed(order, transfer))


def completed(order: order_pb2.Order, transfer: order_pb2.Transfer) -> Payment:
    """What the books must hold of an order that was sent: what it says itself, under the id that the answer gave it.
    Raises RunFailed unless the answer is about this order, and COMPLETED."""
    _require_same(order, transfer)
    if not transfer.final or transfer.state != order_pb2.TRANSFER_STATE_COMPLETED:
        state = order_pb2.TransferState.Name(transfer.state)
        raise RunFailed(f"{transfer.transfer_id.hex()} is {state} {transfer.reason}".strip())
    return payment(transfer.transfer_id, order)


def accepted(
    orders: Sequence[order_pb2.Order], submissions: Sequence[gateway_pb2.Submission]
) -> list[order_pb2.Transfer]:
    """The transfers that the orders of a batch became, in their order. Raises RunFailed if one was not accepted, or is
    missing, or is about another order."""
    if len(submissions) != len(orders):
        raise RunFailed(f"{len(orders):,} orders were sent, and {len(submissions):,} answered")
    return [_accepted(order, submission) for order, submission in zip(orders, submissions, strict=True)]


def _accepted(order: order_pb2.Order, submission: gateway_pb2.Submission) -> order_pb2.Transfer:
    if submission.WhichOneof("result") != "transfer":
        raise RunFailed(f"not accepted: {submission.not_accepted.reason}")
    _require_same(order, submission.transfer)
    return submission.transfer


def _require_same(order: order_pb2.Order, transfer: order_pb2.Transfer) -> None:
    if transfer.order != order:
        raise RunFailed(f"{transfer.transfer_id.hex()} answers with another order than was sent")


Client = Callable[[grpc.aio.Channel, Tally], Awaitable[None]]
"""Uses one connection for as long as the tally goes on."""

Before = Callable[[grpc.aio.Channel], Awaitable[list[Payment]]]
"""Pays over one connection, before the measured time, for what the clients need to begin with."""


async def run(load: Load, clients: list[Client], before: Before | None = None) -> Measured:
    """All clients at once. Raises RunFailed."""
    async with connections(load.address, load.authority, len(clients)) as channels:
        earlier = await _before(before, channels[0])
        begun, busy, own, servers = time.perf_counter(), busy_seconds(), _own_seconds(), _seconds_of(load.pids)
        tally = Tally(begun, begun + load.seconds)
        with refusals_fail_the_run():
            await asyncio.gather(*(client(channel, tally) for client, channel in zip(clients, channels, strict=True)))
        seconds = time.perf_counter() - begun
        await asyncio.sleep(AFTERWARDS)
        server_cpu = _seconds_of(load.pids) - servers
        used_by_others = busy_seconds() - busy - server_cpu - (_own_seconds() - own)
        available = (time.perf_counter() - begun) * (os.cpu_count() or 1)
    share = max(0.0, used_by_others / available)
    return Measured(tuple(tally.payments), seconds, tuple(tally.latencies), server_cpu, share, earlier)


async def _before(before: Before | None, channel: grpc.aio.Channel) -> tuple[Payment, ...]:
    if before is None:
        return ()
    with refusals_fail_the_run():
        payments = await before(channel)
    await asyncio.sleep(AFTERWARDS)
    return tuple(payments)


@contextlib.contextmanager
def refusals_fail_the_run() -> Iterator[None]:
    """Raises RunFailed for a call that was refused or not answered."""
    try:
        yield
    except grpc.RpcError as error:
        refused = from_rpc_error(error)
        raise RunFailed(f"{refused.reason.name} {refused.message}") from error


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """What says in a call whose it is."""
    return (("authorization", f"Bearer {token}"),)


def _seconds_of(pids: tuple[int, ...]) -> float:
    return sum(map(cpu_seconds, pids))


def _own_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system
