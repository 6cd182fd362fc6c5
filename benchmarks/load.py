"""What every load is made of: clients that pay for a while over connections of their own, and what came of it. Runs in
a process apart from the servers."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import grpc

from benchmarks.connections import connections
from benchmarks.customers import Customers
from benchmarks.orders import Orders, Payment, payment
from benchmarks.procfs import busy_seconds, cpu_seconds
from interbank.rpc.status import from_rpc_error
from protos.v1 import gateway_pb2, order_pb2

ANSWER_WITHIN = 20.0
WAIT_SECONDS = 10
"""How long the gateway may take to make a batch final before it answers."""

AFTERWARDS = 0.5
"""Seconds after the last answer that belong to a run still: Settle follows a payment that was answered."""


class RunFailed(Exception):
    """A payment got no final answer, or not the one it should have: the run has no number."""


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
    call took, processor seconds of the servers, and the share of the computer that something else used (0 to 1)."""

    payments: tuple[Payment, ...]
    seconds: float
    latencies: tuple[float, ...]
    server_cpu: float
    elsewhere: float

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

    def take(self, transfer: order_pb2.Transfer) -> None:
        """Count a payment. Raises RunFailed unless it is COMPLETED."""
        self.payments.append(completed(transfer))


def completed(transfer: order_pb2.Transfer) -> Payment:
    """The payment that an answer acknowledges. Raises RunFailed unless it is COMPLETED."""
    if not transfer.final or transfer.state != order_pb2.TRANSFER_STATE_COMPLETED:
        state = order_pb2.TransferState.Name(transfer.state)
        raise RunFailed(f"{transfer.transfer_id.hex()} is {state} {transfer.reason}".strip())
    return payment(transfer.transfer_id, transfer.order)


def accepted(submission: gateway_pb2.Submission) -> order_pb2.Transfer:
    """The transfer that an order of a batch became. Raises RunFailed if it was not accepted."""
    if submission.WhichOneof("result") == "not_accepted":
        raise RunFailed(f"not accepted: {submission.not_accepted.reason}")
    return submission.transfer


Client = Callable[[grpc.aio.Channel, Tally], Awaitable[None]]
"""Uses one connection for as long as the tally goes on."""


async def run(load: Load, clients: list[Client]) -> Measured:
    """All clients at once. Raises RunFailed."""
    async with connections(load.address, load.authority, len(clients)) as channels:
        begun, busy, own, servers = time.perf_counter(), busy_seconds(), _own_seconds(), _seconds_of(load.pids)
        tally = Tally(begun, begun + load.seconds)
        try:
            await asyncio.gather(*(client(channel, tally) for client, channel in zip(clients, channels, strict=True)))
        except grpc.aio.AioRpcError as error:
            refused = from_rpc_error(error)
            raise RunFailed(f"{refused.reason.name} {refused.message}") from error
        seconds = time.perf_counter() - begun
        await asyncio.sleep(AFTERWARDS)
        server_cpu = _seconds_of(load.pids) - servers
        used_by_others = busy_seconds() - busy - server_cpu - (_own_seconds() - own)
        available = (time.perf_counter() - begun) * (os.cpu_count() or 1)
    return Measured(
        tuple(tally.payments), seconds, tuple(tally.latencies), server_cpu, max(0.0, used_by_others / available)
    )


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """What says in a call whose it is."""
    return (("authorization", f"Bearer {token}"),)


def _seconds_of(pids: tuple[int, ...]) -> float:
    return sum(map(cpu_seconds, pids))


def _own_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system
