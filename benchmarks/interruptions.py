"""What an interruption costs: a start from a home that exists, and a crash with payments under way."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc

from benchmarks import workloads as w
from benchmarks.figures import Figure
from benchmarks.load import ANSWER_WITHIN, WAIT_SECONDS, Load, RunFailed, accepted, bearer, completed
from benchmarks.network import Running
from benchmarks.payments import Payments
from benchmarks.plan import BANKS, BATCH, Plan
from certs.credentials import customer_credentials
from protos.v1 import gateway_pb2, gateway_pb2_grpc

_FINAL_WITHIN = 120.0
_LOOK_EVERY = 0.02
_SUBMITTING = 8
_UNFINISHED = "SELECT count(*) FROM transfers WHERE state NOT IN ('COMPLETED', 'REFUSED', 'RETURNED', 'CANCELLED')"


def measure_interruptions(plan: Plan, payments: Payments) -> dict[str, Figure]:
    """Figures by name. Raises RunFailed, or Refused if the network does not start again."""
    starts = [_start(payments, f"start, {number} of {plan.starts}") for number in range(1, plan.starts + 1)]
    found = {w.START: starts}
    for victim, seconds, under_way in (
        ("gateway", w.RECOVERY_GATEWAY, w.UNDER_WAY_GATEWAY),
        (BANKS[0], w.RECOVERY_BANK, w.UNDER_WAY_BANK),
    ):
        crashes = [_crash(payments, victim, plan.under_way) for _ in range(plan.starts)]
        found |= {seconds: [one for one, _ in crashes], under_way: [float(many) for _, many in crashes]}
    return {name: Figure(tuple(values)) for name, values in found.items() if values}


def _start(payments: Payments, name: str) -> float:
    """Seconds from nothing running until a payment is answered as COMPLETED."""
    payments.running.stop()
    load = payments.load(0)
    payer = load.customers.payers[0]
    request = gateway_pb2.TransferRequest(order=load.orders().from_account(payer.bank, payer.account))
    begun = time.perf_counter()
    payments.running.start()
    with _gateway(payments.running) as stub:
        answer = stub.Transfer(request, timeout=ANSWER_WITHIN, metadata=bearer(payer.token))
    seconds = time.perf_counter() - begun
    payments.check(name, [completed(answer.transfer)])
    payments.say(f"{name}: {seconds:.1f} s to the first payment; books right")
    return seconds


def _crash(payments: Payments, victim: str, count: int) -> tuple[float, int]:
    """Seconds from SIGKILL, the new start included, until nothing is under way; and how many payments were. Then every
    order is sent again under its key: what the crash left unanswered is answered, and nothing is paid twice."""
    running, load = payments.running, payments.load(0)
    requests = crash_requests(load, count)
    with ThreadPoolExecutor(_SUBMITTING) as pool, _gateway(running) as stub:
        metadata = bearer(load.customers.operator_token)
        asked = [pool.submit(stub.SubmitTransfers, one, timeout=ANSWER_WITHIN, metadata=metadata) for one in requests]
        for answer in asked:
            answer.result()
        begun = time.perf_counter()
        running.kill(victim)
    under_way = _unfinished(running)
    running.start()
    while _unfinished(running):
        if time.perf_counter() - begun > _FINAL_WITHIN:
            raise RunFailed(f"after a crash of {victim} payments were not final within {_FINAL_WITHIN:.0f} s")
        time.sleep(_LOOK_EVERY)
    seconds = time.perf_counter() - begun
    _check(payments, f"crash of {victim}", requests)
    payments.say(f"SIGKILL of {victim}, {under_way:,} under way: {seconds:.1f} s until all are final; books right")
    return seconds, under_way


def crash_requests(load: Load, count: int) -> list[gateway_pb2.SubmitTransfersRequest]:
    """So many orders in full batches, for one bank after the other, whose answers do not wait for the end."""
    orders = load.orders()
    return [
        gateway_pb2.SubmitTransfersRequest(
            orders=[orders.from_any_account(bank) for _ in range(BATCH)],
            on_authority_of_bank=bank,
            patient=True,
        )
        for bank in (BANKS[number % len(BANKS)] for number in range(count // BATCH))
    ]


def _check(payments: Payments, name: str, requests: list[gateway_pb2.SubmitTransfersRequest]) -> None:
    paid, metadata = [], bearer(payments.customers.operator_token)
    with _gateway(payments.running) as stub:
        for request in requests:
            request.wait_seconds = WAIT_SECONDS
            answer = stub.SubmitTransfers(request, timeout=ANSWER_WITHIN, metadata=metadata)
            paid += [completed(accepted(submission)) for submission in answer.submissions]
    payments.check(name, paid)


def _unfinished(running: Running) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{running.home.gateway.database}?mode=ro", uri=True)) as connection:
        return int(connection.execute(_UNFINISHED).fetchone()[0])


@contextlib.contextmanager
def _gateway(running: Running) -> "Iterator[gateway_pb2_grpc.PaymentServiceStub]":
    with grpc.secure_channel(running.address, customer_credentials(running.authority)) as channel:
        yield gateway_pb2_grpc.PaymentServiceStub(channel)
