"""The orders of a stream until they are answered: each once, in the order in which they end, and never too many."""

import asyncio

import pytest

from gateway_service.open_orders import MAX_OPEN, Answer, OpenOrders
from gateway_service.transfer import Transfer
from gateway_service.underway import Underway
from interbank.orders import MAX_ORDERS, Order, fingerprint, transfer_id
from interbank.refusals import Reason, Refused

LONG = 3600.0
NO = Refused(Reason.UNKNOWN_BANK)


def underway(n: int = 1) -> Underway:
    order = Order("NORTH", 1001, "SOUTH", 1001, "bob", 1, "EUR", "", f"open-{n}")
    digest = fingerprint(order)
    identity = transfer_id("user:alice", order.idempotency_key, digest)
    return Underway(Transfer(identity, digest, order, "user:alice", b"", "", patient=True, accepted_at=1))


def numbers(answers: list[Answer]) -> list[int]:
    return [number for number, _ in answers]


async def test_answers_come_in_the_order_in_which_orders_end() -> None:
    orders, ways = OpenOrders(), [underway(n) for n in range(5)]
    orders.take(ways[:2], LONG)
    orders.take(ways[2:], LONG)
    for n in (3, 0, 4):
        ways[n].finish()
    assert await orders.next_answers() == [(3, ways[3]), (0, ways[0]), (4, ways[4])]
    ways[1].finish()
    assert numbers(await orders.next_answers()) == [1]


async def test_what_is_not_accepted_or_final_already_is_answered_at_once() -> None:
    orders, waits, over = OpenOrders(), underway(1), underway(2)
    over.finish()
    orders.take([waits, NO, over, over.transfer], LONG)
    assert numbers(await orders.next_answers()) == [1, 2, 3]


async def test_a_transfer_that_was_sent_twice_is_answered_twice() -> None:
    orders, twice = OpenOrders(), underway()
    orders.take([twice, NO, twice], LONG)
    assert numbers(await orders.next_answers()) == [1]
    twice.finish()
    assert numbers(await orders.next_answers()) == [0, 2]


async def test_whoever_waits_for_an_answer_is_woken_by_it() -> None:
    orders, way = OpenOrders(), underway()
    waiting = asyncio.create_task(orders.next_answers())
    await asyncio.sleep(0)
    orders.take([way], LONG)
    await asyncio.sleep(0)
    way.finish()
    assert await waiting == [(0, way)]


async def test_what_takes_too_long_is_answered_as_it_stands_and_not_again() -> None:
    orders, slow, later = OpenOrders(), underway(1), underway(2)
    orders.take([slow], 0.0)
    orders.take([later], 0.0)
    assert await orders.next_answers() == [(0, slow), (1, later)]
    assert not slow.finished
    assert not slow.waiters
    slow.finish()
    orders.answered(2)
    orders.no_more()
    assert await orders.next_answers() == []


async def test_waiting_ends_by_itself_when_nothing_else_happens() -> None:
    orders, slow = OpenOrders(), underway()
    orders.take([slow], 0.02)
    assert await orders.next_answers() == [(0, slow)]


async def test_the_overdue_are_not_forgotten_while_others_end_all_the_time() -> None:
    orders, slow = OpenOrders(), underway()
    orders.take([slow], 0.0)
    orders.take([NO], 0.0)
    assert numbers(await orders.next_answers()) == [1, 0]


async def test_there_is_room_for_so_many_and_not_one_more() -> None:
    orders = OpenOrders()
    orders.take([underway(n) for n in range(MAX_OPEN - 1)], LONG)
    await orders.room_for(1)
    orders.take([NO], LONG)
    waiting = asyncio.create_task(orders.room_for(1))
    assert numbers(await orders.next_answers()) == [MAX_OPEN - 1]
    await asyncio.sleep(0)
    assert not waiting.done(), "what is not written yet is not answered"
    orders.answered(1)
    await waiting


async def test_a_full_request_needs_room_for_all_of_it() -> None:
    orders = OpenOrders()
    orders.take([NO] * (MAX_OPEN - MAX_ORDERS + 2), LONG)
    waiting = asyncio.create_task(orders.room_for(MAX_ORDERS))
    for _ in range(2):
        await asyncio.sleep(0)
        assert not waiting.done()
        orders.answered(1)
    await waiting


async def test_one_message_has_at_most_a_thousand_answers() -> None:
    orders = OpenOrders()
    orders.take([NO] * (MAX_ORDERS + 1), LONG)
    assert len(await orders.next_answers()) == MAX_ORDERS
    assert numbers(await orders.next_answers()) == [MAX_ORDERS]


@pytest.mark.parametrize("early", [True, False], ids=["before the last answer", "after it"])
async def test_it_ends_when_no_more_come_and_all_are_answered(early: bool) -> None:
    orders, way = OpenOrders(), underway()
    orders.take([way], LONG)
    if early:
        orders.no_more()
    way.finish()
    assert numbers(await orders.next_answers()) == [0]
    orders.answered(1)
    orders.no_more()
    assert await orders.next_answers() == []


async def test_who_leaves_is_forgotten_by_the_transfers_and_by_nobody_else() -> None:
    orders, other, way = OpenOrders(), OpenOrders(), underway()
    orders.take([way], LONG)
    other.take([way], LONG)
    orders.leave()
    way.finish()
    assert numbers(await other.next_answers()) == [0]
    assert not orders._ready
