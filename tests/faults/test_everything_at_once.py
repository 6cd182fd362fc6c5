"""Customers pay while messages are lost, repeated and late, banks restart and the gateway crashes, all by a seed.

Then the faults stop, every payment must come to its end, and what anybody was told as final must still be true.
"""

import asyncio
import contextlib
import random

import pytest

from interbank.refusals import Refused
from protos.v1 import order_pb2
from tests import books
from tests.world import Caller, World, an_order

pytestmark = pytest.mark.slow

Final = dict[str, tuple[bytes, int, str]]
COMPLETED = order_pb2.TRANSFER_STATE_COMPLETED


async def pays_until_final(payer: Caller, order: order_pb2.Order, told: Final) -> None:
    """A client that asks again under the same key, whatever happens, until it is told how it ended."""
    while order.idempotency_key not in told:
        with contextlib.suppress(Refused):
            (answer,) = await payer.submit([order], wait_seconds=1)
            if answer.transfer.final:
                told[order.idempotency_key] = as_told(answer.transfer)
        await asyncio.sleep(0.01)


def as_told(transfer: order_pb2.Transfer) -> tuple[bytes, int, str]:
    return transfer.transfer_id, transfer.state, transfer.reason


async def disturb(world: World, chance: random.Random) -> None:
    """One thing after the other goes wrong."""
    for _ in range(8):
        await asyncio.sleep(chance.uniform(0.02, 0.15))
        bank = chance.choice(["NORTH", "SOUTH"])
        match chance.choice(["crash", "restart a bank", "cut", "cut both"]):
            case "crash":
                await world.kill_gateway()
                await world.start_gateway()
            case "restart a bank":
                await world.stop_bank(bank)
                await asyncio.sleep(chance.uniform(0, 0.05))
                await world.start_bank(bank)
            case "cut":
                world.wire.cut(bank)
                await asyncio.sleep(chance.uniform(0.05, 0.4))
                world.wire.mend(bank)
            case "cut both":
                world.wire.cut("NORTH", "SOUTH")
                await asyncio.sleep(chance.uniform(0.05, 0.2))
                world.wire.mend("NORTH", "SOUTH")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.usefixtures("short_patience")
async def test_no_cent_is_lost_made_or_moved_twice(world: World, seed: int) -> None:
    chance = random.Random(seed)
    people = [await world.customer(name, bank, cents=5_00) for name in ("ann", "ben") for bank in ("NORTH", "SOUTH")]
    orders = []
    for n in range(60):
        payer, payee = chance.sample(people, 2)
        (home,), (other,) = payer.accounts, payee.accounts
        cents = chance.randint(1, 1_50)
        orders.append((payer, an_order(payer.at(home), payee.named_at(other), cents, f"order-{n}")))
    told: Final = {}
    world.wire.chance = chance

    paying = [asyncio.ensure_future(pays_until_final(payer, order, told)) for payer, order in orders]
    await disturb(world, chance)
    world.wire.heal()
    await world.connected("NORTH", "SOUTH")
    async with asyncio.timeout(30):
        await asyncio.gather(*paying)
    await world.quiet()

    books.check(world.home)
    for payer, order in orders:
        (now,) = await payer.by_key(order.idempotency_key)
        assert as_told(now) == told[order.idempotency_key]
    for person in people:
        (home,) = person.accounts
        moved = [order for _, order in orders if told[order.idempotency_key][1] == COMPLETED]
        into = sum(order.minor_units for order in moved if order.payee_name == person.username)
        out = sum(order.minor_units for order in moved if (order.payer_bank, order.payer_account) == person.at(home))
        assert await person.balance(home) == 5_00 + into - out
