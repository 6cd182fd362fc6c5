"""What the SDK makes of a stream of orders: each answer under its order's number, and an honest word when it ends."""

import asyncio
import logging
import re
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from clients import bulk_payments
from clients.bulk_payments import Bulk, Payment
from clients.payment_files import PaymentLine
from clients.sdk import Client, Unanswered
from clients.sdk.records import NotAccepted, Transfer
from interbank.instructions import InstructionKind
from interbank.orders import Order
from interbank.refusals import Reason
from tests.command_line import Line, Pair, the_wire
from tests.refusing import refused
from tests.streams import streaming
from tests.world import World
from tests.world import an_order as order_message

Answers = list[tuple[int, Transfer | NotAccepted]]
SOON = 20.0


def an_order(pair: Pair, key: str, *, reference: str = "", payee: str = "") -> Order:
    alice, bob = pair.alice.accounts["NORTH"], pair.bob.accounts["SOUTH"]
    return Order("NORTH", alice, "SOUTH", bob, payee or pair.bob.username, 1, "EUR", reference, key)


def client(world: World, token: str, address: str = "") -> Client:
    assert world.gateway is not None
    return Client(address or world.gateway.address, world.gateway_identity.authority, token)


async def stream(world: World, pair: Pair, orders: Iterable[Order], into: Answers, address: str = "") -> None:
    """Pay beside this loop."""

    def pay() -> None:
        with client(world, pair.alice.token, address) as sdk:
            into.extend(sdk.payments.stream(orders))

    await asyncio.to_thread(pay)


async def test_each_answer_comes_under_its_orders_number(network: World, pair: Pair) -> None:
    wanted = [an_order(pair, f"k{n}", payee="mallory" if n % 3 == 1 else "") for n in range(2500)]
    answers: Answers = []
    await stream(network, pair, (order for order in wanted), answers)

    assert sorted(number for number, _ in answers) == list(range(2500))
    for number, answer in answers:
        if number % 3 == 1:
            assert isinstance(answer, NotAccepted)
            assert answer.reason == "PAYEE_NAME_MISMATCH"
        else:
            assert isinstance(answer, Transfer)
            assert (answer.order, answer.state) == (wanted[number], "COMPLETED")


async def test_answers_are_given_while_orders_are_still_being_made(network: World, pair: Pair) -> None:
    answered, in_time = threading.Event(), []

    def orders() -> Iterator[Order]:
        yield from (an_order(pair, f"m{n}") for n in range(1001))
        in_time.append(answered.wait(SOON))
        yield an_order(pair, "last")

    def pay() -> int:
        with client(network, pair.alice.token) as sdk:
            count = 0
            for _ in sdk.payments.stream(orders()):
                answered.set()
                count += 1
            return count

    assert await asyncio.to_thread(pay) == 1002
    assert in_time == [True]


async def test_orders_are_read_no_faster_than_the_gateway_takes_them(network: World, pair: Pair) -> None:
    """Three seconds are enough to make all of them, if nothing holds their maker back."""
    held = the_wire(network).hold_request(InstructionKind.DEBIT)
    made = [0]

    def orders() -> Iterator[Order]:
        for n in range(60_000):
            made[0] += 1
            yield an_order(pair, f"l{n}", reference="x" * 100)

    def pay() -> int:
        with client(network, pair.alice.token) as sdk:
            answers = sdk.payments.stream(orders(), wait_seconds=3)
            next(answers)
            made_by_then = made[0]
            answers.close()
            return made_by_then

    made_by_then = await asyncio.to_thread(pay)
    held.release()
    assert made_by_then < 10_000, "2,000 that are open, a request that waits for room, and one on its way"


async def test_what_the_orders_raise_is_raised_once_those_before_are_answered(network: World, pair: Pair) -> None:
    def orders() -> Iterator[Order]:
        yield from (an_order(pair, f"f{n}") for n in range(1001))
        raise RuntimeError("the file ends in the middle of a line")

    answers: Answers = []

    def pay() -> None:
        with client(network, pair.alice.token) as sdk:
            for answer in sdk.payments.stream(orders()):
                answers.append(answer)

    with pytest.raises(RuntimeError, match="in the middle of a line"):
        await asyncio.to_thread(pay)
    assert len(answers) == 1000, "what was sent before, a full request"


async def test_a_session_that_nobody_knows_is_refused_and_nothing_is_accepted(network: World, pair: Pair) -> None:
    def pay() -> None:
        with client(network, "nobody's") as sdk:
            list(sdk.payments.stream([an_order(pair, "strange")]))

    with refused(Reason.NOT_LOGGED_IN):
        await asyncio.to_thread(pay)
    assert not await pair.alice.by_key("strange")


async def test_a_stream_that_breaks_is_unanswered_and_may_be_sent_again(network: World, pair: Pair) -> None:
    orders = [an_order(pair, f"b{n}") for n in range(20)]
    held = the_wire(network).hold_reply(InstructionKind.CREDIT)
    assert network.gateway is not None
    async with Line(network.gateway.address).open() as line:
        paying = asyncio.create_task(stream(network, pair, orders, [], line.address))
        await held.arrived.wait()
        line.cut()
        with pytest.raises(Unanswered):
            await paying
    held.release()

    answers: Answers = []
    await stream(network, pair, orders, answers)
    assert {answer.state for _, answer in answers if isinstance(answer, Transfer)} == {"COMPLETED"}
    assert await pair.balances() == (99_80, 20)


async def test_what_the_transport_refuses_says_nothing_of_the_orders_before(network: World, pair: Pair) -> None:
    orders = [an_order(pair, "small"), an_order(pair, "huge", reference="x" * 1_100_000)]
    with pytest.raises(Unanswered):
        await stream(network, pair, orders, [])


async def test_leaving_the_loop_ends_the_stream_and_not_what_was_accepted(network: World, pair: Pair) -> None:
    def pay_and_leave() -> None:
        with client(network, pair.alice.token) as sdk:
            answers = sdk.payments.stream(an_order(pair, f"e{n}") for n in range(5))
            next(answers)
            answers.close()

    await asyncio.to_thread(pay_and_leave)
    assert network.gateway is not None
    streams = network.gateway.server.gateway.payments._streams
    await network.until(lambda: not streams._open)
    await network.quiet()
    assert await pair.balances() == (99_95, 5)


async def test_a_gateway_that_falls_silent_is_not_waited_for_without_end(
    network: World, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_payments, "_SILENCE", 0.2)
    held = the_wire(network).hold_reply(InstructionKind.DEBIT)
    monkeypatch.setattr(bulk_payments, "_WAIT_SECONDS", 10)
    payment = Payment(PaymentLine(1, an_order(pair, "silence")))

    def pay() -> None:
        with client(network, pair.alice.token) as sdk:
            Bulk([payment], sdk.payments).run(seconds=0, progress=lambda: None)

    await asyncio.to_thread(pay)
    assert payment.state == "SENT"
    held.release()


async def test_accepted_orders_of_a_stream_that_breaks_off_have_their_line_in_the_log(
    network: World, pair: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    alice, bob = pair.alice, pair.bob
    journal, reached, go_on = network.gateway.server.gateway.pipeline, asyncio.Event(), asyncio.Event()
    real = journal.accept

    async def slow(transfers: Any) -> Any:
        reached.set()
        await go_on.wait()
        return await real(transfers)

    monkeypatch.setattr(journal, "accept", slow)
    async with streaming(alice) as stream:
        await stream.send([order_message(alice.at("NORTH"), bob.named_at("SOUTH"), 1, "broken off")])
        await reached.wait()
    await network.until(lambda: re.search("StreamTransfers .*CANCELLED", caplog.text))
    go_on.set()
    await network.until(lambda: alice.by_key("broken off"))
    (found,) = await alice.by_key("broken off")
    line = f"Submit        {found.transfer_id.hex()[:8]}"
    await network.until(lambda: line in network.log.getvalue())
