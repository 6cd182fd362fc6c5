"""What a server refuses to serve, and what the database itself refuses to do to what was written."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from bank_service.views import TRIGGERS as BANK_TRIGGERS
from interbank.refusals import Reason, Refused
from interbank.storage.schema import Schema, check_database
from migrations.databases import make_private_database, upgrade
from migrations.schemas import SCHEMAS

BANK, GATEWAY = SCHEMAS["bank"], SCHEMAS["gateway"]

each_schema = pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)


def run_sql(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def check(schema: Schema, path: Path) -> None:
    check_database(path, schema)


def refusal(schema: Schema, path: Path) -> Refused:
    with pytest.raises(Refused) as caught:
        check(schema, path)
    return caught.value


def made(schema: Schema, path: Path) -> Path:
    upgrade(schema, path)
    return path


# --- what a server starts with


@each_schema
def test_a_migrated_database_is_served(schema: Schema, tmp_path: Path) -> None:
    check(schema, made(schema, tmp_path / "a b.db"))


@each_schema
def test_a_database_without_a_schema_is_refused_with_the_command_that_makes_it(schema: Schema, tmp_path: Path) -> None:
    for path in (tmp_path / "missing.db", tmp_path / "empty.db"):
        if path.stem == "empty":
            make_private_database(path)
        refused = refusal(schema, path)
        assert refused.reason is Reason.SCHEMA_UNKNOWN
        assert refused.hint == f"interbank up, or: python -m migrations upgrade {schema.service}={path}"
    assert not (tmp_path / "missing.db").exists()


@each_schema
def test_an_older_schema_is_refused_with_the_command_that_upgrades_it(schema: Schema, tmp_path: Path) -> None:
    path = made(schema, tmp_path / "a b.db")
    run_sql(path, f"UPDATE alembic_version SET version_num = '{schema.service}_0000'")

    refused = refusal(schema, path)
    assert refused.reason is Reason.SCHEMA_UNKNOWN
    assert f"is at schema {schema.service}_0000 and this version needs {schema.revision}" in refused.message
    assert refused.hint.endswith(f"python -m migrations upgrade {schema.service}='{path}'")


def test_a_newer_schema_is_refused_without_a_command_that_cannot_help(tmp_path: Path) -> None:
    path = made(BANK, tmp_path / "bank.db")
    run_sql(path, "UPDATE alembic_version SET version_num = 'bank_9999'")

    refused = refusal(BANK, path)
    assert refused.reason is Reason.SCHEMA_UNKNOWN
    assert "newer than" in refused.message
    assert "upgrade" not in refused.hint


@pytest.mark.parametrize("removed", ["DELETE FROM alembic_version", "DROP TABLE alembic_version"])
def test_a_database_that_no_longer_says_its_schema_is_refused(removed: str, tmp_path: Path) -> None:
    path = made(BANK, tmp_path / "bank.db")
    run_sql(path, removed)
    assert refusal(BANK, path).reason is Reason.SCHEMA_UNKNOWN


def test_another_services_database_is_refused(tmp_path: Path) -> None:
    assert refusal(BANK, made(GATEWAY, tmp_path / "a.db")).reason is Reason.DATABASE_FOREIGN
    assert refusal(GATEWAY, made(BANK, tmp_path / "b.db")).reason is Reason.DATABASE_FOREIGN


@each_schema
def test_a_view_or_trigger_that_is_missing_or_altered_is_refused(schema: Schema, tmp_path: Path) -> None:
    for kind, listed in (("view", schema.views), ("trigger", schema.triggers)):
        name, sql = next(iter(listed.items()))
        for what, statements in (
            ("missing", [f"DROP {kind} {name}"]),
            ("altered", [f"DROP {kind} {name}", sql.replace("SELECT", "SELECT ALL", 1)]),
        ):
            path = made(schema, tmp_path / f"{kind}-{what}.db")
            run_sql(path, *statements)

            refused = refusal(schema, path)
            assert refused.reason is Reason.SCHEMA_UNKNOWN
            assert f"{kind} {name} is {what}" in refused.message
            assert "python -m migrations upgrade" in refused.hint


@each_schema
def test_a_table_with_other_columns_than_its_revision_has_is_refused(schema: Schema, tmp_path: Path) -> None:
    table = schema.metadata.sorted_tables[0]
    for what, statement in (
        ("has odd, which is not known", f"ALTER TABLE {table.name} ADD COLUMN odd INTEGER"),
        ("lacks", f"ALTER TABLE {table.name} RENAME COLUMN {table.columns.keys()[-1]} TO even"),
    ):
        path = made(schema, tmp_path / f"{what.split()[0]}.db")
        run_sql(path, *(f"DROP VIEW {name}" for name in schema.views), statement)

        refused = refusal(schema, path)
        assert refused.reason is Reason.SCHEMA_UNKNOWN
        assert f"table {table.name} {what}" in refused.message
        assert "another home" in refused.hint


def test_a_trigger_that_is_not_ours_is_refused_and_a_view_is_not(tmp_path: Path) -> None:
    path = made(BANK, tmp_path / "bank.db")
    run_sql(path, "CREATE VIEW my_view AS SELECT 1")
    check(BANK, path)
    run_sql(path, "CREATE TRIGGER odd AFTER INSERT ON entries BEGIN UPDATE accounts SET balance = 0; END")
    assert "trigger odd is not ours" in refusal(BANK, path).message


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "bank.db"
    path.write_bytes(b"\x00These are not the books you are looking for." * 100)
    assert refusal(BANK, path).reason is Reason.DATABASE_DAMAGED


def test_a_database_with_a_damaged_page_is_refused(tmp_path: Path) -> None:
    path = made(BANK, tmp_path / "bank.db")
    root = root_page(path, "ix_entries_debit_account")
    content = bytearray(path.read_bytes())
    content[(root - 1) * 4096 : root * 4096] = b"\xff" * 4096
    path.write_bytes(content)

    refused = refusal(BANK, path)
    assert refused.reason is Reason.DATABASE_DAMAGED
    assert "restore the newest backup" in refused.hint


def test_a_row_that_does_not_fit_its_table_is_damage(tmp_path: Path) -> None:
    """Such a file opens and answers."""
    path = made(BANK, tmp_path / "bank.db")
    run_sql(path, "INSERT INTO currencies VALUES ('EUR', 100)")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'scale INTEGER NOT NULL', 'scale TEXT NOT NULL')"
        )
    assert refusal(BANK, path).reason is Reason.DATABASE_DAMAGED


def root_page(path: Path, name: str) -> int:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        page: int = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
    return page


# --- what the database itself refuses

HISTORY = ("records", "outcomes", "conclusions", "entries", "acts")


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    """A bank's database with one row in each table of its history."""
    path = made(BANK, tmp_path / "bank.db")
    order = (
        "fingerprint, principal, idempotency_key, payer_bank, payer_account, payee_bank, payee_account, payee_name,"
        " amount, currency, reference, actor"
    )
    values = "zeroblob(32), 'user:alice', 'k', 'NORTH', 1001, 'SOUTH', 1001, 'bob', 500, 'EUR', '', 'alice'"
    run_sql(
        path,
        "INSERT INTO currencies VALUES ('EUR', 100)",
        "INSERT INTO records VALUES (1, 1, 'DEBITED', zeroblob(32)), (2, 1, 'SETTLED', zeroblob(32)),"
        " (3, 1, 'ACT', zeroblob(32))",
        "INSERT INTO accounts VALUES (-2, 'clearing', NULL, 'EUR', 'OPEN', 500)",
        "INSERT INTO accounts VALUES (1001, 'customer', 'alice', 'EUR', 'OPEN', 0)",
        f"INSERT INTO outcomes (record_id, transfer_id, instruction, outcome, reason, {order})"
        f" VALUES (1, zeroblob(16), 'DEBIT', 'DEBITED', '', {values})",
        "INSERT INTO conclusions VALUES (2, zeroblob(16), 'SETTLED', 'SOUTH', 'CREDITED', 1, zeroblob(32))",
        "INSERT INTO entries VALUES (1, 1, zeroblob(16), 1001, -2, 500, 0, 500)",
        "INSERT INTO acts VALUES (3, 'ACCOUNT_OPENED', 1001, 'alice', 'admin', '')",
    )
    return path


@pytest.mark.parametrize("table", HISTORY)
def test_a_row_of_history_is_never_changed_and_never_deleted(table: str, bank: Path) -> None:
    for statement in (f"UPDATE {table} SET record_id = 99", f"DELETE FROM {table}"):
        with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
            run_sql(bank, statement)


def test_history_is_append_only_again_after_its_triggers_were_dropped_and_the_database_upgraded(bank: Path) -> None:
    run_sql(bank, *(f"DROP TRIGGER {name}" for name in BANK_TRIGGERS))
    upgrade(BANK, bank)

    for table in HISTORY:
        with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
            run_sql(bank, f"DELETE FROM {table}")


@pytest.fixture
def gateway(tmp_path: Path) -> Path:
    """A gateway's journal with transfer 1 under way and transfer 2 final."""
    path = made(GATEWAY, tmp_path / "gateway.db")
    columns = (
        "journal_id, transfer_id, idempotency_key, state, finished_at, debit_record_id, credit_outcome, reason,"
        " fingerprint, principal, payer_bank, payer_account, payee_bank, payee_account, payee_name, amount, currency,"
        " reference, access, actor, patient, accepted_at, suspended"
    )
    rest = "'', zeroblob(32), 'user:alice', 'NORTH', 1001, 'SOUTH', 1001, 'bob', 500, 'EUR', '', x'', 'alice', 1, 1, ''"
    first, second = "00" * 16, "01" * 16
    run_sql(
        path,
        f"INSERT INTO transfers ({columns}) VALUES (1, x'{first}', 'a', 'DEBITED', NULL, 1, NULL, {rest})",
        f"INSERT INTO transfers ({columns}) VALUES (2, x'{second}', 'b', 'COMPLETED', 1, 1, 'CREDITED', {rest})",
    )
    return path


def test_the_answer_to_a_final_transfer_never_changes(gateway: Path) -> None:
    run_sql(gateway, "UPDATE transfers SET state = 'CANCELLING' WHERE journal_id = 1")
    for change in (
        "state = 'RETURNED'",
        "reason = 'x'",
        "finished_at = 2",
        "credit_outcome = 'BOOKED'",
        "state = state",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="a final transfer never changes"):
            run_sql(gateway, f"UPDATE transfers SET {change} WHERE journal_id = 2")


@pytest.mark.parametrize("column", ["amount", "payee_account", "payee_name", "idempotency_key", "principal"])
def test_an_accepted_order_never_changes(column: str, gateway: Path) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="an accepted order never changes"):
        run_sql(gateway, f"UPDATE transfers SET {column} = 7 WHERE journal_id = 1")


def test_the_journal_forgets_nothing(gateway: Path) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="the journal forgets nothing"):
        run_sql(gateway, "DELETE FROM transfers")
