"""One transfer as journal, payer's bank and payee's bank have written it down. No input or output."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from audit.hashes import Cell

NOTHING = "nothing"
"""What a bank says of a transfer of which it has no row."""

Order = tuple[Cell, ...]
"""The columns of an order, in the order of `hashes.ORDER_FIELDS`."""


class Evidence(NamedTuple):
    """A record of another file, as a row names it; all fields are None where a row names none."""

    bank: str | None
    outcome: str | None
    record_id: int | None
    chain_hash: bytes | None


class Lost(NamedTuple):
    """Records that a bank lost when it was restored from an old copy, both ends included, and the record that says so:
    what others knew of them was written anew behind it."""

    said_in: int
    first: int
    last: int

    def holds(self, record_id: int) -> bool:
        """Whether this record is among them."""
        return self.first <= record_id <= self.last


class JournalRow(NamedTuple):
    """What the gateway knows, in the order of the statement in `matching.py`."""

    transfer_id: bytes
    payer_bank: str
    payer_account: int
    payee_bank: str
    payee_account: int
    payee_name: str
    amount: int
    currency: str
    reference: str
    idempotency_key: str
    fingerprint: bytes
    principal: str
    state: str
    reason: str
    debit_record_id: int | None
    debit_chain_hash: bytes | None
    credit_outcome: str | None
    credit_record_id: int | None
    credit_chain_hash: bytes | None
    ending_outcome: str | None
    ending_record_id: int | None
    ending_chain_hash: bytes | None

    @property
    def order(self) -> Order:
        """The order."""
        return self[1:10]

    @property
    def evidence(self) -> tuple[Evidence, Evidence, Evidence]:
        """The payer's bank's DEBITED, the payee's bank's decision, and the payer's bank's last word."""
        return (
            Evidence(self.payer_bank, None, self.debit_record_id, self.debit_chain_hash),
            Evidence(self.payee_bank, self.credit_outcome, self.credit_record_id, self.credit_chain_hash),
            Evidence(self.payer_bank, self.ending_outcome, self.ending_record_id, self.ending_chain_hash),
        )


class BankRow(NamedTuple):
    """What a bank answered: its outcome, how that was concluded, and the amounts of the entries of both; in the order
    of the statement in `matching.py`."""

    transfer_id: bytes
    payer_bank: str
    payer_account: int
    payee_bank: str
    payee_account: int
    payee_name: str
    amount: int
    currency: str
    reference: str
    idempotency_key: str
    fingerprint: bytes
    principal: str
    record_id: int
    chain_hash: bytes
    recorded_at: int
    outcome: str
    moved: int | None
    evidence_bank: str | None
    evidence_kind: str | None
    evidence_record_id: int | None
    evidence_chain_hash: bytes | None
    conclusion: str | None
    conclusion_record_id: int | None
    conclusion_chain_hash: bytes | None
    returned: int | None
    conclusion_evidence_bank: str | None
    conclusion_evidence_kind: str | None
    conclusion_evidence_record_id: int | None
    conclusion_evidence_chain_hash: bytes | None

    @property
    def order(self) -> Order:
        """The order."""
        return self[1:10]

    @property
    def evidence(self) -> tuple[Evidence, Evidence]:
        """What outcome and conclusion rest on."""
        return Evidence._make(self[17:21]), Evidence._make(self[25:29])

    @property
    def word(self) -> str:
        """What became of the transfer here: its conclusion if it has one, else its outcome."""
        return self.conclusion or self.outcome

    @property
    def in_clearing(self) -> int:
        """What the transfer leaves in this bank's clearing account, in minor units."""
        if self.outcome == "CREDITED":
            return -self.amount
        return self.amount if self.outcome == "DEBITED" and self.conclusion != "RETURNED" else 0


class Case(NamedTuple):
    """All rows of one transfer. `first` is the journal's row, or else that of any bank: what the order is taken from.
    `heads` has the last record of every bank whose file is there; `incomplete` names banks of which others have seen
    more than that; `lost` are records of which a bank says itself that it lost them."""

    first: JournalRow | BankRow
    journal: JournalRow | None
    banks: dict[str, BankRow]
    has_journal: bool
    heads: dict[str, int]
    incomplete: frozenset[str]
    lost: Mapping[str, Sequence[Lost]]

    def is_lost(self, bank: str, record_id: int) -> bool:
        """Whether a bank says that it lost this record of its own, and was repaired."""
        return any(lost.holds(record_id) for lost in self.lost.get(bank, ()))

    @property
    def in_one_bank(self) -> bool:
        """Whether both accounts are in one bank."""
        return self.first.payer_bank == self.first.payee_bank

    @property
    def three_ways(self) -> bool:
        """Whether every file that must know the transfer is here."""
        return self.has_journal and self.first.payer_bank in self.heads and self.first.payee_bank in self.heads

    @property
    def ways(self) -> int:
        """How many files are here that must know the transfer."""
        return self.has_journal + len({self.first.payer_bank, self.first.payee_bank} & self.heads.keys())

    def word(self, bank: str) -> str | None:
        """What a bank says became of the transfer. None where that cannot be known: there is no file, or the row may
        stand in the part that its file lacks."""
        if bank in self.banks:
            return self.banks[bank].word
        return NOTHING if bank in self.heads and bank not in self.incomplete else None
