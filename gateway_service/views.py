"""What people read in the gateway's database with sqlite3 alone, and the triggers that keep answers as they were given.

One list each, by name, used as those of `bank_service/views.py`.
"""

from interbank.storage.sqlite import decimal_amount, iso_time

_ORDER = (
    "transfer_id", "fingerprint", "principal", "idempotency_key", "payer_bank", "payer_account", "payee_bank",
    "payee_account", "payee_name", "amount", "currency", "reference", "accepted_at",
)  # fmt: skip

_ANSWER = (
    "state", "reason", "finished_at", "debit_record_id", "debit_chain_hash", "credit_outcome", "credit_record_id",
    "credit_chain_hash", "ending_outcome", "ending_record_id", "ending_chain_hash",
)  # fmt: skip

TRIGGERS: dict[str, str] = {
    "transfers_no_delete": (
        "CREATE TRIGGER transfers_no_delete BEFORE DELETE ON transfers "
        "BEGIN SELECT RAISE(ABORT, 'the journal forgets nothing'); END"
    ),
    "transfers_final_stays": (
        f"CREATE TRIGGER transfers_final_stays BEFORE UPDATE OF {', '.join(_ANSWER)} ON transfers "
        "WHEN OLD.finished_at IS NOT NULL "
        "BEGIN SELECT RAISE(ABORT, 'a final transfer never changes'); END"
    ),
    "transfers_order_stays": (
        f"CREATE TRIGGER transfers_order_stays BEFORE UPDATE OF {', '.join(_ORDER)} ON transfers "
        "BEGIN SELECT RAISE(ABORT, 'an accepted order never changes'); END"
    ),
}

VIEWS: dict[str, str] = {
    "v_transfers": f"""CREATE VIEW v_transfers AS
SELECT lower(hex(t.transfer_id)) AS transfer_id, t.state, t.payer_bank, CAST(t.payer_account AS TEXT) AS payer_account,
       t.payee_bank, CAST(t.payee_account AS TEXT) AS payee_account, t.payee_name, t.amount AS minor_units,
       {decimal_amount("t.amount", "c.scale")} AS amount, t.currency, t.reference, t.principal, t.idempotency_key,
       t.reason, {iso_time("t.accepted_at")} AS accepted_at,
       CASE WHEN t.finished_at IS NULL THEN '' ELSE {iso_time("t.finished_at")} END AS finished_at,
       t.suspended
FROM transfers t JOIN currencies c ON c.currency = t.currency""",
    "v_about": f"""CREATE VIEW v_about AS
SELECT 'gateway' AS service, v.version_num AS schema, {iso_time("a.founded_at")} AS founded_at, a.epoch,
       (SELECT count(*) FROM banks) AS banks, (SELECT count(*) FROM transfers) AS transfers
FROM about a, alembic_version v""",
}
