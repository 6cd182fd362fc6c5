"""What this bank was told of another bank's outcomes. Reads only.

Credit came with the payer's bank's DEBITED, Settle and ReturnDebit with the payee's bank's decision; each is kept with
the whole order, so that the other bank can be repaired if it comes back with an old copy of its books.
"""

from sqlalchemy import Connection, Row, select, union_all

from bank_service.queries import ORDER_COLUMNS
from bank_service.tables import conclusions, outcomes, records
from interbank.instructions import Evidence, Head, Instruction, InstructionKind, KnownOutcome, OutcomeKind
from interbank.orders import Order
from interbank.refusals import Reason

_KEPT = ("DEBITED", "CREDITED", "REFUSED", "CANCELLED")
"""Outcomes that the other bank wrote down; a clash with another order is none of them."""

_INSTRUCTIONS = {
    OutcomeKind.DEBITED: InstructionKind.DEBIT,
    OutcomeKind.CREDITED: InstructionKind.CREDIT,
    OutcomeKind.REFUSED: InstructionKind.CREDIT,
    OutcomeKind.CANCELLED: InstructionKind.CANCEL_CREDIT,
}


def list_witnessed(
    connection: Connection, own: str, bank: str, *, above: int, after: int, limit: int
) -> list[tuple[int, KnownOutcome]]:
    """Outcomes of `bank` above its record `above`, each with the record of `own` that it was written with, those after
    `after`, in that order."""
    sides = union_all(
        *(
            select(
                side.c.record_id.label("told_with"),
                side.c.transfer_id,
                side.c.evidence_kind,
                side.c.evidence_record_id,
                side.c.evidence_chain_hash,
            ).where(
                side.c.evidence_bank == bank,
                side.c.evidence_kind.in_(_KEPT),
                side.c.evidence_record_id > above,
                side.c.record_id > after,
            )
            for side in (outcomes, conclusions)
        )
    ).subquery()
    query = (
        select(
            sides,
            outcomes.c.fingerprint,
            outcomes.c.principal,
            outcomes.c.actor,
            outcomes.c.record_id,
            records.c.chain_hash,
            *ORDER_COLUMNS,
        )
        .select_from(
            sides.join(outcomes, outcomes.c.transfer_id == sides.c.transfer_id).join(
                records, records.c.record_id == outcomes.c.record_id
            )
        )
        .order_by(sides.c.told_with)
        .limit(limit)
    )
    return [(row.told_with, _known(row, own)) for row in connection.execute(query)]


def _known(row: Row, own: str) -> KnownOutcome:  # type: ignore[type-arg]
    kind = OutcomeKind[row.evidence_kind]
    instruction = Instruction(
        _INSTRUCTIONS[kind],
        row.transfer_id,
        row.fingerprint,
        Order(*row[-len(ORDER_COLUMNS) :]),
        row.principal,
        actor=row.actor,
        # What the payee's bank decided rests on this bank's debit.
        evidence=None
        if kind is OutcomeKind.DEBITED
        else Evidence(own, OutcomeKind.DEBITED, Head(row.record_id, row.chain_hash)),
    )
    reason = Reason.REFUSED_EARLIER.name if kind is OutcomeKind.REFUSED else ""
    return KnownOutcome(instruction, kind, reason, Head(row.evidence_record_id, row.evidence_chain_hash))
