"""One consistent file for each database, proved by the auditor."""

import json
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from audit.commands import verify
from clients.backup import back_up
from clients.launcher.home import Home
from interbank.refusals import Reason, Refused
from tests.audit_books import Network, small_network
from tests.contracts.test_audit_reconcile import PAYING


@pytest.fixture
def network(tmp_path: Path) -> Network:
    """Databases as running services leave them: write-ahead mode, the newest rows in the -wal, connections open."""
    network = small_network(tmp_path / "home")
    for db in (network.db, *(bank.db for bank in network.banks.values())):
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
    network.pay(("NORTH", 1001), ("SOUTH", 1001, "bob"), 77, "newest")
    return network


def test_a_backup_of_a_running_network_holds_the_newest_payment_and_needs_no_second_file(
    network: Network, tmp_path: Path
) -> None:
    to = tmp_path / "stick"

    done = back_up(Home(network.home), to)

    assert sorted(path.name for path in to.iterdir()) == ["NORTH.db", "SOUTH.db", "gateway.db", "manifest.json"]
    report = verify([to])
    assert report.clean
    assert report.comparison is not None
    assert report.comparison.transfers == 9
    assert {file.note for file in report.files} == {f"backup of {done.made_at}"}
    assert sqlite3.connect(to / "NORTH.db").execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_the_manifest_says_what_each_file_is(network: Network, tmp_path: Path) -> None:
    back_up(Home(network.home), tmp_path / "stick")

    manifest = json.loads((tmp_path / "stick" / "manifest.json").read_text())

    assert manifest["format"] == "interbank-backup/1"
    assert manifest["one_moment"] is True
    gateway, north, _ = manifest["files"]
    assert (gateway["file"], gateway["service"], gateway["transfers"]) == ("gateway.db", "gateway", 9)
    assert (north["file"], north["bank"], north["currency"], north["schema"]) == (
        "NORTH.db",
        "NORTH",
        "EUR",
        "bank_0001",
    )
    assert (north["last_record_id"], north["last_entry_id"]) == (18, 8)
    assert north["size"] == (tmp_path / "stick" / "NORTH.db").stat().st_size


def test_nobody_else_may_read_a_backup(network: Network, tmp_path: Path) -> None:
    to = tmp_path / "deep" / "stick"

    back_up(Home(network.home), to)

    assert stat.S_IMODE(to.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in to.iterdir()} == {0o600}


def test_a_backup_never_overwrites_anything(network: Network, tmp_path: Path) -> None:
    to = tmp_path / "stick"
    to.mkdir()
    (to / "photo.jpg").write_text("dear to somebody")

    with pytest.raises(Refused) as refused:
        back_up(Home(network.home), to)

    assert refused.value.reason is Reason.DIRECTORY_NOT_EMPTY
    assert [path.name for path in to.iterdir()] == ["photo.jpg"]


def test_half_a_backup_is_none(network: Network, tmp_path: Path) -> None:
    network.banks["SOUTH"].db.close()
    path = network.banks["SOUTH"].path
    path.write_bytes(path.read_bytes()[:9000])

    with pytest.raises(Refused) as refused:
        back_up(Home(network.home), tmp_path / "stick")

    assert refused.value.reason is Reason.DATABASE_DAMAGED
    assert list((tmp_path / "stick").iterdir()) == []


def test_a_home_without_databases_has_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        back_up(Home(tmp_path), tmp_path / "stick")

    assert refused.value.reason is Reason.HOME_EMPTY


def test_a_copy_that_was_changed_afterwards_is_found(network: Network, tmp_path: Path) -> None:
    back_up(Home(network.home), tmp_path / "stick")
    db = sqlite3.connect(tmp_path / "stick" / "SOUTH.db")
    db.execute("PRAGMA user_version = 7")
    db.close()
    (tmp_path / "stick" / "gateway.db").unlink()

    report = verify([tmp_path / "stick"])

    assert [finding.kind.name for finding in report.findings] == ["FILE_CHANGED_SINCE_BACKUP"]
    assert any(line.startswith("gateway.db: named in") for line in report.not_checked)


def test_copies_that_do_not_show_one_moment_are_audited_with_that_said(network: Network, tmp_path: Path) -> None:
    back_up(Home(network.home), tmp_path / "stick")
    manifest = tmp_path / "stick" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"one_moment": true', '"one_moment": false'))

    assert any("made while payments went on" in line for line in verify([tmp_path / "stick"]).not_checked)


def test_a_copy_that_was_written_to_through_a_wal_is_found(network: Network, tmp_path: Path) -> None:
    back_up(Home(network.home), tmp_path / "stick")
    db = sqlite3.connect(tmp_path / "stick" / "SOUTH.db")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute("PRAGMA user_version = 7")
    shutil.copytree(tmp_path / "stick", tmp_path / "copy", ignore=shutil.ignore_patterns("*-shm"))
    db.close()

    report = verify([tmp_path / "copy"])

    assert [finding.kind.name for finding in report.findings] == ["FILE_CHANGED_SINCE_BACKUP"]


@pytest.mark.slow
def test_backups_under_load_say_whether_they_show_one_moment_and_those_that_do_agree(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    paying = subprocess.Popen(
        [sys.executable, "-c", PAYING, root, str(tmp_path / "home")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert paying.stdout is not None
        assert paying.stdout.readline() == "ready\n"
        home = Home(tmp_path / "home")
        patient = [back_up(home, tmp_path / f"patient {number}") for number in range(5)]
        hasty = [back_up(home, tmp_path / f"hasty {number}", patience_seconds=0) for number in range(10)]
    finally:
        paying.kill()
        paying.wait()

    assert all(done.one_moment for done in patient)
    agreeing = [done for done in (*patient, *hasty) if done.one_moment]
    assert [finding.line for done in agreeing for finding in verify([done.directory]).findings] == []
    for done in set(hasty) - set(agreeing):
        assert any("made while payments went on" in line for line in verify([done.directory]).not_checked)
