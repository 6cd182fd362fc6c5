"""Paying: between banks and within one, once per key, whoever asks how often."""

import asyncio

from interbank.refusals import Reason
from protos.v1 import gateway_pb2, order_pb2
from tests.refusing import refused
from tests.world import World, an_order


async def test_a_payment_between_banks_arrives_to_the_cent(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=100_00)
    bob = await world.customer("bob", "SOUTH", cents=5_00)

    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 12_34, "rent", reference="rent of May")

    assert paid.transfer.state == order_pb2.TRANSFER_STATE_COMPLETED
    assert paid.transfer.final
    assert paid.balance_after == 87_66
    assert await alice.balance("NORTH") == 87_66
    assert await bob.balance("SOUTH") == 17_34


async def test_a_payment_within_one_bank_arrives_to_the_cent(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=100_00)
    carol = await world.customer("carol", "NORTH")

    paid = await alice.pay(alice.at("NORTH"), carol.named_at("NORTH"), 12_34, "coffee")

    assert paid.transfer.state == order_pb2.TRANSFER_STATE_COMPLETED
    assert paid.balance_after == 87_66
    assert await carol.balance("NORTH") == 12_34


async def test_the_whole_balance_can_be_paid_and_not_a_cent_more(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=100_00)
    bob = await world.customer("bob", "SOUTH")

    too_much = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 100_01, "one-too-many")
    assert too_much.transfer.state == order_pb2.TRANSFER_STATE_REFUSED
    assert too_much.transfer.reason == "INSUFFICIENT_FUNDS"

    all_of_it = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 100_00, "all")
    assert all_of_it.transfer.state == order_pb2.TRANSFER_STATE_COMPLETED
    assert all_of_it.balance_after == 0
    assert await bob.balance("SOUTH") == 100_00


async def test_the_same_order_under_the_same_key_is_answered_and_not_paid_again(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=100_00)
    bob = await world.customer("bob", "SOUTH")
    first = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "bread")

    again = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "bread")

    assert again.transfer == first.transfer
    assert not again.HasField("balance_after"), "a balance of now would look as if this call had moved money"
    assert await alice.balance("NORTH") == 99_00


async def test_every_field_of_an_order_belongs_to_its_key(world: World) -> None:
    alice = await world.customer("alice", "NORTH", "SOUTH", cents=100_00)
    bob = await world.customer("bob", "SOUTH", "NORTH")
    payer, payee = alice.at("NORTH"), bob.named_at("SOUTH")
    await alice.pay(payer, payee, 1_00, "bread", reference="bread")

    others = [
        an_order(payer, payee, 1_01, "bread", reference="bread"),
        an_order(payer, payee, 1_00, "bread", reference="wine"),
        an_order(payer, bob.named_at("NORTH"), 1_00, "bread", reference="bread"),
        an_order(alice.at("SOUTH"), payee, 1_00, "bread", reference="bread"),
    ]
    for other in others:
        with refused(Reason.IDEMPOTENCY_KEY_REUSED, field="idempotency_key"):
            await alice.call("PaymentService", "Transfer", gateway_pb2.TransferRequest(order=other))

    assert await alice.balance("NORTH") == 99_00


async def test_a_refusal_is_the_answer_for_ever_even_when_the_money_has_come(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    bob = await world.customer("bob", "SOUTH", cents=50_00)
    first = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "bread")
    assert first.transfer.reason == "INSUFFICIENT_FUNDS"

    await bob.pay(bob.at("SOUTH"), alice.named_at("NORTH"), 50_00, "gift")
    again = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "bread")

    assert again.transfer == first.transfer
    assert await alice.balance("NORTH") == 50_00


async def test_keys_of_two_users_have_nothing_to_do_with_each_other(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=100_00)
    carol = await world.customer("carol", "NORTH", cents=100_00)
    bob = await world.customer("bob", "SOUTH")

    by_alice = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")
    by_carol = await carol.pay(carol.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")

    assert by_alice.transfer.transfer_id != by_carol.transfer.transfer_id
    assert by_carol.transfer.state == order_pb2.TRANSFER_STATE_COMPLETED
    assert await bob.balance("SOUTH") == 2_00


async def test_a_key_stays_free_when_the_order_was_not_accepted(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=100_00)
    bob = await world.customer("bob", "SOUTH")
    bank, account, name = bob.named_at("SOUTH")
    with refused(Reason.PAYEE_NAME_MISMATCH, field="payee_name"):
        await alice.pay(alice.at("NORTH"), (bank, account, "mallory"), 1_00, "rent")

    paid = await alice.pay(alice.at("NORTH"), (bank, account, name), 1_00, "rent")

    assert paid.transfer.state == order_pb2.TRANSFER_STATE_COMPLETED


async def test_fifty_calls_with_one_key_at_once_move_money_once(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=100_00)
    bob = await world.customer("bob", "SOUTH")

    answers = await asyncio.gather(
        *(alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "once") for _ in range(50))
    )

    assert {answer.transfer.transfer_id for answer in answers} == {answers[0].transfer.transfer_id}
    assert {answer.transfer.state for answer in answers} == {order_pb2.TRANSFER_STATE_COMPLETED}
    assert await alice.balance("NORTH") == 99_00
    assert await bob.balance("SOUTH") == 1_00


async def test_of_fifty_payments_of_the_whole_balance_at_once_exactly_one_succeeds(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=100_00)
    bob = await world.customer("bob", "SOUTH")
    carol = await world.customer("carol", "NORTH")
    payees = [bob.named_at("SOUTH"), carol.named_at("NORTH")]

    answers = await asyncio.gather(
        *(alice.pay(alice.at("NORTH"), payees[n % 2], 100_00, f"all-{n}") for n in range(50))
    )

    states = [answer.transfer.state for answer in answers]
    assert states.count(order_pb2.TRANSFER_STATE_COMPLETED) == 1
    assert states.count(order_pb2.TRANSFER_STATE_REFUSED) == 49
    assert await alice.balance("NORTH") == 0
    assert await bob.balance("SOUTH") + await carol.balance("NORTH") == 100_00


async def test_money_goes_round_between_banks_and_none_is_lost(world: World) -> None:
    people = [await world.customer(name, bank, cents=10_00) for name in ("ann", "ben") for bank in ("NORTH", "SOUTH")]
    homes = [next(iter(person.accounts)) for person in people]

    async def pays(n: int) -> None:
        payer, payee = n % 4, (n + 1) % 4
        await people[payer].pay(
            people[payer].at(homes[payer]), people[payee].named_at(homes[payee]), 1 + n, f"round-{n}"
        )

    await asyncio.gather(*(pays(n) for n in range(80)))

    assert sum([await person.balance(home) for person, home in zip(people, homes, strict=True)]) == 40_00
