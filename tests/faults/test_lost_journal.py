"""Law 4, the other half: a journal that is lost is rebuilt from the banks."""

import asyncio

import pytest

from interbank.instructions import InstructionKind
from interbank.refusals import Reason
from protos.v1 import gateway_pb2, order_pb2
from tests import books
from tests.disasters import begin_anew, join, lose_journal, put_back, register_again
from tests.refusing import refused
from tests.world import Caller, World, an_order

COMPLETED = order_pb2.TRANSFER_STATE_COMPLETED
REFUSED = order_pb2.TRANSFER_STATE_REFUSED
RETURNED = order_pb2.TRANSFER_STATE_RETURNED


async def two_customers(world: World) -> tuple[Caller, Caller]:
    return await world.customer("alice", "NORTH", cents=10_00), await world.customer("bob", "SOUTH")


@pytest.mark.parametrize("moment", ["request", "reply"])
async def test_open_debits_are_adopted_and_completed_once(world: World, moment: str) -> None:
    alice, bob = await two_customers(world)
    hold = world.wire.hold_request if moment == "request" else world.wire.hold_reply
    credit = hold(InstructionKind.CREDIT)
    orders = [an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00 + n, f"lost-{n}") for n in range(5)]
    accepted = await alice.submit(orders)
    await credit.arrived.wait()

    await begin_anew(world, "SOUTH", "NORTH")
    await world.quiet()

    await register_again(alice)
    adopted = await alice.by_key(*(order.idempotency_key for order in orders))
    assert {transfer.transfer_id for transfer in adopted} == {one.transfer.transfer_id for one in accepted}
    assert {transfer.state for transfer in adopted} == {COMPLETED}
    assert sorted(transfer.order.minor_units for transfer in adopted) == [1_00, 1_01, 1_02, 1_03, 1_04]
    books.check(world.home)


async def test_a_debit_that_becomes_known_only_later_is_adopted_too(world: World) -> None:
    alice, bob = await two_customers(world)
    lost = world.wire.lose_request(InstructionKind.DEBIT, times=10**9)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "late")])
    await world.until(lambda: lost)

    await begin_anew(world, "SOUTH", "NORTH")
    async with world.line_to("NORTH") as line:
        await line.post(world.link("NORTH")._session, lost[:1])  # after the question at the start
    world.ask_for_open_debits("NORTH")

    await world.until(lambda: world.sql("gateway", "SELECT state FROM transfers") == [("COMPLETED",)])
    await world.quiet()
    books.check(world.home)


async def test_the_same_order_replays_under_the_same_id_after_the_journal_was_lost(world: World) -> None:
    alice, bob = await two_customers(world)
    payer, payee = alice.at("NORTH"), bob.named_at("SOUTH")
    completed = (await alice.pay(payer, payee, 1_00, "done")).transfer
    refused = (await alice.pay(payer, payee, 100_00, "broke")).transfer
    await world.quiet()

    await begin_anew(world, "SOUTH", "NORTH")
    await register_again(alice)

    again = [(await alice.pay(payer, payee, cents, key)).transfer for cents, key in ((1_00, "done"), (100_00, "broke"))]
    assert [transfer.transfer_id for transfer in again] == [completed.transfer_id, refused.transfer_id]
    assert [(transfer.state, transfer.reason) for transfer in again] == [
        (COMPLETED, ""),
        (REFUSED, "INSUFFICIENT_FUNDS"),
    ]
    await world.quiet()
    assert await alice.balance("NORTH") == 9_00
    books.check(world.home)


@pytest.mark.parametrize("joined", [(), ("SOUTH",)])
async def test_a_paid_order_is_not_called_not_accepted_while_its_bank_has_yet_to_join(
    world: World, joined: tuple[str, ...]
) -> None:
    """Who retries on a bank's own authority needs no session at that bank, and so may come before it."""
    alice, bob = await two_customers(world)
    order = an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "salary")
    run = gateway_pb2.SubmitTransfersRequest(orders=[order], on_authority_of_bank="NORTH", wait_seconds=10)
    operator = await world.operator()
    paid = (await operator.call("PaymentService", "SubmitTransfers", run)).submissions[0].transfer
    assert paid.state == COMPLETED
    await world.quiet()

    await begin_anew(world, *joined)
    operator = await world.operator()
    told = (await operator.call("PaymentService", "SubmitTransfers", run)).submissions[0]
    if told.HasField("not_accepted"):
        assert told.not_accepted.try_again, told.not_accepted.reason

    for bank in ("NORTH", "SOUTH"):
        await join(world, bank)
    again = (await operator.call("PaymentService", "SubmitTransfers", run)).submissions[0].transfer
    assert (again.state, again.transfer_id) == (COMPLETED, paid.transfer_id)
    await register_again(bob)
    assert await bob.balance("SOUTH") == 1_00
    books.check(world.home)


async def test_a_payment_that_came_back_before_the_journal_was_lost_stays_back(world: World) -> None:
    alice, bob = await two_customers(world)
    operator = await world.operator()
    credit = world.wire.hold_request(InstructionKind.CREDIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "back")])
    await credit.arrived.wait()
    await operator.set_status("SOUTH", bob.accounts["SOUTH"], "FROZEN")
    credit.release()
    await world.until(lambda: alice.in_state("back", "RETURNED"))
    await operator.set_status("SOUTH", bob.accounts["SOUTH"], "OPEN")

    await begin_anew(world, "SOUTH", "NORTH")
    await register_again(alice)
    again = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "back")

    assert (again.transfer.state, again.transfer.reason) == (RETURNED, "PAYEE_ACCOUNT_FROZEN")
    assert await alice.balance("NORTH") == 10_00
    books.check(world.home)


async def test_a_key_that_the_journal_forgot_is_kept_by_the_payers_bank(world: World) -> None:
    alice, bob = await two_customers(world)
    carol = await world.customer("carol", "NORTH")
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")
    await alice.pay(alice.at("NORTH"), carol.named_at("NORTH"), 1_00, "tea")
    await world.quiet()

    await begin_anew(world, "SOUTH", "NORTH")
    await register_again(alice)

    for key, payee in (("rent", carol.named_at("NORTH")), ("tea", bob.named_at("SOUTH"))):
        other = await alice.pay(alice.at("NORTH"), payee, 2_00, key)
        assert (other.transfer.state, other.transfer.reason) == (REFUSED, "IDEMPOTENCY_KEY_REUSED")
    await world.quiet()
    assert await alice.balance("NORTH") == 8_00
    books.check(world.home, journal_whole=False)


async def test_an_order_that_was_paid_is_paid_whatever_would_be_said_of_it_since_the_journal_was_lost(
    world: World,
) -> None:
    """Its payee is frozen by now, so the gateway would refuse it, and say that nothing moved: the payer's bank knows
    better, and is asked before anything is said for good."""
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "paid")
    await world.quiet()
    await (await world.operator()).set_status("SOUTH", bob.accounts["SOUTH"], "FROZEN")
    await begin_anew(world, "NORTH", "SOUTH")
    await register_again(alice)

    again = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "paid")
    with refused(Reason.PAYEE_ACCOUNT_FROZEN):
        await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "another")

    assert again.transfer.transfer_id == paid.transfer.transfer_id
    assert again.transfer.state == order_pb2.TRANSFER_STATE_COMPLETED
    await world.quiet()
    assert await alice.balance("NORTH") == 6_00


async def test_a_bank_takes_no_new_order_before_its_open_debits_are_known(world: World) -> None:
    """A journal that is being rebuilt must not take an order whose key one of the lost debits holds."""
    alice, bob = await two_customers(world)
    credit = world.wire.hold_request(InstructionKind.CREDIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "open")])
    await credit.arrived.wait()

    await begin_anew(world, "SOUTH", "NORTH")

    assert world.sql("gateway", "SELECT idempotency_key FROM transfers") == [("open",)]


async def test_a_journal_from_before_is_rebuilt_where_it_is_behind(world: World) -> None:
    alice, bob = await two_customers(world)
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "before")
    await world.quiet()
    await world.stop_gateway()
    old = world.gateway.path.read_bytes()
    await world.start_gateway()
    await world.connected("NORTH", "SOUTH")
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 2_00, "after")
    credit = world.wire.hold_request(InstructionKind.CREDIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 3_00, "under-way")])
    await credit.arrived.wait()
    await world.kill_gateway()

    put_back(world.gateway.path, old)
    await world.start_gateway()
    await world.connected("NORTH", "SOUTH")
    await world.quiet()

    assert await alice.in_state("under-way", "COMPLETED")
    again = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 2_00, "after")
    assert again.transfer.state == COMPLETED
    await world.quiet()
    assert await bob.balance("SOUTH") == 6_00
    books.check(world.home)


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


async def test_a_debit_whose_key_was_used_again_since_the_journal_was_lost_goes_on_all_the_same(world: World) -> None:
    """The journal has no place for it, and its bank lists it until it is concluded."""
    alice = await world.customer("alice", "NORTH", "SOUTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    credit = world.wire.hold_request(InstructionKind.CREDIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "twice")])
    await credit.arrived.wait()

    await begin_anew(world, "SOUTH")  # and not NORTH, which holds the debit
    await register_again_at(alice, "SOUTH")
    paid = await alice.pay(alice.at("SOUTH"), bob.named_at("SOUTH"), 2_00, "twice")
    assert paid.transfer.state == COMPLETED
    await join(world, "NORTH")

    await world.until(lambda: world.sql("NORTH", "SELECT count(*) FROM open_debits") == [(0,)])
    await world.quiet()
    assert world.sql("SOUTH", "SELECT amount FROM entries WHERE debit_account = -2") == [(1_00,)]
    assert world.sql("NORTH", "SELECT outcome FROM conclusions") == [("SETTLED",)]


async def register_again_at(caller: Caller, bank: str) -> None:
    caller.token = ""
    await caller.register(caller.username, bank, caller.accounts[bank])
    await caller.login(caller.username, bank=bank)
