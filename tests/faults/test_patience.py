"""Law 7: time decides nothing but when to begin asking for a way back; and law 5: nothing is undone by guessing."""

import asyncio

import pytest

from interbank.instructions import InstructionKind, OutcomeKind
from interbank.refusals import Reason
from protos.v1 import gateway_pb2, order_pb2
from tests import books
from tests.refusing import refused
from tests.world import Caller, World, an_order

COMPLETED = order_pb2.TRANSFER_STATE_COMPLETED
CANCELLED = order_pb2.TRANSFER_STATE_CANCELLED
RETURNED = order_pb2.TRANSFER_STATE_RETURNED
EVER = 10**9


async def two_customers(world: World) -> tuple[Caller, Caller]:
    return await world.customer("alice", "NORTH", cents=10_00), await world.customer("bob", "SOUTH")


async def test_a_payees_bank_that_is_down_refuses_before_anything_is_stored(world: World) -> None:
    alice, bob = await two_customers(world)
    carol = await world.customer("carol", "NORTH")
    await world.stop_bank("SOUTH")
    await world.until(lambda: world.link("SOUTH").status.name == "DOWN")

    with refused(Reason.PAYEE_BANK_UNAVAILABLE, field="payee_bank") as caught:
        await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")
    assert caught.value.retry_after_ms > 0
    assert world.sql("gateway", "SELECT count(*) FROM transfers") == [(0,)]
    within = await alice.pay(alice.at("NORTH"), carol.named_at("NORTH"), 1_00, "coffee")
    assert within.transfer.state == COMPLETED, "the other banks go on"

    await world.start_bank("SOUTH")
    await world.connected("SOUTH")
    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")
    assert paid.transfer.state == COMPLETED, "the key stayed free"
    await world.quiet()
    books.check(world.home)


async def test_a_payers_bank_that_is_down_refuses_before_anything_is_stored(world: World) -> None:
    alice, bob = await two_customers(world)
    world.wire.cut("NORTH")
    with refused(Reason.PAYER_BANK_UNAVAILABLE, field="payer_bank"):
        await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")
    assert world.sql("gateway", "SELECT count(*) FROM transfers") == [(0,)]


async def test_a_known_order_is_answered_even_when_its_banks_are_down(world: World) -> None:
    alice, bob = await two_customers(world)
    first = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")
    world.wire.cut("NORTH", "SOUTH")
    again = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")
    assert again.transfer == first.transfer
    with refused(Reason.IDEMPOTENCY_KEY_REUSED):
        await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 2_00, "rent")


async def test_a_payment_whose_payees_bank_dies_after_the_debit_says_what_it_waits_for_and_completes(
    world: World,
) -> None:
    alice, bob = await two_customers(world)
    debit = world.wire.hold_reply(InstructionKind.DEBIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")])
    await debit.arrived.wait()
    await world.stop_bank("SOUTH")
    debit.release()

    await world.until(lambda: alice.in_state("rent", "DEBITED"))
    await world.until(lambda: world.link("SOUTH").cause)
    pending = await alice.in_state("rent", "DEBITED")
    assert not pending.final
    assert pending.in_doubt.waiting_for == "SOUTH"
    assert pending.in_doubt.next_action == "Credit"
    assert pending.in_doubt.cause in ("connection refused", "connection lost", "no answer")
    assert 0 < pending.in_doubt.since_us <= pending.in_doubt.next_attempt_at_us
    assert await alice.balance("NORTH") == 9_00
    assert await waiting_and_in_doubt(alice) == {"NORTH": (0, 0), "SOUTH": (1, 1)}

    await world.start_bank("SOUTH")
    await world.until(lambda: alice.in_state("rent", "COMPLETED"))
    await world.quiet()
    assert await waiting_and_in_doubt(alice) == {"NORTH": (0, 0), "SOUTH": (0, 0)}
    books.check(world.home)


async def waiting_and_in_doubt(caller: Caller) -> dict[str, tuple[int, int]]:
    """How many transfers wait for each bank, and of how many of them the answer is overdue."""
    shown = await caller.call("AccountService", "ListBanks", gateway_pb2.ListBanksRequest())
    return {bank.bank: (bank.waiting, bank.in_doubt) for bank in shown.banks}


@pytest.mark.usefixtures("short_patience")
async def test_an_order_is_given_up_when_the_payees_bank_does_not_answer_and_the_money_comes_back(
    world: World,
) -> None:
    alice, bob = await two_customers(world)
    world.wire.lose_request(InstructionKind.CREDIT, times=EVER)

    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")

    assert (paid.transfer.state, paid.transfer.reason) == (RETURNED, "CANCELLED_BY_PATIENCE")
    assert await alice.balance("NORTH") == 10_00
    kinds = world.sql("NORTH", "SELECT kind FROM v_statement WHERE kind <> 'MONEY_ADDED' ORDER BY entry_id")
    assert kinds == [("DEBITED",), ("RETURNED",)], "the return is an entry of its own"
    books.check(world.home)


@pytest.mark.usefixtures("short_patience")
async def test_a_bank_that_was_asked_to_cancel_and_is_silent_keeps_the_money_waiting_and_not_lost(
    world: World,
) -> None:
    alice, bob = await two_customers(world)
    world.wire.lose_request(InstructionKind.CREDIT, times=EVER)
    world.wire.lose_request(InstructionKind.CANCEL_CREDIT, times=EVER)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")])

    await world.until(lambda: alice.in_state("rent", "CANCELLING"))
    before = len([0 for _, kind, _ in world.wire.delivered if kind is InstructionKind.RETURN_DEBIT])
    assert await alice.balance("NORTH") == 9_00
    assert before == 0, "no money goes back on a guess"

    world.wire.heal()
    await world.until(lambda: alice.in_state("rent", "RETURNED"))
    books.check(world.home)


@pytest.mark.usefixtures("short_patience")
async def test_a_credit_that_was_done_and_never_heard_of_wins_over_the_wish_to_cancel(world: World) -> None:
    alice, bob = await two_customers(world)
    world.wire.lose_reply(InstructionKind.CREDIT, times=EVER)

    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")

    assert paid.transfer.state == COMPLETED
    assert world.wire.count(InstructionKind.CANCEL_CREDIT, paid.transfer.transfer_id) >= 1
    assert await bob.balance("SOUTH") == 1_00
    await world.quiet()
    books.check(world.home)


@pytest.mark.usefixtures("short_patience")
async def test_a_credit_that_comes_after_the_cancellation_is_refused_for_ever(world: World) -> None:
    alice, bob = await two_customers(world)
    lost = world.wire.lose_request(InstructionKind.CREDIT, times=EVER)
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")

    async with world.line_to("SOUTH") as line:
        (outcome,) = await line.post(world.link("SOUTH")._session, lost[:1])

    assert outcome.kind is OutcomeKind.CANCELLED
    assert await bob.balance("SOUTH") == 0
    books.check(world.home)


@pytest.mark.usefixtures("short_patience")
async def test_an_order_whose_debit_was_never_answered_is_given_up_and_a_late_debit_is_refused(world: World) -> None:
    alice, bob = await two_customers(world)
    lost = world.wire.lose_request(InstructionKind.DEBIT, times=EVER)

    given_up = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")
    async with world.line_to("NORTH") as line:
        (outcome,) = await line.post(world.link("NORTH")._session, lost[:1])

    assert (given_up.transfer.state, given_up.transfer.reason) == (CANCELLED, "CANCELLED_BY_PATIENCE")
    assert outcome.kind is OutcomeKind.NOT_DEBITED
    assert await alice.balance("NORTH") == 10_00
    books.check(world.home)


async def test_an_instruction_of_an_older_session_is_not_carried_out(world: World) -> None:
    alice, bob = await two_customers(world)
    session = world.link("SOUTH")._session
    lost = world.wire.lose_request(InstructionKind.CREDIT)
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")

    async with world.line_to("SOUTH") as line:
        with refused(Reason.SESSION_SUPERSEDED):
            await line.post(session, lost)


@pytest.mark.usefixtures("short_patience")
async def test_a_debit_that_was_done_and_never_heard_of_is_given_back(world: World) -> None:
    alice, bob = await two_customers(world)
    world.wire.lose_reply(InstructionKind.DEBIT, times=EVER)

    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")

    assert (paid.transfer.state, paid.transfer.reason) == (RETURNED, "CANCELLED_BY_PATIENCE")
    assert await alice.balance("NORTH") == 10_00
    books.check(world.home)


@pytest.mark.usefixtures("short_patience")
async def test_a_patient_order_is_never_given_up(world: World, short_patience: float) -> None:
    alice, bob = await two_customers(world)
    world.wire.lose_request(InstructionKind.CREDIT, times=EVER)
    order = an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")
    (accepted,) = await alice.submit([order], patient=True)
    underway = world.gateway.server.gateway.pipeline.find(accepted.transfer.transfer_id)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await world.until(lambda: loop.time() - begun > 3 * short_patience and underway.attempts > 3)
    assert await alice.in_state("rent", "DEBITED")

    world.wire.heal()
    await world.until(lambda: alice.in_state("rent", "COMPLETED"))
    await world.quiet()
    books.check(world.home)


async def test_a_payment_within_one_bank_is_asked_for_until_it_is_answered(world: World, short_patience: float) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    carol = await world.customer("carol", "NORTH")
    world.wire.lose_request(InstructionKind.BOOK_TRANSFER, times=EVER)
    (accepted,) = await alice.submit([an_order(alice.at("NORTH"), carol.named_at("NORTH"), 1_00, "tea")])
    underway = world.gateway.server.gateway.pipeline.find(accepted.transfer.transfer_id)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await world.until(lambda: loop.time() - begun > 3 * short_patience and underway.attempts > 3)
    world.wire.heal()
    await world.until(lambda: alice.in_state("tea", "COMPLETED"))
    books.check(world.home)


@pytest.mark.usefixtures("short_patience")
async def test_of_many_payments_in_doubt_each_ends_one_way_only(world: World) -> None:
    alice, bob = await two_customers(world)
    for _ in range(8):
        world.wire.lose_reply(InstructionKind.CREDIT)
        world.wire.lose_request(InstructionKind.CREDIT)
        world.wire.lose_reply(InstructionKind.DEBIT)
    orders = [an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1 + n, f"many-{n}") for n in range(40)]

    await alice.submit(orders, wait_seconds=10)
    world.wire.heal()
    await world.quiet()

    transfers = await alice.by_key(*(order.idempotency_key for order in orders))
    arrived = sum(transfer.order.minor_units for transfer in transfers if transfer.state == COMPLETED)
    assert {transfer.state for transfer in transfers} <= {COMPLETED, RETURNED, CANCELLED}
    assert await bob.balance("SOUTH") == arrived
    assert await alice.balance("NORTH") == 10_00 - arrived
    books.check(world.home)


async def test_money_comes_back_to_an_account_that_was_frozen_meanwhile(world: World) -> None:
    alice, bob = await two_customers(world)
    operator = await world.operator()
    credit = world.wire.hold_request(InstructionKind.CREDIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 10_00, "rent")])
    await credit.arrived.wait()
    await operator.set_status("NORTH", alice.accounts["NORTH"], "FROZEN")
    await operator.set_status("SOUTH", bob.accounts["SOUTH"], "FROZEN")
    credit.release()
    await world.until(lambda: alice.in_state("rent", "RETURNED"))
    assert await alice.balance("NORTH") == 10_00
    books.check(world.home)


async def test_an_account_with_money_on_its_way_out_cannot_be_closed(world: World) -> None:
    alice, bob = await two_customers(world)
    operator = await world.operator()
    credit = world.wire.hold_request(InstructionKind.CREDIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 10_00, "all")])
    await credit.arrived.wait()
    with refused(Reason.ACCOUNT_HAS_OPEN_DEBITS):
        await operator.set_status("NORTH", alice.accounts["NORTH"], "CLOSED")

    credit.release()
    await world.quiet()
    closed = await operator.set_status("NORTH", alice.accounts["NORTH"], "CLOSED")
    assert closed.balance.minor_units == 0
    books.check(world.home)


async def test_a_client_that_goes_away_in_the_middle_changes_nothing(world: World) -> None:
    alice, bob = await two_customers(world)
    credit = world.wire.hold_request(InstructionKind.CREDIT)
    call = asyncio.ensure_future(alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "gone"))
    await credit.arrived.wait()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    credit.release()
    await world.until(lambda: alice.in_state("gone", "COMPLETED"))
    await world.quiet()
    books.check(world.home)


async def test_an_order_is_taken_or_not_whenever_its_client_goes_away(world: World) -> None:
    alice, bob = await two_customers(world)

    async def impatient_client(n: int) -> None:
        call = asyncio.ensure_future(alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1, f"gone-{n}"))
        for _ in range(n):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    await asyncio.gather(*(impatient_client(n) for n in range(0, 120, 3)))
    await alice.balance("NORTH")
    await world.quiet()

    (taken,) = world.sql("gateway", "SELECT count(*) FROM transfers WHERE state = 'COMPLETED'")
    assert await bob.balance("SOUTH") == taken[0]
    books.check(world.home)
