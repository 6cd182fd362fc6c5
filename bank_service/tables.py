"""A bank's schema: what it keeps, and the rules that the database itself enforces.

Append-only (triggers in `views.py`): records, outcomes, conclusions, entries, acts, lost_records. Accounts and open
debits are present state that can be worked out from them; credentials and grants are as they are now, and acts say when
they changed.
"""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, MetaData, Table, text
from sqlalchemy.schema import SchemaItem

from interbank.money import MAX_MINOR_UNITS
from interbank.storage.sqlite import Bytes, Int64, Str

SCHEMA_REVISION = "bank_0001"
"""The Alembic revision that this code was written for; a test holds it equal to the newest in migrations/bank."""

HOLDS_KEY_SQL = "instruction IN ('DEBIT', 'BOOK_TRANSFER', 'DEPOSIT', 'WITHDRAW', 'ADD_MONEY')"
"""The instructions of `books.HOLDS_KEY`, as the partial index and the question that must use it write them."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _table(name: str, *parts: SchemaItem) -> Table:
    return Table(name, metadata, *parts, sqlite_strict=True)


about = _table(
    "about",
    Column("only_row", Int64, CheckConstraint("only_row = 1", name="one_row"), primary_key=True),
    Column("bank", Str, nullable=False),
    Column("currency", Str, nullable=False),
    Column("founded_at", Int64, nullable=False),
)

currencies = _table(
    "currencies",
    Column("currency", Str, primary_key=True),
    Column("scale", Int64, CheckConstraint("scale IN (1, 100, 1000)", name="known_scale"), nullable=False),
)

records = _table(
    "records",
    Column("record_id", Int64, CheckConstraint("record_id > 0", name="from_one"), primary_key=True),
    Column("recorded_at", Int64, nullable=False),
    Column("kind", Str, nullable=False),
    Column("chain_hash", Bytes, CheckConstraint("length(chain_hash) = 32", name="sha256"), nullable=False),
)

accounts = _table(
    "accounts",
    Column("account", Int64, primary_key=True),
    Column(
        "kind",
        Str,
        CheckConstraint("kind IN ('customer', 'cash', 'clearing', 'recovery')", name="known_kind"),
        nullable=False,
    ),
    Column("username", Str),
    Column("currency", Str, ForeignKey("currencies.currency"), nullable=False),
    Column(
        "status", Str, CheckConstraint("status IN ('OPEN', 'FROZEN', 'CLOSED')", name="known_status"), nullable=False
    ),
    Column("balance", Int64, nullable=False),
    CheckConstraint("(kind = 'customer') = (account >= 0)", name="internal_accounts_are_negative"),
    CheckConstraint("(kind = 'customer') = (username IS NOT NULL)", name="customers_have_users"),
    CheckConstraint("kind <> 'customer' OR balance >= 0", name="customers_never_owe"),
    CheckConstraint("kind NOT IN ('cash', 'recovery') OR balance <= 0", name="cash_is_never_above_zero"),
    CheckConstraint("status <> 'CLOSED' OR balance = 0", name="closed_at_zero"),
)
Index("uq_accounts_username", accounts.c.username, unique=True, sqlite_where=text("status <> 'CLOSED'"))

outcomes = _table(
    "outcomes",
    Column("record_id", Int64, ForeignKey("records.record_id"), primary_key=True),
    Column("transfer_id", Bytes, CheckConstraint("length(transfer_id) = 16", name="id_length"), nullable=False),
    Column("instruction", Str, nullable=False),
    Column("outcome", Str, nullable=False),
    Column("reason", Str, nullable=False),
    Column("fingerprint", Bytes, CheckConstraint("length(fingerprint) = 32", name="sha256"), nullable=False),
    Column("principal", Str, nullable=False),
    Column(
        "idempotency_key",
        Str,
        CheckConstraint("length(idempotency_key) BETWEEN 1 AND 128", name="key_length"),
        nullable=False,
    ),
    Column("payer_bank", Str, nullable=False),
    Column("payer_account", Int64, nullable=False),
    Column("payee_bank", Str, nullable=False),
    Column("payee_account", Int64, nullable=False),
    Column("payee_name", Str, nullable=False),
    Column(
        "amount", Int64, CheckConstraint(f"amount BETWEEN 1 AND {MAX_MINOR_UNITS}", name="amount_range"), nullable=False
    ),
    Column("currency", Str, nullable=False),
    Column("reference", Str, CheckConstraint("length(reference) <= 140", name="reference_length"), nullable=False),
    Column("actor", Str, nullable=False),
    Column("evidence_bank", Str),
    Column("evidence_kind", Str),
    Column("evidence_record_id", Int64),
    Column("evidence_chain_hash", Bytes),
    CheckConstraint(
        "(instruction = 'DEBIT' AND outcome IN ('DEBITED', 'REFUSED'))"
        " OR (instruction = 'CREDIT' AND outcome IN ('CREDITED', 'REFUSED'))"
        " OR (instruction IN ('BOOK_TRANSFER', 'DEPOSIT', 'WITHDRAW', 'ADD_MONEY')"
        "     AND outcome IN ('BOOKED', 'REFUSED'))"
        " OR (instruction = 'COVER_SHORTFALL' AND outcome = 'BOOKED')"
        " OR (instruction = 'CANCEL_CREDIT' AND outcome = 'CANCELLED')"
        " OR (instruction = 'RETURN_DEBIT' AND outcome = 'NOT_DEBITED')",
        name="outcome_answers_instruction",
    ),
    CheckConstraint("(outcome = 'REFUSED') = (reason <> '')", name="refusals_have_reasons"),
    CheckConstraint("instruction <> 'CREDIT' OR evidence_kind = 'DEBITED'", name="credit_needs_debited"),
    Index("uq_outcomes_transfer_id", "transfer_id", unique=True),
    Index(
        "uq_outcomes_principal_idempotency_key",
        "principal",
        "idempotency_key",
        unique=True,
        sqlite_where=text(HOLDS_KEY_SQL),
    ),
)
"""The first decision on each transfer: one row per id over all kinds, refusals and tombstones included."""

conclusions = _table(
    "conclusions",
    Column("record_id", Int64, ForeignKey("records.record_id"), primary_key=True),
    Column("transfer_id", Bytes, ForeignKey("outcomes.transfer_id"), nullable=False),
    Column("outcome", Str, CheckConstraint("outcome IN ('SETTLED', 'RETURNED')", name="known_outcome"), nullable=False),
    Column("evidence_bank", Str, nullable=False),
    Column("evidence_kind", Str, nullable=False),
    Column("evidence_record_id", Int64, nullable=False),
    Column("evidence_chain_hash", Bytes, nullable=False),
    CheckConstraint(
        "(outcome = 'SETTLED' AND evidence_kind = 'CREDITED')"
        " OR (outcome = 'RETURNED' AND evidence_kind IN ('REFUSED', 'CANCELLED', 'FINGERPRINT_MISMATCH'))",
        name="concluded_on_evidence",
    ),
    Index("uq_conclusions_transfer_id", "transfer_id", unique=True),
)
"""How a debit ended. One row per transfer: what was settled cannot be returned."""

entries = _table(
    "entries",
    Column("entry_id", Int64, CheckConstraint("entry_id > 0", name="from_one"), primary_key=True),
    Column("record_id", Int64, ForeignKey("records.record_id"), nullable=False, unique=True),
    Column("transfer_id", Bytes, ForeignKey("outcomes.transfer_id"), nullable=False),
    Column("debit_account", Int64, ForeignKey("accounts.account"), nullable=False),
    Column("credit_account", Int64, ForeignKey("accounts.account"), nullable=False),
    Column(
        "amount", Int64, CheckConstraint(f"amount BETWEEN 1 AND {MAX_MINOR_UNITS}", name="amount_range"), nullable=False
    ),
    Column("debit_balance_after", Int64, nullable=False),
    Column("credit_balance_after", Int64, nullable=False),
    CheckConstraint("debit_account <> credit_account", name="two_accounts"),
    Index("ix_entries_debit_account", "debit_account", "entry_id"),
    Index("ix_entries_credit_account", "credit_account", "entry_id"),
)
"""The ledger: every movement of money, with both balances as it left them."""

acts = _table(
    "acts",
    Column("record_id", Int64, ForeignKey("records.record_id"), primary_key=True),
    Column("act", Str, nullable=False),
    Column("account", Int64),
    Column("username", Str),
    Column("actor", Str, nullable=False),
    Column("detail", Str, nullable=False),
)
"""What was done that moved no money: accounts opened, frozen, closed; passwords set; grants opened and ended."""

lost_records = _table(
    "lost_records",
    Column("record_id", Int64, ForeignKey("records.record_id"), primary_key=True),
    Column("first_lost", Int64, nullable=False),
    Column("last_lost", Int64, nullable=False),
    CheckConstraint("first_lost BETWEEN 1 AND last_lost AND last_lost < record_id", name="lost_before_it_was_said"),
)
"""Records that others have seen and that these books lack since they were restored from an old copy; `record_id` is
that of the act that says so. What others knew of them was written back behind it."""

open_debits = _table(
    "open_debits",
    Column("record_id", Int64, ForeignKey("outcomes.record_id"), primary_key=True),
    Column("transfer_id", Bytes, nullable=False),
    Column("account", Int64, ForeignKey("accounts.account"), nullable=False),
)
"""Debits that are neither settled nor returned. Small at any time, and every payment comes and goes through it: so it
has no index but its key."""

credentials = _table(
    "credentials",
    Column("account", Int64, ForeignKey("accounts.account"), primary_key=True),
    Column("password_hash", Str, nullable=False),
    Column("changed_at", Int64, nullable=False),
)

grants = _table(
    "grants",
    Column("grant_hash", Bytes, CheckConstraint("length(grant_hash) = 32", name="sha256"), primary_key=True),
    Column("account", Int64, ForeignKey("accounts.account"), nullable=False),
    Column("username", Str, nullable=False),
    Column("opened_at", Int64, nullable=False),
    Column("ends_at", Int64, nullable=False),
    Column("ended_at", Int64),
    Index("ix_grants_account", "account"),
)

counterpart_heads = _table(
    "counterpart_heads",
    Column("bank", Str, primary_key=True),
    Column("record_id", Int64, nullable=False),
    Column("chain_hash", Bytes, nullable=False),
)
"""The highest position of each other bank that came as evidence: a witness if that bank is restored."""

gateway_epoch = _table(
    "gateway_epoch",
    Column("only_row", Int64, CheckConstraint("only_row = 1", name="one_row"), primary_key=True),
    Column("epoch", Int64, CheckConstraint("epoch > 0", name="from_one"), nullable=False),
    Column("instance", Bytes, nullable=False),
)
"""The newest gateway that ever opened a session here."""
