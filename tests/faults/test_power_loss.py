"""What was acknowledged survives a power loss: kill -9 does not test a sync, disks that forget do."""

import random
import subprocess
import sys

import pytest

from lab.planted.durability import BUGS_OF_DISKS
from lab.powerloss.campaign import calls_of, points_to_catch
from lab.powerloss.files import SECTOR, File, Folder
from lab.powerloss.history import ORDERS, carry_out
from lab.powerloss.plan import Fault, Plan
from lab.powerloss.vfs import LossyDisk
from tests.faults.figures import PAYMENTS, PLANTED, POWER_LOSSES, Tell


def lab(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as anybody would type it."""
    command = [sys.executable, "-m", "lab.powerloss", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=900)


def test_a_file_loses_what_was_not_synced_and_nothing_else() -> None:
    file = File()
    file.write(0, b"a" * SECTOR * 2)
    file.sync()
    file.write(SECTOR, b"b" * SECTOR)
    file.write(SECTOR * 2, b"c" * SECTOR)

    assert file.survivor(lambda: False) == b"a" * SECTOR * 2
    assert file.survivor(lambda: True) == b"a" * SECTOR + b"b" * SECTOR + b"c" * SECTOR
    late = iter([False, True])
    assert file.survivor(lambda: next(late)) == b"a" * SECTOR * 2 + b"c" * SECTOR


def test_a_write_is_torn_at_sectors() -> None:
    file = File()
    file.write(100, b"x" * SECTOR)
    kept = iter([True, False])
    assert file.survivor(lambda: next(kept)) == bytes(100) + b"x" * (SECTOR - 100)


@pytest.mark.parametrize(("pragma", "kept"), [("FULL", True), ("OFF", False)])
def test_a_commit_survives_if_and_only_if_it_was_synced(pragma: str, kept: bool) -> None:
    disk = LossyDisk(Folder.of({}))
    disk.raw.execute("CREATE TABLE paid (amount INTEGER)")
    disk.raw.execute(f"PRAGMA synchronous = {pragma}")
    disk.raw.execute("INSERT INTO paid VALUES (7)")
    survivor = LossyDisk(disk.folder.survivors(random.Random(0), 0.0))

    tables = survivor.raw.execute("SELECT name FROM sqlite_master WHERE name = 'paid'").fetchall()
    found = survivor.raw.execute("SELECT amount FROM paid").fetchall() if tables else []
    assert found == ([(7,)] if kept else [])
    for one in (disk, survivor):
        one.forget()


def test_a_history_has_many_syncs_and_without_a_fault_pays_everything() -> None:
    history = carry_out(None)
    assert history.wrong == []
    assert history.calls["sync"] > 3 * ORDERS
    assert history.deaths == 0


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name)
def test_a_history_survives(fault: Fault) -> None:
    history = carry_out(Plan(1, fault, call=60, everywhere=True, kept=0.5, checkpoint=5))
    assert history.wrong == []
    assert history.met
    assert history.deaths == (4 if fault.cuts else 0 if "FULL" in fault.name else 1)


def test_the_same_plan_is_the_same_history() -> None:
    plan = Plan(2, Fault.WRITING, call=700, everywhere=False, kept=0.5, checkpoint=20)
    assert carry_out(plan).timeline == carry_out(plan).timeline


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_was_acknowledged_is_there_after_a_power_loss_at_every_sync_of_fifty_payments(tell: Tell) -> None:
    syncs = calls_of(0)["sync"]
    ran = lab()
    assert ran.returncode == 0, ran.stdout
    assert ran.stdout.startswith(f"{2 * syncs:,} points in")
    assert "; 0 came after the last call" in ran.stdout
    tell({POWER_LOSSES: 2 * syncs, PAYMENTS: 2 * syncs * ORDERS})


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_full_disks_failed_writes_and_torn_checkpoints_lose_nothing(tell: Tell) -> None:
    ran = lab("--points", "100", "--first", "100000")
    assert ran.returncode == 0, ran.stdout
    tell({POWER_LOSSES: 100, PAYMENTS: 100 * ORDERS})
    for fault in Fault:
        assert fault.value in ran.stdout


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS_OF_DISKS)
def test_a_planted_bug_that_only_a_power_loss_shows_is_found(bug: str, tell: Tell) -> None:
    assert points_to_catch(bug, 60) is not None
    tell({PLANTED: 1})
