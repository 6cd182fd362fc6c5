"""The load: customers who pay one by one, and an operator who pays in batches. Runs in a process of its own, over TLS
like everybody; whoever waits for an answer sends nothing else meanwhile (a closed loop)."""

import asyncio
import itertools
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import grpc

from benchmarks.connections import connections
from benchmarks.customers import Customers
from benchmarks.orders import Orders, Payment, payment
from benchmarks.plan import BANKS, BATCH
from benchmarks.procfs import busy_seconds, cpu_seconds
from interbank.rpc.status import from_rpc_error
from protos.v1 import gateway_pb2, gateway_pb2_grpc, order_pb2

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
class _Tally:
    """What came back so far, and until when more is sent."""

    end: float
    payments: list[Payment] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    @property
    def goes_on(self) -> bool:
        return time.perf_counter() < self.end

    def take(self, transfer: order_pb2.Transfer) -> None:
        if not transfer.final or transfer.state != order_pb2.TRANSFER_STATE_COMPLETED:
            state = order_pb2.TransferState.Name(transfer.state)
            raise RunFailed(f"{transfer.transfer_id.hex()} is {state} {transfer.reason}".strip())
        self.payments.append(payment(transfer.transfer_id, transfer.order))


_Client = Callable[["gateway_pb2_grpc.PaymentServiceAsyncStub", _Tally], Awaitable[None]]


def pay_one_by_one(load: Load, clients: int) -> Measured:
    """So many customers pay with Transfer, each waiting for the answer before his next payment. Raises RunFailed."""
    orders = Orders(load.customers.payees, first_amount=load.first_amount, label=load.label)
    payers = itertools.cycle(load.customers.payers)

    def customer() -> _Client:
        payer = next(payers)
        metadata = _bearer(payer.token)

        async def pay(stub: "gateway_pb2_grpc.PaymentServiceAsyncStub", tally: _Tally) -> None:
            while tally.goes_on:
                request = gateway_pb2.TransferRequest(order=orders.from_account(payer.bank, payer.account))
                begun = time.perf_counter()
                answer = await stub.Transfer(request, timeout=ANSWER_WITHIN, metadata=metadata)
                tally.latencies.append(time.perf_counter() - begun)
                tally.take(answer.transfer)

        return pay

    return asyncio.run(_run(load, [customer() for _ in range(clients)]))


def pay_in_batches(load: Load, in_flight: int) -> Measured:
    """The operator pays for one bank after the other, so many batches at a time, each answered when all of its payments
    are final. Raises RunFailed."""
    orders = Orders(load.customers.payees, first_amount=load.first_amount, label=load.label)
    banks = itertools.cycle(BANKS)
    metadata = _bearer(load.customers.operator_token)

    async def pay(stub: "gateway_pb2_grpc.PaymentServiceAsyncStub", tally: _Tally) -> None:
        while tally.goes_on:
            bank = next(banks)
            request = gateway_pb2.SubmitTransfersRequest(
                orders=[orders.from_any_account(bank) for _ in range(BATCH)],
                on_authority_of_bank=bank,
                patient=True,
                wait_seconds=WAIT_SECONDS,
            )
            begun = time.perf_counter()
            answer = await stub.SubmitTransfers(request, timeout=ANSWER_WITHIN, metadata=metadata)
            tally.latencies.append(time.perf_counter() - begun)
            for submission in answer.submissions:
                if submission.WhichOneof("result") == "not_accepted":
                    raise RunFailed(f"not accepted: {submission.not_accepted.reason}")
                tally.take(submission.transfer)

    return asyncio.run(_run(load, [pay] * in_flight))


async def _run(load: Load, clients: list[_Client]) -> Measured:
    async with connections(load.address, load.authority, len(clients)) as channels:
        stubs = [gateway_pb2_grpc.PaymentServiceStub(channel) for channel in channels]
        begun, busy, own, servers = time.perf_counter(), busy_seconds(), _own_seconds(), _seconds_of(load.pids)
        tally = _Tally(end=begun + load.seconds)
        try:
            await asyncio.gather(*(pay(stub, tally) for pay, stub in zip(clients, stubs, strict=True)))
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


def _bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


def _seconds_of(pids: tuple[int, ...]) -> float:
    return sum(map(cpu_seconds, pids))


def _own_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system
