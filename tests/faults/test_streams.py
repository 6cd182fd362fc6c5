"""A stream of orders, hurt: whatever ends it, and whoever is slow, each order is paid once and nobody else waits."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from certs.credentials import customer_credentials
from gateway_service.open_orders import MAX_OPEN, OpenOrders
from interbank.instructions import InstructionKind
from interbank.refusals import Reason, Refused
from interbank.rpc import interceptor
from protos.v1 import gateway_pb2, order_pb2
from tests import books
from tests.refusing import refused
from tests.streams import Stream, stream_of, streaming
from tests.world import Caller, World, an_order

COMPLETED = order_pb2.TRANSFER_STATE_COMPLETED
SENT = "SELECT count(*) FROM transfers"


async def two_customers(world: World, cents: int = 100_00) -> tuple[Caller, Caller]:
    return await world.customer("alice", "NORTH", cents=cents), await world.customer("bob", "SOUTH")


def orders_of(alice: Caller, bob: Caller, count: int, *, reference: str = "") -> list[order_pb2.Order]:
    payer, payee = alice.at("NORTH"), bob.named_at("SOUTH")
    return [an_order(payer, payee, 1, f"stream-{n}", reference=reference) for n in range(count)]


def nobody_waits(world: World) -> bool:
    """Whether no transfer under way has anybody to tell, and no task of a stream is left."""
    waited_for = any(underway.waiters for underway in world.gateway.server.gateway.pipeline._underway.values())
    return not waited_for and not [task for task in asyncio.all_tasks() if "Streams." in repr(task)]


@dataclass
class Room:
    """Requests that the gateway has read, and those of them that it had room for."""

    asked: int = 0
    given: int = 0

    @property
    def full(self) -> bool:
        return self.asked > self.given


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    """What the streams of this test do, seen."""
    seen, real = Room(), OpenOrders.room_for

    async def room_for(orders: OpenOrders, count: int) -> None:
        seen.asked += 1
        await real(orders, count)
        seen.given += 1

    monkeypatch.setattr(OpenOrders, "room_for", room_for)
    monkeypatch.setattr("gateway_service.servicers.streaming.MAX_WAIT", 600)
    return seen


# --- answers


async def test_an_answer_comes_when_its_payment_ends_and_not_with_the_last(world: World) -> None:
    alice, bob = await two_customers(world)
    carol = await world.customer("carol", "NORTH")
    held = world.wire.hold_request(InstructionKind.CREDIT)
    slow = an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "slow")
    quick = an_order(alice.at("NORTH"), carol.named_at("NORTH"), 1_00, "quick")
    async with streaming(alice) as stream:
        await stream.send([slow, quick])
        ((number, answer),) = await stream.read()
        assert (number, answer.transfer.state) == (1, COMPLETED)
        assert not held._released.is_set()
        held.release()
        ((number, answer),) = await stream.read()
        assert (number, answer.transfer.state) == (0, COMPLETED)
    await world.quiet()
    books.check(world.home)


@pytest.mark.parametrize(("wanted", "most"), [(1, 600), (600, 1)], ids=["the caller's", "the gateway's"])
async def test_a_payment_that_takes_longer_than_the_wait_is_answered_as_it_stands(
    world: World, monkeypatch: pytest.MonkeyPatch, wanted: int, most: int
) -> None:
    monkeypatch.setattr("gateway_service.servicers.streaming.MAX_WAIT", most)
    alice, bob = await two_customers(world)
    held = world.wire.hold_request(InstructionKind.CREDIT)
    (order,) = orders_of(alice, bob, 1)
    async with streaming(alice) as stream:
        await stream.send([order], wait_seconds=wanted)
        ((_, pending),) = await stream.read()
        assert not pending.transfer.final
    await world.until(lambda: nobody_waits(world))

    held.release()
    ((_, paid),) = await stream_of(alice, [order])
    assert (paid.transfer.state, paid.transfer.transfer_id) == (COMPLETED, pending.transfer.transfer_id)


# --- flow control


async def test_no_more_are_taken_while_two_thousand_are_unanswered(world: World, room: Room) -> None:
    alice, bob = await two_customers(world)
    orders = orders_of(alice, bob, MAX_OPEN + 1)
    held = world.wire.hold_request(InstructionKind.DEBIT)
    async with streaming(alice, timeout=100) as stream:
        for part in (orders[:1000], orders[1000:2000], orders[2000:]):
            await stream.send(part, wait_seconds=600)
        await world.until(lambda: room.asked == 3 and room.given == 2)
        await world.until(lambda: world.sql("gateway", SENT) == [(2000,)])
        assert not await alice.by_key(f"stream-{MAX_OPEN}")

        held.release()
        assert len(await stream.rest(count=MAX_OPEN + 1)) == MAX_OPEN + 1
    await world.quiet()
    assert await bob.balance("SOUTH") == MAX_OPEN + 1
    books.check(world.home)


async def test_who_does_not_read_his_answers_holds_back_nobody_but_himself(world: World, room: Room) -> None:
    alice, bob = await two_customers(world)
    orders = orders_of(alice, bob, 8000, reference="€" * 140)
    async with narrow_channel(world) as channel, streaming(alice, timeout=100, channel=channel) as stream:
        sending = asyncio.create_task(send_in_parts(stream, orders))
        await world.until(lambda: room.full)
        await world.quiet()
        assert room.full, "all that was taken has ended, and no more is taken"
        assert room.given * 1000 <= MAX_OPEN + 1000, "answers that fit into the transport make room for one request"
        bystander = await world.customer("bystander", "NORTH", cents=1_00)
        paid = await bystander.pay(bystander.at("NORTH"), bob.named_at("SOUTH"), 1_00, "beside")
        assert paid.transfer.state == COMPLETED

        answers = await stream.rest()
        await sending
    assert sorted(number for number, _ in answers) == list(range(8000))
    await world.quiet()
    assert await bob.balance("SOUTH") == 8000 + 1_00
    books.check(world.home)


def narrow_channel(world: World) -> grpc.aio.Channel:
    """A client that takes 64 KiB ahead of what it reads, and never more."""
    credentials = customer_credentials(world.gateway_identity.authority)
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_536)]
    return grpc.aio.secure_channel(world.gateway.address, credentials, options=options)


async def send_in_parts(stream: Stream, orders: list[order_pb2.Order]) -> None:
    for begin in range(0, len(orders), 1000):
        await stream.send(orders[begin : begin + 1000], wait_seconds=600)
    await stream.call.done_writing()


# --- ends


async def test_a_refusal_comes_only_when_all_before_it_are_answered(world: World) -> None:
    alice, bob = await two_customers(world)
    held = world.wire.hold_request(InstructionKind.CREDIT)
    async with streaming(alice) as stream:
        await stream.send(orders_of(alice, bob, 3))
        await stream.send([])
        await held.arrived.wait()
        held.release()
        assert sorted(number for number, _ in await stream.rest(count=3)) == [0, 1, 2]
        with refused(Reason.TOO_MANY_ITEMS):
            await stream.read()


@pytest.mark.parametrize("kind", [InstructionKind.DEBIT, InstructionKind.CREDIT])
async def test_a_stream_that_is_broken_off_and_sent_again_pays_each_order_once(
    world: World, kind: InstructionKind
) -> None:
    alice, bob = await two_customers(world)
    orders = orders_of(alice, bob, 300)
    held = world.wire.hold_request(kind)
    async with streaming(alice) as stream:
        await stream.send(orders[:100])
        await stream.send(orders[100:200])
        await held.arrived.wait()
    await world.until(lambda: nobody_waits(world))
    held.release()

    answers = await stream_of(alice, orders)

    assert {answer.transfer.state for _, answer in answers} == {COMPLETED}
    assert len(answers) == 300
    await world.quiet()
    assert await bob.balance("SOUTH") == 300
    books.check(world.home)


async def test_the_deadline_of_a_stream_ends_it_and_not_what_was_accepted(world: World) -> None:
    alice, bob = await two_customers(world)
    held = world.wire.hold_request(InstructionKind.CREDIT)
    async with streaming(alice, timeout=1.0) as stream:
        await stream.send(orders_of(alice, bob, 3))
        with refused(Reason.GATEWAY_UNREACHABLE):
            await stream.read()
        assert await stream.call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await world.until(lambda: nobody_waits(world))
    held.release()
    await world.quiet()
    assert await bob.balance("SOUTH") == 3
    books.check(world.home)


async def test_a_stream_takes_no_more_of_a_user_once_it_is_gone(world: World) -> None:
    alice, bob = await two_customers(world)
    world.wire.hold_request(InstructionKind.CREDIT)
    async with streaming(alice) as stream:
        await stream.send(orders_of(alice, bob, 1))
        await world.until(lambda: alice.by_key("stream-0"))
    streams = world.gateway.server.gateway.payments._streams
    await world.until(lambda: not streams._open)


@pytest.mark.parametrize("crash", [False, True], ids=["stops", "crashes"])
async def test_a_gateway_that_ends_in_the_middle_of_a_stream(
    world: World, monkeypatch: pytest.MonkeyPatch, crash: bool
) -> None:
    monkeypatch.setattr("interbank.rpc.server.GRACE_SECONDS", 0.2)
    alice, bob = await two_customers(world)
    orders = orders_of(alice, bob, 3000)
    held = world.wire.hold_request(InstructionKind.CREDIT)
    async with streaming(alice) as stream:
        await stream.send(orders[:1000])
        await held.arrived.wait()
        waiting = asyncio.create_task(stream.read())
        await stream.send(orders[1000:2000])
        await (world.kill_gateway() if crash else world.stop_gateway())
        with pytest.raises((Refused, asyncio.CancelledError, grpc.aio.UsageError)):
            await waiting
    await world.until(lambda: nobody_waits(world))
    held.lose()
    await world.start_gateway()
    await world.connected("NORTH", "SOUTH")

    answers = await stream_of(alice, orders[:1000], orders[1000:2000], orders[2000:])

    assert sorted(number for number, _ in answers) == list(range(3000))
    assert {answer.transfer.state for _, answer in answers} == {COMPLETED}
    await world.quiet()
    assert await bob.balance("SOUTH") == 3000
    books.check(world.home)


# --- what a caller may keep of the gateway


async def test_a_request_with_too_many_orders_is_not_kept_until_it_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged, real = [], interceptor._require_message

    def require_message(request: object) -> None:
        judged.append(request)
        real(request)

    monkeypatch.setattr(interceptor, "_require_message", require_message)
    alice, bob = await two_customers(world)
    wrong = [an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 0, f"wrong-{n}") for n in range(1000)]
    full = gateway_pb2.StreamTransfersRequest(orders=wrong).SerializeToString()
    many = b"\x0a\x00" * 520_000  # 520,000 empty orders in one megabyte, eighty when they are read
    before = resident_mb()
    async with narrow_channel(world) as channel:
        method = channel.stream_stream("/interbank.v1.PaymentService/StreamTransfers")
        calls = [method(metadata=(("authorization", f"Bearer {alice.token}"),)) for _ in range(6)]
        for call in calls:
            for raw in (full, full, many):
                await call.write(raw)
        await world.until(lambda: sum(isinstance(request, Refused) for request in judged) == 6)
        judged.clear()
        grown = resident_mb() - before
        for call in calls:
            call.cancel()
    assert grown < 200


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
