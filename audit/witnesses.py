"""What others have seen of a bank, against the bank's file: the one check that a rewritten history cannot satisfy.

A position is a record's number and the chain hash there. The gateway keeps the highest that it has seen of each bank;
every bank keeps those that came to it as evidence; and every row that names evidence is a position too.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from audit.files import Files, OpenFile
from audit.findings import Finding, Kind

_IN_JOURNAL = """
SELECT bank, head_record_id, head_chain_hash FROM banks WHERE head_record_id > 0
UNION SELECT payer_bank, max(debit_record_id), debit_chain_hash FROM transfers WHERE debit_record_id > 0
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
class Seen:
    """What the files say of each bank: its last record; the last one that another file confirms (0 if none does); and
    those of which others have seen more than the file holds, with that record's number."""

    last: dict[str, int]
    confirmed: dict[str, int]
    incomplete: dict[str, int]
    findings: tuple[Finding, ...]


def compare(files: Files) -> Seen:
    """Compare every position that any file has of a bank with that bank's own file."""
    last = {name: _last_record(bank) for name, bank in files.banks.items()}
    confirmed = dict.fromkeys(files.banks, 0)
    incomplete: dict[str, int] = {}
    findings: dict[tuple[str, int], Finding] = {}
    for witness, name, record_id, chain_hash in sorted(_positions(files), key=lambda position: position[:3]):
        bank = files.banks.get(name)
        if bank is None:
            continue
        if record_id > last[name]:
            if record_id > incomplete.get(name, 0):
                incomplete[name] = record_id
                findings[name, 0] = _incomplete(witness, bank, last[name], record_id)
        elif _chain_hash(bank, record_id) == chain_hash:
            confirmed[name] = max(confirmed[name], record_id)
        else:
            message = f"{witness} saw another record {record_id} (chain hash {chain_hash.hex()[:8]}…)"
            findings[name, record_id] = Finding(Kind.HISTORY_REWRITTEN, name, f"record {record_id}", message)
    return Seen(last, confirmed, incomplete, tuple(findings.values()))


def _positions(files: Files) -> Iterator[tuple[str, str, int, bytes]]:
    for file in files.all:
        statement = _IN_JOURNAL if file.service == "gateway" else _IN_BANK
        for bank, record_id, chain_hash in file.connection.execute(statement):
            yield file.name, bank, record_id, chain_hash


def _last_record(bank: OpenFile) -> int:
    (last,) = bank.connection.execute("SELECT coalesce(max(record_id), 0) FROM records").fetchone()
    return int(last)


def _chain_hash(bank: OpenFile, record_id: int) -> bytes | None:
    found = bank.connection.execute("SELECT chain_hash FROM records WHERE record_id = ?", (record_id,)).fetchone()
    return None if found is None else bytes(found[0])


def _incomplete(witness: str, bank: OpenFile, last: int, seen: int) -> Finding:
    message = (
        f"INCOMPLETE: {witness} saw record {seen:,}, the file ends at {last:,}; "
        f"an older copy, or copied without {bank.path.name}-wal?"
    )
    return Finding(Kind.BANK_INCOMPLETE, bank.name, f"record {seen}", message)
