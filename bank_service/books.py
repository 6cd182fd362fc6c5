"""A bank's books as a batch of instructions sees and changes them. No input or output.

`storage.py` loads a Book with whatever a batch may touch, `ledger.py` decides on it, `storage.py` stores what it
gathered. Nothing of it outlives the batch: if the transaction does not commit, the Book is thrown away with it.
"""

import hashlib
from dataclasses import dataclass, field

from interbank.canonical import canonical
from interbank.instructions import Evidence, Head, Instruction, InstructionKind, Outcome, OutcomeKind
from interbank.values import value

CASH, CLEARING, RECOVERY = -1, -2, -3
INTERNAL_ACCOUNTS = {CASH: "cash", CLEARING: "clearing", RECOVERY: "recovery"}
"""Internal accounts by number. Cash: what was put in from outside, never above zero. Clearing: money on its way to or
from other banks. Recovery: what a repair could not take from accounts that have less than before, never above zero."""

BANK_ACCOUNT = 0
"""The bank's own account, in the operator's name."""

OPERATOR = "admin"
"""The name in which every bank's own account stands."""

BALANCE_LIMIT = 9 * 10**18
"""No balance goes beyond this on either side, so that no sum leaves 64 bits."""

Cell = bytes | str | int | None
Row = tuple[Cell, ...]
_NO_ENTRY: Row = (None, None, None, None, None)


@value
class Account:
    """An account as it stands: `balance` in minor units, credits minus debits."""

    number: int
    kind: str
    username: str | None
    currency: str
    status: str
    balance: int

    def moved(self, minor_units: int) -> "Account":
        """The account after a movement."""
        return Account(self.number, self.kind, self.username, self.currency, self.status, self.balance + minor_units)


@value
class Grant:
    """A customer's access, as the bank stored it. Times in microseconds."""

    account: int
    username: str
    ends_at: int
    ended: bool


@value
class Entry:
    """A movement of money from the debit account to the credit account, with both balances as it left them."""

    entry_id: int
    debit_account: int
    credit_account: int
    minor_units: int
    debit_balance_after: int
    credit_balance_after: int

    @property
    def customer_balance_after(self) -> int:
        """The balance of the customer whom the entry concerns: the payer's, if both sides are customers."""
        return self.debit_balance_after if self.debit_account >= 0 else self.credit_balance_after


@value
class Decision:
    """The first outcome under a transfer's id, refusals and tombstones included; or how a debit was concluded."""

    kind: OutcomeKind
    reason: str
    fingerprint: bytes
    head: Head
    entry_id: int
    balance_after: int
    account: int
    payee_bank: str

    def answer(self, transfer_id: bytes, *, replayed: bool) -> Outcome:
        """What the gateway is told, now or again."""
        return Outcome(transfer_id, self.kind, self.reason, self.head, self.balance_after, self.entry_id, replayed)


@dataclass(slots=True)
class Gathered:
    """Rows to store, each in the order of its table's columns."""

    records: list[Row] = field(default_factory=list)
    accounts: list[Row] = field(default_factory=list)
    outcomes: list[Row] = field(default_factory=list)
    conclusions: list[Row] = field(default_factory=list)
    entries: list[Row] = field(default_factory=list)
    acts: list[Row] = field(default_factory=list)
    opened_debits: list[Row] = field(default_factory=list)
    closed_debits: list[int] = field(default_factory=list)
    heads: dict[str, Head] = field(default_factory=dict)
    moved: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Book:
    """What a batch sees, and what it has written so far."""

    bank: str
    currency: str
    counter_open: bool
    operator_admitted: bool
    now: int
    head: Head
    last_entry_id: int
    accounts: dict[int, Account] = field(default_factory=dict)
    decisions: dict[bytes, Decision] = field(default_factory=dict)
    conclusions: dict[bytes, Decision] = field(default_factory=dict)
    keys: dict[tuple[str, str], bytes] = field(default_factory=dict)
    grants: dict[bytes, Grant] = field(default_factory=dict)
    gathered: Gathered = field(default_factory=Gathered)

    def move(self, debit_account: int, credit_account: int, minor_units: int) -> Entry:
        """Take from one account, give to the other. The caller has made sure that both may."""
        debited = self.accounts[debit_account].moved(-minor_units)
        credited = self.accounts[credit_account].moved(minor_units)
        self.accounts[debit_account] = debited
        self.accounts[credit_account] = credited
        self.gathered.moved.update((debit_account, credit_account))
        self.last_entry_id += 1
        return Entry(self.last_entry_id, debit_account, credit_account, minor_units, debited.balance, credited.balance)

    def skip_to(self, record_id: int) -> None:
        """Number the next record after this one, because records up to it were lost. The chain goes on."""
        self.head = Head(max(self.head.record_id, record_id), self.head.chain_hash)

    def decide(
        self, instruction: Instruction, kind: OutcomeKind, *, reason: str = "", entry: Entry | None = None
    ) -> Decision:
        """Write the first decision on a transfer."""
        order, evidence = instruction.order, instruction.evidence
        columns: Row = (
            instruction.transfer_id,
            instruction.kind._name_,
            kind._name_,
            reason,
            instruction.fingerprint,
            instruction.principal,
            order.idempotency_key,
            order.payer_bank,
            order.payer_account,
            order.payee_bank,
            order.payee_account,
            order.payee_name,
            order.minor_units,
            order.currency,
            order.reference,
            instruction.actor,
            *_evidence_columns(evidence),
        )
        head = self._record(kind._name_, columns, instruction.transfer_id, entry)
        self.gathered.outcomes.append((head.record_id, *columns))
        decision = _decision(kind, reason, instruction, head, entry, order.payer_account, order.payee_bank)
        self.decisions[instruction.transfer_id] = decision
        if instruction.kind in HOLDS_KEY:
            self.keys[instruction.principal, order.idempotency_key] = instruction.transfer_id
        if kind is OutcomeKind.DEBITED:
            self.gathered.opened_debits.append((head.record_id, instruction.transfer_id, order.payer_account))
        self._witness(evidence)
        return decision

    def conclude(
        self, instruction: Instruction, kind: OutcomeKind, debited: Decision, *, entry: Entry | None = None
    ) -> Decision:
        """Write how a debit ended: SETTLED, or RETURNED with its entry."""
        evidence = instruction.evidence
        columns: Row = (instruction.transfer_id, kind._name_, *_evidence_columns(evidence))
        head = self._record(kind._name_, columns, instruction.transfer_id, entry)
        self.gathered.conclusions.append((head.record_id, *columns))
        self.gathered.closed_debits.append(debited.head.record_id)
        decision = _decision(kind, "", instruction, head, entry, debited.account, debited.payee_bank)
        self.conclusions[instruction.transfer_id] = decision
        self._witness(evidence)
        return decision

    def open_account(self, account: Account, *, actor: str) -> None:
        """Add an account with balance zero. The caller has made sure that number and user are free."""
        self.accounts[account.number] = account
        self.gathered.accounts.append(
            (account.number, account.kind, account.username, account.currency, account.status, account.balance)
        )
        self.act("ACCOUNT_OPENED", account=account.number, username=account.username, actor=actor)

    def act(self, act: str, *, account: int | None, username: str | None, actor: str, detail: str = "") -> Head:
        """Write what was done that moved no money."""
        columns: Row = (act, account, username, actor, detail)
        head = self._append(act, columns)
        self.gathered.acts.append((head.record_id, *columns))
        return head

    def _record(self, kind: str, columns: Row, transfer_id: bytes, entry: Entry | None) -> Head:
        if entry is None:
            return self._append(kind, columns + _NO_ENTRY)
        moved: Row = (
            entry.debit_account,
            entry.credit_account,
            entry.minor_units,
            entry.debit_balance_after,
            entry.credit_balance_after,
        )
        head = self._append(kind, columns + moved)
        self.gathered.entries.append((entry.entry_id, head.record_id, transfer_id, *moved))
        return head

    def _append(self, kind: str, columns: Row) -> Head:
        record_id = self.head.record_id + 1
        content = canonical(record_id, self.now, kind, *columns)
        self.head = Head(record_id, hashlib.sha256(self.head.chain_hash + content).digest())
        self.gathered.records.append((record_id, self.now, kind, self.head.chain_hash))
        return self.head

    def _witness(self, evidence: Evidence | None) -> None:
        if evidence is None:
            return
        seen = self.gathered.heads.get(evidence.bank)
        if seen is None or seen.record_id < evidence.head.record_id:
            self.gathered.heads[evidence.bank] = evidence.head


HOLDS_KEY = frozenset(
    {
        InstructionKind.DEBIT,
        InstructionKind.BOOK_TRANSFER,
        InstructionKind.DEPOSIT,
        InstructionKind.WITHDRAW,
        InstructionKind.ADD_MONEY,
    }
)
"""Instructions at the payer's bank, where a principal's key belongs to one order for ever."""


def _decision(
    kind: OutcomeKind,
    reason: str,
    instruction: Instruction,
    head: Head,
    entry: Entry | None,
    account: int,
    payee_bank: str,
) -> Decision:
    entry_id, balance = (entry.entry_id, entry.customer_balance_after) if entry else (0, 0)
    return Decision(kind, reason, instruction.fingerprint, head, entry_id, balance, account, payee_bank)


def _evidence_columns(evidence: Evidence | None) -> Row:
    if evidence is None:
        return (None, None, None, None)
    return (evidence.bank, evidence.kind._name_, evidence.head.record_id, evidence.head.chain_hash)
