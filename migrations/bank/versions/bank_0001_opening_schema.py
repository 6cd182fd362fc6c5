# ruff: noqa: E501
"""Opening schema.

A migration must not break compatibility with the previous version of the code: add, then use, then remove, in three
releases. It must not change a row that says what happened. It runs in one transaction with all others of its upgrade,
without views and triggers, which are made again after it. There is no way back but a backup.
"""

import sqlalchemy as sa
from alembic import op

revision = "bank_0001"
down_revision = None
branch_labels = None
depends_on = None

Int64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Change the schema from the revision before to this one."""
    op.create_table(
        "about",
        sa.Column("only_row", Int64, nullable=False),
        sa.Column("bank", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("founded_at", Int64, nullable=False),
        sa.CheckConstraint("only_row = 1", name=op.f("ck_about_one_row")),
        sa.PrimaryKeyConstraint("only_row", name=op.f("pk_about")),
        sqlite_strict=True,
    )
    op.create_table(
        "counterpart_heads",
        sa.Column("bank", sa.Text(), nullable=False),
        sa.Column("record_id", Int64, nullable=False),
        sa.Column("chain_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("bank", name=op.f("pk_counterpart_heads")),
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
        "gateway_epoch",
        sa.Column("only_row", Int64, nullable=False),
        sa.Column("epoch", Int64, nullable=False),
        sa.Column("instance", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("epoch > 0", name=op.f("ck_gateway_epoch_from_one")),
        sa.CheckConstraint("only_row = 1", name=op.f("ck_gateway_epoch_one_row")),
        sa.PrimaryKeyConstraint("only_row", name=op.f("pk_gateway_epoch")),
        sqlite_strict=True,
    )
    op.create_table(
        "records",
        sa.Column("record_id", Int64, nullable=False),
        sa.Column("recorded_at", Int64, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("chain_hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(chain_hash) = 32", name=op.f("ck_records_sha256")),
        sa.CheckConstraint("record_id > 0", name=op.f("ck_records_from_one")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_records")),
        sqlite_strict=True,
    )
    op.create_table(
        "accounts",
        sa.Column("account", Int64, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("balance", Int64, nullable=False),
        sa.CheckConstraint(
            "(kind = 'customer') = (account >= 0)", name=op.f("ck_accounts_internal_accounts_are_negative")
        ),
        sa.CheckConstraint(
            "(kind = 'customer') = (username IS NOT NULL)", name=op.f("ck_accounts_customers_have_users")
        ),
        sa.CheckConstraint("kind <> 'customer' OR balance >= 0", name=op.f("ck_accounts_customers_never_owe")),
        sa.CheckConstraint("kind IN ('customer', 'cash', 'clearing', 'recovery')", name=op.f("ck_accounts_known_kind")),
        sa.CheckConstraint(
            "kind NOT IN ('cash', 'recovery') OR balance <= 0", name=op.f("ck_accounts_cash_is_never_above_zero")
        ),
        sa.CheckConstraint("status <> 'CLOSED' OR balance = 0", name=op.f("ck_accounts_closed_at_zero")),
        sa.CheckConstraint("status IN ('OPEN', 'FROZEN', 'CLOSED')", name=op.f("ck_accounts_known_status")),
        sa.ForeignKeyConstraint(["currency"], ["currencies.currency"], name=op.f("fk_accounts_currency")),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_accounts")),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_accounts_username", "accounts", ["username"], unique=True, sqlite_where=sa.text("status <> 'CLOSED'")
    )
    op.create_table(
        "acts",
        sa.Column("record_id", Int64, nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("account", Int64, nullable=True),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["records.record_id"], name=op.f("fk_acts_record_id")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_acts")),
        sqlite_strict=True,
    )
    op.create_table(
        "lost_records",
        sa.Column("record_id", Int64, nullable=False),
        sa.Column("first_lost", Int64, nullable=False),
        sa.Column("last_lost", Int64, nullable=False),
        sa.CheckConstraint(
            "first_lost BETWEEN 1 AND last_lost AND last_lost < record_id",
            name=op.f("ck_lost_records_lost_before_it_was_said"),
        ),
        sa.ForeignKeyConstraint(["record_id"], ["records.record_id"], name=op.f("fk_lost_records_record_id")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_lost_records")),
        sqlite_strict=True,
    )
    op.create_table(
        "outcomes",
        sa.Column("record_id", Int64, nullable=False),
        sa.Column("transfer_id", sa.LargeBinary(), nullable=False),
        sa.Column("instruction", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
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
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("evidence_bank", sa.Text(), nullable=True),
        sa.Column("evidence_kind", sa.Text(), nullable=True),
        sa.Column("evidence_record_id", Int64, nullable=True),
        sa.Column("evidence_chain_hash", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(instruction = 'DEBIT' AND outcome IN ('DEBITED', 'REFUSED')) OR (instruction = 'CREDIT' AND outcome IN ('CREDITED', 'REFUSED')) OR (instruction IN ('BOOK_TRANSFER', 'DEPOSIT', 'WITHDRAW', 'ADD_MONEY')     AND outcome IN ('BOOKED', 'REFUSED')) OR (instruction = 'COVER_SHORTFALL' AND outcome = 'BOOKED') OR (instruction = 'CANCEL_CREDIT' AND outcome = 'CANCELLED') OR (instruction = 'RETURN_DEBIT' AND outcome = 'NOT_DEBITED')",
            name=op.f("ck_outcomes_outcome_answers_instruction"),
        ),
        sa.CheckConstraint("(outcome = 'REFUSED') = (reason <> '')", name=op.f("ck_outcomes_refusals_have_reasons")),
        sa.CheckConstraint(
            "instruction <> 'CREDIT' OR evidence_kind = 'DEBITED'", name=op.f("ck_outcomes_credit_needs_debited")
        ),
        sa.CheckConstraint("amount BETWEEN 1 AND 999999999999999", name=op.f("ck_outcomes_amount_range")),
        sa.CheckConstraint("length(fingerprint) = 32", name=op.f("ck_outcomes_sha256")),
        sa.CheckConstraint("length(idempotency_key) BETWEEN 1 AND 128", name=op.f("ck_outcomes_key_length")),
        sa.CheckConstraint("length(reference) <= 140", name=op.f("ck_outcomes_reference_length")),
        sa.CheckConstraint("length(transfer_id) = 16", name=op.f("ck_outcomes_id_length")),
        sa.ForeignKeyConstraint(["record_id"], ["records.record_id"], name=op.f("fk_outcomes_record_id")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_outcomes")),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_outcomes_principal_idempotency_key",
        "outcomes",
        ["principal", "idempotency_key"],
        unique=True,
        sqlite_where=sa.text("instruction IN ('DEBIT', 'BOOK_TRANSFER', 'DEPOSIT', 'WITHDRAW', 'ADD_MONEY')"),
    )
    op.create_index("uq_outcomes_transfer_id", "outcomes", ["transfer_id"], unique=True)
    op.create_table(
        "conclusions",
        sa.Column("record_id", Int64, nullable=False),
        sa.Column("transfer_id", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("evidence_bank", sa.Text(), nullable=False),
        sa.Column("evidence_kind", sa.Text(), nullable=False),
        sa.Column("evidence_record_id", Int64, nullable=False),
        sa.Column("evidence_chain_hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "(outcome = 'SETTLED' AND evidence_kind = 'CREDITED') OR (outcome = 'RETURNED' AND evidence_kind IN ('REFUSED', 'CANCELLED', 'FINGERPRINT_MISMATCH'))",
            name=op.f("ck_conclusions_concluded_on_evidence"),
        ),
        sa.CheckConstraint("outcome IN ('SETTLED', 'RETURNED')", name=op.f("ck_conclusions_known_outcome")),
        sa.ForeignKeyConstraint(["record_id"], ["records.record_id"], name=op.f("fk_conclusions_record_id")),
        sa.ForeignKeyConstraint(["transfer_id"], ["outcomes.transfer_id"], name=op.f("fk_conclusions_transfer_id")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_conclusions")),
        sqlite_strict=True,
    )
    op.create_index("uq_conclusions_transfer_id", "conclusions", ["transfer_id"], unique=True)
    op.create_table(
        "credentials",
        sa.Column("account", Int64, nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("changed_at", Int64, nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.account"], name=op.f("fk_credentials_account")),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_credentials")),
        sqlite_strict=True,
    )
    op.create_table(
        "entries",
        sa.Column("entry_id", Int64, nullable=False),
        sa.Column("record_id", Int64, nullable=False),
        sa.Column("transfer_id", sa.LargeBinary(), nullable=False),
        sa.Column("debit_account", Int64, nullable=False),
        sa.Column("credit_account", Int64, nullable=False),
        sa.Column("amount", Int64, nullable=False),
        sa.Column("debit_balance_after", Int64, nullable=False),
        sa.Column("credit_balance_after", Int64, nullable=False),
        sa.CheckConstraint("amount BETWEEN 1 AND 999999999999999", name=op.f("ck_entries_amount_range")),
        sa.CheckConstraint("debit_account <> credit_account", name=op.f("ck_entries_two_accounts")),
        sa.CheckConstraint("entry_id > 0", name=op.f("ck_entries_from_one")),
        sa.ForeignKeyConstraint(["credit_account"], ["accounts.account"], name=op.f("fk_entries_credit_account")),
        sa.ForeignKeyConstraint(["debit_account"], ["accounts.account"], name=op.f("fk_entries_debit_account")),
        sa.ForeignKeyConstraint(["record_id"], ["records.record_id"], name=op.f("fk_entries_record_id")),
        sa.ForeignKeyConstraint(["transfer_id"], ["outcomes.transfer_id"], name=op.f("fk_entries_transfer_id")),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_entries")),
        sa.UniqueConstraint("record_id", name=op.f("uq_entries_record_id")),
        sqlite_strict=True,
    )
    op.create_index("ix_entries_credit_account", "entries", ["credit_account", "entry_id"], unique=False)
    op.create_index("ix_entries_debit_account", "entries", ["debit_account", "entry_id"], unique=False)
    op.create_table(
        "grants",
        sa.Column("grant_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account", Int64, nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("opened_at", Int64, nullable=False),
        sa.Column("ends_at", Int64, nullable=False),
        sa.Column("ended_at", Int64, nullable=True),
        sa.CheckConstraint("length(grant_hash) = 32", name=op.f("ck_grants_sha256")),
        sa.ForeignKeyConstraint(["account"], ["accounts.account"], name=op.f("fk_grants_account")),
        sa.PrimaryKeyConstraint("grant_hash", name=op.f("pk_grants")),
        sqlite_strict=True,
    )
    op.create_index("ix_grants_account", "grants", ["account"], unique=False)
    op.create_table(
        "open_debits",
        sa.Column("record_id", Int64, nullable=False),
        sa.Column("transfer_id", sa.LargeBinary(), nullable=False),
        sa.Column("account", Int64, nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.account"], name=op.f("fk_open_debits_account")),
        sa.ForeignKeyConstraint(["record_id"], ["outcomes.record_id"], name=op.f("fk_open_debits_record_id")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_open_debits")),
        sqlite_strict=True,
    )
