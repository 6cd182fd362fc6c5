"""Watching a payment on its way: every state is shown, to the last."""

from collections.abc import AsyncIterator

import pytest

from interbank.instructions import InstructionKind
from protos.v1 import order_pb2
from tests import books
from tests.wire import Wire
from tests.world import World, an_order


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with World(tmp_path_factory.mktemp("network"), wire=Wire()).running("NORTH", "SOUTH") as world:
        yield world
        await world.quiet()
        books.check(world.home)


async def test_a_watcher_sees_every_state_to_the_end(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    debit = world.wire.hold_request(InstructionKind.DEBIT)
    credit = world.wire.hold_request(InstructionKind.CREDIT)
    order = an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "seen")
    (accepted,) = await alice.submit([order])

    seen = []
    async for shown in alice.watch(accepted.transfer.transfer_id):
        seen.append((order_pb2.TransferState.Name(shown.state).removeprefix("TRANSFER_STATE_"), shown.final))
        if len(seen) == 1:
            await debit.arrived.wait()
            debit.release()
        elif seen[-1][0] == "DEBITED":
            await credit.arrived.wait()
            credit.release()

    assert list(dict.fromkeys(seen)) == [("ACCEPTED", False), ("DEBITED", False), ("COMPLETED", True)]


async def test_a_payment_that_takes_longer_than_the_caller_waits_is_pending_and_goes_on(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    credit = world.wire.hold_request(InstructionKind.CREDIT)
    order = an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "slow")

    (pending,) = await alice.submit([order], wait_seconds=1)
    assert pending.transfer.state == order_pb2.TRANSFER_STATE_DEBITED
    assert not pending.transfer.final
    assert pending.transfer.finished_at_us == 0
    assert (await alice.by_key("slow"))[0].transfer_id == pending.transfer.transfer_id

    credit.release()
    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "slow")
    assert paid.transfer.state == order_pb2.TRANSFER_STATE_COMPLETED
    assert paid.transfer.transfer_id == pending.transfer.transfer_id
