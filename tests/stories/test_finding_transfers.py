"""Where is my money: transfers by id, by key, by the beginning of an id, in lists, and watched to their end."""

import asyncio

from interbank.refusals import Reason
from protos.v1 import gateway_pb2, order_pb2
from tests.refusing import refused
from tests.world import Caller, World, an_order


async def find(caller: Caller, **fields: object) -> list[order_pb2.Transfer]:
    answer = await caller.call("PaymentService", "GetTransfers", gateway_pb2.GetTransfersRequest(**fields))
    return list(answer.transfers)


async def list_all(caller: Caller, **fields: object) -> gateway_pb2.ListTransfersResponse:
    return await caller.call("PaymentService", "ListTransfers", gateway_pb2.ListTransfersRequest(**fields))


async def test_a_transfer_is_found_by_id_by_key_and_by_the_beginning_of_its_id(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    paid = (await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent", reference="May")).transfer

    assert await find(alice, transfer_ids=[paid.transfer_id]) == [paid]
    assert await find(alice, idempotency_keys=["rent"]) == [paid]
    for digits in (4, 8, 31, 32):
        assert paid in await find(alice, id_prefix=paid.transfer_id.hex()[:digits])
    assert paid.order == an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent", reference="May")
    assert paid.principal == f"user:{alice.username}"
    assert 0 < paid.accepted_at_us <= paid.finished_at_us


async def test_what_is_not_known_is_left_out(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    paid = (await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")).transfer

    found = await find(alice, transfer_ids=[bytes(16), paid.transfer_id, b"short"], idempotency_keys=["other", "rent"])

    assert found == [paid], "once, though it was asked for twice"


async def test_the_beginning_of_an_id_is_four_to_thirty_two_hexadecimal_digits(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    for prefix in ("abc", "xyz1", "ABCD", "0" * 33, "abc%", "12 4"):
        with refused(Reason.TRANSFER_ID_MALFORMED, field="id_prefix"):
            await find(alice, id_prefix=prefix)


async def test_no_more_than_a_thousand_are_asked_for_at_once(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    with refused(Reason.TOO_MANY_ITEMS):
        await find(alice, transfer_ids=[bytes(16)] * 500, idempotency_keys=["k"] * 501)


async def test_transfers_are_listed_newest_first_page_by_page(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    orders = [an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1 + n, f"list-{n}") for n in range(7)]
    await alice.submit(orders, wait_seconds=10)

    keys, token = [], ""
    while True:
        page = await list_all(alice, page_size=3, page_token=token)
        keys += [transfer.order.idempotency_key for transfer in page.transfers]
        token = page.next_page_token
        if not token:
            break

    assert keys == [f"list-{n}" for n in reversed(range(7))]
    assert not (await list_all(alice, unfinished_only=True)).transfers
    with refused(Reason.PAGE_MALFORMED, field="page_size"):
        await list_all(alice, page_size=201)
    with refused(Reason.PAGE_MALFORMED, field="page_token"):
        await list_all(alice, page_token="abc")


async def test_a_transfer_that_is_final_is_watched_once(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    paid = (await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")).transfer
    assert [shown async for shown in alice.watch(paid.transfer_id)] == [paid]


async def test_nobody_watches_what_does_not_exist(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    for transfer_id in (bytes(16), b"", b"short", bytes(1000)):
        with refused(Reason.TRANSFER_NOT_FOUND, field="transfer_id"):
            async for _ in alice.watch(transfer_id):
                pass


async def test_the_operator_sees_the_transfers_of_all(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH", cents=10_00)
    by_alice = (await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "a")).transfer
    by_bob = (await bob.pay(bob.at("SOUTH"), alice.named_at("NORTH"), 1_00, "b")).transfer
    operator = await world.operator()

    listed = await operator.call(
        "AdminService", "ListTransfers", gateway_pb2.AdminServiceListTransfersRequest(page_size=2)
    )

    assert list(listed.transfers) == [by_bob, by_alice]
    assert await find(operator, transfer_ids=[by_alice.transfer_id]) == [by_alice]
    assert by_bob in await find(operator, id_prefix=by_bob.transfer_id.hex()[:8])
    assert [shown async for shown in operator.watch(by_bob.transfer_id)] == [by_bob]


async def test_many_may_watch_one_transfer(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    paid = (await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")).transfer

    async def last() -> order_pb2.Transfer:
        return [shown async for shown in alice.watch(paid.transfer_id)][-1]

    assert await asyncio.gather(*(last() for _ in range(30))) == [paid] * 30
