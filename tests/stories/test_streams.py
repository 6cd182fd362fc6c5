"""Orders in a stream: numbered, each by itself, each answered once; and what is refused as a whole."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from gateway_service.servicers import streaming as served
from interbank.refusals import Reason
from protos.v1 import gateway_pb2, order_pb2
from tests.refusing import refused
from tests.streams import Answers, Stream, stream_of, streaming
from tests.world import Caller, World, an_order

COMPLETED = order_pb2.TRANSFER_STATE_COMPLETED
REFUSED = order_pb2.TRANSFER_STATE_REFUSED


async def two_customers(world: World) -> tuple[Caller, Caller]:
    return await world.customer("alice", "NORTH", cents=20_00), await world.customer("bob", "SOUTH")


def orders_of(alice: Caller, bob: Caller, count: int, label: str) -> list[order_pb2.Order]:
    return [an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1, f"{label}-{n}") for n in range(count)]


def by_number(answers: Answers) -> list[gateway_pb2.Submission]:
    """The answers in the order of their orders; each order must have exactly one."""
    numbers = [number for number, _ in answers]
    assert sorted(numbers) == list(range(len(numbers)))
    return [answer for _, answer in sorted(answers, key=lambda one: one[0])]


async def test_each_order_is_answered_once_under_its_number(world: World) -> None:
    alice, bob = await two_customers(world)
    orders = orders_of(alice, bob, 1500, "numbered")

    answers = by_number(await stream_of(alice, orders[:1], orders[1:600], orders[600:]))

    assert [answer.transfer.order for answer in answers] == orders
    assert {answer.transfer.state for answer in answers} == {COMPLETED}
    assert await bob.balance("SOUTH") == 15_00


async def test_good_and_bad_orders_are_answered_one_by_one(world: World) -> None:
    alice, bob = await two_customers(world)
    payer, payee = alice.at("NORTH"), bob.named_at("SOUTH")
    orders = [
        an_order(payer, payee, 1_00, "1"),
        an_order(payer, payee, 0, "2"),
        an_order(payer, (*payee[:2], "mallory"), 1_00, "3"),
        an_order(payer, payee, 100_00, "4"),
        an_order(payer, ("WEST", 1001, "bob"), 1_00, "5"),
        an_order(bob.at("SOUTH"), alice.named_at("NORTH"), 1_00, "6"),
        an_order(payer, payee, 1_00, "7", reference="x" * 70_000),
        an_order(payer, payee, 2_00, "8"),
    ]

    answers = by_number(await stream_of(alice, orders))

    assert [answer.not_accepted.reason or answer.transfer.reason for answer in answers] == [
        "",
        "AMOUNT_NOT_POSITIVE",
        "PAYEE_NAME_MISMATCH",
        "INSUFFICIENT_FUNDS",
        "UNKNOWN_BANK",
        "NOT_LOGGED_IN_AT_BANK",
        "REFERENCE_MALFORMED",
        "",
    ]
    assert await bob.balance("SOUTH") == 3_00


async def test_a_key_that_is_sent_twice_in_one_stream_pays_once_and_is_answered_twice(world: World) -> None:
    alice, bob = await two_customers(world)
    one = an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "twice")

    answers = by_number(await stream_of(alice, [one, one], [one]))

    assert len({answer.transfer.transfer_id for answer in answers}) == 1
    assert {answer.transfer.state for answer in answers} == {COMPLETED}
    assert await bob.balance("SOUTH") == 1_00


async def test_orders_are_carried_out_in_the_order_in_which_they_were_sent(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    carol = await world.customer("carol", "NORTH")
    amounts = [6_00, 5_00, 4_00, 1]
    orders = [an_order(alice.at("NORTH"), carol.named_at("NORTH"), cents, f"in-order-{cents}") for cents in amounts]

    answers = by_number(await stream_of(alice, *([order] for order in orders)))

    assert [answer.transfer.state for answer in answers] == [COMPLETED, REFUSED, COMPLETED, REFUSED]


async def test_a_stream_without_orders_ends_well(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    assert await stream_of(alice) == []


async def test_more_can_be_sent_when_the_first_are_answered(world: World) -> None:
    alice, bob = await two_customers(world)
    first, second = orders_of(alice, bob, 2, "by-and-by")
    async with streaming(alice) as stream:
        await stream.send([first])
        assert [number for number, _ in await stream.read()] == [0]
        await stream.send([second])
        assert [number for number, _ in await stream.read()] == [1]
        await stream.call.done_writing()
        assert await stream.read() == []


async def test_every_order_leaves_the_line_in_the_log_that_it_leaves_with_the_other_calls(world: World) -> None:
    alice, bob = await two_customers(world)
    answers = by_number(await stream_of(alice, orders_of(alice, bob, 2, "logged")))
    for answer in answers:
        (line,) = [
            line
            for line in world.log.getvalue().splitlines()
            if "Submit " in line and answer.transfer.transfer_id.hex()[:8] in line
        ]
        assert f"0.01 EUR  ACCEPTED  user:{alice.username} " in line


# --- on whose authority, and what else holds for the whole stream


async def test_what_the_first_request_says_holds_for_all(world: World) -> None:
    alice, bob = await two_customers(world)
    operator = await world.operator()
    orders = orders_of(alice, bob, 2, "standing")

    answers = by_number(await stream_of(operator, orders[:1], orders[1:], on_authority_of_bank="NORTH", patient=True))

    assert {answer.transfer.principal for answer in answers} == {"bank:NORTH"}
    ids = ", ".join(f"x'{answer.transfer.transfer_id.hex()}'" for answer in answers)
    assert world.sql("gateway", f"SELECT patient FROM transfers WHERE transfer_id IN ({ids})") == [(1,), (1,)]


async def test_nobody_orders_on_the_authority_of_a_bank_but_the_operator(world: World) -> None:
    alice, bob = await two_customers(world)
    with refused(Reason.NOT_ALLOWED):
        await stream_of(alice, orders_of(alice, bob, 1, "foreign"), on_authority_of_bank="NORTH")
    assert not await alice.by_key("foreign-0")


TERMS: dict[str, Any] = {"on_authority_of_bank": "NORTH", "patient": True, "wait_seconds": 5}


@pytest.mark.parametrize(
    ("field", "other"), [("on_authority_of_bank", "SOUTH"), ("patient", False), ("wait_seconds", 0)]
)
async def test_a_later_request_may_repeat_the_first_but_not_contradict_it(
    world: World, field: str, other: object
) -> None:
    alice, bob = await two_customers(world)
    operator = await world.operator()
    orders = orders_of(alice, bob, 4, f"contradicting-{field}")
    async with streaming(operator) as stream:
        await stream.send(orders[:1], **TERMS)
        await stream.send(orders[1:2], **TERMS)
        await stream.send(orders[2:3])
        await stream.send(orders[3:], **{field: other})
        assert [number for number, _ in await stream.rest(count=3)] == [0, 1, 2]
        with refused(Reason.REQUEST_MALFORMED, field=field):
            await stream.read()
    assert await bob.balance("SOUTH") == 3


async def test_what_the_first_request_left_out_is_not_said_later(world: World) -> None:
    alice, bob = await two_customers(world)
    async with streaming(alice) as stream:
        await stream.send(orders_of(alice, bob, 1, "said-late"))
        await stream.send(orders_of(alice, bob, 2, "said-late")[1:], patient=True)
        with refused(Reason.REQUEST_MALFORMED, field="patient"):
            await stream.rest()


# --- refused as a whole


@pytest.mark.parametrize("count", [0, 1001, 3000])
@pytest.mark.parametrize("before", [0, 1], ids=["first", "later"])
async def test_a_request_with_too_many_orders_ends_the_stream_after_all_before_it(
    world: World, before: int, count: int
) -> None:
    alice, bob = await two_customers(world)
    wrong = [an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1, f"wrong-{count}")] * count
    async with streaming(alice) as stream:
        for order in orders_of(alice, bob, before, f"before-{count}"):
            await stream.send([order])
        await stream.send(wrong)
        assert [number for number, _ in await stream.rest(count=before)] == list(range(before))
        with refused(Reason.TOO_MANY_ITEMS, field="orders"):
            await stream.read()
    assert not await alice.by_key(f"wrong-{count}")
    assert await bob.balance("SOUTH") == before


async def test_a_request_of_more_than_a_mebibyte_ends_the_stream(world: World) -> None:
    alice, bob = await two_customers(world)
    huge = an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1, "huge", reference="x" * 1_100_000)
    with refused(Reason.REQUEST_TOO_LARGE):
        await stream_of(alice, [huge])


async def test_without_a_session_a_stream_ends_before_anything_is_sent(world: World) -> None:
    nobody = Caller(world)
    async with streaming(nobody) as stream:
        with refused(Reason.NOT_LOGGED_IN):
            await stream.read()


async def test_a_session_that_ends_under_a_stream_ends_it_with_that_reason(world: World) -> None:
    alice, bob = await two_customers(world)
    orders = orders_of(alice, bob, 2, "logout")
    async with streaming(alice) as stream:
        await stream.send(orders[:1])
        assert len(await stream.read()) == 1
        await alice.call("SessionService", "Logout", gateway_pb2.LogoutRequest())
        await stream.send(orders[1:])
        with refused(Reason.NOT_LOGGED_IN):
            await stream.read()
    await alice.login(alice.username, bank="NORTH")
    assert not await alice.by_key("logout-1")


# --- how many


@contextlib.asynccontextmanager
async def many_streams(callers: Sequence[Caller]) -> AsyncIterator[list[Stream]]:
    """Open and served."""
    async with contextlib.AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(streaming(caller)) for caller in callers]
        for n, stream in enumerate(streams):
            await stream.send([an_order(("WEST", 1), ("WEST", 1, "nobody"), 1, f"open-{n}")])
            assert len(await stream.read()) == 1
        yield streams


async def test_a_user_has_so_many_streams_and_takes_none_of_anothers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "MAX_STREAMS", 3)
    alice, bob = await two_customers(world)
    async with many_streams([alice] * 3):
        with refused(Reason.GATEWAY_OVERLOADED) as caught:
            await stream_of(alice)
        assert caught.value.reason.try_again
        assert await stream_of(bob) == []
    streams = world.gateway.server.gateway.payments._streams
    await world.until(lambda: not streams._open)
    assert await stream_of(alice) == []


async def test_streams_of_a_session_that_has_ended_take_no_room(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "MAX_STREAMS", 3)
    monkeypatch.setattr(served, "LOOK_EVERY", 0.05)
    alice, bob = await two_customers(world)
    async with many_streams([alice] * 3) as silent:
        await alice.call("SessionService", "Logout", gateway_pb2.LogoutRequest())
        with refused(Reason.OUTCOME_UNKNOWN):
            await silent[0].read()
        await alice.login(alice.username, bank="NORTH")
        streams = world.gateway.server.gateway.payments._streams
        await world.until(lambda: not streams._open)
        assert len(await stream_of(alice, orders_of(alice, bob, 1, "again"))) == 1


async def test_a_stream_outlives_many_looks_at_its_session(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, real = [], served.Streams._require_still

    async def require_still(*arguments: Any) -> None:
        looks.append(await real(*arguments))

    monkeypatch.setattr(served, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(served.Streams, "_require_still", require_still)
    alice, bob = await two_customers(world)
    async with streaming(alice) as stream:
        for number in range(2):
            await world.until(lambda: len(looks) >= 5)
            looks.clear()
            await stream.send(orders_of(alice, bob, 1, f"look-{number}"))
            assert len(await stream.read()) == 1
        await stream.call.done_writing()
        assert await stream.rest() == []
