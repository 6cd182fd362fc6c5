"""Law 3: the payee's bank decides. A second gateway, on a copy of the journal, can at worst ask twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from interbank.instructions import InstructionKind, OutcomeKind
from interbank.refusals import Reason
from interbank.storage.sqlite import driver
from protos.v1 import bank_pb2, order_pb2
from tests import books
from tests.disasters import copy_database
from tests.refusing import refused
from tests.wire import Wire
from tests.world import Caller, RunningGateway, World, an_order, kill

COMPLETED = order_pb2.TRANSFER_STATE_COMPLETED


@contextlib.asynccontextmanager
async def second_gateway(world: World, journal: Path, its_wire: Wire | None = None) -> AsyncIterator[RunningGateway]:
    """Another gateway of the same network, somewhere else, over lines of its own."""
    wire, world.wire = world.wire, its_wire
    gateway = await world.run_gateway(journal)
    world.wire = wire
    try:
        yield gateway
    finally:
        await kill(gateway)


async def two_customers(world: World) -> tuple[Caller, Caller]:
    return await world.customer("alice", "NORTH", cents=10_00), await world.customer("bob", "SOUTH")


async def drive_to_the_end(world: World, gateway: RunningGateway, wanted: int) -> None:
    def finished() -> bool:
        with contextlib.closing(driver().connect(f"file:{gateway.path}?mode=ro", uri=True)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM transfers WHERE finished_at IS NOT NULL").fetchone()
        return bool(count == wanted)

    await world.until(finished)
    await world.until(lambda: world.sql("NORTH", "SELECT count(*) FROM open_debits") == [(0,)])


@pytest.mark.parametrize("moment", ["request", "reply"])
@pytest.mark.parametrize("kind", [InstructionKind.DEBIT, InstructionKind.CREDIT])
async def test_a_gateway_on_a_copy_of_the_journal_takes_over_and_the_first_is_told_and_stops(
    world: World, tmp_path: Path, kind: InstructionKind, moment: str
) -> None:
    alice, bob = await two_customers(world)
    held = (world.wire.hold_request if moment == "request" else world.wire.hold_reply)(kind)
    (accepted,) = await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "both")])
    await held.arrived.wait()
    copy = tmp_path / "copy" / "gateway.db"
    copy_database(world.gateway.path, copy)
    ended = asyncio.ensure_future(world.gateway.server.ended())

    async with second_gateway(world, copy) as second:
        held.release()
        await drive_to_the_end(world, second, 1)
        await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "asks")])
        with refused(Reason.EPOCH_SUPERSEDED):
            async with asyncio.timeout(15):
                await ended

    for bank, kind_there in (("NORTH", "DEBITED"), ("SOUTH", "CREDITED")):
        rows = world.sql(bank, f"SELECT hex(transfer_id) FROM outcomes WHERE outcome = '{kind_there}'")
        assert rows == [(accepted.transfer.transfer_id.hex().upper(),)]
    books.check(world.home, at_rest=False)


async def test_a_gateway_that_was_superseded_never_fences_again_by_itself(world: World, tmp_path: Path) -> None:
    alice, bob = await two_customers(world)
    copy = tmp_path / "copy" / "gateway.db"
    copy_database(world.gateway.path, copy)
    async with second_gateway(world, copy) as second:
        (epoch,) = world.sql("NORTH", "SELECT epoch, instance FROM gateway_epoch")
        orders = [an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1, f"late-{n}") for n in range(3)]
        for order in orders:
            await alice.submit([order])
        with refused(Reason.EPOCH_SUPERSEDED):
            async with asyncio.timeout(15):
                await world.gateway.server.ended()
        await world.until(lambda: world.link("NORTH").next_attempt_us)
        assert world.sql("NORTH", "SELECT epoch, instance FROM gateway_epoch") == [epoch]
        assert second.server.gateway.fence._epoch == epoch[0]
    assert world.sql("NORTH", "SELECT count(*) FROM outcomes WHERE instruction = 'DEBIT'") == [(0,)]


async def test_a_superseded_gateway_that_is_started_again_on_purpose_goes_on(world: World, tmp_path: Path) -> None:
    alice, bob = await two_customers(world)
    copy = tmp_path / "copy" / "gateway.db"
    copy_database(world.gateway.path, copy)
    async with second_gateway(world, copy):
        await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "waits")])
        with refused(Reason.EPOCH_SUPERSEDED):
            async with asyncio.timeout(15):
                await world.gateway.server.ended()

    await world.kill_gateway()
    await world.start_gateway()
    await world.connected("NORTH", "SOUTH")
    await world.quiet()

    assert await alice.in_state("waits", "COMPLETED")
    books.check(world.home)


async def test_two_gateways_that_know_one_order_move_its_money_once(world: World, tmp_path: Path) -> None:
    """Both have it in the journal as ACCEPTED; each believes to be the only one."""
    alice, bob = await two_customers(world)
    held = world.wire.hold_request(InstructionKind.DEBIT)
    orders = [an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 10 + n, f"both-{n}") for n in range(20)]
    await alice.submit(orders)
    await held.arrived.wait()
    copy = tmp_path / "copy" / "gateway.db"
    copy_database(world.gateway.path, copy)
    async with second_gateway(world, copy) as second:
        held.release()
        await drive_to_the_end(world, second, 20)
    await world.kill_gateway()
    await world.start_gateway()
    await world.connected("NORTH", "SOUTH")
    await world.quiet()

    assert await bob.balance("SOUTH") == sum(10 + n for n in range(20))
    books.check(world.home)


@pytest.mark.usefixtures("short_patience")
async def test_what_the_second_gateway_cancelled_the_first_can_no_longer_credit(world: World, tmp_path: Path) -> None:
    alice, bob = await two_customers(world)
    credit = world.wire.hold_request(InstructionKind.CREDIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "race")])
    await credit.arrived.wait()
    copy = tmp_path / "copy" / "gateway.db"
    copy_database(world.gateway.path, copy)
    without_credits = Wire()
    without_credits.lose_request(InstructionKind.CREDIT, times=10**9)
    async with second_gateway(world, copy, without_credits) as second:
        await drive_to_the_end(world, second, 1)
        async with world.line_to("SOUTH") as line:
            session = second.server.gateway.directory.links["SOUTH"]._session
            (outcome,) = await line.post(session, credit.instructions)

    assert outcome.kind is OutcomeKind.CANCELLED
    assert (await alice.balance("NORTH"), await bob.balance("SOUTH")) == (10_00, 0)
    await world.kill_gateway()
    await world.start_gateway()
    await world.connected("NORTH", "SOUTH")
    await world.until(lambda: alice.in_state("race", "RETURNED"))
    books.check(world.home)


async def test_an_older_epoch_is_refused_by_every_bank(world: World) -> None:
    for bank in ("NORTH", "SOUTH"):
        async with world.line_to(bank) as line:
            description = await line.describe()
            for epoch in (description.epoch - 1, description.epoch):
                with refused(Reason.EPOCH_SUPERSEDED):
                    await line.open_session(epoch, b"another gateway!", [])


async def test_a_bank_starts_closed_and_executes_nothing_without_a_session(world: World) -> None:
    alice, bob = await two_customers(world)
    lost = world.wire.lose_request(InstructionKind.CREDIT)
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")
    await world.stop_gateway()
    await world.stop_bank("SOUTH")
    await world.start_bank("SOUTH")
    async with world.line_to("SOUTH") as line:
        for session in (b"", bytes(16)):
            with refused(Reason.SESSION_SUPERSEDED):
                await line.post(session, lost)
    await world.start_gateway()


async def test_a_gateway_that_is_refused_for_its_epoch_disturbs_nobody(world: World) -> None:
    async with world.line_to("SOUTH") as line:
        description = await line.describe()
        with refused(Reason.EPOCH_SUPERSEDED):
            await line.open_session(description.epoch - 1, b"an older gateway", [])
        after = await line.call("Describe", bank_pb2.DescribeRequest())
    assert after.mode == bank_pb2.BANK_MODE_OPEN
