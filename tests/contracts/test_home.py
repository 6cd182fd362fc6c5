"""Where a network keeps its files, and who may read them."""

import fcntl
import threading
from pathlib import Path

import pytest

from clients.launcher.home import Home


def test_the_files_of_a_network_lie_where_the_documents_say(tmp_path: Path) -> None:
    home = Home(tmp_path)

    assert home.network_file == tmp_path / "network.toml"
    assert home.authority_certificate == tmp_path / "ca" / "ca.crt"
    assert home.gateway.database == tmp_path / "gateway" / "gateway.db"
    assert home.gateway.key == tmp_path / "gateway" / "gateway.key"
    assert home.bank("NORTH").database == tmp_path / "banks" / "NORTH" / "bank.db"
    assert home.bank("NORTH").lock == tmp_path / "banks" / "NORTH" / "bank.db.lock"
    assert home.bank("NORTH").log == tmp_path / "logs" / "NORTH.log"


def test_the_directories_of_a_new_home_are_for_their_owner_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "far" / "down")

    home.create(("NORTH", "SOUTH"))

    made = [home.directory, *(path for path in home.directory.rglob("*") if path.is_dir())]
    assert {path.name for path in made} >= {"down", "ca", "gateway", "NORTH", "SOUTH", "logs"}
    assert {oct(path.stat().st_mode & 0o777) for path in made} == {"0o700"}


def test_a_home_may_hold_other_files_and_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear bank")
    tmp_path.chmod(0o755)

    Home(tmp_path).create(("NORTH",))

    assert (tmp_path / "letter.txt").read_text() == "dear bank"
    assert oct(tmp_path.stat().st_mode & 0o777) == "0o755"


def test_two_commands_never_change_one_home_at_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    entered = threading.Event()

    def second() -> None:
        with home.alone():
            entered.set()

    waiting = threading.Thread(target=second)
    with home.alone():
        waiting.start()
        with (tmp_path / "up.lock").open() as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert not entered.is_set()
    waiting.join(10)

    assert entered.is_set()
