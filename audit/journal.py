"""The gateway's journal by itself: numbers, identities, and whether each row's state, time and evidence fit."""

import sqlite3
from collections.abc import Iterator

from audit.findings import Finding, Kind, short
from audit.hashes import ORDER_FIELDS, canonical, fingerprint, transfer_id
from audit.records import gap

FINAL = frozenset({"COMPLETED", "REFUSED", "RETURNED", "CANCELLED"})
"""States that never change."""

_TRANSFERS = f"""
SELECT journal_id, transfer_id, fingerprint, principal, state, reason, finished_at, debit_record_id, debit_chain_hash,
       credit_outcome, credit_record_id, credit_chain_hash, ending_outcome, ending_record_id, ending_chain_hash,
       suspended, {", ".join(ORDER_FIELDS)}
FROM transfers ORDER BY journal_id
"""

_ENDINGS = {"RETURNED": "RETURNED", "CANCELLED": "NOT_DEBITED"}
_NOT_PAID = ("REFUSED", "CANCELLED", "FINGERPRINT_MISMATCH")


def check(connection: sqlite3.Connection) -> Iterator[Finding]:
    """Every rule that one row of the journal must keep."""
    expected = 1
    for row in connection.execute(_TRANSFERS):
        journal_id, found_id, found_fingerprint, principal = row[:4]
        order = row[16:]
        if journal_id != expected:
            yield gap(Kind.JOURNAL_NUMBERS_HAVE_A_GAP, "gateway", "journal row", expected, journal_id)
        expected = journal_id + 1
        problem = None
        if fingerprint(canonical(*order)) != found_fingerprint:
            problem = Kind.FINGERPRINT_WRONG, "the fingerprint is not that of the order's columns"
        elif transfer_id(canonical(principal, order[8], found_fingerprint)) != found_id:
            problem = Kind.TRANSFER_ID_WRONG, "its id is not that of its principal, key and fingerprint"
        if problem:
            yield Finding(problem[0], "gateway", short(found_id), problem[1], found_id.hex())
        for message in _inconsistencies(*row[4:15], one_bank=order[0] == order[2]):
            yield Finding(Kind.JOURNAL_ROW_INCONSISTENT, "gateway", short(found_id), message, found_id.hex())
        if row[15]:
            yield Finding(Kind.TRANSFER_SUSPENDED, "gateway", short(found_id), f"suspended: {row[15]}", found_id.hex())


def _inconsistencies(
    state: str,
    reason: str,
    finished_at: int | None,
    debit_record: int | None,
    debit_hash: bytes | None,
    credit_outcome: str | None,
    credit_record: int | None,
    credit_hash: bytes | None,
    ending: str | None,
    ending_record: int | None,
    ending_hash: bytes | None,
    *,
    one_bank: bool,
) -> Iterator[str]:
    if (state in FINAL) != (finished_at is not None):
        yield f"{state}, but {'with' if finished_at is not None else 'without'} a time of its end"
    evidence = (debit_record, debit_hash), (credit_record, credit_hash), (ending_record, ending_hash)
    if any((record is None) != (chain_hash is None) for record, chain_hash in evidence):
        yield "half of an evidence: a record's number without its chain hash, or the reverse"
    if state in ("REFUSED", "RETURNED") and not reason:
        yield f"{state} without a reason"
    paid = "BOOKED" if one_bank else "CREDITED"
    if state == "COMPLETED" and credit_outcome != paid:
        yield f"COMPLETED on the evidence of {credit_outcome or 'nothing'}, not of {paid}"
    if state in ("RETURNING", "RETURNED") and credit_outcome not in _NOT_PAID:
        yield f"{state} on the evidence of {credit_outcome or 'nothing'}"
    if state in _ENDINGS and ending != _ENDINGS[state]:
        yield f"{state} on the word {ending or 'nothing'} of the payer's bank"
    if state in ("REFUSED", "CANCELLED") and credit_outcome in ("CREDITED", "BOOKED"):
        yield f"{state}, and the payee was credited"
    if state == "DEBITED" and debit_record is None:
        yield "DEBITED without evidence of a debit"
