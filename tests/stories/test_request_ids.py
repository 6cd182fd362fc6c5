"""Whoever reads the logs of all processes finds every line of one call, by the id that its caller chose."""

from pathlib import Path

from interbank.instructions import InstructionKind
from protos.v1 import gateway_pb2
from tests.wire import Wire
from tests.world import Caller, World, an_order, money


def lines(world: World, request_id: str) -> list[list[str]]:
    """The lines about instructions that name this call, without their time, word by word."""
    return [line.split()[1:] for line in world.log.getvalue().splitlines() if line.endswith(request_id)]


async def test_a_payments_way_can_be_read_in_the_logs_by_its_request_id(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=100_00)
    bob = await world.customer("bob", "SOUTH")
    alice.request_id = "till-7.order-8812"

    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 12_34, "rent")
    await world.until(lambda: len(lines(world, alice.request_id)) == 7)  # Settle goes after the answer

    found = lines(world, alice.request_id)
    assert all(paid.transfer.transfer_id.hex()[:8] in line for line in found)
    assert {" ".join(word for word in line if word.strip("→").isupper() and word != "EUR") for line in found} == {
        "ACCEPTED",
        "→NORTH DEBIT DEBITED",
        "NORTH DEBIT DEBITED",
        "→SOUTH CREDIT CREDITED",
        "SOUTH CREDIT CREDITED",
        "→NORTH SETTLE SETTLED",
        "NORTH SETTLE SETTLED",
    }


async def test_each_order_of_a_batch_keeps_the_id_of_its_own_call(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=100_00)
    bob = await world.customer("bob", "SOUTH")

    for request_id in ("first-call", "second-call"):
        alice.request_id = request_id
        orders = [
            an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1, f"{request_id}-{number}") for number in range(3)
        ]
        await alice.submit(orders, wait_seconds=10)

    credited = [line for line in lines(world, "second-call") if line[0] == "SOUTH" and "CREDITED" in line]
    assert len(credited) == 3


async def test_cash_is_in_both_logs_too(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    alice.request_id = "counter-1"

    await deposit(alice, 5_00)

    assert [(line[0], "BOOKED" in line) for line in lines(world, "counter-1")] == [("NORTH", True), ("gateway", True)]


async def deposit(alice: Caller, cents: int) -> None:
    request = gateway_pb2.DepositRequest(bank="NORTH", amount=money(cents), idempotency_key="d-1")
    await alice.call("AccountService", "Deposit", request)


async def test_both_logs_say_which_try_it_was(tmp_path: Path) -> None:
    world = World(tmp_path, wire=Wire())
    async with world.running("NORTH", "SOUTH"):
        alice = await world.customer("alice", "NORTH", cents=100_00)
        bob = await world.customer("bob", "SOUTH")
        alice.request_id = "twice"
        assert world.wire is not None
        world.wire.lose_reply(InstructionKind.CREDIT)

        await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 12_34, "rent")

        tries = [line for line in lines(world, "twice") if "CREDIT" in line]
        assert sorted((line[0], *line[line.index("try") + 1 :][:2]) for line in tries) == [
            ("SOUTH", "1", "CREDITED"),
            ("SOUTH", "2", "CREDITED"),
            ("gateway", "1", "connection"),  # was lost
            ("gateway", "2", "CREDITED"),
        ]
