"""The chain of hashes through a bank's records. A record that was changed after it was written no longer fits it.

    chain_hash(n) = SHA-256(chain_hash(n-1) ‖ canonical(record_id, recorded_at, kind, *content))

with nothing in the place of chain_hash(0). The content is what the record holds, column by column in the order of the
table: an outcome without its record_id and then its entry; a conclusion likewise; or an act, which never has an entry.
An entry is (debit_account, credit_account, amount, debit_balance_after, credit_balance_after), five absent fields where
none was made.

Whoever edits a record can also compute all later hashes anew. What he cannot change are the positions that the gateway
and the other banks have stored: `witnesses.py` compares those.
"""

import hashlib

from audit.findings import Finding, Kind


class Chain:
    """The hash so far, while records go by in order."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._hash = b""
        self._broken = False

    def link(self, record_id: int, content: bytes, stored: bytes) -> Finding | None:
        """Add the canonical bytes of a record; a finding if their hash is another than the stored one. Only the first
        break is one: behind it nothing can fit any more."""
        if self._broken:
            return None
        self._hash = hashlib.sha256(self._hash + content).digest()
        if self._hash == stored:
            return None
        self._broken = True
        message = f"chain hash {stored.hex()[:8]}…, its content gives {self._hash.hex()[:8]}…; later ones not compared"
        return Finding(Kind.CHAIN_BROKEN, self._where, f"record {record_id}", message)
