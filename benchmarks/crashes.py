"""What a crash costs: SIGKILL with payments under way, and the time until all of them are final. One after which an
order that was accepted is not COMPLETED has no number."""

import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.calls import gateway
from benchmarks.failures import RunFailed
from benchmarks.load import ANSWER_WITHIN, WAIT_SECONDS, Load, accepted, bearer, completed
from benchmarks.payments import Payments
from benchmarks.plan import BANKS, BATCH
from protos.v1 import gateway_pb2

_FINAL_WITHIN = 120.0
_LOOK_EVERY = 0.02
_SUBMITTING = 8
_UNFINISHED = "SELECT count(*) FROM transfers WHERE state NOT IN ('COMPLETED', 'REFUSED', 'RETURNED', 'CANCELLED')"
_LAST = "SELECT coalesce(max(journal_id), 0) FROM transfers"
_STATES = "SELECT transfer_id, state FROM transfers WHERE journal_id > ?"


def crash(payments: Payments, victim: str, count: int) -> tuple[float, int]:
    """Seconds from SIGKILL, the new start included, until nothing is under way; and how many payments were. The journal
    must hold every order that was accepted as COMPLETED then, before any is sent again under its key; what is sent
    again is not paid again. Raises RunFailed, and Refused if the victim does not start again."""
    running = payments.running
    journal = running.home.gateway.database
    requests, after = crash_requests(payments.load(0), count), _number(journal, _LAST)
    answers, begun = _kill_when_all_are_answered(payments, victim, requests)
    under_way = _number(journal, _UNFINISHED)
    running.start()
    while _number(journal, _UNFINISHED):
        if time.perf_counter() - begun > _FINAL_WITHIN:
            raise RunFailed(f"after a crash of {victim} payments were not final within {_FINAL_WITHIN:.0f} s")
        time.sleep(_LOOK_EVERY)
    seconds = time.perf_counter() - begun
    if faults := faults_of_recovery(_handed_over(requests, answers), states_after(journal, after)):
        raise RunFailed(f"after a crash of {victim}: " + "; ".join(faults))
    _send_again(payments, f"crash of {victim}", requests)
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


def faults_of_recovery(handed_over: Sequence[bytes], found: Sequence[tuple[bytes, str]]) -> list[str]:
    """What is wrong with a journal that holds these transfers with their states, when those with the ids `handed_over`
    were accepted before the crash: each must be there once and COMPLETED, and no other. Empty when all is right."""
    wanted, there = Counter(handed_over), Counter(identity for identity, _ in found)
    unpaid = Counter(state for _, state in found if state != "COMPLETED")
    told = {
        "accepted under the id of another": (wanted - Counter(set(handed_over))).total(),
        "lost": (wanted - there).total(),
        "that nobody handed over": (there - wanted).total(),
        **dict(sorted(unpaid.items())),
    }
    return [f"of {len(handed_over):,} orders {count:,} {what}" for what, count in told.items() if count]


def states_after(journal: Path, journal_id: int) -> list[tuple[bytes, str]]:
    """Every transfer that a gateway's journal took up after this one, with its state."""
    with _reading(journal) as connection:
        return [(bytes(identity), str(state)) for identity, state in connection.execute(_STATES, (journal_id,))]


def _kill_when_all_are_answered(
    payments: Payments, victim: str, requests: Sequence[gateway_pb2.SubmitTransfersRequest]
) -> tuple[list[gateway_pb2.SubmitTransfersResponse], float]:
    """The answers, which are looked at when there is time, and when the victim was killed."""
    metadata = bearer(payments.customers.operator_token)
    with ThreadPoolExecutor(_SUBMITTING) as pool, gateway(payments.running) as stub:
        asked = [pool.submit(stub.SubmitTransfers, one, timeout=ANSWER_WITHIN, metadata=metadata) for one in requests]
        answers = [answer.result() for answer in asked]
        begun = time.perf_counter()
        payments.running.kill(victim)
    return answers, begun


def _handed_over(
    requests: Sequence[gateway_pb2.SubmitTransfersRequest], answers: Sequence[gateway_pb2.SubmitTransfersResponse]
) -> list[bytes]:
    """The ids that the orders were accepted under. Raises RunFailed unless all of them were."""
    return [
        transfer.transfer_id
        for request, answer in zip(requests, answers, strict=True)
        for transfer in accepted(request.orders, answer.submissions)
    ]


def _send_again(payments: Payments, name: str, requests: Sequence[gateway_pb2.SubmitTransfersRequest]) -> None:
    paid, metadata = [], bearer(payments.customers.operator_token)
    with gateway(payments.running) as stub:
        for request in requests:
            request.wait_seconds = WAIT_SECONDS
            answer = stub.SubmitTransfers(request, timeout=ANSWER_WITHIN, metadata=metadata)
            transfers = accepted(request.orders, answer.submissions)
            paid += [completed(order, transfer) for order, transfer in zip(request.orders, transfers, strict=True)]
    payments.check(name, paid)


def _number(journal: Path, query: str) -> int:
    with _reading(journal) as connection:
        return int(connection.execute(query).fetchone()[0])


@contextlib.contextmanager
def _reading(journal: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        yield connection
