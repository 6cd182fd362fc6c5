"""Promises that were found broken. Each stands here until it is kept, then moves to the file that it belongs to."""

import asyncio

import pytest

from gateway_service.transfer import Transfer
from interbank.instructions import InstructionKind
from interbank.orders import Order, fingerprint, transfer_id
from interbank.refusals import Refused
from tests.disasters import lose_journal
from tests.world import World


def candidate(n: int) -> Transfer:
    order = Order("NORTH", 1001, "SOUTH", 1001, "bob", 1, "EUR", "", f"burst-{n}")
    digest = fingerprint(order)
    identity = transfer_id("user:alice", order.idempotency_key, digest)
    return Transfer(identity, digest, order, "user:alice", b"", "", patient=True, accepted_at=1)


@pytest.mark.slow
async def test_a_burst_of_full_requests_is_taken_or_refused_as_too_much_and_breaks_nothing(world: World) -> None:
    """130 SubmitTransfers of 1,000 orders that arrive while one commit runs: fewer than the calls the server admits."""
    world.wire.hold_request(InstructionKind.DEBIT)
    pipeline = world.gateway.server._pipeline
    batches = [[candidate(1000 * call + n) for n in range(1000)] for call in range(130)]

    answers = await asyncio.gather(*(pipeline.accept(batch) for batch in batches), return_exceptions=True)

    broken = [
        answer
        for answer in answers
        if isinstance(answer, BaseException) and not (isinstance(answer, Refused) and answer.reason.try_again)
    ]
    assert not broken
    await lose_journal(world)
