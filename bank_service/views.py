"""What people read in a bank's database with sqlite3 alone, and the triggers that keep its history as it was written.

One list each, by name. Migrations drop both before they change tables and make them again afterwards; the server
compares them with the database at its start.
"""

from bank_service.books import INTERNAL_ACCOUNTS
from interbank.storage.sqlite import append_only, decimal_amount, iso_time

TRIGGERS: dict[str, str] = {
    name: sql
    for table in ("records", "outcomes", "conclusions", "entries", "acts", "lost_records")
    for name, sql in append_only(table).items()
}

_KIND = """CASE o.instruction WHEN 'DEPOSIT' THEN 'DEPOSIT' WHEN 'WITHDRAW' THEN 'WITHDRAWAL'
       WHEN 'ADD_MONEY' THEN 'MONEY_ADDED' WHEN 'COVER_SHORTFALL' THEN 'SHORTFALL_COVERED' ELSE r.kind END"""


def _account_name(column: str) -> str:
    cases = " ".join(f"WHEN {number} THEN '{name}'" for number, name in INTERNAL_ACCOUNTS.items())
    return f"CASE {column} {cases} ELSE CAST({column} AS TEXT) END"


_STATEMENT_SIDE = """
SELECT e.{side}_account AS account_number, e.entry_id, e.record_id, e.transfer_id, {sign}e.amount AS minor_units,
       e.{side}_balance_after AS balance_after
FROM entries e WHERE e.{side}_account >= 0"""

VIEWS: dict[str, str] = {
    "v_entries": f"""CREATE VIEW v_entries AS
SELECT e.entry_id, {iso_time("r.recorded_at")} AS recorded_at, {_KIND} AS kind,
       lower(hex(e.transfer_id)) AS transfer_id,
       {_account_name("e.debit_account")} AS debit_account, {_account_name("e.credit_account")} AS credit_account,
       e.amount AS minor_units, {decimal_amount("e.amount", "c.scale")} AS amount, o.currency, o.reference, o.actor
FROM entries e JOIN records r ON r.record_id = e.record_id JOIN outcomes o ON o.transfer_id = e.transfer_id
JOIN currencies c ON c.currency = o.currency""",
    "v_balances": f"""CREATE VIEW v_balances AS
SELECT {_account_name("a.account")} AS account, coalesce(a.username, '') AS username, a.currency, a.status,
       a.balance AS minor_units, {decimal_amount("a.balance", "c.scale")} AS balance
FROM accounts a JOIN currencies c ON c.currency = a.currency""",
    "v_statement": f"""CREATE VIEW v_statement AS
SELECT CAST(s.account_number AS TEXT) AS account, s.entry_id, {iso_time("r.recorded_at")} AS recorded_at,
       {_KIND} AS kind,
       lower(hex(s.transfer_id)) AS transfer_id,
       CASE WHEN s.account_number = o.payer_account AND o.payer_bank = b.bank THEN o.payee_bank ELSE o.payer_bank END
           AS counterparty_bank,
       CASE WHEN s.account_number = o.payer_account AND o.payer_bank = b.bank THEN {_account_name("o.payee_account")}
           ELSE {_account_name("o.payer_account")} END AS counterparty_account,
       CASE WHEN s.account_number = o.payer_account AND o.payer_bank = b.bank THEN o.payee_name
           WHEN o.payer_account >= 0 AND o.principal LIKE 'user:%' THEN substr(o.principal, 6)
           ELSE '' END AS counterparty_name,
       s.minor_units, {decimal_amount("s.minor_units", "c.scale")} AS amount,
       {decimal_amount("s.balance_after", "c.scale")} AS balance_after, o.currency, o.reference
FROM ({_STATEMENT_SIDE.format(side="debit", sign="-")} UNION ALL{_STATEMENT_SIDE.format(side="credit", sign="")}) s
JOIN records r ON r.record_id = s.record_id JOIN outcomes o ON o.transfer_id = s.transfer_id
JOIN currencies c ON c.currency = o.currency JOIN about b ON b.only_row = 1""",
    "v_outcomes": f"""CREATE VIEW v_outcomes AS
SELECT r.record_id, {iso_time("r.recorded_at")} AS recorded_at, d.instruction, d.outcome, d.reason,
       lower(hex(d.transfer_id)) AS transfer_id, o.principal, o.idempotency_key, o.payer_bank,
       {_account_name("o.payer_account")} AS payer_account, o.payee_bank,
       {_account_name("o.payee_account")} AS payee_account, o.payee_name, o.amount AS minor_units,
       {decimal_amount("o.amount", "c.scale")} AS amount, o.currency, o.reference, o.actor,
       d.evidence_bank, d.evidence_kind, d.evidence_record_id, lower(hex(o.fingerprint)) AS fingerprint
FROM (SELECT record_id, transfer_id, instruction, outcome, reason, evidence_bank, evidence_kind, evidence_record_id
      FROM outcomes
      UNION ALL
      SELECT record_id, transfer_id, CASE outcome WHEN 'SETTLED' THEN 'SETTLE' ELSE 'RETURN_DEBIT' END, outcome, '',
             evidence_bank, evidence_kind, evidence_record_id FROM conclusions) d
JOIN records r ON r.record_id = d.record_id JOIN outcomes o ON o.transfer_id = d.transfer_id
LEFT JOIN currencies c ON c.currency = o.currency""",
    "v_acts": f"""CREATE VIEW v_acts AS
SELECT r.record_id, {iso_time("r.recorded_at")} AS recorded_at, a.act,
       coalesce({_account_name("a.account")}, '') AS account,
       coalesce(a.username, '') AS username, a.actor, a.detail
FROM acts a JOIN records r ON r.record_id = a.record_id""",
    "v_about": f"""CREATE VIEW v_about AS
SELECT 'bank' AS service, b.bank, b.currency, v.version_num AS schema, {iso_time("b.founded_at")} AS founded_at,
       (SELECT coalesce(max(record_id), 0) FROM records) AS last_record_id,
       (SELECT coalesce(max(entry_id), 0) FROM entries) AS last_entry_id
FROM about b, alembic_version v""",
}
