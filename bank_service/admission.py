"""What a bank makes sure of before an instruction may enter a batch. No input or output.

These are not refusals of an order but of a message: a gateway of ours never sends one that fails here, so nothing is
stored and nothing of its batch is done.
"""

from bank_service.books import CASH
from interbank.currencies import is_known
from interbank.instructions import PURPOSES, Instruction, InstructionKind, OutcomeKind
from interbank.money import MAX_MINOR_UNITS
from interbank.orders import MAX_KEY, MAX_REFERENCE, Order, Purpose, fingerprint, transfer_id
from interbank.refusals import Reason, Refused

_AT_PAYER = {InstructionKind.DEBIT, InstructionKind.RETURN_DEBIT}
_AT_PAYEE = {InstructionKind.CREDIT, InstructionKind.CANCEL_CREDIT}
_EVIDENCE = {
    InstructionKind.CREDIT: {OutcomeKind.DEBITED},
    InstructionKind.RETURN_DEBIT: {OutcomeKind.REFUSED, OutcomeKind.CANCELLED, OutcomeKind.FINGERPRINT_MISMATCH},
    InstructionKind.SETTLE: {OutcomeKind.CREDITED},
    InstructionKind.CANCEL_CREDIT: {OutcomeKind.DEBITED},
}
_MAY_LACK_EVIDENCE = {InstructionKind.CANCEL_CREDIT}


def admit(instruction: Instruction, bank: str) -> None:
    """Refuse an instruction that is not this bank's, whose id or fingerprint is not that of its order, or that lacks
    the evidence its kind needs. Raises Refused(INSTRUCTION_MALFORMED)."""
    if len(instruction.transfer_id) != 16 or len(instruction.fingerprint) != 32:
        raise _malformed("transfer_id", "transfer id or fingerprint has a wrong length")
    if instruction.kind is InstructionKind.COVER_SHORTFALL:
        raise _malformed("kind", "a shortfall is covered by the bank itself")
    if instruction.kind is InstructionKind.SETTLE:
        _admit_evidence(instruction)
        return  # it names a debit that this bank has, order and all
    order = instruction.order
    if not 0 < order.minor_units <= MAX_MINOR_UNITS:
        raise _malformed("minor_units", "the amount is out of range")
    if not is_known(order.currency):
        raise _malformed("currency", "the currency is none that can be written")
    _admit_place(instruction.kind, order, bank)
    _admit_evidence(instruction)
    if not 1 <= len(order.idempotency_key) <= MAX_KEY or len(order.reference) > MAX_REFERENCE:
        raise _malformed("order", "key or reference is longer than the books hold")
    expected = fingerprint(order, PURPOSES.get(instruction.kind, Purpose.TRANSFER))
    if instruction.fingerprint != expected:
        raise _malformed("fingerprint", "the fingerprint is not that of the order")
    if instruction.transfer_id != transfer_id(instruction.principal, order.idempotency_key, expected):
        raise _malformed("transfer_id", "the transfer id is not that of the order")
    witness = order.payer_bank if instruction.kind in _AT_PAYEE else order.payee_bank
    if instruction.evidence is not None and instruction.evidence.bank != witness:
        raise _malformed("evidence", f"the evidence is not {witness}'s")


def _admit_evidence(instruction: Instruction) -> None:
    """Evidence is stored, and counts as a position of the bank that it names: none is believed that is not due."""
    wanted, evidence = _EVIDENCE.get(instruction.kind, set()), instruction.evidence
    if evidence is None and (not wanted or instruction.kind in _MAY_LACK_EVIDENCE):
        return
    if evidence is None or evidence.kind not in wanted or len(evidence.head.chain_hash) != 32:
        raise _malformed("evidence", f"{instruction.kind.name} lacks the other bank's outcome, or brings one not due")


def _admit_place(kind: InstructionKind, order: Order, bank: str) -> None:
    payer_here, payee_here = order.payer_bank == bank, order.payee_bank == bank
    if kind in _AT_PAYER:
        right = payer_here and not payee_here
    elif kind in _AT_PAYEE:
        right = payee_here and not payer_here
    else:
        right = payer_here and payee_here
    if not right:
        raise _malformed("order", f"{kind.name} is not for {bank}")
    payer, payee = order.payer_account, order.payee_account
    if kind is InstructionKind.WITHDRAW:
        right = payer >= 0 and payee == CASH
    elif kind in PURPOSES:
        right = payer == CASH and payee >= 0
    else:
        right = payer >= 0 and payee >= 0
    if not right or (payer_here and payee_here and payer == payee):
        raise _malformed("order", f"{kind.name} is not between these two accounts")


def _malformed(field: str, message: str) -> Refused:
    return Refused(Reason.INSTRUCTION_MALFORMED, message, field=field)
