"""What others have seen of a bank, against the bank's file: the one check that a rewritten history cannot satisfy.

A position is a record's number and the chain hash there. The gateway keeps the highest that it has seen of each bank;
every bank keeps those that came to it as evidence; and every row that names evidence is a position too.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from audit.cases import Lost
from audit.files import Files, OpenFile
from audit.findings import Finding, Kind

_IN_JOURNAL = """
SELECT bank, head_record_id, head_chain_hash FROM banks WHERE head_record_id > 0
UNION SELECT payer_bank, max(debit_record_id), debit_chain_hash FROM transfers WHERE debit_record_id > 0
GROUP BY payer_bank
UNION SELECT payer_bank, max(ending_record_id), ending_chain_hash FROM transfers WHERE ending_record_id > 0
GROUP BY payer_bank
UNION SELECT payee_bank, max(credit_record_id), credit_chain_hash FROM transfers WHERE credit_record_id > 0
GROUP BY payee_bank
"""
_IN_BANK = """
SELECT bank, record_id, chain_hash FROM counterpart_heads
UNION SELECT evidence_bank, max(evidence_record_id), evidence_chain_hash FROM outcomes WHERE evidence_record_id > 0
GROUP BY evidence_bank
UNION SELECT evidence_bank, max(evidence_record_id), evidence_chain_hash FROM conclusions WHERE evidence_record_id > 0
GROUP BY evidence_bank
"""


@dataclass(frozen=True, slots=True)
class Position:
    """A record of a bank, as another file has it."""

    witness: str
    record_id: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What the files say of each bank: its last record; the last one that another file confirms (0 if none does); the
    highest that others have and the file lacks; those that others have otherwise; those that a bank says it lost."""

    last: dict[str, int]
    confirmed: dict[str, int]
    incomplete: dict[str, Position]
    rewritten: dict[str, list[Position]]
    lost: dict[str, tuple[Lost, ...]]


def compare(files: Files) -> Seen:
    """Compare every position that any file has of a bank with that bank's own file."""
    lost = {name: lost_records(bank.connection) for name, bank in files.banks.items()}
    seen = Seen(
        {name: _last_record(bank) for name, bank in files.banks.items()}, dict.fromkeys(files.banks, 0), {}, {}, lost
    )
    for witness, name, record_id, chain_hash in _positions(files):
        bank = files.banks.get(name)
        if bank is None:
            continue
        position = Position(witness, record_id)
        if record_id > seen.last[name]:
            highest = seen.incomplete.get(name, position)
            seen.incomplete[name] = max(highest, position, key=lambda one: one.record_id)
        elif _chain_hash(bank, record_id) == chain_hash:
            seen.confirmed[name] = max(seen.confirmed[name], record_id)
        elif not any(gone.holds(record_id) for gone in lost[name]):
            seen.rewritten.setdefault(name, []).append(position)
    return seen


def rewritten_findings(rewritten: Mapping[str, Sequence[Position]]) -> Iterator[Finding]:
    """One finding for each bank: behind the first record that was rewritten all chain hashes are other ones."""
    for bank, positions in sorted(rewritten.items()):
        first = min(positions, key=lambda position: position.record_id)
        later = len({position.record_id for position in positions}) - 1
        also = f", and so had {later:,} later ones that others saw" if later else ""
        message = f"{first.witness} saw another record here: it had another chain hash{also}"
        yield Finding(Kind.HISTORY_REWRITTEN, bank, f"record {first.record_id}", message)


def _positions(files: Files) -> Iterator[tuple[str, str, int, bytes]]:
    for file in files.all:
        statement = _IN_JOURNAL if file.service == "gateway" else _IN_BANK
        for bank, record_id, chain_hash in file.connection.execute(statement):
            yield file.name, bank, record_id, chain_hash


def lost_records(connection: sqlite3.Connection) -> tuple[Lost, ...]:
    """What a bank says of its own records that it lost."""
    statement = "SELECT record_id, first_lost, last_lost FROM lost_records ORDER BY record_id"
    return tuple(map(Lost._make, connection.execute(statement)))


def _last_record(bank: OpenFile) -> int:
    (last,) = bank.connection.execute("SELECT coalesce(max(record_id), 0) FROM records").fetchone()
    return int(last)


def _chain_hash(bank: OpenFile, record_id: int) -> bytes | None:
    found = bank.connection.execute("SELECT chain_hash FROM records WHERE record_id = ?", (record_id,)).fetchone()
    return None if found is None else bytes(found[0])
