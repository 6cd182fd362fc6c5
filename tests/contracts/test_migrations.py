"""Migrations: what they make is what the code describes, and an upgrade is whole or has not happened."""

import contextlib
import fcntl
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Column, Connection, Index, MetaData, Table, Text, text

from interbank.refusals import Reason, Refused
from interbank.storage.engine import open_engine
from interbank.storage.schema import Schema
from interbank.storage.sqlite import Int64
from migrations.__main__ import main
from migrations.databases import Upgraded, alembic_config, current, make_private_database, upgrade
from migrations.drift import described, drift, existing, table_parts
from migrations.revision import write_revision
from migrations.schemas import SCHEMAS

BANK, GATEWAY = SCHEMAS["bank"], SCHEMAS["gateway"]

each_schema = pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)


@contextlib.contextmanager
def connected(path: Path) -> Iterator[Connection]:
    with contextlib.closing(open_engine(path).connect()) as connection:
        yield connection


def run_sql(path: Path, *statements: str) -> None:
    """As a person with the file would: beside our code."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def everything_in(path: Path) -> list[str]:
    """The schema and all rows, as text; looking changes nothing."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    """A bank's database with one entry in its ledger."""
    path = tmp_path / "bank.db"
    upgrade(BANK, path)
    run_sql(
        path,
        "INSERT INTO currencies VALUES ('EUR', 100)",
        "INSERT INTO records VALUES (1, 1, 'BOOKED', zeroblob(32))",
        "INSERT INTO accounts VALUES (-1, 'cash', NULL, 'EUR', 'OPEN', -500)",
        "INSERT INTO accounts VALUES (1001, 'customer', 'alice', 'EUR', 'OPEN', 500)",
        "INSERT INTO outcomes (record_id, transfer_id, instruction, outcome, reason, fingerprint, principal,"
        " idempotency_key, payer_bank, payer_account, payee_bank, payee_account, payee_name, amount, currency,"
        " reference, actor) VALUES (1, zeroblob(16), 'DEPOSIT', 'BOOKED', '', zeroblob(32), 'user:alice',"
        " 'k', 'NORTH', -1, 'NORTH', 1001, 'alice', 500, 'EUR', '', 'alice')",
        "INSERT INTO entries VALUES (1, 1, zeroblob(16), -1, 1001, 500, -500, 500)",
    )
    return path


def history_with(directory: Path, body: str, *, schema: Schema = BANK) -> tuple[Schema, Config]:
    """The bank's schema with one revision more, which does what `body` says."""
    directory.mkdir(exist_ok=True)
    (directory / "bank_0002_next.py").write_text(
        f"import os, signal\nimport sqlalchemy as sa\nfrom alembic import op\n"
        f"revision, down_revision = 'bank_0002', '{BANK.revision}'\n\ndef upgrade():\n    {body}\n"
    )
    return replace(schema, revision="bank_0002"), history_in(directory)


def history_in(directory: Path) -> Config:
    config = alembic_config(BANK)
    ours = config.get_version_locations_list() or []
    config.set_section_option("bank", "version_locations", os.pathsep.join([*ours, str(directory)]))
    return config


# --- what migrations make is what the code describes


@each_schema
def test_migrations_make_exactly_the_schema_that_the_code_describes(schema: Schema, tmp_path: Path) -> None:
    upgrade(schema, tmp_path / "new.db")
    with connected(tmp_path / "new.db") as connection:
        assert drift(connection, schema) == []


@each_schema
def test_the_description_is_what_create_all_makes(schema: Schema, tmp_path: Path) -> None:
    """The comparison compares with real SQL: what SQLite keeps of create_all, it keeps of the description."""
    make_private_database(tmp_path / "direct.db")
    with connected(tmp_path / "direct.db") as connection:
        schema.metadata.create_all(connection)
        for sql in (*schema.views.values(), *schema.triggers.values()):
            connection.exec_driver_sql(sql)
        assert existing(connection) == described(schema)


@each_schema
def test_alembic_sees_no_difference_either(schema: Schema, tmp_path: Path) -> None:
    upgrade(schema, tmp_path / "new.db")
    with connected(tmp_path / "new.db") as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


@each_schema
def test_the_code_names_the_newest_revision_of_one_straight_history(schema: Schema) -> None:
    script = ScriptDirectory.from_config(alembic_config(schema))
    revisions = [revision.revision for revision in script.walk_revisions()][::-1]

    assert script.get_heads() == [schema.revision]
    assert revisions == [f"{schema.service}_{number:04}" for number in range(1, len(revisions) + 1)]


def drop_check(tables: MetaData) -> None:
    column = tables.tables["entries"].c.amount
    column.constraints.clear()


def change_check(tables: MetaData) -> None:
    drop_check(tables)
    tables.tables["entries"].append_constraint(CheckConstraint("amount BETWEEN 0 AND 999999999999999", "amount_range"))


def add_check(tables: MetaData) -> None:
    tables.tables["entries"].append_constraint(CheckConstraint("amount <> 13", "superstition"))


def add_column(tables: MetaData) -> None:
    tables.tables["accounts"].append_column(Column("note", Text))


def allow_null(tables: MetaData) -> None:
    tables.tables["accounts"].c.currency.nullable = True


def drop_foreign_key(tables: MetaData) -> None:
    table = tables.tables["entries"]
    table.constraints = {
        one for one in table.constraints if "records.record_id" not in str(getattr(one, "elements", ""))
    }


def loosen_table(tables: MetaData) -> None:
    tables.tables["entries"].dialect_options["sqlite"]["strict"] = False


def drop_index(tables: MetaData) -> None:
    tables.tables["entries"].indexes.clear()


def widen_index(tables: MetaData) -> None:
    accounts = tables.tables["accounts"]
    accounts.indexes.clear()
    Index("uq_accounts_username", accounts.c.username, unique=True, sqlite_where=text("status = 'OPEN'"))


def add_table(tables: MetaData) -> None:
    Table("notes", tables, Column("note_id", Int64, primary_key=True), sqlite_strict=True)


@pytest.mark.parametrize(
    "change",
    [
        drop_check, change_check, add_check, add_column, allow_null, drop_foreign_key, loosen_table, drop_index,
        widen_index, add_table,
    ],
)  # fmt: skip
def test_tables_that_move_away_from_the_history_are_noticed(change: Callable[[MetaData], None], bank: Path) -> None:
    tables = copy_of(BANK.metadata)
    with connected(bank) as connection:
        assert drift(connection, replace(BANK, metadata=tables)) == []
        change(tables)
        assert drift(connection, replace(BANK, metadata=tables)) != []


def copy_of(metadata: MetaData) -> MetaData:
    copy = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        table.to_metadata(copy)
    return copy


def test_views_and_triggers_that_move_away_from_the_database_are_noticed(bank: Path) -> None:
    with connected(bank) as connection:
        for changed in (
            replace(BANK, views=BANK.views | {"v_about": "CREATE VIEW v_about AS SELECT 1"}),
            replace(BANK, views={}),
            replace(
                BANK, triggers=BANK.triggers | {"more": "CREATE TRIGGER more DELETE ON grants BEGIN SELECT 1; END"}
            ),
        ):
            assert drift(connection, changed) != []


def test_a_check_means_the_same_behind_its_column_and_on_its_table() -> None:
    behind = "CREATE TABLE t (a TEXT CONSTRAINT k CHECK (a IN ('(', ',')) NOT NULL, b INTEGER) STRICT"
    on_table = "CREATE TABLE t (a TEXT NOT NULL, b INTEGER,\n CONSTRAINT k CHECK (a IN ('(', ','))\n)\n STRICT\n"

    assert table_parts(behind) == table_parts(on_table)
    assert len(table_parts(behind)) == 4
    assert table_parts(on_table.replace("','", "';'")) != table_parts(behind)


# --- an upgrade


def test_a_new_database_and_its_directories_are_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "banks" / "NORTH" / "bank.db"
    before = os.umask(0)
    try:
        assert upgrade(BANK, path) == Upgraded(None, BANK.revision)
    finally:
        os.umask(before)

    for made in (tmp_path / "home").rglob("*"):
        assert stat.S_IMODE(made.stat().st_mode) == (0o700 if made.is_dir() else 0o600), made


def test_an_upgrade_of_the_newest_schema_changes_nothing(bank: Path) -> None:
    before = everything_in(bank)
    assert upgrade(BANK, bank) == Upgraded(BANK.revision, BANK.revision)
    assert everything_in(bank) == before


def test_an_empty_file_that_a_crash_left_is_completed(tmp_path: Path) -> None:
    make_private_database(tmp_path / "bank.db")
    assert current(BANK, tmp_path / "bank.db") is None
    assert upgrade(BANK, tmp_path / "bank.db") == Upgraded(None, BANK.revision)


def test_triggers_and_views_that_are_not_ours_any_more_are_put_right_and_named(bank: Path) -> None:
    run_sql(
        bank,
        "DROP TRIGGER entries_no_update",
        "DROP VIEW v_about",
        "CREATE VIEW v_about AS SELECT 1",
        "CREATE TRIGGER odd AFTER INSERT ON grants BEGIN SELECT 1; END",
    )

    upgraded = upgrade(BANK, bank)

    assert set(upgraded.put_right) == {
        "trigger entries_no_update is missing", "view v_about is altered", "trigger odd is not ours",
    }  # fmt: skip
    with connected(bank) as connection:
        assert drift(connection, BANK) == []


def test_after_an_upgrade_that_copies_tables_every_rule_row_and_trigger_is_there_again(
    bank: Path, tmp_path: Path
) -> None:
    """Batch operations copy a table and drop the old one: triggers go with it, and views stand in the way."""
    copy_both = """
    for table in ("accounts", "entries"):
        with op.batch_alter_table(table, recreate="always") as batch:
            batch.add_column(sa.Column("note", sa.Text()))"""
    tables = copy_of(BANK.metadata)
    for table in ("accounts", "entries"):
        tables.tables[table].append_column(Column("note", Text))
    schema, history = history_with(tmp_path / "more", copy_both, schema=replace(BANK, metadata=tables))

    assert upgrade(schema, bank, history=history) == Upgraded(BANK.revision, "bank_0002")

    with connected(bank) as connection:
        assert drift(connection, schema) == []
    with pytest.raises(sqlite3.IntegrityError, match="entries is append-only"):
        run_sql(bank, "UPDATE entries SET amount = 501")
    with pytest.raises(sqlite3.IntegrityError, match="ck_accounts_customers_never_owe"):
        run_sql(bank, "UPDATE accounts SET balance = -1 WHERE account = 1001")
    assert any('INSERT INTO "entries" VALUES(1,1,' in line for line in everything_in(bank))


def test_an_upgrade_that_fails_in_the_middle_leaves_the_database_as_it_was(bank: Path, tmp_path: Path) -> None:
    before = everything_in(bank)
    schema, history = history_with(
        tmp_path / "more", "op.drop_table('open_debits'); op.execute('DELETE FROM entries'); raise OSError('no more')"
    )

    with pytest.raises(OSError, match="no more"):
        upgrade(schema, bank, history=history)

    assert everything_in(bank) == before


@pytest.mark.slow
def test_an_upgrade_that_is_killed_in_the_middle_leaves_the_database_as_it_was(bank: Path, tmp_path: Path) -> None:
    before = everything_in(bank)
    history_with(
        tmp_path / "more",
        "op.drop_table('open_debits'); op.execute('DELETE FROM entries'); os.kill(os.getpid(), signal.SIGKILL)",
    )
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from dataclasses import replace; from test_migrations import BANK, history_in, upgrade\n"
        "upgrade(replace(BANK, revision='bank_0002'), Path(sys.argv[2]), history=history_in(Path(sys.argv[3])))"
    )
    here = Path(__file__).parent

    killed = subprocess.run([sys.executable, "-c", script, here, bank, tmp_path / "more"], timeout=60)

    assert killed.returncode == -9
    assert everything_in(bank) == before
    assert upgrade(BANK, bank) == Upgraded(BANK.revision, BANK.revision)


def test_an_upgrade_that_would_leave_a_row_without_its_other_half_is_rolled_back(bank: Path, tmp_path: Path) -> None:
    before = everything_in(bank)
    schema, history = history_with(tmp_path / "more", "op.execute('DELETE FROM outcomes')")

    with pytest.raises(Refused) as caught:
        upgrade(schema, bank, history=history)

    assert caught.value.reason is Reason.DATABASE_DAMAGED
    assert "a row of entries refers to a row of outcomes that is not there" in caught.value.message
    assert everything_in(bank) == before


def test_no_schema_changes_under_a_running_server(bank: Path, tmp_path: Path) -> None:
    before = everything_in(bank)
    schema, history = history_with(tmp_path / "more", "op.drop_table('open_debits')")
    with Path(f"{bank}.lock").open("w") as server:
        fcntl.flock(server, fcntl.LOCK_EX)
        assert upgrade(BANK, bank) == Upgraded(BANK.revision, BANK.revision)
        with pytest.raises(Refused) as caught:
            upgrade(schema, bank, history=history)

    assert caught.value.reason is Reason.ALREADY_RUNNING
    assert everything_in(bank) == before


def not_ours(path: Path) -> None:
    run_sql(path, "CREATE TABLE photos (name TEXT)")


def of_the_gateway(path: Path) -> None:
    upgrade(GATEWAY, path)


def of_a_newer_version(path: Path) -> None:
    upgrade(BANK, path)
    run_sql(path, "UPDATE alembic_version SET version_num = 'bank_9999'")


def garbage(path: Path) -> None:
    path.write_bytes(b"These are not the books you are looking for." * 100)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (not_ours, Reason.SCHEMA_UNKNOWN),
        (of_the_gateway, Reason.DATABASE_FOREIGN),
        (of_a_newer_version, Reason.SCHEMA_UNKNOWN),
        (garbage, Reason.DATABASE_DAMAGED),
    ],
)
def test_a_file_that_is_not_ours_to_upgrade_is_refused_and_untouched(
    make: Callable[[Path], None], reason: Reason, tmp_path: Path
) -> None:
    path = tmp_path / "bank.db"
    make(path)
    before = path.read_bytes() if make is garbage else everything_in(path)

    with pytest.raises(Refused) as caught:
        upgrade(BANK, path)

    assert caught.value.reason is reason
    assert (path.read_bytes() if make is garbage else everything_in(path)) == before


# --- new revisions


@pytest.mark.slow
def test_a_new_revision_is_written_out_of_what_the_tables_have_and_the_history_has_not(
    bank: Path, tmp_path: Path
) -> None:
    tables = copy_of(BANK.metadata)
    add_column(tables)
    Table(
        "notes",
        tables,
        Column("note_id", Int64, CheckConstraint("note_id > 0", name="from_one"), primary_key=True),
        sqlite_strict=True,
    )
    (tmp_path / "more").mkdir()
    schema, history = replace(BANK, metadata=tables, revision="bank_0002"), history_in(tmp_path / "more")

    written = write_revision(schema, "add notes", history=history)

    assert written == tmp_path / "more" / "bank_0002_add_notes.py"
    assert "must not break compatibility with the previous version of the code" in written.read_text()
    assert upgrade(schema, bank, history=history) == Upgraded(BANK.revision, "bank_0002")
    with connected(bank) as connection:
        assert drift(connection, schema) == []


def test_no_revision_is_written_when_the_history_has_all(tmp_path: Path) -> None:
    assert write_revision(BANK, "nothing", history=history_in(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


# --- the command


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_one_command_makes_many_databases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    databases = [f"gateway={tmp_path}/gateway.db", f"bank={tmp_path}/NORTH/bank.db", f"bank={tmp_path}/SOUTH/bank.db"]

    assert run("upgrade", *databases) == 0
    assert capsys.readouterr().out.count("new -> ") == 3
    assert run("upgrade", *databases) == 0
    assert capsys.readouterr().out.count(" already") == 3
    assert run("current", *databases) == 0
    assert capsys.readouterr().out.startswith(f"{GATEWAY.revision}  {tmp_path}/gateway.db\n{BANK.revision}  ")
    assert run("check", *databases) == 0
    assert capsys.readouterr().out == "no drift\n"


def test_check_without_a_file_compares_the_history_with_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check") == 0
    assert capsys.readouterr().out == "no drift\n"


def test_check_says_what_differs_and_fails(bank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_sql(bank, "DROP TRIGGER entries_no_update")

    assert run("check", f"bank={bank}") == 1
    assert "trigger entries_no_update: the database lacks CREATE TRIGGER" in capsys.readouterr().out


def test_a_refusal_is_one_line_its_hint_and_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    upgrade(GATEWAY, tmp_path / "gateway.db")

    assert run("upgrade", f"bank={tmp_path}/gateway.db") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("error: ")
    assert lines[0].endswith(" DATABASE_FOREIGN")


def test_a_database_that_is_not_there_has_no_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("current", f"bank={tmp_path}/bank.db") == 1
    assert "there is no database" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [[], ["upgrade"], ["upgrade", "bank.db"], ["upgrade", "bnak=x.db"], ["upgrade", "bank="]]
)
def test_what_cannot_be_meant_is_a_usage_error(arguments: list[str]) -> None:
    assert run(*arguments) == 2
