"""Law 4: after a crash, of the gateway or of a bank, at any step, every payment goes on to its end, exactly once."""

import asyncio
import itertools

import pytest

from interbank.instructions import InstructionKind
from protos.v1 import order_pb2
from tests import books
from tests.wire import Held, Wire
from tests.world import Caller, World, an_order

COMPLETED = order_pb2.TRANSFER_STATE_COMPLETED
RETURNED = order_pb2.TRANSFER_STATE_RETURNED
CANCELLED = order_pb2.TRANSFER_STATE_CANCELLED
EVER = 10**9

FORWARD = [InstructionKind.DEBIT, InstructionKind.CREDIT, InstructionKind.SETTLE]
MOMENTS = {"before the bank hears of it": Wire.hold_request, "when the bank has done it": Wire.hold_reply}


async def two_customers(world: World) -> tuple[Caller, Caller]:
    return await world.customer("alice", "NORTH", cents=10_00), await world.customer("bob", "SOUTH")


async def crash_and_come_back(world: World, held: Held | None = None) -> None:
    if held is not None:
        await held.arrived.wait()
    await world.kill_gateway()
    await world.start_gateway()
    await world.connected(*world.banks)


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
@pytest.mark.parametrize("kind", FORWARD)
async def test_a_gateway_that_crashes_at(world: World, kind: InstructionKind, moment: object) -> None:
    alice, bob = await two_customers(world)
    held = moment(world.wire, kind)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "crash")])
    await crash_and_come_back(world, held)

    again = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "crash")

    assert again.transfer.state == COMPLETED
    await world.quiet()
    assert await alice.balance("NORTH") == 6_00
    assert await bob.balance("SOUTH") == 4_00
    books.check(world.home)


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
async def test_a_gateway_that_crashes_while_one_bank_books_both_sides(world: World, moment: object) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    carol = await world.customer("carol", "NORTH")
    held = moment(world.wire, InstructionKind.BOOK_TRANSFER)
    await alice.submit([an_order(alice.at("NORTH"), carol.named_at("NORTH"), 4_00, "crash")])
    await crash_and_come_back(world, held)

    again = await alice.pay(alice.at("NORTH"), carol.named_at("NORTH"), 4_00, "crash")

    assert again.transfer.state == COMPLETED
    assert await carol.balance("NORTH") == 4_00
    books.check(world.home)


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
@pytest.mark.parametrize("kind", [InstructionKind.CANCEL_CREDIT, InstructionKind.RETURN_DEBIT])
@pytest.mark.usefixtures("short_patience")
async def test_a_gateway_that_crashes_on_the_way_back_at(world: World, kind: InstructionKind, moment: object) -> None:
    alice, bob = await two_customers(world)
    held = moment(world.wire, kind)
    world.wire.lose_request(InstructionKind.CREDIT, times=EVER)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "crash")])
    await crash_and_come_back(world, held)

    again = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "crash")

    assert again.transfer.state == RETURNED
    assert await alice.balance("NORTH") == 10_00
    books.check(world.home)


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
@pytest.mark.usefixtures("short_patience")
async def test_a_gateway_that_crashes_while_it_gives_up_an_order_that_was_never_debited(
    world: World, moment: object
) -> None:
    alice, bob = await two_customers(world)
    world.wire.lose_request(InstructionKind.DEBIT, times=EVER)
    held = moment(world.wire, InstructionKind.RETURN_DEBIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "crash")])
    await crash_and_come_back(world, held)

    again = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "crash")

    assert again.transfer.state == CANCELLED
    assert await alice.balance("NORTH") == 10_00
    books.check(world.home)


@pytest.mark.parametrize(
    ("first", "second"), [pair for pair in itertools.product(FORWARD[:2], FORWARD) if pair[0] <= pair[1]]
)
async def test_a_gateway_that_crashes_twice(world: World, first: InstructionKind, second: InstructionKind) -> None:
    alice, bob = await two_customers(world)
    held = [world.wire.hold_reply(first), world.wire.hold_request(second)]
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "crash")])
    for one in held:
        await crash_and_come_back(world, one)

    again = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "crash")

    assert again.transfer.state == COMPLETED
    await world.quiet()
    books.check(world.home)


async def test_an_order_that_was_accepted_and_never_sent_is_sent_after_a_crash(world: World) -> None:
    alice, bob = await two_customers(world)
    world.wire.hold_request(InstructionKind.DEBIT)
    first = an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1, "first")
    rest = [an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1, f"then-{n}") for n in range(20)]
    await alice.submit([first])
    await alice.submit(rest)  # they stand in line behind the first

    await crash_and_come_back(world)

    assert world.gateway.resumed == 21
    await world.quiet()
    assert await bob.balance("SOUTH") == 21
    books.check(world.home)


async def test_what_was_final_before_a_crash_is_the_same_after_it(world: World) -> None:
    alice, bob = await two_customers(world)
    payer, payee = alice.at("NORTH"), bob.named_at("SOUTH")
    answers = [(await alice.pay(payer, payee, cents, f"k-{cents}")).transfer for cents in (1_00, 100_00)]

    await crash_and_come_back(world)

    assert [(await alice.pay(payer, payee, cents, f"k-{cents}")).transfer for cents in (1_00, 100_00)] == answers
    assert world.gateway.resumed == 0


async def test_what_is_final_is_never_asked_for_again(world: World) -> None:
    alice, bob = await two_customers(world)
    payer, payee = alice.at("NORTH"), bob.named_at("SOUTH")
    ended = [await alice.pay(payer, payee, cents, f"k-{cents}") for cents in (1_00, 100_00)]
    await world.quiet()
    told = world.log.tell()

    await crash_and_come_back(world)
    for bank in ("NORTH", "SOUTH"):
        await world.stop_bank(bank)
        await world.start_bank(bank)
    await world.connected("NORTH", "SOUTH")
    await alice.pay(payer, payee, 2_00, "another")
    await world.quiet()

    log = world.log.getvalue()
    for answer in ended:
        name = answer.transfer.transfer_id.hex()[:8]
        assert name in log[:told]
        assert name not in log[told:]


async def test_a_gateway_that_stops_in_an_orderly_way_loses_nothing_either(world: World) -> None:
    alice, bob = await two_customers(world)
    orders = [an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1, f"stop-{n}") for n in range(200)]
    await alice.submit(orders)
    await world.stop_gateway()
    await world.start_gateway()
    await world.connected("NORTH", "SOUTH")
    await world.quiet()
    assert await bob.balance("SOUTH") == 200
    books.check(world.home)


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
@pytest.mark.parametrize(
    ("kind", "bank"),
    [(InstructionKind.DEBIT, "NORTH"), (InstructionKind.CREDIT, "SOUTH"), (InstructionKind.SETTLE, "NORTH")],
)
async def test_a_bank_that_restarts_at(world: World, kind: InstructionKind, bank: str, moment: object) -> None:
    alice, bob = await two_customers(world)
    held = moment(world.wire, kind)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "restart")])
    await held.arrived.wait()
    await world.stop_bank(bank)
    held.release()
    await world.start_bank(bank)
    await world.connected("NORTH", "SOUTH")

    again = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "restart")

    assert again.transfer.state == COMPLETED
    await world.quiet()
    assert (await alice.balance("NORTH"), await bob.balance("SOUTH")) == (6_00, 4_00)
    books.check(world.home)


async def test_everything_restarts_at_once_in_the_middle_of_many_payments(world: World) -> None:
    alice, bob = await two_customers(world)
    there = [an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1, f"there-{n}") for n in range(100)]
    held = world.wire.hold_reply(InstructionKind.CREDIT)
    await alice.submit(there)
    await held.arrived.wait()
    await world.kill_gateway()
    for bank in ("NORTH", "SOUTH"):
        await world.stop_bank(bank)
    for bank in ("SOUTH", "NORTH"):
        await world.start_bank(bank)
    await world.start_gateway()
    await world.connected("NORTH", "SOUTH")
    await world.quiet()
    assert (await alice.balance("NORTH"), await bob.balance("SOUTH")) == (9_00, 1_00)
    books.check(world.home)


async def test_a_bank_that_moves_while_it_is_being_asked_is_served_where_it_is_now(world: World) -> None:
    """The question to its old address, where nobody answers, ends with the connection and decides nothing."""
    connections: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: connections.append(writer), "localhost", 0)
    port = silent.sockets[0].getsockname()[1]
    link = world.link("SOUTH")
    link.moved_to(f"localhost:{port}")
    await world.until(lambda: connections)

    link.moved_to(world.banks["SOUTH"].address)
    await world.connected("SOUTH")

    for writer in connections:
        writer.close()
    silent.close()
