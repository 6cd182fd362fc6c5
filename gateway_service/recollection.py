"""What the journal knows of a bank's outcomes. No input or output."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from gateway_service.transfer import Transfer, instruction
from interbank.instructions import Evidence, InstructionKind, KnownOutcome, OutcomeKind

_DECISIONS = {
    OutcomeKind.CREDITED: InstructionKind.CREDIT,
    OutcomeKind.REFUSED: InstructionKind.CREDIT,
    OutcomeKind.CANCELLED: InstructionKind.CANCEL_CREDIT,
    OutcomeKind.BOOKED: InstructionKind.BOOK_TRANSFER,
}
"""The payee's bank's, or the one bank's, by the instruction that they answer."""

_ENDINGS = {OutcomeKind.NOT_DEBITED: InstructionKind.RETURN_DEBIT, OutcomeKind.RETURNED: InstructionKind.RETURN_DEBIT}
"""The payer's bank's; a refusal answers whatever the transfer began with."""


def outcomes_of(bank: str, transfer: Transfer, above: int) -> Iterator[KnownOutcome]:
    """The outcomes of a bank for a transfer that stood above this record."""
    first = InstructionKind.BOOK_TRANSFER if transfer.within_one_bank else InstructionKind.DEBIT
    debit, ending = transfer.debit, transfer.ending
    if debit is None and ending is not None and ending.kind is OutcomeKind.RETURNED:
        # The debit was never heard of; that it was returned says that it was, and right before.
        debit = Evidence(ending.bank, OutcomeKind.DEBITED, ending.head)
    for evidence, kinds, otherwise in (
        (debit, {}, first),
        (ending, _ENDINGS, first),
        (transfer.credit, _DECISIONS, None),
    ):
        if evidence is not None and evidence.bank == bank and evidence.head.record_id > above:
            kind = kinds.get(evidence.kind, otherwise)
            if kind is not None:
                yield _known(transfer, kind, evidence)


def _known(transfer: Transfer, kind: InstructionKind, evidence: Evidence) -> KnownOutcome:
    reason = transfer.reason if evidence.kind is OutcomeKind.REFUSED else ""
    return KnownOutcome(instruction(replace(transfer, access=b""), kind), evidence.kind, reason, evidence.head)


def believed(known: KnownOutcome, transfer: Transfer | None, *, journal_lost: bool) -> bool:
    """Whether another bank's word counts. It is not signed, and a file can be edited: so it may only add to an order
    that the journal accepted, and never say otherwise than the bank itself once told the journal. A journal that was
    lost cannot know; then it is all that there is."""
    if transfer is None:
        return journal_lost
    if transfer.fingerprint != known.instruction.fingerprint:
        return False
    at_payers = known.instruction.kind is InstructionKind.DEBIT
    said = (transfer.debit or transfer.ending) if at_payers else transfer.credit
    return said is None or said.kind is known.kind


def as_ordered(known: KnownOutcome, transfer: Transfer) -> KnownOutcome:
    """A word that counts, about the order that the journal accepted: the copy of it that came along may be edited, and
    a bank takes none of the outcomes when one does not fit its order."""
    order, principal, actor = transfer.order, transfer.principal, transfer.actor
    return replace(known, instruction=replace(known.instruction, order=order, principal=principal, actor=actor))


def together(*sources: Iterable[KnownOutcome]) -> list[KnownOutcome]:
    """What several know, each outcome once: as the first of them tells it who knows what it rests on, and for a refusal
    why."""
    best: dict[tuple[bytes, OutcomeKind], KnownOutcome] = {}
    for known in (known for source in sources for known in source):
        key = known.instruction.transfer_id, known.kind
        if key not in best or _whole(known) > _whole(best[key]):
            best[key] = known
    return list(best.values())


def _whole(known: KnownOutcome) -> bool:
    return known.instruction.kind is not InstructionKind.CREDIT or known.instruction.evidence is not None


def with_debits(known: Iterable[KnownOutcome], debits: dict[bytes, Evidence]) -> list[KnownOutcome]:
    """With the debit that a decision rests on, where only the payer's bank remembers it. A decision whose debit nobody
    remembers is left out: it cannot be written as a credit."""
    found = []
    for outcome in known:
        if not _whole(outcome):
            debit = debits.get(outcome.instruction.transfer_id)
            if debit is None:
                continue
            outcome = replace(outcome, instruction=replace(outcome.instruction, evidence=debit))  # noqa: PLW2901
        found.append(outcome)
    return found
