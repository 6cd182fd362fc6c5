"""A bank that contradicts itself or another moves no more money: the transfer is suspended, and a human must look."""

import dataclasses

import pytest

from interbank.instructions import InstructionKind, OutcomeKind
from interbank.refusals import Reason
from protos.v1 import gateway_pb2, order_pb2
from tests import books
from tests.refusing import refused
from tests.world import Caller, World, an_order

COMPLETED = order_pb2.TRANSFER_STATE_COMPLETED


async def two_customers(world: World) -> tuple[Caller, Caller]:
    return await world.customer("alice", "NORTH", cents=10_00), await world.customer("bob", "SOUTH")


def saying(kind: OutcomeKind) -> object:
    return lambda outcome: dataclasses.replace(outcome, kind=kind)


async def suspended(world: World, caller: Caller, key: str) -> order_pb2.Transfer:
    async def found() -> order_pb2.Transfer | None:
        (transfer,) = await caller.by_key(key)
        return transfer if transfer.suspended else None

    return await world.until(found)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (InstructionKind.DEBIT, OutcomeKind.BOOKED),
        (InstructionKind.DEBIT, OutcomeKind.CREDITED),
        (InstructionKind.CREDIT, OutcomeKind.DEBITED),
        (InstructionKind.CREDIT, OutcomeKind.SETTLED),
        (InstructionKind.CREDIT, OutcomeKind.CONTRADICTION),
    ],
)
async def test_an_answer_that_no_honest_bank_gives_suspends_the_transfer(
    world: World, asked: InstructionKind, answered: OutcomeKind
) -> None:
    alice, bob = await two_customers(world)
    world.wire.alter(asked, saying(answered))
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "lie")])

    shown = await suspended(world, alice, "lie")

    assert not shown.final
    count = len(world.wire.delivered)
    later = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "honest")
    assert later.transfer.state == COMPLETED, "other payments go on"
    await world.until(
        lambda: world.sql("gateway", "SELECT suspended <> '' FROM transfers ORDER BY journal_id") == [(1,), (0,)]
    )
    about_it = [which for _, _, which in world.wire.delivered[count:] if which == shown.transfer_id]
    assert not about_it, "nothing more is asked about it"


async def test_a_suspended_transfer_stays_so_over_a_restart_and_moves_no_more_money(world: World) -> None:
    alice, bob = await two_customers(world)
    world.wire.alter(InstructionKind.CREDIT, saying(OutcomeKind.SETTLED))
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "lie")])
    await suspended(world, alice, "lie")
    await world.until(lambda: world.sql("gateway", "SELECT suspended <> '' FROM transfers") == [(1,)])
    count = len(world.wire.delivered)

    await world.kill_gateway()
    await world.start_gateway()
    await world.connected("NORTH", "SOUTH")
    again = await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "lie")], wait_seconds=1)

    assert again[0].transfer.suspended
    assert len(world.wire.delivered) == count
    books.check(world.home, at_rest=False)


async def resume(operator: Caller, transfer_id: bytes) -> order_pb2.Transfer:
    request = gateway_pb2.ResumeTransferRequest(transfer_id=transfer_id)
    return (await operator.call("AdminService", "ResumeTransfer", request)).transfer


async def test_a_suspended_transfer_goes_on_when_the_operator_has_looked(world: World) -> None:
    alice, bob = await two_customers(world)
    operator = await world.operator()
    world.wire.alter(InstructionKind.CREDIT, saying(OutcomeKind.SETTLED))
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "lie")])
    shown = await suspended(world, alice, "lie")
    with refused(Reason.NOT_ALLOWED):
        await resume(alice, shown.transfer_id)

    assert not (await resume(operator, shown.transfer_id)).suspended

    assert await world.until(lambda: alice.in_state("lie", "COMPLETED"))
    await world.quiet()
    assert await bob.balance("SOUTH") == 4_00, "it was credited before the lie, and is credited once"
    assert world.sql("gateway", "SELECT suspended FROM transfers") == [("",)]
    books.check(world.home)
    assert (await resume(operator, shown.transfer_id)).final, "one that is not suspended stays as it is"


async def test_a_transfer_that_still_contradicts_itself_is_suspended_again(world: World) -> None:
    alice, bob = await two_customers(world)
    world.wire.alter(InstructionKind.CREDIT, saying(OutcomeKind.SETTLED), times=2)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "lie")])
    shown = await suspended(world, alice, "lie")

    await resume(await world.operator(), shown.transfer_id)

    await suspended(world, alice, "lie")


async def test_a_settle_that_the_payers_bank_contradicts_marks_the_completed_transfer(world: World) -> None:
    alice, bob = await two_customers(world)
    world.wire.alter(InstructionKind.SETTLE, saying(OutcomeKind.CONTRADICTION))

    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "settled")

    assert paid.transfer.state == COMPLETED
    shown = await suspended(world, alice, "settled")
    assert (shown.state, shown.final) == (COMPLETED, True), "what was answered stays answered"


async def test_a_bank_that_says_it_returned_money_and_did_not_is_found_out(world: World) -> None:
    alice, bob = await two_customers(world)
    credit = world.wire.hold_request(InstructionKind.CREDIT)
    world.wire.pretend(InstructionKind.RETURN_DEBIT, OutcomeKind.RETURNED)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "back")])
    await credit.arrived.wait()
    await (await world.operator()).set_status("SOUTH", bob.accounts["SOUTH"], "FROZEN")
    credit.release()
    await world.until(lambda: alice.in_state("back", "RETURNED"))

    world.ask_for_open_debits("NORTH")

    shown = await suspended(world, alice, "back")
    assert shown.state == order_pb2.TRANSFER_STATE_RETURNED
    (why,) = world.sql("gateway", "SELECT suspended FROM transfers")[0]
    assert why == "NORTH holds the debit open while it is RETURNED"
