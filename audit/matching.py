"""Brings the rows of one transfer together from all files, in constant memory: every file is read in the order of
transfer ids, and the files are merged."""

import heapq
import itertools
import sqlite3
from collections.abc import Iterator
from operator import itemgetter

from audit.cases import BankRow, Case, Evidence, JournalRow
from audit.files import Files, OpenFile
from audit.hashes import ORDER_FIELDS
from audit.witnesses import Seen

_COLUMNS = ", ".join(f"o.{column}" for column in ORDER_FIELDS)
_ORDER = len(ORDER_FIELDS)

# An account of one bank and its cash are no business of the journal's: those outcomes are left out.
_AT_BANK = f"""
SELECT o.transfer_id, {_COLUMNS}, o.record_id, r.chain_hash, r.recorded_at, o.outcome, o.fingerprint, o.principal,
       o.evidence_bank, o.evidence_kind, o.evidence_record_id, o.evidence_chain_hash, e.amount,
       c.outcome, c.record_id, d.chain_hash,
       c.evidence_bank, c.evidence_kind, c.evidence_record_id, c.evidence_chain_hash, b.amount
FROM outcomes o LEFT JOIN records r ON r.record_id = o.record_id LEFT JOIN entries e ON e.record_id = o.record_id
LEFT JOIN conclusions c ON c.transfer_id = o.transfer_id
LEFT JOIN records d ON d.record_id = c.record_id LEFT JOIN entries b ON b.record_id = c.record_id
WHERE o.instruction NOT IN ('DEPOSIT', 'WITHDRAW', 'ADD_MONEY') {{only}}
ORDER BY o.transfer_id
"""
_IN_JOURNAL = f"""
SELECT o.transfer_id, {_COLUMNS}, o.state, o.reason, o.accepted_at, o.fingerprint, o.principal,
       o.debit_record_id, o.debit_chain_hash, o.credit_outcome, o.credit_record_id, o.credit_chain_hash
FROM transfers o WHERE 1 {{only}} ORDER BY o.transfer_id
"""

_Row = tuple[bytes, str, JournalRow | BankRow]


def cases(files: Files, seen: Seen, only: bytes | None = None) -> Iterator[Case]:
    """Every transfer between accounts that any file knows, in the order of ids; or the one with this id."""
    streams = [_bank_rows(bank, only) for bank in files.banks.values()]
    if files.gateway:
        streams.append(_journal_rows(files.gateway, only))
    incomplete, has_journal = frozenset(seen.incomplete), files.gateway is not None
    merged = heapq.merge(*streams, key=itemgetter(0))
    for transfer_id, rows in itertools.groupby(merged, key=itemgetter(0)):
        journal: JournalRow | None = None
        banks: dict[str, BankRow] = {}
        for _, name, row in rows:
            if isinstance(row, BankRow):
                banks[name] = row
            else:
                journal = row
        order = (journal or next(iter(banks.values()))).order
        payer, payee = str(order[0]), str(order[2])
        yield Case(transfer_id, journal, banks, order, payer, payee, has_journal, seen.last, incomplete)


def _journal_rows(file: OpenFile, only: bytes | None) -> Iterator[_Row]:
    for row in _execute(file, _IN_JOURNAL, only):
        order, rest = row[1 : _ORDER + 1], row[_ORDER + 1 :]
        debit = Evidence(order[0], None, rest[5], rest[6])
        credit = Evidence(order[2], rest[7], rest[8], rest[9])
        yield row[0], "gateway", JournalRow._make((*rest[:5], order, debit, credit))


def _bank_rows(file: OpenFile, only: bytes | None) -> Iterator[_Row]:
    for row in _execute(file, _AT_BANK, only):
        order, rest = row[1 : _ORDER + 1], row[_ORDER + 1 :]
        evidence, concluded_on = Evidence._make(rest[6:10]), Evidence._make(rest[14:18])
        yield row[0], file.name, BankRow._make((*rest[:6], order, evidence, *rest[10:14], concluded_on, rest[18]))


def _execute(file: OpenFile, statement: str, only: bytes | None) -> sqlite3.Cursor:
    if only is None:
        return file.connection.execute(statement.format(only=""))
    return file.connection.execute(statement.format(only="AND o.transfer_id = ?"), (only,))
