"""A bank that comes back with an old copy of its books is found out, and executes nothing until it is repaired.

EAST may know something of it, so while EAST is out of reach nothing is repaired: that is how these tests keep a bank in
quarantine. How it is repaired is the story of `test_repaired_bank.py`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from interbank.instructions import Head, InstructionKind
from interbank.refusals import Reason, Refused
from interbank.storage.sqlite import driver
from protos.v1 import bank_pb2, gateway_pb2, order_pb2
from tests.disasters import copy_of, put_back, quarantined, restore
from tests.faults.conftest import hurt_network
from tests.refusing import refused
from tests.world import Caller, World, an_order, money


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Three banks, of which nobody reaches EAST."""
    async with hurt_network(tmp_path, "NORTH", "SOUTH", "EAST") as world:
        assert world.wire is not None
        world.wire.cut("EAST")
        yield world
        world.wire.heal()


async def two_customers(world: World) -> tuple[Caller, Caller]:
    return await world.customer("alice", "NORTH", cents=10_00), await world.customer("bob", "SOUTH", cents=10_00)


async def test_a_bank_restored_from_an_old_copy_is_quarantined_and_executes_nothing(world: World) -> None:
    alice, bob = await two_customers(world)
    carol = await world.customer("carol", "NORTH")
    old = copy_of(world, "SOUTH")
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "forgotten")
    await world.quiet()
    await restore(world, "SOUTH", old)
    await quarantined(world, "SOUTH")
    waits = "it lacks records, and EAST, which may know more of them, does not answer"
    await world.until(lambda: world.link("SOUTH").cause == waits)

    shown = await alice.call("AccountService", "ListBanks", gateway_pb2.ListBanksRequest())
    south = next(shown for shown in shown.banks if shown.bank == "SOUTH")
    assert south.link == gateway_pb2.BANK_LINK_QUARANTINED
    assert south.cause == waits
    with refused(Reason.PAYEE_BANK_UNAVAILABLE):
        await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "to-it")
    with refused(Reason.PAYER_BANK_UNAVAILABLE):
        await bob.pay(bob.at("SOUTH"), alice.named_at("NORTH"), 1_00, "from-it")
    with refused(Reason.BANK_UNAVAILABLE):
        deposit = gateway_pb2.DepositRequest(bank="SOUTH", amount=money(1_00), idempotency_key="in")
        await bob.call("AccountService", "Deposit", deposit)
    async with world.line_to("SOUTH") as line:
        description = await line.call("Describe", bank_pb2.DescribeRequest())
        assert description.mode == bank_pb2.BANK_MODE_QUARANTINED
    within = await alice.pay(alice.at("NORTH"), carol.named_at("NORTH"), 1_00, "tea")
    assert within.transfer.state == order_pb2.TRANSFER_STATE_COMPLETED, "the others go on"
    assert world.sql("SOUTH", "SELECT count(*) FROM outcomes WHERE instruction = 'CREDIT'") == [(0,)]


async def test_a_payment_under_way_to_a_restored_bank_waits_and_is_not_credited_twice(world: World) -> None:
    alice, bob = await two_customers(world)
    old = copy_of(world, "SOUTH")
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "forgotten")
    await world.quiet()
    debit = world.wire.hold_reply(InstructionKind.DEBIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "under-way")])
    await debit.arrived.wait()
    await restore(world, "SOUTH", old)
    await quarantined(world, "SOUTH")
    debit.release()

    pending = await world.until(lambda: alice.in_state("under-way", "DEBITED"))
    assert pending.in_doubt.waiting_for == "SOUTH"
    assert world.sql("SOUTH", "SELECT count(*) FROM outcomes WHERE instruction = 'CREDIT'") == [(0,)]


@pytest.mark.parametrize("who_remembers", ["the gateway's journal", "the other bank"])
async def test_an_old_copy_is_found_out_by(world: World, who_remembers: str) -> None:
    alice, bob = await two_customers(world)
    old = copy_of(world, "SOUTH")
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "forgotten")
    await world.quiet()
    seen = "SELECT head_record_id FROM banks WHERE bank = 'SOUTH'"
    head = world.sql("SOUTH", "SELECT max(record_id) FROM records")
    await world.until(lambda: world.sql("gateway", seen) == head)
    await world.stop_gateway()
    await world.stop_bank("SOUTH")
    put_back(world.banks["SOUTH"].path, old)
    if who_remembers == "the other bank":
        _forget_heads(world.gateway.path)
    await world.start_bank("SOUTH")
    await world.start_gateway()
    await quarantined(world, "SOUTH")


async def test_what_a_bank_saw_counts_even_if_it_joins_late(world: World) -> None:
    """The gateway forgot what it saw of NORTH, and SOUTH is down at its start. NORTH is let in, until SOUTH joins."""
    alice, bob = await two_customers(world)
    old = copy_of(world, "NORTH")
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "forgotten")
    await world.quiet()
    await world.stop_gateway()
    for bank in ("NORTH", "SOUTH"):
        await world.stop_bank(bank)
    put_back(world.banks["NORTH"].path, old)
    _forget_heads(world.gateway.path)
    await world.start_bank("NORTH")
    await world.start_gateway()
    await world.connected("NORTH")

    await world.start_bank("SOUTH")

    await quarantined(world, "NORTH")


def _forget_heads(journal: Path) -> None:
    with contextlib.closing(driver().connect(journal)) as connection:
        connection.execute("UPDATE banks SET head_record_id = 0, head_chain_hash = x''")
        connection.commit()


async def test_new_business_does_not_hide_that_old_business_is_missing(world: World) -> None:
    """As many records as before, but others: the number alone would not tell, the chain hash does."""
    alice, bob = await two_customers(world)
    old = copy_of(world, "SOUTH")
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "forgotten")
    await world.quiet()
    await world.stop_gateway()
    await restore(world, "SOUTH", old)
    async with world.line_to("SOUTH") as line:
        await line.open_session((await line.describe()).epoch + 1, b"somebody's gate!", [])
        for n in range(5):
            new = bank_pb2.NewAccount(username=f"newcomer-{n}", deposit_minor_units=4_00)
            await line.call("OpenAccounts", bank_pb2.OpenAccountsRequest(operator="admin", accounts=[new]))
    await world.start_gateway()
    await quarantined(world, "SOUTH")


async def test_a_restored_payers_bank_is_found_out_too(world: World) -> None:
    alice, bob = await two_customers(world)
    old = copy_of(world, "NORTH")
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "forgotten")
    await world.quiet()
    await restore(world, "NORTH", old)
    await quarantined(world, "NORTH")
    with refused(Reason.PAYER_BANK_UNAVAILABLE):
        await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 10_00, "the-money-of-then")


async def test_a_bank_that_came_back_between_two_looks_is_found_out_by_the_next_question(world: World) -> None:
    """The gateway did not see it go. What it lists as open is not believed: it is asked within the session, which this
    bank never began."""
    alice, bob = await two_customers(world)
    old = copy_of(world, "NORTH")
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "forgotten")
    await world.quiet()
    link = world.link("NORTH")
    link.notice = lambda: None
    await restore(world, "NORTH", old)
    await world.until(lambda: link._port.reachable)

    world.ask_for_open_debits("NORTH")

    await quarantined(world, "NORTH")
    assert world.sql("gateway", "SELECT suspended FROM transfers") == [("",)]


async def test_a_copy_that_lacks_nothing_is_served(world: World) -> None:
    alice, bob = await two_customers(world)
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "known")
    await world.quiet()
    await restore(world, "SOUTH", copy_of(world, "SOUTH"))
    await world.connected("SOUTH")
    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "next")
    assert paid.transfer.state == order_pb2.TRANSFER_STATE_COMPLETED


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


async def test_a_bank_serves_nobody_who_has_seen_a_record_that_it_lacks(world: World) -> None:
    async with world.line_to("SOUTH") as line:
        description = await line.describe()
        others = [
            Head(description.head.record_id + 1, bytes(32)),
            Head(description.head.record_id, bytes(32)),
        ]
        for head in others:
            with refused(Reason.BANK_QUARANTINED):
                await line.open_session(description.epoch + 1, b"a second gateway", [description.head, head])
        assert await line.open_session(description.epoch + 1, b"a second gateway", [description.head])
