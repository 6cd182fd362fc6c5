"""A bank that contradicts itself or another moves no more money: the transfer is suspended, and a human must look."""

import dataclasses

import pytest

from interbank.instructions import Evidence, Instruction, InstructionKind, Outcome, OutcomeKind
from interbank.orders import fingerprint, transfer_id
from interbank.refusals import Reason
from interbank.rpc.translate import order_from
from protos.v1 import order_pb2
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


class Teller:
    """Somebody with the gateway's certificate who asks a bank one thing after the other, in the gateway's session."""

    def __init__(self, world: World, alice: Caller, bob: Caller) -> None:
        self._world = world
        self._order = order_from(an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "by-hand"))
        self._principal = f"user:{alice.username}"
        self._grant = world.sql("gateway", "SELECT access FROM session_grants WHERE bank = 'NORTH'")[0][0]

    async def ask(self, kind: InstructionKind, evidence: tuple[str, OutcomeKind] | None = None) -> Outcome:
        bank = "SOUTH" if kind in (InstructionKind.CREDIT, InstructionKind.CANCEL_CREDIT) else "NORTH"
        digest = fingerprint(self._order)
        identity = transfer_id(self._principal, self._order.idempotency_key, digest)
        async with self._world.line_to(bank) as line:
            head = (await line.describe()).head
            shown = Evidence(evidence[0], evidence[1], head) if evidence else None
            instruction = Instruction(kind, identity, digest, self._order, self._principal, self._grant, "", shown)
            (outcome,) = await line.post(self._world.link(bank)._session, [instruction])
        return outcome


DEBIT = (InstructionKind.DEBIT, None)
RETURN = (InstructionKind.RETURN_DEBIT, ("SOUTH", OutcomeKind.CANCELLED))
SETTLE = (InstructionKind.SETTLE, ("SOUTH", OutcomeKind.CREDITED))
CREDIT = (InstructionKind.CREDIT, ("NORTH", OutcomeKind.DEBITED))
CANCEL = (InstructionKind.CANCEL_CREDIT, None)


@pytest.mark.parametrize(
    ("asked", "answers"),
    [
        ([SETTLE], ["CONTRADICTION"]),
        ([DEBIT, SETTLE, SETTLE], ["DEBITED", "SETTLED", "SETTLED"]),
        ([DEBIT, SETTLE, DEBIT], ["DEBITED", "SETTLED", "DEBITED"]),
        ([DEBIT, SETTLE, RETURN], ["DEBITED", "SETTLED", "CONTRADICTION"]),
        ([DEBIT, RETURN, RETURN], ["DEBITED", "RETURNED", "RETURNED"]),
        ([DEBIT, RETURN, DEBIT], ["DEBITED", "RETURNED", "RETURNED"]),
        ([DEBIT, RETURN, SETTLE, SETTLE], ["DEBITED", "RETURNED", "CONTRADICTION", "CONTRADICTION"]),
        ([RETURN, DEBIT, RETURN], ["NOT_DEBITED", "NOT_DEBITED", "NOT_DEBITED"]),
        ([RETURN, SETTLE], ["NOT_DEBITED", "CONTRADICTION"]),
        ([CANCEL, CREDIT, CANCEL], ["CANCELLED", "CANCELLED", "CANCELLED"]),
    ],
)
async def test_a_bank_answers_out_of_its_books_whatever_it_is_asked_and_in_whatever_order(
    world: World, asked: list[tuple[InstructionKind, tuple[str, OutcomeKind] | None]], answers: list[str]
) -> None:
    alice, bob = await two_customers(world)
    teller = Teller(world, alice, bob)

    heard = [(await teller.ask(*one)).kind.name for one in asked]

    assert heard == answers
    moved = heard.count("DEBITED") > 0 and "RETURNED" not in heard
    assert await alice.balance("NORTH") == (6_00 if moved else 10_00)
    assert await bob.balance("SOUTH") == 0


async def test_a_contradiction_writes_nothing(world: World) -> None:
    alice, bob = await two_customers(world)
    teller = Teller(world, alice, bob)
    for one in (DEBIT, RETURN):
        await teller.ask(*one)
    before = world.sql("NORTH", "SELECT max(record_id) FROM records")
    outcome = await teller.ask(*SETTLE)
    assert outcome.reason == "OUTCOMES_CONTRADICT"
    assert world.sql("NORTH", "SELECT max(record_id) FROM records") == before


@pytest.mark.parametrize(
    "asked",
    [
        (InstructionKind.CREDIT, None),
        (InstructionKind.CREDIT, ("NORTH", OutcomeKind.REFUSED)),
        (InstructionKind.RETURN_DEBIT, None),
        (InstructionKind.RETURN_DEBIT, ("SOUTH", OutcomeKind.CREDITED)),
        (InstructionKind.SETTLE, None),
        (InstructionKind.SETTLE, ("SOUTH", OutcomeKind.CANCELLED)),
    ],
)
async def test_money_moves_back_or_on_only_with_the_other_banks_word(
    world: World, asked: tuple[InstructionKind, tuple[str, OutcomeKind] | None]
) -> None:
    alice, bob = await two_customers(world)
    with refused(Reason.INSTRUCTION_MALFORMED, field="evidence"):
        await Teller(world, alice, bob).ask(*asked)
