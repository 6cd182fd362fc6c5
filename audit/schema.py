"""What the tables must look like. Where they do not, nothing that is read from them means what it says.

It is also the auditor's list of what the files hold: tables and columns in order, as revision 0001 of both services
makes them. The explanation of each is in docs/database.md.
"""

import sqlite3
from collections.abc import Iterator

from audit.findings import Finding, Kind

REVISIONS = {"bank_0001": "bank", "gateway_0001": "gateway"}
"""The revisions of both schemas that this auditor can read, and whose they are."""

_ORDER = (
    "payer_bank TEXT, payer_account INTEGER, payee_bank TEXT, payee_account INTEGER, payee_name TEXT, amount INTEGER, "
    "currency TEXT, reference TEXT"
)
_EVIDENCE = "evidence_bank TEXT, evidence_kind TEXT, evidence_record_id INTEGER, evidence_chain_hash BLOB"

TABLES = {
    "bank": {
        "about": "only_row INTEGER, bank TEXT, currency TEXT, founded_at INTEGER",
        "currencies": "currency TEXT, scale INTEGER",
        "records": "record_id INTEGER, recorded_at INTEGER, kind TEXT, chain_hash BLOB",
        "accounts": "account INTEGER, kind TEXT, username TEXT, currency TEXT, status TEXT, balance INTEGER",
        "outcomes": "record_id INTEGER, transfer_id BLOB, instruction TEXT, outcome TEXT, reason TEXT, "
        f"fingerprint BLOB, principal TEXT, idempotency_key TEXT, {_ORDER}, actor TEXT, {_EVIDENCE}",
        "conclusions": f"record_id INTEGER, transfer_id BLOB, outcome TEXT, {_EVIDENCE}",
        "entries": "entry_id INTEGER, record_id INTEGER, transfer_id BLOB, debit_account INTEGER, "
        "credit_account INTEGER, amount INTEGER, debit_balance_after INTEGER, credit_balance_after INTEGER",
        "acts": "record_id INTEGER, act TEXT, account INTEGER, username TEXT, actor TEXT, detail TEXT",
        "lost_records": "record_id INTEGER, first_lost INTEGER, last_lost INTEGER",
        "open_debits": "record_id INTEGER, transfer_id BLOB, account INTEGER",
        "counterpart_heads": "bank TEXT, record_id INTEGER, chain_hash BLOB",
    },
    "gateway": {
        "about": "only_row INTEGER, founded_at INTEGER, epoch INTEGER, after_loss INTEGER",
        "currencies": "currency TEXT, scale INTEGER",
        "banks": "bank TEXT, currency TEXT, address TEXT, joined_at INTEGER, head_record_id INTEGER, "
        "head_chain_hash BLOB",
        "transfers": "journal_id INTEGER, transfer_id BLOB, state TEXT, reason TEXT, fingerprint BLOB, "
        f"principal TEXT, idempotency_key TEXT, {_ORDER}, access BLOB, actor TEXT, patient INTEGER, "
        "accepted_at INTEGER, finished_at INTEGER, debit_record_id INTEGER, debit_chain_hash BLOB, "
        "credit_outcome TEXT, credit_record_id INTEGER, credit_chain_hash BLOB, ending_outcome TEXT, "
        "ending_record_id INTEGER, ending_chain_hash BLOB, suspended TEXT",
    },
}
"""The tables that are checked, with their columns in order. The others hold passwords, sessions and the directory of
customers; a forged row there moves no money, and no check here would see it."""

_TRIGGERS = {
    "bank": tuple(
        f"{table}_no_{verb}"
        for table in ("records", "outcomes", "conclusions", "entries", "acts", "lost_records")
        for verb in ("update", "delete")
    ),
    "gateway": ("transfers_no_delete", "transfers_final_stays", "transfers_order_stays"),
}


def columns(service: str, table: str, prefix: str = "") -> list[str]:
    """The columns of a table in order, each led by a prefix such as "o."."""
    return [prefix + column.split()[0] for column in TABLES[service][table].split(", ")]


def altered(connection: sqlite3.Connection, service: str, where: str) -> Iterator[Finding]:
    """Tables whose columns, types or strictness are not as the network makes them."""
    # Only a STRICT table is sure to hold numbers where numbers belong.
    strict = {row[1]: row[5] == 1 for row in connection.execute("PRAGMA table_list")}
    for table, expected in TABLES[service].items():
        found = ", ".join(f"{row[1]} {row[2]}" for row in connection.execute(f"PRAGMA table_info({table})"))
        if found != expected:
            yield Finding(Kind.TABLE_ALTERED, where, f"table {table}", f"columns are {found or 'gone'}, not {expected}")
        elif not strict.get(table, False):
            yield Finding(Kind.TABLE_ALTERED, where, f"table {table}", "is no longer STRICT")


def unguarded(connection: sqlite3.Connection, service: str, where: str) -> Iterator[Finding]:
    """Triggers that are gone, or that stop nothing any more."""
    found = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    for name in _TRIGGERS[service]:
        if name not in found:
            yield Finding(Kind.TRIGGER_MISSING, where, f"trigger {name}", "is not there; rows could be changed")
        elif "RAISE(ABORT" not in found[name]:
            yield Finding(Kind.TRIGGER_MISSING, where, f"trigger {name}", "is there and stops nothing")
