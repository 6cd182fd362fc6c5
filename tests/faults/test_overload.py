"""What is too much is refused before it is accepted; what was accepted is finished, even on a full disk."""

import asyncio

import pytest

from gateway_service.transfer import Transfer
from interbank.instructions import InstructionKind
from interbank.orders import Order, fingerprint, transfer_id
from interbank.refusals import Reason, Refused
from protos.v1 import order_pb2
from tests import books
from tests.disasters import lose_journal
from tests.refusing import refused
from tests.world import Caller, World, an_order

COMPLETED = order_pb2.TRANSFER_STATE_COMPLETED


async def two_customers(world: World) -> tuple[Caller, Caller]:
    return await world.customer("alice", "NORTH", cents=10_00), await world.customer("bob", "SOUTH")


@pytest.mark.parametrize(
    ("kind", "field"), [(InstructionKind.DEBIT, "payer_bank"), (InstructionKind.CREDIT, "payee_bank")]
)
async def test_too_many_that_wait_for_a_bank_refuse_the_next_before_it_is_accepted(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: InstructionKind, field: str
) -> None:
    monkeypatch.setattr("gateway_service.pipeline.MAX_WAITING", 3)
    alice, bob = await two_customers(world)
    held = world.wire.hold_request(kind)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1, "first")])
    await held.arrived.wait()
    for n in range(3):
        await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1, f"queue-{n}")])
    link = world.link("NORTH" if field == "payer_bank" else "SOUTH")
    await world.until(lambda: link.waiting == 3)

    with refused(Reason.GATEWAY_OVERLOADED) as caught:
        await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1, "too-many")
    assert caught.value.retry_after_ms == 500
    assert not await alice.by_key("too-many")

    held.release()
    await world.quiet()
    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1, "too-many")
    assert paid.transfer.state == COMPLETED, "the key stayed free"
    await world.quiet()
    assert await bob.balance("SOUTH") == 5
    books.check(world.home)


@pytest.mark.slow
async def test_a_burst_of_full_requests_is_taken_or_refused_as_too_much_and_breaks_nothing(world: World) -> None:
    """130 SubmitTransfers of 1,000 orders that arrive while one commit runs: fewer than the calls the server admits."""
    world.wire.hold_request(InstructionKind.DEBIT)
    pipeline = world.gateway.server.gateway.pipeline
    batches = [[candidate(1000 * call + n) for n in range(1000)] for call in range(130)]

    answers = await asyncio.gather(*(pipeline.accept(batch) for batch in batches), return_exceptions=True)

    broken = [
        answer
        for answer in answers
        if isinstance(answer, BaseException) and not (isinstance(answer, Refused) and answer.reason.try_again)
    ]
    assert not broken
    await lose_journal(world)


async def test_a_journal_that_takes_nothing_accepts_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = await two_customers(world)
    with monkeypatch.context() as patch:
        patch.setattr("interbank.storage.database.MAX_QUEUED", 0)
        with refused(Reason.BANK_BUSY):
            await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1, "busy")
    assert world.sql("gateway", "SELECT count(*) FROM transfers") == [(0,)]
    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1, "busy")
    assert paid.transfer.state == COMPLETED


async def test_a_known_order_is_answered_by_a_journal_that_takes_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Idempotence comes before validity, and before room."""
    alice, bob = await two_customers(world)
    order = (alice.at("NORTH"), bob.named_at("SOUTH"), 1, "known")
    assert (await alice.pay(*order)).transfer.state == COMPLETED
    monkeypatch.setattr("gateway_service.journal.MAX_ACCEPTING", 0)
    assert (await alice.pay(*order)).transfer.state == COMPLETED
    with refused(Reason.GATEWAY_OVERLOADED):
        await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1, "new")


async def test_a_journal_that_cannot_be_written_delays_the_answer_and_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway_service.journal._SAVE_AGAIN_AFTER", 0.05)
    alice, bob = await two_customers(world)
    held = world.wire.hold_reply(InstructionKind.CREDIT)
    paying = asyncio.ensure_future(alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "late"))
    await held.arrived.wait()
    with monkeypatch.context() as patch:
        patch.setattr("interbank.storage.database.MAX_QUEUED", 0)
        held.release()
        await world.until(lambda: "the journal cannot be written" in caplog.text)
        assert not paying.done(), "an answer that is not durable is no answer"
        assert not await alice.in_state("late", "COMPLETED")

    assert (await paying).transfer.state == COMPLETED
    await world.quiet()
    books.check(world.home)


@pytest.mark.parametrize("bank", ["NORTH", "SOUTH"])
async def test_a_bank_whose_disk_is_full_delays_payments_and_loses_none(world: World, bank: str) -> None:
    alice, bob = await two_customers(world)
    payer, payee = alice.at("NORTH"), bob.named_at("SOUTH")
    orders = [an_order(payer, payee, 1, f"full-{n}", reference="x" * 140) for n in range(60)]
    await fill_disk(world.banks[bank].database)
    paying = asyncio.ensure_future(alice.submit(orders, wait_seconds=10))
    await world.until(lambda: "STORAGE_FULL" in world.log.getvalue())
    assert not paying.done()

    await free_disk(world.banks[bank].database)
    assert {answer.transfer.state for answer in await paying} == {COMPLETED}
    await world.quiet()
    assert await bob.balance("SOUTH") == 60
    books.check(world.home)


async def test_a_full_disk_refuses_orders_before_they_are_accepted(world: World) -> None:
    alice, bob = await two_customers(world)
    await fill_disk(world.gateway.database)
    with refused(Reason.STORAGE_FULL):
        for n in range(100):  # until the pages that the file has are full
            await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1, f"full-{n}")
    await free_disk(world.gateway.database)
    await world.quiet()
    books.check(world.home)


async def fill_disk(database: object) -> None:
    """The file cannot grow by a page any more."""
    pages = await database.write(lambda connection: connection.exec_driver_sql("PRAGMA page_count").scalar_one())
    await database.write(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}").scalar_one())


async def free_disk(database: object) -> None:
    await database.write(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 1000000").scalar_one())


def candidate(n: int) -> Transfer:
    order = Order("NORTH", 1001, "SOUTH", 1001, "bob", 1, "EUR", "", f"burst-{n}")
    digest = fingerprint(order)
    identity = transfer_id("user:alice", order.idempotency_key, digest)
    return Transfer(identity, digest, order, "user:alice", b"", "", patient=True, accepted_at=1)
