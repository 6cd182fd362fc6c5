"""Brings the rows of one transfer together from all files, in constant memory: every file is read in the order of
transfer ids, and the files are merged."""

import heapq
import itertools
from collections.abc import Iterator

from audit.cases import BankRow, Case, JournalRow
from audit.files import Files, OpenFile
from audit.hashes import ORDER_FIELDS
from audit.witnesses import Seen

_ORDER = ", ".join(f"o.{column}" for column in ORDER_FIELDS)

# Cash in and out of one bank, and what a repair covered, are no business of the journal's: they are left out.
_AT_BANK = f"""
SELECT o.transfer_id, {_ORDER}, o.fingerprint, o.principal,
       o.record_id, r.chain_hash, r.recorded_at, o.outcome, e.amount,
       o.evidence_bank, o.evidence_kind, o.evidence_record_id, o.evidence_chain_hash,
       c.outcome, c.record_id, d.chain_hash, b.amount,
       c.evidence_bank, c.evidence_kind, c.evidence_record_id, c.evidence_chain_hash
FROM outcomes o LEFT JOIN records r ON r.record_id = o.record_id LEFT JOIN entries e ON e.record_id = o.record_id
LEFT JOIN conclusions c ON c.transfer_id = o.transfer_id
LEFT JOIN records d ON d.record_id = c.record_id LEFT JOIN entries b ON b.record_id = c.record_id
WHERE o.instruction NOT IN ('DEPOSIT', 'WITHDRAW', 'ADD_MONEY', 'COVER_SHORTFALL') {{only}} ORDER BY o.transfer_id
"""
_IN_JOURNAL = f"""
SELECT o.transfer_id, {_ORDER}, o.fingerprint, o.principal, o.state, o.reason,
       o.debit_record_id, o.debit_chain_hash, o.credit_outcome, o.credit_record_id, o.credit_chain_hash,
       o.ending_outcome, o.ending_record_id, o.ending_chain_hash
FROM transfers o WHERE 1 {{only}} ORDER BY o.transfer_id
"""


def cases(files: Files, seen: Seen, only: bytes | None = None) -> Iterator[Case]:
    """Every transfer between accounts that any file knows, in the order of ids; or the one with this id."""
    streams = [_rows(file, only) for file in files.all]
    incomplete, has_journal = frozenset(seen.incomplete), files.gateway is not None
    for _, rows in itertools.groupby(heapq.merge(*streams, key=_by_id), key=_by_id):
        journal: JournalRow | None = None
        banks: dict[str, BankRow] = {}
        for name, row in rows:
            if isinstance(row, BankRow):
                banks[name] = row
            else:
                journal = row
        first = journal or next(iter(banks.values()))
        yield Case(first, journal, banks, has_journal, seen.last, incomplete, seen.lost)


_Row = tuple[str, JournalRow | BankRow]


def _rows(file: OpenFile, only: bytes | None) -> Iterator[_Row]:
    """A file's rows, each with the file's name."""
    statement, make = (_IN_JOURNAL, JournalRow._make) if file.service == "gateway" else (_AT_BANK, BankRow._make)
    narrowed, values = ("", ()) if only is None else ("AND o.transfer_id = ?", (only,))
    return zip(itertools.repeat(file.name), map(make, file.connection.execute(statement.format(only=narrowed), values)))


def _by_id(row: _Row) -> bytes:
    return row[1].transfer_id
