"""A bank's numbered stream of everything durable that it did, read once from the first record to the last: complete, in
order, each record exactly one thing, each order what its fingerprint and its id say, and all of it in one chain."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from audit.amounts import moment
from audit.cases import Lost
from audit.chain import Chain
from audit.findings import Finding, Kind, short
from audit.hashes import encoded, fingerprint, transfer_id
from audit.schema import columns
from audit.witnesses import lost_records


def _as_bytes(names: Iterable[str]) -> str:
    """Columns as the bytes that enter a hash: text in UTF-8, numbers as their digits."""
    return ", ".join(f"CAST({name} AS BLOB)" for name in names)


_RECORD = ("r.record_id", "r.recorded_at", "r.kind")
_OUTCOME = columns("bank", "outcomes", "o.")[1:]
_CONCLUSION = columns("bank", "conclusions", "c.")[1:]
_ACT = columns("bank", "acts", "a.")[1:]
_ENTRY = ("e.debit_account", "e.credit_account", "e.amount", "e.debit_balance_after", "e.credit_balance_after")

_RECORDS = f"""
SELECT r.record_id, r.recorded_at, r.chain_hash,
       (o.record_id IS NOT NULL) + (c.record_id IS NOT NULL) + (a.record_id IS NOT NULL),
       {_as_bytes((*_RECORD, *_OUTCOME, *_CONCLUSION, *_ACT, *_ENTRY))}
FROM records r
LEFT JOIN outcomes o ON o.record_id = r.record_id LEFT JOIN conclusions c ON c.record_id = r.record_id
LEFT JOIN acts a ON a.record_id = r.record_id LEFT JOIN entries e ON e.record_id = r.record_id
ORDER BY r.record_id
"""
# Where each part begins in such a row; an entry closes it.
_AT_RECORD = 4
_AT_OUTCOME = _AT_RECORD + len(_RECORD)
_AT_CONCLUSION = _AT_OUTCOME + len(_OUTCOME)
_AT_ACT = _AT_CONCLUSION + len(_CONCLUSION)
_AT_ENTRY = _AT_ACT + len(_ACT)

_OUTSIDE = """
SELECT t.record_id FROM {table} t
WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.record_id = t.record_id) ORDER BY 1
"""


def check(connection: sqlite3.Connection, where: str) -> Iterator[Finding]:
    """Everything that is wrong with the stream."""
    chain, expected, latest = Chain(where), 1, 0
    said = {lost.said_in: lost for lost in lost_records(connection)}
    for row in connection.execute(_RECORDS):
        record_id, recorded_at, chain_hash, things = row[:_AT_RECORD]
        if record_id != expected and not _said_to_be_lost(said.get(record_id), expected, record_id):
            yield gap(Kind.RECORD_NUMBERS_HAVE_A_GAP, where, "record", expected, record_id)
        if recorded_at < latest:
            message = f"was written at {moment(recorded_at)}, the one before it at {moment(latest)}"
            yield Finding(Kind.TIME_WENT_BACK, where, f"record {record_id}", message)
        expected, latest = record_id + 1, recorded_at
        if things != 1:
            message = f"holds {things or 'nothing'}"
            yield Finding(Kind.RECORD_HOLDS_NOT_ONE_THING, where, f"record {record_id}", message)
        if (lost := said.get(record_id)) and not _says(lost, row):
            message = f"says nothing of records {lost.first} to {lost.last}, which are listed as lost"
            yield Finding(Kind.LOST_RECORDS_DIFFER, where, f"record {record_id}", message)
        kind, held, fields = _fields(row)
        if things and held != kind:
            message = f"is called {kind.decode()} and holds {held.decode()}"
            yield Finding(Kind.RECORD_KIND_DIFFERS, where, f"record {record_id}", message)
        content = encoded(fields)
        if row[_AT_OUTCOME] is not None and (finding := _identity(where, row, content)):
            yield finding
        if finding := chain.link(record_id, b"".join(content), chain_hash):
            yield finding
    for table in ("outcomes", "conclusions", "acts", "entries"):
        for (record_id,) in connection.execute(_OUTSIDE.format(table=table)):
            message = f"a row of {table} names it, and it does not exist"
            yield Finding(Kind.CONTENT_WITHOUT_RECORD, where, f"record {record_id}", message)


def _said_to_be_lost(lost: Lost | None, expected: int, found: int) -> bool:
    """Whether a gap before a record is the one of which that record tells."""
    return lost is not None and lost.first <= expected and lost.last == found - 1


def _says(lost: Lost, row: Sequence[Any]) -> bool:
    """Whether the act at that record, which stands in the chain, tells of these very records."""
    which = f"records {lost.first} to {lost.last} lost," if lost.last > lost.first else f"record {lost.first} lost,"
    act, detail = row[_AT_ACT], row[_AT_ENTRY - 1]
    return act == b"RESTORED" and (detail or b"").startswith(which.encode())


def _fields(row: Sequence[Any]) -> tuple[bytes, bytes, Sequence[bytes | None]]:
    """What a record is called, what it is by what it holds, and all its fields as they enter the chain."""
    record = row[_AT_RECORD:_AT_OUTCOME]
    if row[_AT_OUTCOME] is not None:
        held, fields = row[_AT_OUTCOME + 2], (*record, *row[_AT_OUTCOME:_AT_CONCLUSION], *row[_AT_ENTRY:])
    elif row[_AT_CONCLUSION] is not None:
        held, fields = row[_AT_CONCLUSION + 1], (*record, *row[_AT_CONCLUSION:_AT_ACT], *row[_AT_ENTRY:])
    else:
        held, fields = row[_AT_ACT], (*record, *row[_AT_ACT:_AT_ENTRY])
    return record[2], held, fields


def _identity(where: str, row: Sequence[Any], content: Sequence[bytes]) -> Finding | None:
    """Whether an outcome's fingerprint and id are those of its columns. In `content` three fields of the record come
    first; the outcome's fingerprint is its fifth column, then principal, key, and the other fields of the order."""
    found_id, instruction, found_fingerprint = row[_AT_OUTCOME], row[_AT_OUTCOME + 1], row[_AT_OUTCOME + 4]
    true_fingerprint = fingerprint(b"".join(content[10:18]) + content[9], instruction)
    if true_fingerprint != found_fingerprint:
        message = f"fingerprint {found_fingerprint.hex()[:8]}…, its order gives {true_fingerprint.hex()[:8]}…"
        kind = Kind.FINGERPRINT_WRONG
    elif transfer_id(content[8] + content[9] + content[7]) != found_id:
        message = "its id is not that of its principal, key and fingerprint"
        kind = Kind.TRANSFER_ID_WRONG
    else:
        return None
    return Finding(kind, where, f"record {row[0]} ({short(found_id)})", message, found_id.hex())


def gap(kind: Kind, where: str, noun: str, expected: int, found: int) -> Finding:
    """Numbers from `expected` to `found` - 1 are not there."""
    missing = f"{noun} {expected}" if found == expected + 1 else f"{noun}s {expected} to {found - 1}"
    return Finding(kind, where, missing, f"missing; {noun} {found} follows")
