"""Orders, instructions and outcomes to and from their messages. No decisions.

What comes by the hundred is written into the message that will carry it: protobuf copies a message that is put into
another by writing and reading its bytes, at every level.
"""

from interbank.instructions import (
    NO_HEAD,
    Evidence,
    Head,
    Instruction,
    InstructionKind,
    KnownOutcome,
    Outcome,
    OutcomeKind,
)
from interbank.orders import Order
from interbank.refusals import Reason, Refused
from interbank.telemetry import acceptable_request_id
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


def write_order(order: Order, message: order_pb2.Order) -> None:
    """Write an order into its message."""
    message.payer_bank = order.payer_bank
    message.payer_account = order.payer_account
    message.payee_bank = order.payee_bank
    message.payee_account = order.payee_account
    message.payee_name = order.payee_name
    message.minor_units = order.minor_units
    message.currency = order.currency
    message.reference = order.reference
    message.idempotency_key = order.idempotency_key


def order_message(order: Order) -> order_pb2.Order:
    """An order as a message of its own."""
    message = order_pb2.Order()
    write_order(order, message)
    return message


def head_from(message: bank_pb2.Head) -> Head:
    """Read a position."""
    return Head(message.record_id, message.chain_hash)


def head_message(head: Head) -> bank_pb2.Head:
    """Write a position."""
    return bank_pb2.Head(record_id=head.record_id, chain_hash=head.chain_hash)


def write_instruction(instruction: Instruction, message: bank_pb2.Instruction) -> None:
    """Write an instruction into its message. Settle goes without its order: the bank has it."""
    message.kind = int(instruction.kind)  # type: ignore[assignment]
    message.transfer_id = instruction.transfer_id
    message.fingerprint = instruction.fingerprint
    if instruction.kind is not InstructionKind.SETTLE:
        write_order(instruction.order, message.order)
    message.principal = instruction.principal
    message.grant = instruction.grant
    message.actor = instruction.actor
    if instruction.evidence is not None:
        _write_evidence(instruction.evidence, message.evidence)
    message.request_id = instruction.request_id
    message.attempt = instruction.attempt


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
        message.request_id if acceptable_request_id(message.request_id) else "",
        message.attempt,
    )


def write_known_outcome(known: KnownOutcome, message: bank_pb2.KnownOutcome) -> None:
    """Write what is known of a bank's outcome into its message."""
    write_instruction(known.instruction, message.instruction)
    message.kind = int(known.kind)  # type: ignore[assignment]
    message.reason = known.reason
    _write_head(known.head, message.head)


def known_outcome_from(message: bank_pb2.KnownOutcome) -> KnownOutcome:
    """Read what is known of a bank's outcome. Raises Refused(INSTRUCTION_MALFORMED) for kinds that this version does
    not know."""
    return KnownOutcome(
        instruction_from(message.instruction), _outcome_kind(message.kind), message.reason, head_from(message.head)
    )


def write_outcome(outcome: Outcome, message: bank_pb2.Outcome) -> None:
    """Write an outcome into its message."""
    message.transfer_id = outcome.transfer_id
    message.kind = int(outcome.kind)  # type: ignore[assignment]
    message.reason = outcome.reason
    if outcome.head is not NO_HEAD:
        _write_head(outcome.head, message.head)
    message.balance_after = outcome.balance_after
    message.entry_id = outcome.entry_id
    message.replayed = outcome.replayed


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


def _write_head(head: Head, message: bank_pb2.Head) -> None:
    message.record_id = head.record_id
    message.chain_hash = head.chain_hash


def _write_evidence(evidence: Evidence, message: bank_pb2.Evidence) -> None:
    message.bank = evidence.bank
    message.kind = int(evidence.kind)  # type: ignore[assignment]
    _write_head(evidence.head, message.head)


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
