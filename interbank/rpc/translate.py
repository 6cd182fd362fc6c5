"""Orders, instructions and outcomes to and from their messages. No decisions."""

from interbank.instructions import NO_HEAD, Evidence, Head, Instruction, InstructionKind, Outcome, OutcomeKind
from interbank.orders import Order
from interbank.refusals import Reason, Refused
from protos.v1 import bank_pb2, order_pb2

_NO_ORDER = Order("", 0, "", 0, "", 0, "", "", "")


def order_from(message: order_pb2.Order) -> Order:
    """Read an order; nothing is checked."""
    return Order(
        message.payer_bank,
        message.payer_account,
        message.payee_bank,
        message.payee_account,
        message.payee_name,
        message.minor_units,
        message.currency,
        message.reference,
        message.idempotency_key,
    )


def order_message(order: Order) -> order_pb2.Order:
    """Write an order."""
    return order_pb2.Order(
        payer_bank=order.payer_bank,
        payer_account=order.payer_account,
        payee_bank=order.payee_bank,
        payee_account=order.payee_account,
        payee_name=order.payee_name,
        minor_units=order.minor_units,
        currency=order.currency,
        reference=order.reference,
        idempotency_key=order.idempotency_key,
    )


def head_from(message: bank_pb2.Head) -> Head:
    """Read a position."""
    return Head(message.record_id, message.chain_hash)


def head_message(head: Head) -> bank_pb2.Head:
    """Write a position."""
    return bank_pb2.Head(record_id=head.record_id, chain_hash=head.chain_hash)


def instruction_message(instruction: Instruction) -> bank_pb2.Instruction:
    """Write an instruction. Settle goes without its order: the bank has it."""
    evidence = instruction.evidence
    return bank_pb2.Instruction(
        kind=int(instruction.kind),  # type: ignore[arg-type]
        transfer_id=instruction.transfer_id,
        fingerprint=instruction.fingerprint,
        order=None if instruction.kind is InstructionKind.SETTLE else order_message(instruction.order),
        principal=instruction.principal,
        grant=instruction.grant,
        actor=instruction.actor,
        evidence=_evidence_message(evidence) if evidence else None,
    )


def instruction_from(message: bank_pb2.Instruction) -> Instruction:
    """Read an instruction. Raises Refused(INSTRUCTION_MALFORMED) for a kind that this version does not know."""
    return Instruction(
        _instruction_kind(message.kind),
        message.transfer_id,
        message.fingerprint,
        order_from(message.order) if message.HasField("order") else _NO_ORDER,
        message.principal,
        message.grant,
        message.actor,
        _evidence_from(message.evidence) if message.HasField("evidence") else None,
    )


def outcome_message(outcome: Outcome) -> bank_pb2.Outcome:
    """Write an outcome."""
    return bank_pb2.Outcome(
        transfer_id=outcome.transfer_id,
        kind=int(outcome.kind),  # type: ignore[arg-type]
        reason=outcome.reason,
        head=head_message(outcome.head) if outcome.head is not NO_HEAD else None,
        balance_after=outcome.balance_after,
        entry_id=outcome.entry_id,
        replayed=outcome.replayed,
    )


def outcome_from(message: bank_pb2.Outcome) -> Outcome:
    """Read an outcome. Raises Refused(INSTRUCTION_MALFORMED) for a kind that this version does not know."""
    return Outcome(
        message.transfer_id,
        _outcome_kind(message.kind),
        message.reason,
        head_from(message.head),
        message.balance_after,
        message.entry_id,
        message.replayed,
    )


def _evidence_message(evidence: Evidence) -> bank_pb2.Evidence:
    return bank_pb2.Evidence(
        bank=evidence.bank,
        kind=int(evidence.kind),  # type: ignore[arg-type]
        head=head_message(evidence.head),
    )


def _evidence_from(message: bank_pb2.Evidence) -> Evidence:
    return Evidence(message.bank, _outcome_kind(message.kind), head_from(message.head))


_INSTRUCTION_KINDS = {int(kind): kind for kind in InstructionKind}
_OUTCOME_KINDS = {int(kind): kind for kind in OutcomeKind}


def _instruction_kind(number: int) -> InstructionKind:
    kind = _INSTRUCTION_KINDS.get(number)
    if kind is None:
        raise Refused(Reason.INSTRUCTION_MALFORMED, f"instruction kind {number} is not known", field="kind")
    return kind


def _outcome_kind(number: int) -> OutcomeKind:
    kind = _OUTCOME_KINDS.get(number)
    if kind is None:
        raise Refused(Reason.INSTRUCTION_MALFORMED, f"outcome kind {number} is not known", field="kind")
    return kind
