"""A closed loop: whoever waits for an answer sends nothing else meanwhile. Customers who pay one by one, and an
operator who pays in batches."""

import asyncio
import itertools
import time
from collections.abc import Sequence

import grpc

from benchmarks.load import ANSWER_WITHIN, WAIT_SECONDS, Client, Load, Measured, Tally, accepted, bearer, completed, run
from benchmarks.orders import Earlier, Orders, Payment
from protos.v1 import gateway_pb2, gateway_pb2_grpc, order_pb2

_REMEMBERED = 2
"""Batches of each bank, the newest, whose orders may be sent again."""


def pay_one_by_one(load: Load, clients: int) -> Measured:
    """So many customers pay with Transfer, each waiting for the answer before his next payment. Raises RunFailed."""
    orders, payers = load.orders(), itertools.cycle(load.customers.payers)

    def customer() -> Client:
        payer = next(payers)
        metadata = bearer(payer.token)

        async def pay(channel: grpc.aio.Channel, tally: Tally) -> None:
            stub = gateway_pb2_grpc.PaymentServiceStub(channel)
            while tally.goes_on:
                order = orders.from_account(payer.bank, payer.account)
                request = gateway_pb2.TransferRequest(order=order)
                begun = time.perf_counter()
                answer = await stub.Transfer(request, timeout=ANSWER_WITHIN, metadata=metadata)
                tally.latencies.append(time.perf_counter() - begun)
                tally.take(order, answer.transfer)

        return pay

    return asyncio.run(run(load, [customer() for _ in range(clients)]))


def pay_in_batches(load: Load, batch: int, in_flight: int, *, hot_bank: str = "", again: int = 0) -> Measured:
    """The operator pays for one bank after the other, so many batches at a time, each answered when all of its payments
    are final: with `hot_bank` all to one account there; with `again` so many orders of each batch are old ones, sent a
    second time under the same key. Raises RunFailed."""
    batches = _Batches(load, batch, hot_bank, again)

    async def pay(channel: grpc.aio.Channel, tally: Tally) -> None:
        while tally.goes_on:
            bank, fresh, old = batches.following()
            begun = time.perf_counter()
            transfers = await batches.submit(channel, bank, fresh + old)
            tally.latencies.append(time.perf_counter() - begun)
            for number, (order, transfer) in enumerate(zip(fresh + old, transfers, strict=True)):
                if number < len(fresh):
                    tally.take(order, transfer)
                else:
                    completed(order, transfer)  # that an old one was paid only once, the books say
            batches.paid[bank].add(fresh)

    return asyncio.run(run(load, [pay] * in_flight, batches.pay_before if again else None))


class _Batches:
    """Batches for one bank after the other."""

    def __init__(self, load: Load, size: int, hot_bank: str, again: int) -> None:
        self._orders: Orders = load.orders(hot_bank=hot_bank)
        self._size = size
        self._again = again
        self._metadata = bearer(load.customers.operator_token)
        self._banks = itertools.cycle(self._orders.paying_banks)
        self.paid = {bank: Earlier(size * _REMEMBERED, load.label) for bank in self._orders.paying_banks}

    def following(self) -> tuple[str, list[order_pb2.Order], list[order_pb2.Order]]:
        """The bank whose turn it is, and for it new orders and old ones."""
        bank = next(self._banks)
        return bank, self._new(bank, self._size - self._again), self.paid[bank].take(self._again)

    async def pay_before(self, channel: grpc.aio.Channel) -> list[Payment]:
        """New orders for every bank, so that the first measured batch has old ones like any other."""

        async def pay(bank: str) -> list[Payment]:
            fresh = self._new(bank, self._size)
            transfers = await self.submit(channel, bank, fresh)
            self.paid[bank].add(fresh)
            return [completed(order, transfer) for order, transfer in zip(fresh, transfers, strict=True)]

        paid = await asyncio.gather(*map(pay, self._orders.paying_banks * _REMEMBERED))
        return list(itertools.chain.from_iterable(paid))

    async def submit(
        self, channel: grpc.aio.Channel, bank: str, orders: Sequence[order_pb2.Order]
    ) -> list[order_pb2.Transfer]:
        """Hand them over, and wait until all are final."""
        request = gateway_pb2.SubmitTransfersRequest(
            orders=orders, on_authority_of_bank=bank, patient=True, wait_seconds=WAIT_SECONDS
        )
        stub = gateway_pb2_grpc.PaymentServiceStub(channel)
        answer = await stub.SubmitTransfers(request, timeout=ANSWER_WITHIN, metadata=self._metadata)
        return accepted(orders, answer.submissions)

    def _new(self, bank: str, count: int) -> list[order_pb2.Order]:
        return [self._orders.from_any_account(bank) for _ in range(count)]
