"""Promises that were found broken. Each stands here until it is kept, then moves to the file that it belongs to."""

import asyncio

from interbank.instructions import InstructionKind
from interbank.refusals import Reason, Refused
from protos.v1 import bank_pb2
from tests import books
from tests.disasters import copy_of, join, lose_journal, quarantined, restore
from tests.refusing import refused
from tests.world import World, an_order


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


async def open_debits(world: World, count: int) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    credit = world.wire.hold_request(InstructionKind.CREDIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, f"lost-{n}") for n in range(count)])
    await credit.arrived.wait()


async def test_a_lost_journal_is_rebuilt_when_the_payers_bank_joins_before_the_payees(world: World) -> None:
    await open_debits(world, 3)
    await lose_journal(world)
    await join(world, "NORTH")
    await join(world, "SOUTH")
    await world.until(lambda: world.sql("gateway", "SELECT state FROM transfers") == [("COMPLETED",)] * 3, seconds=5)
    await world.quiet()
    books.check(world.home)


async def test_a_gateway_starts_even_if_a_debit_is_for_a_bank_that_has_not_joined_yet(world: World) -> None:
    await open_debits(world, 3)
    await lose_journal(world)
    await asyncio.gather(join(world, "NORTH"), return_exceptions=True)
    await world.kill_gateway()
    await world.start_gateway()
    await join(world, "SOUTH")
    await world.quiet()
    books.check(world.home)


async def test_a_quarantined_bank_opens_no_accounts_and_moves_no_cash(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    old = copy_of(world, "SOUTH")
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "forgotten")
    await world.quiet()
    await restore(world, "SOUTH", old)
    await quarantined(world, "SOUTH")
    before = world.sql("SOUTH", "SELECT max(record_id) FROM records")

    operator = await world.operator()
    told = await asyncio.gather(
        operator.open_account("SOUTH", "newcomer", 5_00),
        operator.set_status("SOUTH", bob.accounts["SOUTH"], "FROZEN"),
        return_exceptions=True,
    )
    assert all(isinstance(answer, Refused) for answer in told)
    assert world.sql("SOUTH", "SELECT max(record_id) FROM records") == before


async def test_a_gateway_that_is_refused_for_its_epoch_disturbs_nobody(world: World) -> None:
    async with world.line_to("SOUTH") as line:
        description = await line.describe()
        with refused(Reason.EPOCH_SUPERSEDED):
            await line.open_session(description.epoch - 1, b"an older gateway", [])
        after = await line.call("Describe", bank_pb2.DescribeRequest())
    assert after.mode == bank_pb2.BANK_MODE_OPEN


async def test_a_gateway_with_a_new_journal_is_above_every_banks_epoch_whoever_joins_first(world: World) -> None:
    await world.stop_bank("NORTH")
    for _ in range(3):  # NORTH misses three gateways
        await world.stop_gateway()
        await world.start_gateway()
        await world.connected("SOUTH")
    await lose_journal(world)
    await world.start_bank("NORTH")
    await world.connected("NORTH")

    ended = asyncio.ensure_future(world.gateway.server.ended())
    joining = asyncio.ensure_future(join(world, "SOUTH"))
    done, _ = await asyncio.wait({ended, joining}, return_when=asyncio.FIRST_COMPLETED)

    assert ended not in done, "it believes that another gateway took its place"
    ended.cancel()
