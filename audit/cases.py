"""One transfer as journal, payer's bank and payee's bank have written it down. No input or output."""

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


class JournalRow(NamedTuple):
    """What the gateway knows."""

    state: str
    reason: str
    accepted_at: int
    fingerprint: bytes
    principal: str
    order: Order
    debit: Evidence
    credit: Evidence


class BankRow(NamedTuple):
    """What a bank answered: its outcome, how that was concluded, and the amounts of the entries of both."""

    record_id: int
    chain_hash: bytes
    recorded_at: int
    outcome: str
    fingerprint: bytes
    principal: str
    order: Order
    evidence: Evidence
    moved: int | None
    conclusion: str | None
    conclusion_record_id: int | None
    conclusion_chain_hash: bytes | None
    conclusion_evidence: Evidence
    returned: int | None

    @property
    def word(self) -> str:
        """What became of the transfer here: its conclusion if it has one, else its outcome."""
        return self.conclusion or self.outcome

    @property
    def amount(self) -> int:
        """The order's amount, in minor units."""
        return int(self.order[5] or 0)

    @property
    def in_clearing(self) -> int:
        """What the transfer leaves in this bank's clearing account, in minor units."""
        if self.outcome == "CREDITED":
            return -self.amount
        return self.amount if self.word in ("DEBITED", "SETTLED") else 0


class Case(NamedTuple):
    """All rows of one transfer, and its order as the journal has it, or else the first bank. `heads` has the last
    record of every bank whose file is there; `incomplete` names banks of which others have seen more than that."""

    transfer_id: bytes
    journal: JournalRow | None
    banks: dict[str, BankRow]
    order: Order
    payer_bank: str
    payee_bank: str
    has_journal: bool
    heads: dict[str, int]
    incomplete: frozenset[str]

    @property
    def amount(self) -> int:
        """The order's amount, in minor units."""
        return int(self.order[5] or 0)

    @property
    def currency(self) -> str:
        """The order's currency."""
        return str(self.order[6])

    @property
    def in_one_bank(self) -> bool:
        """Whether both accounts are in one bank."""
        return self.payer_bank == self.payee_bank

    @property
    def three_ways(self) -> bool:
        """Whether every file that must know the transfer is here."""
        return self.has_journal and self.payer_bank in self.heads and self.payee_bank in self.heads

    def word(self, bank: str) -> str | None:
        """What a bank says became of the transfer. None where that cannot be known: there is no file, or the row may
        stand in the part that its file lacks."""
        if bank in self.banks:
            return self.banks[bank].word
        return NOTHING if bank in self.heads and bank not in self.incomplete else None
