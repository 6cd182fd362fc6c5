"""The auditor's pages are true: all tables and columns are explained, every statement by hand finds what it should."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import bank_service.tables
import bank_service.views
import gateway_service.tables
import gateway_service.views
from clients.backup import back_up
from clients.launcher.home import Home
from tests.audit_books import edited, small_network

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A backup of clean books, and the auditor in its folder."""
    network = small_network(tmp_path / "home")
    network.close()
    back_up(Home(network.home), tmp_path / "stick")
    monkeypatch.chdir(tmp_path / "stick")
    return tmp_path / "stick"


def statements() -> list[str]:
    """The five statements of the page."""
    return re.findall(r"```sql\n(.*?)```", (DOCS / "audit.md").read_text(), re.DOTALL)


def answers(database: str, statement: str) -> Iterator[tuple[object, ...]]:
    """The rows of the last of some statements, as the sqlite3 program would show them."""
    db = sqlite3.connect(f"file:{database}?immutable=1", uri=True)
    *attaching, question = [part for part in statement.split(";") if part.strip()]
    for attach in attaching:
        db.execute(attach)
    yield from db.execute(question).fetchall()
    db.close()


def by_hand() -> list[list[tuple[object, ...]]]:
    """What each of the five statements finds, over all files that it is for."""
    *each_bank, three_files = statements()
    found = [[row for bank in ("NORTH.db", "SOUTH.db") for row in answers(bank, text)] for text in each_bank]
    return [*found, list(answers("gateway.db", three_files))]


def test_by_hand_clean_books_give_no_row(stick: Path) -> None:
    assert stick.exists()
    assert by_hand() == [[], [], [], [], []]


@pytest.mark.parametrize(
    ("file", "edit", "found_by"),
    [
        ("NORTH.db", "DELETE FROM entries WHERE entry_id = 3", {1, 2, 3, 4, 5}),
        ("NORTH.db", "UPDATE accounts SET balance = balance + 1 WHERE account = 1001", {2}),
        ("SOUTH.db", "UPDATE entries SET amount = 9934 WHERE entry_id = 2", {2, 3, 4, 5}),
        ("SOUTH.db", "UPDATE outcomes SET amount = 9934 WHERE record_id = 7", {4}),
        ("gateway.db", "UPDATE transfers SET amount = 9934 WHERE journal_id = 1", {5}),
        ("gateway.db", "DELETE FROM transfers WHERE journal_id = 1", {5}),
        ("NORTH.db", "DELETE FROM records WHERE record_id = 9", {1}),
    ],
)
def test_by_hand_an_edit_is_found(stick: Path, file: str, edit: str, found_by: set[int]) -> None:
    with edited(stick / file) as db:
        db.execute(edit)

    assert {number for number, rows in enumerate(by_hand(), start=1) if rows} == found_by


@pytest.mark.parametrize(
    ("tables", "views"),
    [(bank_service.tables, bank_service.views), (gateway_service.tables, gateway_service.views)],
    ids=["bank", "gateway"],
)
def test_every_table_column_and_view_is_explained(tables: ModuleType, views: ModuleType) -> None:
    page = (DOCS / "database.md").read_text()
    words = {word for code in re.findall(r"`([^`]+)`", page) for word in code.split()}

    for table in tables.metadata.sorted_tables:
        assert table.name in words
        assert {column.name for column in table.columns} <= words, table.name
    assert set(views.VIEWS) <= words


@pytest.mark.parametrize("file", ["NORTH.db", "gateway.db"])
def test_every_view_has_the_columns_that_the_page_names(stick: Path, file: str) -> None:
    page = (DOCS / "database.md").read_text()
    service = "gateway" if file == "gateway.db" else "bank"
    db = sqlite3.connect(stick / file)
    for (view,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall():
        columns = " ".join(row[1] for row in db.execute(f"PRAGMA table_info({view})"))
        assert f"`{columns}`" in page, f"{service} {view}"
    db.close()
