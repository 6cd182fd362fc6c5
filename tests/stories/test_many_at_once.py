"""Many orders in one request: each by itself, in order; and what is too much."""

from collections.abc import AsyncIterator

import pytest

from interbank.refusals import Reason
from protos.v1 import bank_pb2, gateway_pb2, order_pb2
from tests.refusing import refused
from tests.world import Caller, World, an_order

COMPLETED = order_pb2.TRANSFER_STATE_COMPLETED
REFUSED = order_pb2.TRANSFER_STATE_REFUSED


async def test_good_and_bad_orders_are_answered_one_by_one_in_their_order(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    payer, payee = alice.at("NORTH"), bob.named_at("SOUTH")
    orders = [
        an_order(payer, payee, 1_00, "1"),
        an_order(payer, payee, 0, "2"),
        an_order(payer, (*payee[:2], "mallory"), 1_00, "3"),
        an_order(payer, payee, 100_00, "4"),
        an_order(payer, ("WEST", 1001, "bob"), 1_00, "5"),
        an_order(payer, payee, 2_00, "6"),
        an_order(payer, payee, 1_00, "1"),
        an_order(payer, payee, 3_00, "6"),
    ]

    answers = await alice.submit(orders, wait_seconds=10)

    told = [
        answer.not_accepted.reason
        if answer.HasField("not_accepted")
        else (answer.transfer.state, answer.transfer.reason)
        for answer in answers
    ]
    assert told == [
        (COMPLETED, ""),
        "AMOUNT_NOT_POSITIVE",
        "PAYEE_NAME_MISMATCH",
        (REFUSED, "INSUFFICIENT_FUNDS"),
        "UNKNOWN_BANK",
        (COMPLETED, ""),
        (COMPLETED, ""),
        "ORDER_IN_PROGRESS",
    ]
    assert answers[6].transfer.transfer_id == answers[0].transfer.transfer_id
    assert await alice.balance("NORTH") == 7_00
    assert await bob.balance("SOUTH") == 3_00


async def test_orders_are_carried_out_in_the_order_in_which_they_stand(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    carol = await world.customer("carol", "NORTH")
    amounts = [6_00, 5_00, 4_00, 1]
    orders = [an_order(alice.at("NORTH"), carol.named_at("NORTH"), cents, f"in-order-{cents}") for cents in amounts]

    answers = await alice.submit(orders, wait_seconds=10)

    assert [answer.transfer.state for answer in answers] == [COMPLETED, REFUSED, COMPLETED, REFUSED]


async def test_a_thousand_orders_are_taken_and_a_thousand_and_one_are_not(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    orders = [an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1, f"many-{n}") for n in range(1001)]

    for wrong in (orders, []):
        with refused(Reason.TOO_MANY_ITEMS, field="orders"):
            await alice.submit(wrong)
    answers = await alice.submit(orders[:1000], wait_seconds=10)

    assert {answer.transfer.state for answer in answers} == {COMPLETED}
    assert await bob.balance("SOUTH") == 10_00
    again = await alice.submit(orders[:1000])
    assert [one.transfer for one in again] == [one.transfer for one in answers]
    assert await bob.balance("SOUTH") == 10_00


async def test_without_waiting_the_answer_is_that_they_were_accepted(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    orders = [an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1, f"soon-{n}") for n in range(20)]

    answers = await alice.submit(orders)

    assert not any(answer.HasField("not_accepted") for answer in answers)
    await world.quiet()
    assert await bob.balance("SOUTH") == 20


async def test_a_request_of_a_customer_has_at_most_64_kib(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    order = an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1, "big", reference="x" * 70_000)
    with refused(Reason.REQUEST_TOO_LARGE):
        await alice.call("PaymentService", "Transfer", gateway_pb2.TransferRequest(order=order))
    (answer,) = await alice.submit([order])
    assert answer.not_accepted.reason == "REFERENCE_MALFORMED", "SubmitTransfers takes up to 1 MiB"


async def test_a_mebibyte_is_refused_before_it_is_read_and_others_are_served_meanwhile(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    order = an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1, "huge", reference="x" * 1_100_000)
    with refused(Reason.REQUEST_TOO_LARGE):
        await alice.submit([order])
    assert await alice.balance("NORTH") == 10_00


async def test_too_large_a_message_in_a_stream_is_refused_by_its_size(world: World) -> None:
    operator = await world.operator()

    async def large() -> AsyncIterator[gateway_pb2.AdminServiceOpenAccountsRequest]:
        accounts = [bank_pb2.NewAccount(username=f"in-a-crowd-{n}-{'x' * 15}") for n in range(3000)]
        yield gateway_pb2.AdminServiceOpenAccountsRequest(bank="NORTH", accounts=accounts)

    with refused(Reason.REQUEST_TOO_LARGE):
        await operator.call("AdminService", "OpenAccounts", large())


async def test_a_request_that_is_too_large_is_not_worth_trying_again() -> None:
    assert not Reason.REQUEST_TOO_LARGE.try_again


@pytest.mark.parametrize("patient", [False, True])
async def test_patient_and_impatient_orders_are_remembered_as_such(world: World, patient: bool) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    (answer,) = await alice.submit(
        [an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1, "patience")], patient=patient, wait_seconds=10
    )
    transfer_id = answer.transfer.transfer_id.hex().upper()
    assert world.sql("gateway", f"SELECT patient FROM transfers WHERE hex(transfer_id) = '{transfer_id}'") == [
        (int(patient),)
    ]


async def test_a_bank_orders_for_its_own_customers_by_the_operators_hand(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    operator = await world.operator()
    order = an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, f"standing-{alice.username}", reference="rent")

    (answer,) = await operator.submit([order], on_authority_of_bank="NORTH", patient=True, wait_seconds=10)

    assert answer.transfer.state == COMPLETED
    assert answer.transfer.principal == "bank:NORTH"
    assert await alice.balance("NORTH") == 9_00
    found = await _by_key(operator, "NORTH", order.idempotency_key)
    assert [one.transfer_id for one in found] == [answer.transfer.transfer_id]
    assert not await alice.by_key(order.idempotency_key), "the key is the bank's, not hers"


async def test_a_bank_orders_for_no_other_bank_and_no_customer_orders_for_a_bank(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    operator = await world.operator()
    order = an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, f"foreign-{alice.username}")

    (answer,) = await operator.submit([order], on_authority_of_bank="SOUTH")
    assert (answer.not_accepted.reason, answer.not_accepted.field) == ("NOT_ALLOWED", "payer_bank")
    with refused(Reason.NOT_ALLOWED):
        await alice.submit([order], on_authority_of_bank="NORTH")
    with refused(Reason.NOT_ALLOWED):
        await _by_key(alice, "NORTH", order.idempotency_key)
    with refused(Reason.NOT_LOGGED_IN_AT_BANK, field="payer_bank"):
        await operator.call("PaymentService", "Transfer", gateway_pb2.TransferRequest(order=order))


async def _by_key(caller: Caller, bank: str, key: str) -> list[order_pb2.Transfer]:
    request = gateway_pb2.GetTransfersRequest(idempotency_keys=[key], on_authority_of_bank=bank)
    return list((await caller.call("PaymentService", "GetTransfers", request)).transfers)
