"""A bank believes nobody: it answers out of its books whatever it is asked, in whatever order, on whoever's word."""

import dataclasses

import pytest

from interbank.instructions import Evidence, Instruction, InstructionKind, Outcome, OutcomeKind
from interbank.orders import Order, fingerprint, transfer_id
from interbank.refusals import Reason
from interbank.rpc.translate import order_from
from tests.refusing import refused
from tests.world import Caller, World, an_order


async def two_customers(world: World) -> tuple[Caller, Caller]:
    return await world.customer("alice", "NORTH", cents=10_00), await world.customer("bob", "SOUTH")


def grant_of(world: World, caller: Caller, bank: str) -> bytes:
    query = (
        "SELECT access FROM session_grants JOIN sessions USING (session_id) "
        f"WHERE bank = '{bank}' AND username = '{caller.username}'"
    )
    grant: bytes = world.sql("gateway", query)[0][0]
    return grant


class Teller:
    """Somebody with the gateway's certificate who asks a bank one thing after the other, in the gateway's session."""

    def __init__(self, world: World, alice: Caller, bob: Caller) -> None:
        self._world = world
        self.order = order_from(an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "by-hand"))
        self.principal = f"user:{alice.username}"
        self.grant = grant_of(world, alice, "NORTH")

    async def ask(self, kind: InstructionKind, evidence: tuple[str, OutcomeKind] | None = None) -> Outcome:
        """Ask the bank that this kind is for."""
        bank = "SOUTH" if kind in (InstructionKind.CREDIT, InstructionKind.CANCEL_CREDIT) else "NORTH"
        async with self._world.line_to(bank) as line:
            head = (await line.describe()).head
            shown = Evidence(evidence[0], evidence[1], head) if evidence else None
            instruction = self.instruction(kind, shown)
            (outcome,) = await line.post(self._world.link(bank)._session, [instruction])
        return outcome

    def instruction(self, kind: InstructionKind, evidence: Evidence | None = None) -> Instruction:
        digest = fingerprint(self.order)
        identity = transfer_id(self.principal, self.order.idempotency_key, digest)
        return Instruction(kind, identity, digest, self.order, self.principal, self.grant, "", evidence)


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


async def test_a_debit_needs_the_grant_of_the_very_customer_for_the_very_account(world: World) -> None:
    alice, bob = await two_customers(world)
    carol = await world.customer("carol", "NORTH", cents=10_00)
    teller = Teller(world, alice, bob)
    words = {
        "no grant": ({"grant": b""}, "GRANT_ENDED"),
        "a made-up grant": ({"grant": b"x" * 32}, "GRANT_ENDED"),
        "another customer's grant": ({"grant": grant_of(world, carol, "NORTH")}, "GRANT_ENDED"),
        "another customer's name": ({"principal": f"user:{carol.username}"}, "GRANT_ENDED"),
        "another customer's account": ({"account": carol.accounts["NORTH"]}, "ACCOUNT_NOT_FOUND"),
        "the bank's own account": ({"account": 0}, "ACCOUNT_NOT_FOUND"),
        "another bank's authority": ({"principal": "bank:SOUTH"}, "GRANT_ENDED"),
    }
    for n, (word, (changes, reason)) in enumerate(words.items()):
        liar = Teller(world, alice, bob)
        liar.grant = changes.get("grant", teller.grant)
        liar.principal = changes.get("principal", teller.principal)
        account = changes.get("account", teller.order.payer_account)
        liar.order = dataclasses.replace(teller.order, payer_account=account, idempotency_key=f"lie-{n}")
        outcome = await liar.ask(InstructionKind.DEBIT)
        assert (outcome.kind.name, outcome.reason) == ("REFUSED", reason), word
    assert (await alice.balance("NORTH"), await carol.balance("NORTH")) == (10_00, 10_00)


@pytest.mark.parametrize("kind", [InstructionKind.DEBIT, InstructionKind.RETURN_DEBIT])
@pytest.mark.parametrize(
    "changes",
    [
        {"payer_bank": "EAST"},
        {"payee_bank": "NORTH"},
        {"payer_account": -1},
        {"payee_account": -2},
        {"minor_units": 0},
        {"minor_units": -5},
        {"minor_units": 10**15},
    ],
)
async def test_an_instruction_that_cannot_be_meant_is_carried_out_by_nobody(
    world: World, kind: InstructionKind, changes: dict[str, object]
) -> None:
    alice, bob = await two_customers(world)
    teller = Teller(world, alice, bob)
    teller.order = dataclasses.replace(teller.order, **changes)
    before = world.sql("NORTH", "SELECT max(record_id) FROM records")
    with refused(Reason.INSTRUCTION_MALFORMED):
        await teller.ask(kind, ("SOUTH", OutcomeKind.CANCELLED))
    assert world.sql("NORTH", "SELECT max(record_id) FROM records") == before


async def test_an_order_that_was_altered_on_the_way_no_longer_fits_its_name(world: World) -> None:
    alice, bob = await two_customers(world)
    mallory = await world.customer("mallory", "SOUTH")
    teller = Teller(world, alice, bob)
    true = teller.instruction(InstructionKind.DEBIT)
    altered = [
        dataclasses.replace(true.order, minor_units=5_00),
        dataclasses.replace(true.order, payee_account=mallory.accounts["SOUTH"], payee_name=mallory.username),
        dataclasses.replace(true.order, reference="for something else"),
    ]
    async with world.line_to("NORTH") as line:
        for order in altered:
            assert isinstance(order, Order)
            for forged in (
                dataclasses.replace(true, order=order),
                dataclasses.replace(true, order=order, fingerprint=fingerprint(order)),
            ):
                with refused(Reason.INSTRUCTION_MALFORMED):
                    await line.post(world.link("NORTH")._session, [forged])
    assert await alice.balance("NORTH") == 10_00


async def test_one_bad_instruction_keeps_its_whole_batch_from_being_done(world: World) -> None:
    alice, bob = await two_customers(world)
    teller = Teller(world, alice, bob)
    good = teller.instruction(InstructionKind.DEBIT)
    async with world.line_to("NORTH") as line:
        with refused(Reason.INSTRUCTION_MALFORMED):
            await line.post(world.link("NORTH")._session, [good, dataclasses.replace(good, transfer_id=bytes(16))])
    assert await alice.balance("NORTH") == 10_00
