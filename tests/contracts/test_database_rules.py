"""The rules a second time, in the bank's database itself: whoever writes past the code is refused by name."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from interbank.storage.engine import open_engine
from tests.contracts.one_bank import OneBank
from tests.instructing import CONCLUDING, EVERYTHING


@pytest.fixture(scope="module")
async def ledger(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    """A bank that has done everything once. Nothing in this file changes it."""
    path: Path = tmp_path_factory.mktemp("ledger") / "bank.db"
    bank = await OneBank(path).start({"alice": 100, "carol": 100})
    await bank.post(*EVERYTHING, *CONCLUDING)
    bank.stop()
    engine = open_engine(path)
    yield engine
    engine.dispose()


def an_outcome(**changed: str) -> str:
    """An outcome like that of a debit, but for what is changed."""
    row = {
        "transfer_id": "randomblob(16)",
        "instruction": "'DEBIT'",
        "outcome": "'DEBITED'",
        "reason": "''",
        "idempotency_key": "'new'",
        "amount": "1",
        "reference": "''",
        "evidence_kind": "NULL",
    } | changed
    return (
        "INSERT INTO outcomes SELECT (SELECT max(record_id) FROM records), {transfer_id}, {instruction}, {outcome}, "
        "{reason}, fingerprint, principal, {idempotency_key}, payer_bank, payer_account, payee_bank, payee_account, "
        "payee_name, {amount}, currency, {reference}, actor, evidence_bank, {evidence_kind}, evidence_record_id, "
        "evidence_chain_hash FROM outcomes WHERE outcome = 'DEBITED' LIMIT 1"
    ).format(**row)


def a_conclusion(outcome: str, evidence_kind: str) -> str:
    """An end of the debit that is open."""
    return (
        f"INSERT INTO conclusions SELECT max(record_id), transfer_id, '{outcome}', 'SOUTH', '{evidence_kind}', 1, "
        "randomblob(32) FROM outcomes WHERE idempotency_key = 'open'"
    )


def an_entry(of: str = "outcomes WHERE outcome = 'REFUSED'", debit: int = 1001, credit: int = 1002) -> str:
    """An entry at the record of an outcome that has none, or of another entry."""
    return f"INSERT INTO entries SELECT 9999, record_id, transfer_id, {debit}, {credit}, 1, 0, 0 FROM {of} LIMIT 1"


def an_account(change: str, account: int = 1001) -> str:
    return f"UPDATE accounts SET {change} WHERE account = {account}"


BREACHES = [
    ("customers_never_owe", an_account("balance = -1")),
    ("cash_is_never_above_zero", an_account("balance = 1", -1)),
    ("cash_is_never_above_zero", an_account("balance = 1", -3)),
    ("closed_at_zero", an_account("status = 'CLOSED'")),
    ("known_status", an_account("status = 'ASLEEP'")),
    ("internal_accounts_are_negative", an_account("kind = 'cash', username = NULL")),
    ("customers_have_users", an_account("username = NULL")),
    ("accounts.username", an_account("username = 'carol'")),
    ("one_row", "INSERT INTO about VALUES (2, 'SOUTH', 'EUR', 1)"),
    ("known_scale", "INSERT INTO currencies VALUES ('XXX', 10)"),
    ("from_one", "INSERT INTO records VALUES (0, 1, 'x', randomblob(32))"),
    ("sha256", "INSERT INTO records VALUES (9999, 1, 'x', randomblob(31))"),
    ("outcomes.transfer_id", an_outcome(transfer_id="transfer_id")),
    ("outcomes.principal, outcomes.idempotency_key", an_outcome(idempotency_key="idempotency_key")),
    ("id_length", an_outcome(transfer_id="randomblob(15)")),
    ("key_length", an_outcome(idempotency_key="''")),
    ("key_length", an_outcome(idempotency_key="printf('%.129c', 'k')")),
    ("amount_range", an_outcome(amount="0")),
    ("amount_range", an_outcome(amount="1000000000000000")),
    ("reference_length", an_outcome(reference="printf('%.141c', 'x')")),
    ("outcome_answers_instruction", an_outcome(outcome="'CREDITED'")),
    ("outcome_answers_instruction", an_outcome(outcome="'SETTLED'")),
    ("outcome_answers_instruction", an_outcome(outcome="'FINGERPRINT_MISMATCH'")),
    ("outcome_answers_instruction", an_outcome(instruction="'CANCEL_CREDIT'", outcome="'CREDITED'")),
    ("outcome_answers_instruction", an_outcome(instruction="'RETURN_DEBIT'", outcome="'RETURNED'")),
    ("refusals_have_reasons", an_outcome(outcome="'REFUSED'")),
    ("refusals_have_reasons", an_outcome(reason="'ACCOUNT_FROZEN'")),
    ("credit_needs_debited", an_outcome(instruction="'CREDIT'", outcome="'CREDITED'", evidence_kind="'CREDITED'")),
    ("conclusions.transfer_id", a_conclusion("SETTLED", "CREDITED").replace("'open'", "'settled'")),
    ("conclusions.transfer_id", a_conclusion("SETTLED", "CREDITED").replace("'open'", "'returned'")),
    ("concluded_on_evidence", a_conclusion("RETURNED", "CREDITED")),
    ("concluded_on_evidence", a_conclusion("SETTLED", "CANCELLED")),
    ("known_outcome", a_conclusion("DEBITED", "CREDITED")),
    ("two_accounts", an_entry(debit=1001, credit=1001)),
    ("entries.record_id", an_entry("entries")),
    ("FOREIGN KEY", an_entry(credit=4711)),
    ("gateway_epoch", "INSERT INTO gateway_epoch VALUES (1, 0, x'00')"),
]


@pytest.mark.parametrize(("rule", "statement"), BREACHES)
def test_the_database_refuses_what_the_rules_forbid(ledger: Engine, rule: str, statement: str) -> None:
    with ledger.connect() as connection, pytest.raises(DBAPIError) as caught, connection.begin():
        connection.exec_driver_sql(statement)
    assert rule in str(caught.value.orig)


@pytest.mark.parametrize("table", ["records", "outcomes", "conclusions", "entries", "acts"])
@pytest.mark.parametrize(
    "act",
    [
        "UPDATE {0} SET record_id = record_id",
        "DELETE FROM {0}",
        "INSERT OR REPLACE INTO {0} SELECT * FROM {0} LIMIT 1",
    ],
)
def test_what_was_written_stays_as_it_was_written(ledger: Engine, table: str, act: str) -> None:
    with ledger.connect() as connection, pytest.raises(DBAPIError) as caught, connection.begin():
        connection.exec_driver_sql(act.format(table))
    assert f"{table} is append-only" in str(caught.value.orig)


def test_what_a_breach_would_change_can_be_written_rightly(ledger: Engine) -> None:
    """The statements above fail for their breach and not for a slip of the test."""
    with ledger.connect() as connection, connection.begin() as transaction:
        connection.exec_driver_sql(an_account("status = 'FROZEN', balance = 5"))
        connection.exec_driver_sql(a_conclusion("RETURNED", "CANCELLED"))
        connection.exec_driver_sql("INSERT INTO records VALUES (9999, 1, 'DEBITED', randomblob(32))")
        connection.exec_driver_sql(an_outcome())
        connection.exec_driver_sql(an_entry("outcomes WHERE record_id = 9999"))
        transaction.rollback()
