"""What a bank makes sure of before an instruction may enter a batch."""

from dataclasses import fields, replace

import pytest

from bank_service.admission import admit
from bank_service.books import CASH, CLEARING, RECOVERY
from interbank.instructions import PURPOSES, Evidence, Head, Instruction
from interbank.instructions import InstructionKind as I
from interbank.instructions import OutcomeKind as O
from interbank.money import MAX_MINOR_UNITS
from interbank.orders import Order, Purpose, fingerprint
from interbank.refusals import Reason, Refused
from tests.instructing import ORDER, WITHIN_NORTH, cash, credit_to_north, evidence, instruct

HERE = {
    I.DEBIT: instruct(I.DEBIT),
    I.RETURN_DEBIT: instruct(I.RETURN_DEBIT),
    I.SETTLE: instruct(I.SETTLE),
    I.CREDIT: credit_to_north(1_000),
    I.CANCEL_CREDIT: instruct(I.CANCEL_CREDIT, credit_to_north(1_000).order, principal="user:bob"),
    I.BOOK_TRANSFER: instruct(I.BOOK_TRANSFER, WITHIN_NORTH),
    I.DEPOSIT: cash(I.DEPOSIT, 1_000, principal="user:alice"),
    I.WITHDRAW: cash(I.WITHDRAW, 1_000, principal="user:alice"),
    I.ADD_MONEY: cash(I.ADD_MONEY, 1_000),
}
"""One of each kind, as an honest gateway sends it to NORTH."""

every_kind = pytest.mark.parametrize("instruction", HERE.values(), ids=lambda i: i.kind.name)
with_an_order = pytest.mark.parametrize(
    "instruction", [i for i in HERE.values() if i.kind is not I.SETTLE], ids=lambda i: i.kind.name
)


def field_at_fault(instruction: Instruction, bank: str = "NORTH") -> str:
    with pytest.raises(Refused) as caught:
        admit(instruction, bank)
    assert caught.value.reason is Reason.INSTRUCTION_MALFORMED
    return caught.value.field


def test_there_is_one_of_each_kind_here() -> None:
    assert HERE.keys() == set(I) - {I.COVER_SHORTFALL}


def test_a_bank_covers_shortfalls_on_nobodys_word_but_its_own() -> None:
    assert field_at_fault(instruct(I.COVER_SHORTFALL, principal="bank:NORTH")) == "kind"


@every_kind
def test_what_an_honest_gateway_sends_is_admitted(instruction: Instruction) -> None:
    admit(instruction, "NORTH")


@with_an_order
def test_an_instruction_for_another_bank_is_not(instruction: Instruction) -> None:
    assert field_at_fault(instruction, "EAST") == "order"


@pytest.mark.parametrize(
    ("kind", "payer_bank", "payee_bank"),
    [
        (I.DEBIT, "NORTH", "NORTH"),
        (I.DEBIT, "SOUTH", "NORTH"),
        (I.RETURN_DEBIT, "NORTH", "NORTH"),
        (I.RETURN_DEBIT, "SOUTH", "NORTH"),
        (I.CREDIT, "NORTH", "NORTH"),
        (I.CREDIT, "NORTH", "SOUTH"),
        (I.CANCEL_CREDIT, "NORTH", "NORTH"),
        (I.CANCEL_CREDIT, "NORTH", "SOUTH"),
        (I.BOOK_TRANSFER, "NORTH", "SOUTH"),
        (I.BOOK_TRANSFER, "SOUTH", "NORTH"),
        (I.DEPOSIT, "NORTH", "SOUTH"),
        (I.DEPOSIT, "SOUTH", "NORTH"),
        (I.WITHDRAW, "NORTH", "SOUTH"),
        (I.ADD_MONEY, "SOUTH", "NORTH"),
    ],
)
def test_each_kind_is_for_one_side_of_a_payment(kind: I, payer_bank: str, payee_bank: str) -> None:
    """A Debit where both accounts are, or a BookTransfer where one is, would be a second way to move the same order."""
    order = replace(ORDER, payer_bank=payer_bank, payee_bank=payee_bank, payee_account=2001)
    proof = evidence("SOUTH", O.DEBITED if kind is I.CREDIT else O.CANCELLED)
    assert field_at_fault(instruct(kind, order, evidence=proof)) == "order"


@with_an_order
@pytest.mark.parametrize("field", [field.name for field in fields(Order)])
def test_no_field_of_an_order_can_be_changed_under_its_fingerprint(instruction: Instruction, field: str) -> None:
    changed = {"payer_account": 5, "payee_account": 6, "minor_units": 999, "currency": "USD"}.get(field, "OTHER")
    order = replace(instruction.order, **{field: changed})  # type: ignore[arg-type]
    assert field_at_fault(replace(instruction, order=order)) in ("fingerprint", "order")


@with_an_order
def test_a_currency_that_nobody_can_write_down_is_none(instruction: Instruction) -> None:
    """Its refusal could be stored, and not be told: the log has to write the amount."""
    order = replace(instruction.order, currency="XYZ")
    assert field_at_fault(replace(instruction, order=order)) == "currency"


@with_an_order
def test_a_fingerprint_of_another_purpose_is_not_this_orders(instruction: Instruction) -> None:
    for purpose in set(Purpose) - {PURPOSES.get(instruction.kind, Purpose.TRANSFER)}:
        other = replace(instruction, fingerprint=fingerprint(instruction.order, purpose))
        assert field_at_fault(other) == "fingerprint"


@with_an_order
def test_an_id_is_that_of_order_and_principal(instruction: Instruction) -> None:
    assert field_at_fault(replace(instruction, transfer_id=b"\0" * 16)) == "transfer_id"
    assert field_at_fault(replace(instruction, principal="user:mallory")) == "transfer_id"
    assert field_at_fault(replace(instruction, principal="")) == "transfer_id"


@every_kind
@pytest.mark.parametrize(
    "changed",
    [
        {"transfer_id": b""},
        {"transfer_id": b"\0" * 15},
        {"transfer_id": b"\0" * 17},
        {"fingerprint": b""},
        {"fingerprint": b"\0" * 31},
        {"fingerprint": b"\0" * 33},
    ],
    ids=str,
)
def test_ids_and_fingerprints_have_their_length(instruction: Instruction, changed: dict[str, bytes]) -> None:
    assert field_at_fault(replace(instruction, **changed)) == "transfer_id"  # type: ignore[arg-type]


@with_an_order
@pytest.mark.parametrize("minor_units", [0, -1, -(2**63), MAX_MINOR_UNITS + 1, 2**63 - 1])
def test_an_amount_out_of_range_is_not_admitted(instruction: Instruction, minor_units: int) -> None:
    order = replace(instruction.order, minor_units=minor_units)
    again = instruct(instruction.kind, order, principal=instruction.principal, evidence=instruction.evidence)
    assert field_at_fault(again) == "minor_units"


@with_an_order
@pytest.mark.parametrize("minor_units", [1, MAX_MINOR_UNITS])
def test_both_ends_of_the_range_are_admitted(instruction: Instruction, minor_units: int) -> None:
    order = replace(instruction.order, minor_units=minor_units)
    admit(
        instruct(instruction.kind, order, principal=instruction.principal, evidence=instruction.evidence), "NORTH"
    )  # fmt: skip


@pytest.mark.parametrize("kind", [I.DEBIT, I.RETURN_DEBIT, I.CREDIT, I.CANCEL_CREDIT, I.BOOK_TRANSFER])
@pytest.mark.parametrize("side", ["payer_account", "payee_account"])
@pytest.mark.parametrize("internal", [CASH, CLEARING])
def test_no_payment_touches_an_internal_account(kind: I, side: str, internal: int) -> None:
    instruction = HERE[kind]
    order = replace(instruction.order, **{side: internal})  # type: ignore[arg-type]
    again = instruct(kind, order, principal=instruction.principal, evidence=instruction.evidence)
    assert field_at_fault(again) == "order"


EVIDENCE_NEEDED = {
    I.CREDIT: {O.DEBITED},
    I.RETURN_DEBIT: {O.REFUSED, O.CANCELLED, O.FINGERPRINT_MISMATCH},
    I.SETTLE: {O.CREDITED},
}


@pytest.mark.parametrize("kind", EVIDENCE_NEEDED)
def test_a_step_that_rests_on_another_bank_brings_its_outcome(kind: I) -> None:
    assert field_at_fault(replace(HERE[kind], evidence=None)) == "evidence"
    for outcome in O:
        instruction = replace(HERE[kind], evidence=evidence("SOUTH", outcome))
        if outcome in EVIDENCE_NEEDED[kind]:
            admit(instruction, "NORTH")
        else:
            assert field_at_fault(instruction) == "evidence"


@pytest.mark.parametrize("kind", EVIDENCE_NEEDED)
@pytest.mark.parametrize("chain_hash", [b"", b"\0" * 31, b"\0" * 33])
def test_evidence_says_where_the_outcome_stands(kind: I, chain_hash: bytes) -> None:
    proof = HERE[kind].evidence
    assert proof is not None
    assert field_at_fault(replace(HERE[kind], evidence=replace(proof, head=Head(7, chain_hash)))) == "evidence"


@pytest.mark.parametrize("kind", [I.DEBIT, I.BOOK_TRANSFER, I.CANCEL_CREDIT])
def test_a_first_step_needs_no_evidence(kind: I) -> None:
    admit(replace(HERE[kind], evidence=None), "NORTH")


def test_a_cancel_may_bring_the_debit_that_it_knows_of() -> None:
    admit(replace(HERE[I.CANCEL_CREDIT], evidence=evidence("SOUTH", O.DEBITED)), "NORTH")


def test_settle_names_a_debit_and_needs_no_order() -> None:
    nothing = Order("", 0, "", 0, "", 0, "", "", "")
    admit(replace(HERE[I.SETTLE], order=nothing, principal=""), "NORTH")


# --- what the books cannot hold: it would fail its whole batch, and again whenever it is asked


def at_north(payer: int, payee: int, name: str = "alice") -> Order:
    return Order("NORTH", payer, "NORTH", payee, name, 100, "EUR", "", "k")


BOOKS_CANNOT_HOLD = {
    "a transfer to the payer himself": instruct(I.BOOK_TRANSFER, at_north(1001, 1001)),
    "money added to cash": instruct(I.ADD_MONEY, at_north(CASH, CASH), principal="bank:NORTH"),
    "money added to clearing": instruct(I.ADD_MONEY, at_north(CASH, CLEARING), principal="bank:NORTH"),
    "cash out of clearing": instruct(I.WITHDRAW, at_north(CLEARING, CASH, "cash"), principal="bank:NORTH"),
    "cash out of recovery": instruct(I.WITHDRAW, at_north(RECOVERY, CASH, "cash"), principal="bank:NORTH"),
    "cash out of nowhere": instruct(I.WITHDRAW, at_north(-9, CASH, "cash"), principal="bank:NORTH"),
    "a deposit that says another customer paid it": instruct(I.DEPOSIT, at_north(1002, 1001)),
    "a withdrawal that says another customer got it": instruct(I.WITHDRAW, at_north(1001, 1002, "carol")),
    "no key": instruct(I.DEBIT, replace(ORDER, idempotency_key="")),
    "a key that is too long": instruct(I.DEBIT, replace(ORDER, idempotency_key="k" * 129)),
    "a reference that is too long": instruct(I.DEBIT, replace(ORDER, reference="r" * 141)),
}


@pytest.mark.parametrize("instruction", BOOKS_CANNOT_HOLD.values(), ids=BOOKS_CANNOT_HOLD)
def test_what_the_books_cannot_hold_never_enters_a_batch(instruction: Instruction) -> None:
    assert field_at_fault(instruction) == "order"


@pytest.mark.parametrize("kind", [I.CREDIT, I.RETURN_DEBIT], ids=lambda kind: kind.name)
@pytest.mark.parametrize("witness", ["", "EAST", "NORTH"])
def test_evidence_is_of_the_other_bank_of_the_order(kind: I, witness: str) -> None:
    """Stored, it is shown to that bank as a record of its own; a bank that never had it is quarantined for ever."""
    proof = HERE[kind].evidence
    assert proof is not None
    assert field_at_fault(replace(HERE[kind], evidence=replace(proof, bank=witness))) == "evidence"


FALSE = {
    "of a third bank": evidence("EAST", O.DEBITED),
    "of another outcome": evidence("SOUTH", O.CREDITED),
    "of no record": Evidence("SOUTH", O.DEBITED, Head(10**15, b"")),
}


@pytest.mark.parametrize("proof", FALSE.values(), ids=FALSE)
@pytest.mark.parametrize("kind", [I.DEBIT, I.BOOK_TRANSFER, I.DEPOSIT, I.CANCEL_CREDIT], ids=lambda kind: kind.name)
def test_evidence_that_is_not_needed_is_not_believed_either(kind: I, proof: Evidence) -> None:
    """It is stored and counts as a position of that bank, which is quarantined for ever if it never had it."""
    assert field_at_fault(replace(HERE[kind], evidence=proof)) == "evidence"
