"""A closed loop: whoever waits for an answer sends nothing else meanwhile. Customers who pay one by one, and an
operator who pays in batches."""

import asyncio
import itertools
import time
from collections import deque

import grpc

from benchmarks.load import (
    ANSWER_WITHIN,
    WAIT_SECONDS,
    Client,
    Load,
    Measured,
    RunFailed,
    Tally,
    accepted,
    bearer,
    completed,
    run,
)
from benchmarks.plan import BATCH, BATCHES_IN_FLIGHT
from protos.v1 import gateway_pb2, gateway_pb2_grpc, order_pb2

_REMEMBERED = 2


def pay_one_by_one(load: Load, clients: int) -> Measured:
    """So many customers pay with Transfer, each waiting for the answer before his next payment. Raises RunFailed."""
    orders, payers = load.orders(), itertools.cycle(load.customers.payers)

    def customer() -> Client:
        payer = next(payers)
        metadata = bearer(payer.token)

        async def pay(channel: grpc.aio.Channel, tally: Tally) -> None:
            stub = gateway_pb2_grpc.PaymentServiceStub(channel)
            while tally.goes_on:
                request = gateway_pb2.TransferRequest(order=orders.from_account(payer.bank, payer.account))
                begun = time.perf_counter()
                answer = await stub.Transfer(request, timeout=ANSWER_WITHIN, metadata=metadata)
                tally.latencies.append(time.perf_counter() - begun)
                tally.take(answer.transfer)

        return pay

    return asyncio.run(run(load, [customer() for _ in range(clients)]))


def pay_in_batches(
    load: Load, batch: int = BATCH, in_flight: int = BATCHES_IN_FLIGHT, *, hot_bank: str = "", again: int = 0
) -> Measured:
    """The operator pays for one bank after the other, so many batches at a time, each answered when all of its payments
    are final: with `hot_bank` all to one account there; with `again` so many orders of each batch are old ones, sent a
    second time under the same key. Raises RunFailed."""
    orders = load.orders(hot_bank=hot_bank)
    banks = itertools.cycle(orders.paying_banks)
    metadata = bearer(load.customers.operator_token)
    paid: dict[str, deque[list[order_pb2.Order]]] = {bank: deque(maxlen=_REMEMBERED) for bank in orders.paying_banks}

    async def pay(channel: grpc.aio.Channel, tally: Tally) -> None:
        stub = gateway_pb2_grpc.PaymentServiceStub(channel)
        while tally.goes_on:
            bank = next(banks)
            old = orders.some(paid[bank].popleft(), again) if again and paid[bank] else []
            fresh = [orders.from_any_account(bank) for _ in range(batch - len(old))]
            request = gateway_pb2.SubmitTransfersRequest(
                orders=fresh + old, on_authority_of_bank=bank, patient=True, wait_seconds=WAIT_SECONDS
            )
            begun = time.perf_counter()
            answer = await stub.SubmitTransfers(request, timeout=ANSWER_WITHIN, metadata=metadata)
            tally.latencies.append(time.perf_counter() - begun)
            for submission in answer.submissions[: len(fresh)]:
                tally.take(accepted(submission))
            for order, submission in zip(old, answer.submissions[len(fresh) :], strict=True):
                _require_same(order, accepted(submission))
            paid[bank].append(fresh)

    return asyncio.run(run(load, [pay] * in_flight))


def _require_same(order: order_pb2.Order, transfer: order_pb2.Transfer) -> None:
    """That it was paid, once, the books say; here, that the answer is about it."""
    completed(transfer)
    if transfer.order != order:
        raise RunFailed(f"{transfer.transfer_id.hex()} answers the key of another order")
