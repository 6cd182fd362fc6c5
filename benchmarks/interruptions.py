"""What an interruption costs: a start from a home that exists, and a crash with payments under way."""

import time

from benchmarks import workloads as w
from benchmarks.calls import gateway
from benchmarks.crashes import crash
from benchmarks.figures import Figure
from benchmarks.load import ANSWER_WITHIN, bearer, completed
from benchmarks.payments import Payments
from benchmarks.plan import BANKS, Plan
from protos.v1 import gateway_pb2


def measure_interruptions(plan: Plan, payments: Payments) -> dict[str, Figure]:
    """Figures by name. Raises RunFailed, or Refused if the network does not start again."""
    starts = [_start(payments, f"start, {number} of {plan.starts}") for number in range(1, plan.starts + 1)]
    found = {w.START: starts}
    for victim, seconds, under_way in (
        ("gateway", w.RECOVERY_GATEWAY, w.UNDER_WAY_GATEWAY),
        (BANKS[0], w.RECOVERY_BANK, w.UNDER_WAY_BANK),
    ):
        crashes = [crash(payments, victim, plan.under_way) for _ in range(plan.starts)]
        found |= {seconds: [one for one, _ in crashes], under_way: [float(many) for _, many in crashes]}
    return {name: Figure(tuple(values)) for name, values in found.items() if values}


def _start(payments: Payments, name: str) -> float:
    """Seconds from nothing running until a payment is answered as COMPLETED."""
    load = payments.load(0)
    payer = load.customers.payers[0]
    order = load.orders().from_account(payer.bank, payer.account)
    payments.running.stop()
    begun = time.perf_counter()
    payments.running.start()
    with gateway(payments.running) as stub:
        request = gateway_pb2.TransferRequest(order=order)
        answer = stub.Transfer(request, timeout=ANSWER_WITHIN, metadata=bearer(payer.token))
    seconds = time.perf_counter() - begun
    payments.check(name, [completed(order, answer.transfer)])
    payments.say(f"{name}: {seconds:.1f} s to the first payment; books right")
    return seconds
