"""An open loop: orders come when they come, whether or not the earlier ones were answered. The time of a payment counts
from the moment at which it was to be sent, so that a stall is felt by all who would have paid meanwhile."""

import asyncio
import itertools
import random
import time

import grpc

from benchmarks.load import ANSWER_WITHIN, Client, Load, Measured, Tally, bearer, run
from benchmarks.plan import CLIENTS
from protos.v1 import gateway_pb2, gateway_pb2_grpc


def pay_at_rate(load: Load, per_second: float, logins_per_second: float) -> Measured:
    """Customers pay with Transfer at so many payments per second, at random moments (a Poisson process, the same one
    every time), while others log in at a steady rate. Raises RunFailed."""
    moments = arrivals(per_second, load.seconds)
    shares = [moments[first::CLIENTS] for first in range(CLIENTS)]
    orders, payers = load.orders(), itertools.cycle(load.customers.payers)

    def customer(share: list[float]) -> Client:
        payer = next(payers)
        metadata = bearer(payer.token)

        async def pay(channel: grpc.aio.Channel, tally: Tally) -> None:
            stub = gateway_pb2_grpc.PaymentServiceStub(channel)

            async def one(due: float) -> None:
                order = orders.from_account(payer.bank, payer.account)
                request = gateway_pb2.TransferRequest(order=order)
                answer = await stub.Transfer(request, timeout=ANSWER_WITHIN, metadata=metadata)
                tally.latencies.append(time.perf_counter() - due)
                tally.take(order, answer.transfer)

            under_way = []
            for moment in share:
                due = tally.begun + moment
                await asyncio.sleep(due - time.perf_counter())
                under_way.append(asyncio.create_task(one(due)))
            await asyncio.gather(*under_way)

        return pay

    clients = [customer(share) for share in shares]
    if logins_per_second:
        clients.append(_logins(load, logins_per_second))
    return asyncio.run(run(load, clients))


def arrivals(per_second: float, seconds: float) -> list[float]:
    """Seconds from the beginning at which customers come who know nothing of each other; in order, before `seconds`."""
    chance, moments, moment = random.Random(1), [], 0.0  # noqa: S311 (the same moments every time)
    while (moment := moment + chance.expovariate(per_second)) < seconds:
        moments.append(moment)
    return moments


def _logins(load: Load, per_second: float) -> Client:
    payers = itertools.cycle(load.customers.payers)

    async def log_in(channel: grpc.aio.Channel, tally: Tally) -> None:
        stub = gateway_pb2_grpc.SessionServiceStub(channel)
        under_way = []
        for number in range(round(load.seconds * per_second)):
            payer = next(payers)
            request = gateway_pb2.LoginRequest(
                username=payer.username, password=load.customers.password, bank=payer.bank, device="benchmark"
            )
            await asyncio.sleep(tally.begun + number / per_second - time.perf_counter())
            under_way.append(asyncio.create_task(_answered(stub, request)))
        await asyncio.gather(*under_way)

    return log_in


async def _answered(stub: "gateway_pb2_grpc.SessionServiceAsyncStub", request: gateway_pb2.LoginRequest) -> None:
    await stub.Login(request, timeout=ANSWER_WITHIN)
