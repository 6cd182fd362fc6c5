"""How the auditor opens files: nothing beside them changes, nothing is silently missing."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from audit import files
from audit.__main__ import main
from audit.commands import reconcile, verify
from audit.files import CannotAudit, opened
from bank_service.schema import SCHEMA
from clients.backup import back_up
from clients.launcher.home import Home
from tests.audit_books import Network, edited, small_network
from tests.databases import make_database

Listing = dict[str, tuple[int, int, bytes]]


def listing(folder: Path) -> Listing:
    """Every file below a folder with size, time and content; of a -shm, which is memory, only that it is there."""
    return {
        str(path.relative_to(folder)): (0, 0, b"")
        if path.name.endswith("-shm")
        else (path.stat().st_size, path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def into_wal_mode(path: Path) -> None:
    """As the services leave a database: in write-ahead mode."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.close()


@contextmanager
def unfinished(path: Path) -> Iterator[sqlite3.Connection]:
    """A server at work: its newest rows are in the -wal."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    yield db
    db.close()


@pytest.fixture
def network(tmp_path: Path) -> Network:
    """Clean books, in write-ahead mode and at rest."""
    network = small_network(tmp_path / "home")
    network.close()
    for path in (network.gateway_path, *(bank.path for bank in network.banks.values())):
        into_wal_mode(path)
    return network


def test_an_audit_changes_nothing(network: Network) -> None:
    before = listing(network.home)

    assert verify([network.home]).clean
    assert reconcile([network.home]).clean

    assert listing(network.home) == before


def test_an_audit_beside_a_running_server_changes_nothing_and_sees_what_is_in_the_wal(network: Network) -> None:
    north = network.banks["NORTH"]
    with unfinished(north.path) as db:
        north.db = db
        north.add_money(1001, "alice", 1, "newest")
        before = listing(network.home)

        # In a process of its own, as on a real network: in this one the auditor would undo the server's locks.
        done = subprocess.run(
            [sys.executable, "-m", "audit", "verify", str(network.home)], capture_output=True, text=True
        )

        assert listing(network.home) == before
    assert done.returncode == 0, done.stdout + done.stderr
    assert "entries 1-8" in done.stdout
    assert "live: a server may be writing to it" in done.stdout


def test_a_copy_of_a_database_and_its_wal_is_read_whole_and_left_as_it_is(network: Network, tmp_path: Path) -> None:
    loose = tmp_path / "loose"
    loose.mkdir()
    north = network.banks["NORTH"]
    with unfinished(north.path) as db:
        north.db = db
        north.add_money(1001, "alice", 1, "newest")
        shutil.copy(north.path, loose / "NORTH.db")
        shutil.copy(f"{north.path}-wal", loose / "NORTH.db-wal")
    before = listing(loose)

    report = verify([loose])

    assert report.clean
    assert report.files[0].rows == 8
    assert report.files[0].note == "read together with its -wal"
    assert listing(loose) == before


def test_a_wal_on_a_write_protected_medium_is_refused_with_the_way_out(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unfinished(network.banks["NORTH"].path) as db:
        db.execute("PRAGMA user_version = 1")
        monkeypatch.setattr(files, "can_write", lambda _folder: False)

        with pytest.raises(CannotAudit, match=r"newest entries are in bank\.db-wal") as refused:
            verify([network.home])

    assert refused.value.reason == "DATABASE_UNFINISHED"
    assert "interbank backup --to DIR" in refused.value.hint


def test_files_on_a_write_protected_medium_are_read(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "can_write", lambda _folder: False)

    assert verify([network.home]).clean


def test_a_file_in_the_middle_of_a_write_is_refused(network: Network) -> None:
    Path(f"{network.gateway_path}-journal").write_bytes(b"half a transaction")

    with pytest.raises(CannotAudit, match="left in the middle of a write"):
        verify([network.home])


def test_a_file_that_is_written_while_it_is_read_is_not_judged(network: Network) -> None:
    with pytest.raises(CannotAudit, match="was written while it was read"), opened([network.home]):
        os.utime(network.banks["NORTH"].path)


def test_loose_files_are_recognised_by_what_is_in_them(network: Network, tmp_path: Path) -> None:
    for number, path in enumerate((network.gateway_path, *(bank.path for bank in network.banks.values()))):
        shutil.copy(path, tmp_path / f"evidence {number} #1?.db")

    report = verify(sorted(tmp_path.glob("evidence*")))

    assert report.clean
    assert [file.name for file in report.files] == ["NORTH", "SOUTH", "gateway"]


def test_files_that_are_not_the_networks_are_named_and_left_alone(network: Network) -> None:
    sqlite3.connect(network.home / "other.db").execute("CREATE TABLE t (a)").connection.close()
    (network.home / "notes.db").write_text("no database at all")

    report = verify([network.home])

    assert report.clean
    assert [line.rpartition("/")[2] for line in report.not_checked] == [
        "notes.db: not a database of this network",
        "other.db: not a database of this network",
    ]
    with pytest.raises(CannotAudit, match="not a database of this network"):
        verify([network.home / "other.db"])


def test_a_bank_that_never_started_holds_no_books_and_is_named(network: Network) -> None:
    make_database(network.home / "banks/EAST/bank.db", SCHEMA)

    report = verify([network.home])

    assert report.clean
    assert [line.rpartition("/")[2] for line in report.not_checked] == [
        "bank.db: made for a bank that has never started"
    ]


def test_two_files_of_one_bank_are_refused(network: Network, tmp_path: Path) -> None:
    copy = shutil.copy(network.banks["NORTH"].path, tmp_path / "NORTH.db")

    with pytest.raises(CannotAudit, match="are both of NORTH"):
        verify([network.home, Path(copy)])


def test_a_schema_that_is_not_known_does_not_keep_the_others_from_being_audited(
    network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    db = sqlite3.connect(network.gateway_path)
    db.execute("UPDATE alembic_version SET version_num = 'gateway_0099'")
    db.commit()
    db.close()

    report = verify([network.home])

    assert report.clean
    unread = f"{network.gateway_path}: has schema gateway_0099, which this auditor does not know"
    assert unread in report.not_checked
    assert main(["verify", str(network.home)]) == 1
    assert "as far as they were checked; 1 file could not be read (exit 1)" in capsys.readouterr().out
    with pytest.raises(CannotAudit, match="has schema gateway_0099"):
        verify([network.gateway_path])


def test_a_file_of_a_backup_that_cannot_be_read_is_not_said_to_be_missing(network: Network, tmp_path: Path) -> None:
    stick = back_up(Home(network.home), tmp_path / "stick").directory
    with edited(stick / "gateway.db") as db:
        db.execute("UPDATE alembic_version SET version_num = 'gateway_0099'")

    told = verify([stick]).not_checked

    assert f"{stick / 'gateway.db'}: has schema gateway_0099, which this auditor does not know" in told
    assert not any("not here" in line for line in told)


def test_one_damaged_file_does_not_keep_the_others_from_being_audited(network: Network) -> None:
    path = network.banks["SOUTH"].path
    path.write_bytes(path.read_bytes()[:5000])

    report = verify([network.home])

    assert [finding.kind.name for finding in report.findings] == ["FILE_UNREADABLE"]
    assert any(line.startswith("SOUTH: no file") for line in report.not_checked)


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_nothing_to_audit_is_an_error_and_not_a_clean_result(
    tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()

    assert main(["verify", str(tmp_path / place)]) == 1
    assert "HOME_EMPTY" in capsys.readouterr().err


def test_large_files_are_checked_in_processes_of_their_own_with_the_same_result(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = verify([network.home])

    monkeypatch.setattr("audit.parallel._LARGE", 0)

    assert verify([network.home]) == alone
