"""The gateway's schema: the journal of transfers, the directory of banks and customers, the sessions."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, MetaData, Table, text
from sqlalchemy.schema import SchemaItem

from interbank.money import MAX_MINOR_UNITS
from interbank.storage.sqlite import Bytes, Int64, Str

SCHEMA_REVISION = "gateway_0001"
"""The Alembic revision that this code was written for; a test holds it equal to the newest in migrations/gateway."""

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
    Column("founded_at", Int64, nullable=False),
    Column("epoch", Int64, CheckConstraint("epoch >= 0", name="not_negative"), nullable=False),
    Column("after_loss", Int64, CheckConstraint("after_loss IN (0, 1)", name="yes_or_no"), nullable=False),
)
"""The gateway itself. `epoch` is the highest that it ever opened sessions with; written before it is used.
`after_loss`: the banks had seen another journal before this one, which was lost."""

currencies = _table(
    "currencies",
    Column("currency", Str, primary_key=True),
    Column("scale", Int64, CheckConstraint("scale IN (1, 100, 1000)", name="known_scale"), nullable=False),
)

banks = _table(
    "banks",
    Column("bank", Str, primary_key=True),
    Column("currency", Str, ForeignKey("currencies.currency"), nullable=False),
    Column("address", Str, nullable=False),
    Column("joined_at", Int64, nullable=False),
    Column("head_record_id", Int64, nullable=False),
    Column("head_chain_hash", Bytes, nullable=False),
)
"""The directory of banks, and the highest position of each that this gateway has seen."""

transfers = _table(
    "transfers",
    Column("journal_id", Int64, primary_key=True),
    Column("transfer_id", Bytes, CheckConstraint("length(transfer_id) = 16", name="id_length"), nullable=False),
    Column("state", Str, nullable=False),
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
    Column("access", Bytes, nullable=False),
    Column("actor", Str, nullable=False),
    Column("patient", Int64, CheckConstraint("patient IN (0, 1)", name="yes_or_no"), nullable=False),
    Column("accepted_at", Int64, nullable=False),
    Column("finished_at", Int64),
    Column("debit_record_id", Int64),
    Column("debit_chain_hash", Bytes),
    Column("credit_outcome", Str),
    Column("credit_record_id", Int64),
    Column("credit_chain_hash", Bytes),
    Column("ending_outcome", Str),
    Column("ending_record_id", Int64),
    Column("ending_chain_hash", Bytes),
    Column("suspended", Str, nullable=False),
    CheckConstraint(
        "state IN ('ACCEPTED', 'DEBITED', 'CANCELLING', 'RETURNING', 'COMPLETED', 'REFUSED', 'RETURNED', 'CANCELLED')",
        name="known_state",
    ),
    CheckConstraint(
        "(state IN ('COMPLETED', 'REFUSED', 'RETURNED', 'CANCELLED')) = (finished_at IS NOT NULL)",
        name="final_has_time",
    ),
    CheckConstraint("state <> 'DEBITED' OR debit_record_id IS NOT NULL", name="debited_has_evidence"),
    CheckConstraint(
        "state <> 'RETURNING' OR credit_outcome IN ('REFUSED', 'CANCELLED', 'FINGERPRINT_MISMATCH')",
        name="returning_has_evidence",
    ),
    CheckConstraint("state <> 'COMPLETED' OR credit_outcome IN ('CREDITED', 'BOOKED')", name="completed_has_evidence"),
    CheckConstraint("state <> 'RETURNED' OR ending_outcome = 'RETURNED'", name="returned_has_evidence"),
    CheckConstraint("state <> 'CANCELLED' OR ending_outcome = 'NOT_DEBITED'", name="cancelled_has_evidence"),
    Index("uq_transfers_transfer_id", "transfer_id", unique=True),
    Index("uq_transfers_principal_idempotency_key", "principal", "idempotency_key", unique=True),
    Index("ix_transfers_unfinished", "journal_id", sqlite_where=text("finished_at IS NULL")),
    Index("ix_transfers_principal", "principal", "journal_id"),
)
"""The journal: accepted orders and how far each has come. `access` is the customer's grant at his bank, which the
debit must carry; it is useless without the gateway's certificate."""

users = _table(
    "users",
    Column("username", Str, primary_key=True),
    Column("registered_at", Int64, nullable=False),
)

registrations = _table(
    "registrations",
    Column("registration_id", Int64, primary_key=True),
    Column("username", Str, ForeignKey("users.username"), nullable=False),
    Column("bank", Str, ForeignKey("banks.bank"), nullable=False),
    Column("account", Int64, nullable=False),
    Column("registered_at", Int64, nullable=False),
    Index("uq_registrations_username_bank", "username", "bank", unique=True),
    Index("uq_registrations_bank_account", "bank", "account", unique=True),
)
"""The directory of customers: which bank accounts belong to which network user."""

operator = _table(
    "operator",
    Column("username", Str, primary_key=True),
    Column("password_hash", Str, nullable=False),
    Column("changed_at", Int64),
)
"""The network's operator. `changed_at` is empty while the first password stands."""

sessions = _table(
    "sessions",
    Column("session_id", Str, CheckConstraint("length(session_id) = 16", name="id_length"), primary_key=True),
    Column("token_hash", Bytes, CheckConstraint("length(token_hash) = 32", name="sha256"), nullable=False),
    Column("username", Str, nullable=False),
    Column("device", Str, CheckConstraint("length(device) <= 64", name="device_length"), nullable=False),
    Column("opened_at", Int64, nullable=False),
    Column("used_at", Int64, nullable=False),
    Column("ends_at", Int64, nullable=False),
    Column("ended_at", Int64),
    Index("uq_sessions_token_hash", "token_hash", unique=True),
    Index("ix_sessions_username", "username"),
)

session_grants = _table(
    "session_grants",
    Column("session_id", Str, ForeignKey("sessions.session_id"), primary_key=True),
    Column("bank", Str, ForeignKey("banks.bank"), primary_key=True),
    Column("account", Int64, nullable=False),
    Column("access", Bytes, nullable=False),
)
"""What a session may do where: the grants that its banks gave."""
