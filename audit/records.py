"""A bank's numbered stream of everything durable that it did, read once from the first record to the last: complete, in
order, each record exactly one thing, each order what its fingerprint and its id say, and all of it in one chain."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from audit.amounts import moment
from audit.chain import Chain
from audit.findings import Finding, Kind, short
from audit.hashes import Cell, encoded, fingerprint, transfer_id
from audit.schema import columns

_OUTCOME = columns("bank", "outcomes", "o.")[1:]
_CONCLUSION = columns("bank", "conclusions", "c.")[1:]
_ACT = columns("bank", "acts", "a.")[1:]
_ENTRY = ["e.debit_account", "e.credit_account", "e.amount", "e.debit_balance_after", "e.credit_balance_after"]

_RECORDS = f"""
SELECT r.record_id, r.recorded_at, r.kind, r.chain_hash,
       (o.record_id IS NOT NULL) + (c.record_id IS NOT NULL) + (a.record_id IS NOT NULL),
       {", ".join(_OUTCOME + _CONCLUSION + _ACT + _ENTRY)}
FROM records r
LEFT JOIN outcomes o ON o.record_id = r.record_id LEFT JOIN conclusions c ON c.record_id = r.record_id
LEFT JOIN acts a ON a.record_id = r.record_id LEFT JOIN entries e ON e.record_id = r.record_id
ORDER BY r.record_id
"""
# Where each part begins in such a row; an entry closes it.
_AT_OUTCOME = 5
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
    for row in connection.execute(_RECORDS):
        record_id, recorded_at, kind, chain_hash, things = row[:5]
        subject = f"record {record_id}"
        if record_id != expected:
            yield gap(Kind.RECORD_NUMBERS_HAVE_A_GAP, where, "record", expected, record_id)
        if recorded_at < latest:
            message = f"was written at {moment(recorded_at)}, the one before it at {moment(latest)}"
            yield Finding(Kind.TIME_WENT_BACK, where, subject, message)
        expected, latest = record_id + 1, recorded_at
        if things != 1:
            yield Finding(Kind.RECORD_HOLDS_NOT_ONE_THING, where, subject, f"holds {things or 'nothing'}")
        holds, content = _content(row)
        if things and holds != kind:
            yield Finding(Kind.RECORD_KIND_DIFFERS, where, subject, f"is called {kind} and holds {holds}")
        if row[_AT_OUTCOME] is not None and (finding := _identity(where, row, content)):
            yield finding
        if finding := chain.link(row[:3], content, chain_hash):
            yield finding
    for table in ("outcomes", "conclusions", "acts", "entries"):
        for (record_id,) in connection.execute(_OUTSIDE.format(table=table)):
            message = f"a row of {table} names it, and it does not exist"
            yield Finding(Kind.CONTENT_WITHOUT_RECORD, where, f"record {record_id}", message)


def _content(row: Sequence[Cell]) -> tuple[Cell, list[bytes]]:
    """What a record holds by its name, and its columns as they enter the chain."""
    if row[_AT_OUTCOME] is not None:
        return row[_AT_OUTCOME + 2], encoded([*row[_AT_OUTCOME:_AT_CONCLUSION], *row[_AT_ENTRY:]])
    if row[_AT_CONCLUSION] is not None:
        return row[_AT_CONCLUSION + 1], encoded([*row[_AT_CONCLUSION:_AT_ACT], *row[_AT_ENTRY:]])
    return row[_AT_ACT], encoded(row[_AT_ACT:_AT_ENTRY])


def _identity(where: str, row: Sequence[Any], content: Sequence[bytes]) -> Finding | None:
    """Whether fingerprint and id are those of the columns. `content` has them in the order of the table: the
    fingerprint is the fifth, then principal, key, and the other fields of the order."""
    found_id, instruction, _, _, found_fingerprint = row[_AT_OUTCOME : _AT_OUTCOME + 5]
    subject = f"record {row[0]} ({short(found_id)})"
    true_fingerprint = fingerprint(b"".join(content[7:15]) + content[6], instruction)
    if true_fingerprint != found_fingerprint:
        message = f"fingerprint {found_fingerprint.hex()[:8]}…, its order gives {true_fingerprint.hex()[:8]}…"
        return Finding(Kind.FINGERPRINT_WRONG, where, subject, message, found_id.hex())
    if transfer_id(content[5] + content[6] + content[4]) != found_id:
        message = "its id is not that of its principal, key and fingerprint"
        return Finding(Kind.TRANSFER_ID_WRONG, where, subject, message, found_id.hex())
    return None


def gap(kind: Kind, where: str, noun: str, expected: int, found: int) -> Finding:
    """Numbers from `expected` to `found` - 1 are not there."""
    missing = f"{noun} {expected}" if found == expected + 1 else f"{noun}s {expected} to {found - 1}"
    return Finding(kind, where, missing, f"missing; {noun} {found} follows")
