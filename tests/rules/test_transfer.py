"""The life of a transfer: every state, every step and every outcome as literal tables."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_service.transfer import (
    BEFORE_THE_NEXT_STEP,
    FINAL,
    State,
    Step,
    Transfer,
    after,
    give_up,
    instruction,
    next_step,
)
from interbank.instructions import Head, Outcome
from interbank.instructions import InstructionKind as I
from interbank.instructions import OutcomeKind as O
from interbank.orders import fingerprint, transfer_id
from tests.instructing import NOW, ORDER, WITHIN_NORTH, evidence

DEBITED, CREDITED = evidence("NORTH", O.DEBITED, 11), evidence("SOUTH", O.CREDITED, 21)
CANCELLED, BOOKED = evidence("SOUTH", O.CANCELLED, 22), evidence("NORTH", O.BOOKED, 12)

EVIDENCE = {
    State.ACCEPTED: (None, None),
    State.DEBITED: (DEBITED, None),
    State.CANCELLING: (DEBITED, None),
    State.RETURNING: (DEBITED, CANCELLED),
    State.COMPLETED: (DEBITED, CREDITED),
    State.REFUSED: (None, None),
    State.RETURNED: (DEBITED, CANCELLED),
    State.CANCELLED: (None, CANCELLED),
}

STEPS = (I.DEBIT, I.BOOK_TRANSFER, I.CREDIT, I.CANCEL_CREDIT, I.RETURN_DEBIT)


def a_transfer(state: State = State.ACCEPTED, **fields: object) -> Transfer:
    order = WITHIN_NORTH if fields.pop("within", False) else ORDER
    digest = fingerprint(order)
    debit, credit = EVIDENCE[state]
    made = Transfer(
        transfer_id("user:alice", order.idempotency_key, digest),
        digest,
        order,
        "user:alice",
        b"grant",
        "",
        patient=False,
        accepted_at=NOW,
        state=state,
        debit=debit,
        credit=credit,
        finished_at=NOW + 5 if state in FINAL else None,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def an_outcome(kind: O, reason: str = "") -> Outcome:
    return Outcome(b"\1" * 16, kind, reason or ("ACCOUNT_FROZEN" if kind is O.REFUSED else ""), Head(33, b"\3" * 32))


# --- what is asked next

NEXT = [
    (State.ACCEPTED, Step("NORTH", I.DEBIT)),
    (State.DEBITED, Step("SOUTH", I.CREDIT)),
    (State.CANCELLING, Step("SOUTH", I.CANCEL_CREDIT)),
    (State.RETURNING, Step("NORTH", I.RETURN_DEBIT)),
    (State.COMPLETED, None),
    (State.REFUSED, None),
    (State.RETURNED, None),
    (State.CANCELLED, None),
]


def test_the_table_has_every_state() -> None:
    assert {state for state, _ in NEXT} == set(State)


@pytest.mark.parametrize(("state", "step"), NEXT)
def test_what_is_asked_next(state: State, step: Step | None) -> None:
    assert next_step(a_transfer(state)) == step


def test_within_one_bank_there_is_one_step() -> None:
    assert next_step(a_transfer(within=True)) == Step("NORTH", I.BOOK_TRANSFER)


@pytest.mark.parametrize("state", State)
def test_a_suspended_transfer_stops(state: State) -> None:
    transfer = a_transfer(state, suspended="contradiction")
    assert next_step(transfer) is None
    assert give_up(transfer) is transfer


# --- what an outcome makes of it

REFUSALS = {O.REFUSED: "ACCOUNT_FROZEN", O.KEY_REUSED: "IDEMPOTENCY_KEY_REUSED",
            O.FINGERPRINT_MISMATCH: "IDEMPOTENCY_KEY_REUSED"}  # fmt: skip
NOT_CREDITED = {O.REFUSED: "ACCOUNT_FROZEN", O.CANCELLED: "CANCELLED_BY_PATIENCE",
                O.FINGERPRINT_MISMATCH: "IDEMPOTENCY_KEY_REUSED"}  # fmt: skip

MOVES: dict[tuple[State, I, O], tuple[State, str]] = {
    (State.ACCEPTED, I.DEBIT, O.DEBITED): (State.DEBITED, ""),
    **{(State.ACCEPTED, I.DEBIT, o): (State.CANCELLING, "") for o in (O.NOT_DEBITED, O.RETURNED)},
    (State.ACCEPTED, I.BOOK_TRANSFER, O.BOOKED): (State.COMPLETED, ""),
    (State.RETURNING, I.RETURN_DEBIT, O.RETURNED): (State.RETURNED, ""),
    **{(State.ACCEPTED, k, o): (State.REFUSED, reason) for k in (I.DEBIT, I.BOOK_TRANSFER)
       for o, reason in REFUSALS.items()},
    **{(s, k, O.CREDITED): (State.COMPLETED, "") for s in (State.DEBITED, State.CANCELLING)
       for k in (I.CREDIT, I.CANCEL_CREDIT)},
    **{(s, k, o): (State.RETURNING, reason) for s in (State.DEBITED, State.CANCELLING)
       for k in (I.CREDIT, I.CANCEL_CREDIT) for o, reason in NOT_CREDITED.items()},
}  # fmt: skip
"""Where an outcome leads, and the reason that people are given."""

ODD = {O.DEBITED, O.BOOKED, O.NOT_DEBITED, O.RETURNED, O.SETTLED, O.KEY_REUSED}
"""What no payee's bank ever answers."""

CONTRADICTS = {
    *((state, kind, O.CONTRADICTION) for state, kind in product(State, STEPS)),
    *((State.ACCEPTED, I.DEBIT, o) for o in (O.CREDITED, O.BOOKED, O.CANCELLED, O.SETTLED)),
    *((State.ACCEPTED, I.BOOK_TRANSFER, o) for o in set(O) - {O.BOOKED, *REFUSALS}),
    *((s, k, o) for s in (State.DEBITED, State.CANCELLING) for k in (I.CREDIT, I.CANCEL_CREDIT) for o in ODD),
    *((State.RETURNING, I.RETURN_DEBIT, o) for o in set(O) - {O.RETURNED}),
    *((s, k, O.CREDITED) for s in set(State) - {State.DEBITED, State.CANCELLING, State.COMPLETED}
      for k in (I.CREDIT, I.CANCEL_CREDIT)),
    *((State.COMPLETED, k, o) for k in (I.CREDIT, I.CANCEL_CREDIT) for o in set(O) - {O.CREDITED}),
}  # fmt: skip
"""Outcomes that contradict what is known: a human must look. The payer's bank of a RETURNING here has said DEBITED; for
one that has not there is a test of its own."""

NOTES_THE_DEBIT = {(s, I.DEBIT, O.DEBITED) for s in (State.DEBITED, State.CANCELLING, State.RETURNING)}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", STEPS)
def test_what_each_outcome_makes_of_each_state(state: State, kind: I) -> None:
    for answer in O:
        cell, before = (state, kind, answer), a_transfer(state)
        moved = after(before, kind, an_outcome(answer), NOW + 9)
        if cell in MOVES:
            assert (moved.state, moved.reason) == MOVES[cell], answer
            assert moved.finished_at == (NOW + 9 if moved.final else None), answer
            assert not moved.suspended, answer
        elif cell in CONTRADICTS:
            assert moved.suspended, answer
            assert replace(moved, suspended="") == before, answer
        elif cell in NOTES_THE_DEBIT:
            assert replace(moved, debit=before.debit) == before, answer
        else:
            assert moved == before, answer


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (O.NOT_DEBITED, State.CANCELLED, "CANCELLED_BY_PATIENCE"),
        (O.REFUSED, State.REFUSED, "ACCOUNT_FROZEN"),
        (O.FINGERPRINT_MISMATCH, State.REFUSED, "IDEMPOTENCY_KEY_REUSED"),
    ],
)
def test_what_was_given_up_before_any_debit_is_known_ends_as_the_payers_bank_says(
    answer: O, state: State, reason: str
) -> None:
    returning = a_transfer(State.RETURNING, debit=None, reason="CANCELLED_BY_PATIENCE")
    ended = after(returning, I.RETURN_DEBIT, an_outcome(answer), NOW + 9)
    assert (ended.state, ended.reason, ended.finished_at) == (state, reason, NOW + 9)


@pytest.mark.parametrize("answer", [O.NOT_DEBITED, O.REFUSED, O.FINGERPRINT_MISMATCH], ids=lambda o: o.name)
def test_a_bank_that_takes_its_debited_back_is_looked_at_by_a_human(answer: O) -> None:
    """It said DEBITED, the journal has the evidence, and now it says that nothing was debited."""
    returning = a_transfer(State.RETURNING)
    assert returning.debit is not None
    moved = after(returning, I.RETURN_DEBIT, an_outcome(answer), NOW)
    assert moved.suspended
    assert replace(moved, suspended="") == returning


def test_money_that_came_back_keeps_the_reason_for_which_it_was_not_credited() -> None:
    returning = after(a_transfer(State.DEBITED), I.CREDIT, an_outcome(O.REFUSED, "PAYEE_ACCOUNT_FROZEN"), NOW)
    assert after(returning, I.RETURN_DEBIT, an_outcome(O.RETURNED), NOW).reason == "PAYEE_ACCOUNT_FROZEN"


def test_an_outcome_is_kept_as_the_evidence_of_the_next_step() -> None:
    head = Head(33, b"\3" * 32)
    debited = after(a_transfer(), I.DEBIT, an_outcome(O.DEBITED), NOW)
    assert debited.debit is not None
    assert (debited.debit.bank, debited.debit.kind, debited.debit.head) == ("NORTH", O.DEBITED, head)
    for answer in (O.CREDITED, *NOT_CREDITED):
        credited = after(a_transfer(State.DEBITED), I.CREDIT, an_outcome(answer), NOW)
        assert credited.credit is not None
        assert (credited.credit.bank, credited.credit.kind, credited.credit.head) == ("SOUTH", answer, head)


def test_a_debit_that_is_heard_of_while_a_way_back_is_asked_for_is_noted_and_changes_nothing_else() -> None:
    cancelling = a_transfer(State.CANCELLING, debit=None)
    noted = after(cancelling, I.DEBIT, an_outcome(O.DEBITED), NOW)
    assert noted.debit is not None
    assert replace(noted, debit=None) == cancelling


def test_a_settle_moves_nothing_and_only_a_contradiction_is_heard() -> None:
    completed = a_transfer(State.COMPLETED)
    for answer in set(O) - {O.CONTRADICTION}:
        assert after(completed, I.SETTLE, an_outcome(answer), NOW) == completed
    assert after(completed, I.SETTLE, an_outcome(O.CONTRADICTION), NOW).suspended


# --- patience


@pytest.mark.parametrize("state", State)
def test_patience_ends_by_asking_for_a_way_back_and_by_nothing_else(state: State) -> None:
    impatient, patient = a_transfer(state), a_transfer(state, patient=True)
    begins = state in (State.ACCEPTED, State.DEBITED)
    assert give_up(impatient) == (replace(impatient, state=State.CANCELLING) if begins else impatient)
    assert give_up(patient) is patient


def test_a_transfer_within_one_bank_has_no_way_back() -> None:
    transfer = a_transfer(within=True)
    assert give_up(transfer) is transfer


def test_steps_back_and_ends_are_durable_before_anything_follows() -> None:
    assert set(State) - {State.ACCEPTED, State.DEBITED} == BEFORE_THE_NEXT_STEP
    assert {State.COMPLETED, State.REFUSED, State.RETURNED, State.CANCELLED} == FINAL


# --- what is sent


def test_an_instruction_carries_the_authority_and_the_evidence_of_its_step_and_no_more() -> None:
    returning = a_transfer(State.RETURNING)
    carried = {kind: instruction(returning, kind) for kind in (*STEPS, I.SETTLE)}
    assert {kind for kind, i in carried.items() if i.grant} == {I.DEBIT, I.BOOK_TRANSFER}
    assert {kind: i.evidence for kind, i in carried.items()} == {
        I.DEBIT: None, I.BOOK_TRANSFER: None, I.CREDIT: DEBITED, I.CANCEL_CREDIT: DEBITED, I.RETURN_DEBIT: CANCELLED,
        I.SETTLE: CANCELLED,
    }  # fmt: skip
    for kind, sent in carried.items():
        assert (sent.kind, sent.transfer_id, sent.fingerprint) == (kind, returning.transfer_id, returning.fingerprint)
        assert (sent.order, sent.principal) == (returning.order, "user:alice")


# --- whatever happens

events = st.one_of(st.just("patience ends"), st.tuples(st.sampled_from((*STEPS, I.SETTLE)), st.sampled_from(O)))


@given(st.lists(events, max_size=12), st.booleans(), st.booleans())
@settings(max_examples=150, deadline=None, print_blob=True)
def test_whatever_is_heard_an_end_is_for_ever_and_rests_on_evidence(
    heard: list[tuple[I, O] | str], patient: bool, within: bool
) -> None:
    transfer = a_transfer(patient=patient, within=within)
    for event in heard:
        before = transfer
        if isinstance(event, str):
            transfer = give_up(before)
            assert not transfer.final or transfer is before
        else:
            transfer = after(before, event[0], an_outcome(event[1]), NOW + 9)
        if before.final:
            assert replace(transfer, suspended=before.suspended) == before
        assert (transfer.finished_at is not None) == transfer.final
        if transfer.state is State.DEBITED:
            assert transfer.debit is not None
        if transfer.state is State.RETURNING:
            assert transfer.credit is not None
            assert transfer.credit.kind in (O.REFUSED, O.CANCELLED, O.FINGERPRINT_MISMATCH)
        if transfer.state is State.COMPLETED:
            assert transfer.credit is not None
            assert transfer.credit.kind in (O.CREDITED, O.BOOKED)
        assert bool(transfer.reason) or transfer.state not in (State.REFUSED, State.RETURNED, State.CANCELLED)


def test_an_honest_network_never_suspends_anything_and_brings_everything_to_an_end() -> None:
    """Each answer heard twice, each bank answering as its table says, patience ending anywhere."""
    for path in product((False, True), repeat=4):
        for pays, takes in product((True, False), repeat=2):
            ended = walk(path, pays=pays, takes=takes)
            assert ended.final, (path, pays, takes)
            assert not ended.suspended, (path, pays, takes)


def walk(gives_up: tuple[bool, ...], *, pays: bool, takes: bool) -> Transfer:
    """A transfer driven to its end against banks that remember what they said."""
    transfer, said = a_transfer(), dict[str, O]()
    for impatient in (*gives_up, *([False] * 6)):
        if impatient:
            transfer = give_up(transfer)
        step = next_step(transfer)
        if step is None:
            break
        answer = _answer(step.kind, said, pays=pays, takes=takes)
        transfer = after(transfer, step.kind, an_outcome(answer), NOW)
        transfer = after(transfer, step.kind, an_outcome(answer), NOW)
    return transfer


def _answer(kind: I, said: dict[str, O], *, pays: bool, takes: bool) -> O:
    if kind is I.DEBIT:
        return said.setdefault("payer", O.DEBITED if pays else O.REFUSED)
    if kind is I.CREDIT:
        return said.setdefault("payee", O.CREDITED if takes else O.REFUSED)
    if kind is I.CANCEL_CREDIT:
        return said.setdefault("payee", O.CANCELLED)
    if said.setdefault("payer", O.NOT_DEBITED) is O.DEBITED:
        said["payer"] = O.RETURNED
    return said["payer"]
