# ruff: noqa: E501
"""Opening schema.

A migration must not break compatibility with the previous version of the code: add, then use, then remove, in three
releases. It must not change a row that says what happened. It runs in one transaction with all others of its upgrade,
without views and triggers, which are made again after it. There is no way back but a backup.
"""

import sqlalchemy as sa
from alembic import op

revision = "gateway_0001"
down_revision = None
branch_labels = None
depends_on = None

Int64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Change the schema from the revision before to this one."""
    op.create_table(
        "about",
        sa.Column("only_row", Int64, nullable=False),
        sa.Column("founded_at", Int64, nullable=False),
        sa.Column("epoch", Int64, nullable=False),
        sa.Column("after_loss", Int64, nullable=False),
        sa.CheckConstraint("after_loss IN (0, 1)", name=op.f("ck_about_yes_or_no")),
        sa.CheckConstraint("epoch >= 0", name=op.f("ck_about_not_negative")),
        sa.CheckConstraint("only_row = 1", name=op.f("ck_about_one_row")),
        sa.PrimaryKeyConstraint("only_row", name=op.f("pk_about")),
        sqlite_strict=True,
    )
    op.create_table(
        "currencies",
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("scale", Int64, nullable=False),
        sa.CheckConstraint("scale IN (1, 100, 1000)", name=op.f("ck_currencies_known_scale")),
        sa.PrimaryKeyConstraint("currency", name=op.f("pk_currencies")),
        sqlite_strict=True,
    )
    op.create_table(
        "operator",
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("changed_at", Int64, nullable=True),
        sa.PrimaryKeyConstraint("username", name=op.f("pk_operator")),
        sqlite_strict=True,
    )
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("opened_at", Int64, nullable=False),
        sa.Column("used_at", Int64, nullable=False),
        sa.Column("ends_at", Int64, nullable=False),
        sa.Column("ended_at", Int64, nullable=True),
        sa.CheckConstraint("length(device) <= 64", name=op.f("ck_sessions_device_length")),
        sa.CheckConstraint("length(session_id) = 16", name=op.f("ck_sessions_id_length")),
        sa.CheckConstraint("length(token_hash) = 32", name=op.f("ck_sessions_sha256")),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_sessions")),
        sqlite_strict=True,
    )
    op.create_index("ix_sessions_username", "sessions", ["username"], unique=False)
    op.create_index("uq_sessions_token_hash", "sessions", ["token_hash"], unique=True)
    op.create_table(
        "transfers",
        sa.Column("journal_id", Int64, nullable=False),
        sa.Column("transfer_id", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("payer_bank", sa.Text(), nullable=False),
        sa.Column("payer_account", Int64, nullable=False),
        sa.Column("payee_bank", sa.Text(), nullable=False),
        sa.Column("payee_account", Int64, nullable=False),
        sa.Column("payee_name", sa.Text(), nullable=False),
        sa.Column("amount", Int64, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("access", sa.LargeBinary(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("patient", Int64, nullable=False),
        sa.Column("accepted_at", Int64, nullable=False),
        sa.Column("finished_at", Int64, nullable=True),
        sa.Column("debit_record_id", Int64, nullable=True),
        sa.Column("debit_chain_hash", sa.LargeBinary(), nullable=True),
        sa.Column("credit_outcome", sa.Text(), nullable=True),
        sa.Column("credit_record_id", Int64, nullable=True),
        sa.Column("credit_chain_hash", sa.LargeBinary(), nullable=True),
        sa.Column("ending_outcome", sa.Text(), nullable=True),
        sa.Column("ending_record_id", Int64, nullable=True),
        sa.Column("ending_chain_hash", sa.LargeBinary(), nullable=True),
        sa.Column("suspended", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(state IN ('COMPLETED', 'REFUSED', 'RETURNED', 'CANCELLED')) = (finished_at IS NOT NULL)",
            name=op.f("ck_transfers_final_has_time"),
        ),
        sa.CheckConstraint(
            "state <> 'CANCELLED' OR ending_outcome = 'NOT_DEBITED'", name=op.f("ck_transfers_cancelled_has_evidence")
        ),
        sa.CheckConstraint(
            "state <> 'COMPLETED' OR credit_outcome IN ('CREDITED', 'BOOKED')",
            name=op.f("ck_transfers_completed_has_evidence"),
        ),
        sa.CheckConstraint(
            "state <> 'DEBITED' OR debit_record_id IS NOT NULL", name=op.f("ck_transfers_debited_has_evidence")
        ),
        sa.CheckConstraint(
            "state <> 'RETURNED' OR ending_outcome = 'RETURNED'", name=op.f("ck_transfers_returned_has_evidence")
        ),
        sa.CheckConstraint(
            "state <> 'RETURNING' OR credit_outcome IN ('REFUSED', 'CANCELLED', 'FINGERPRINT_MISMATCH')",
            name=op.f("ck_transfers_returning_has_evidence"),
        ),
        sa.CheckConstraint(
            "state IN ('ACCEPTED', 'DEBITED', 'CANCELLING', 'RETURNING', 'COMPLETED', 'REFUSED', 'RETURNED', 'CANCELLED')",
            name=op.f("ck_transfers_known_state"),
        ),
        sa.CheckConstraint("amount BETWEEN 1 AND 999999999999999", name=op.f("ck_transfers_amount_range")),
        sa.CheckConstraint("length(fingerprint) = 32", name=op.f("ck_transfers_sha256")),
        sa.CheckConstraint("length(idempotency_key) BETWEEN 1 AND 128", name=op.f("ck_transfers_key_length")),
        sa.CheckConstraint("length(reference) <= 140", name=op.f("ck_transfers_reference_length")),
        sa.CheckConstraint("length(transfer_id) = 16", name=op.f("ck_transfers_id_length")),
        sa.CheckConstraint("patient IN (0, 1)", name=op.f("ck_transfers_yes_or_no")),
        sa.PrimaryKeyConstraint("journal_id", name=op.f("pk_transfers")),
        sqlite_strict=True,
    )
    op.create_index("ix_transfers_principal", "transfers", ["principal", "journal_id"], unique=False)
    op.create_index(
        "ix_transfers_unfinished",
        "transfers",
        ["journal_id"],
        unique=False,
        sqlite_where=sa.text("finished_at IS NULL"),
    )
    op.create_index(
        "uq_transfers_principal_idempotency_key", "transfers", ["principal", "idempotency_key"], unique=True
    )
    op.create_index("uq_transfers_transfer_id", "transfers", ["transfer_id"], unique=True)
    op.create_table(
        "users",
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("registered_at", Int64, nullable=False),
        sa.PrimaryKeyConstraint("username", name=op.f("pk_users")),
        sqlite_strict=True,
    )
    op.create_table(
        "banks",
        sa.Column("bank", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("joined_at", Int64, nullable=False),
        sa.Column("head_record_id", Int64, nullable=False),
        sa.Column("head_chain_hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["currency"], ["currencies.currency"], name=op.f("fk_banks_currency")),
        sa.PrimaryKeyConstraint("bank", name=op.f("pk_banks")),
        sqlite_strict=True,
    )
    op.create_table(
        "registrations",
        sa.Column("registration_id", Int64, nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("bank", sa.Text(), nullable=False),
        sa.Column("account", Int64, nullable=False),
        sa.Column("registered_at", Int64, nullable=False),
        sa.ForeignKeyConstraint(["bank"], ["banks.bank"], name=op.f("fk_registrations_bank")),
        sa.ForeignKeyConstraint(["username"], ["users.username"], name=op.f("fk_registrations_username")),
        sa.PrimaryKeyConstraint("registration_id", name=op.f("pk_registrations")),
        sqlite_strict=True,
    )
    op.create_index("uq_registrations_bank_account", "registrations", ["bank", "account"], unique=True)
    op.create_index("uq_registrations_username_bank", "registrations", ["username", "bank"], unique=True)
    op.create_table(
        "session_grants",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("bank", sa.Text(), nullable=False),
        sa.Column("account", Int64, nullable=False),
        sa.Column("access", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["bank"], ["banks.bank"], name=op.f("fk_session_grants_bank")),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.session_id"], name=op.f("fk_session_grants_session_id")),
        sa.PrimaryKeyConstraint("session_id", "bank", name=op.f("pk_session_grants")),
        sqlite_strict=True,
    )
