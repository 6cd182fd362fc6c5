"""A network of real processes: up, looked at, hurt, and down."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.launcher.home import Home
from clients.launcher.journal import unfinished
from clients.launcher.liveness import is_alive, read_report
from clients.launcher.network_file import read_network
from clients.launcher.standing import Standing, stand

pytestmark = pytest.mark.slow


class Operator:
    """Somebody at a terminal, with a home of his own."""

    def __init__(self, directory: Path) -> None:
        self.home = Home(directory)
        self._environment = {**os.environ, "INTERBANK_HOME": str(directory), "INTERBANK_OUTPUT": "table"}

    def start(self, *words: str, module: str = "clients.cli") -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-P", "-m", module, *words],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def types(self, *words: str, ends_with: int = 0) -> str:
        process = self.start(*words)
        out, err = process.communicate(timeout=90)
        assert process.returncode == ends_with, err
        return out if ends_with == 0 else err

    def asks(self, *words: str, ends_with: int = 0) -> Any:
        return json.loads(self.types(*words, "-o", "json", ends_with=ends_with))

    def states(self) -> dict[str, str]:
        return {one.name: one.state for one in self._standings()}

    def pids(self) -> dict[str, int | None]:
        return {one.name: one.pid for one in self._standings()}

    def _standings(self) -> list[Standing]:
        network = read_network(self.home.network_file)
        assert network is not None
        return stand(self.home, network)


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    """With an empty home."""
    operator = Operator(tmp_path / "home")
    yield operator
    if operator.home.network_file.exists():
        operator.types("down", "--now")


@pytest.fixture(scope="module")
def stopped_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    operator = Operator(tmp_path_factory.mktemp("stopped") / "home")
    try:
        operator.types("up", "--detach", "--port-base", "0", "--banks", "NORTH,SOUTH")
    finally:
        operator.types("down")
    return operator.home.directory


@pytest.fixture
def owner(operator: Operator, stopped_home: Path) -> Operator:
    """With a network of two banks that is down."""
    shutil.copytree(stopped_home, operator.home.directory)
    return operator


def test_a_network_comes_up_from_nothing_and_later_starts_only_what_is_not_running(operator: Operator) -> None:
    made = operator.asks("up", "--detach", "--port-base", "0", "--banks", "NORTH,SOUTH:USD")

    assert made["started"] == ["gateway", "NORTH", "SOUTH"]
    assert [(bank["bank"], bank["currency"], bank["link"]) for bank in made["banks"]] == [
        ("NORTH", "EUR", "CONNECTED"),
        ("SOUTH", "USD", "CONNECTED"),
    ]
    operator.types("ps", "--check")
    before = operator.pids()

    assert before["SOUTH"] is not None
    os.kill(before["SOUTH"], signal.SIGKILL)
    end = time.monotonic() + 30
    while operator.states()["SOUTH"] != "down":  # the system takes a moment to end it and let go of its lock
        assert time.monotonic() < end
    assert "not serving: SOUTH" in operator.types("ps", "--check", ends_with=1)
    assert operator.asks("up", "--detach")["started"] == ["SOUTH"]
    after = operator.pids()
    assert (after["gateway"], after["NORTH"]) == (before["gateway"], before["NORTH"])

    operator.types("down")
    assert set(operator.states().values()) == {"down"}


def test_every_file_of_a_home_is_for_its_owner_alone(stopped_home: Path) -> None:
    modes = {path: oct(path.stat().st_mode & 0o777) for path in stopped_home.rglob("*")}

    assert len(modes) > 20
    assert {path for path, mode in modes.items() if mode != ("0o700" if path.is_dir() else "0o600")} == set()


def test_two_that_come_at_once_start_nothing_twice(operator: Operator) -> None:
    both = [operator.start("up", "--detach", "--port-base", "0", "--banks", "NORTH", "-o", "json") for _ in range(2)]
    answers = [json.loads(process.communicate(timeout=90)[0]) for process in both]

    assert sorted(len(answer["started"]) for answer in answers) == [0, 2]
    for place in (operator.home.gateway, operator.home.bank("NORTH")):
        assert place.log.read_text().count('"ready": true') == 1


def test_a_typing_error_starts_nothing_and_makes_no_bank(owner: Operator) -> None:
    said = owner.types("up", "--detach", "--banks", "NORTH,SOTUH", ends_with=3)

    assert "--add-bank SOTUH" in said
    assert owner.states() == {"gateway": "down", "NORTH": "down", "SOUTH": "down"}


def test_demo_accounts_are_opened_once(owner: Operator) -> None:
    owner.types("up", "--detach", "--demo")
    told = owner.types("up", "--detach", "--demo")

    assert "alice NORTH 1001 (password demo-password-alice), bob SOUTH 1001 (password demo-password-bob)" in told
    password = owner.home.directory / "password"
    password.write_text("demo-password-alice\n")
    owner.types("login", "--username", "alice", "--password-file", str(password))
    assert owner.asks("balance")[0]["balance"] == "100.00"


def test_after_a_crash_up_says_what_became_of_each_payment(owner: Operator) -> None:
    owner.types("up", "--detach", "--demo")
    password = owner.home.directory / "password"
    password.write_text("demo-password-alice\n")
    owner.types("login", "--username", "alice", "--password-file", str(password))
    to_bob = ("pay", "--to-bank", "SOUTH", "--to-account", "1001", "--to-name", "bob", "--amount")
    owner.types(*to_bob, "2.00")
    south = owner.pids()["SOUTH"]
    assert south is not None
    os.kill(south, signal.SIGSTOP)
    paying = owner.start(*to_bob, "1.00")
    end = time.monotonic() + 30
    while not unfinished(owner.home.gateway.database):
        assert time.monotonic() < end
    owner.types("down", "--now")
    paying.communicate(timeout=60)

    told = owner.types("up", "--detach")

    assert "\n1 payment was under way: 1 " in told
    assert owner.asks("up", "--detach")["were_under_way"]["payments"] == 0


def test_a_first_password_keeps_the_network_on_this_computer_and_running(owner: Operator) -> None:
    owner.types("up", "--detach")

    said = owner.types("up", "--detach", "--listen", "0.0.0.0", "--counter", ends_with=1)  # noqa: S104

    assert "DEFAULT_PASSWORD_EXPOSED" in said
    network = read_network(owner.home.network_file)
    assert network is not None
    assert (network.listen, network.counter) == ("localhost", False)
    assert owner.asks("up", "--detach")["started"] == []
    assert set(owner.states().values()) == {"serving"}


def test_banks_that_cannot_start_keep_no_other_down(owner: Operator) -> None:
    owner.types("up", "--detach", "--add-bank", "EAST")
    owner.types("down")
    owner.home.bank("SOUTH").key.chmod(0o644)
    owner.home.bank("EAST").database.write_bytes(b"no database, but text")

    said = owner.types("up", "--detach", ends_with=1)

    assert "SOUTH did not start" in said
    assert "KEY_FILE_UNSAFE" in said
    assert "EAST did not start" in said
    assert "DATABASE_DAMAGED" in said
    assert said.endswith("running: gateway NORTH; interbank down stops them\n")
    assert owner.states() == {"gateway": "serving", "NORTH": "serving", "SOUTH": "down", "EAST": "down"}


def test_a_gateway_that_does_not_start_leaves_no_bank_running_alone(owner: Operator) -> None:
    owner.home.gateway.key.write_bytes(owner.home.bank("NORTH").key.read_bytes())

    said = owner.types("up", "--detach", ends_with=1)

    assert "gateway did not start" in said
    assert "running" not in said
    assert set(owner.states().values()) == {"down"}


def test_a_journal_that_was_lost_is_said_to_be_begun_anew(owner: Operator) -> None:
    owner.home.gateway.database.unlink()
    owner.home.authority_key.chmod(0o644)

    process = owner.start("up", "--detach", "-o", "json")
    out, said = process.communicate(timeout=90)

    assert process.returncode == 0
    assert "the gateway's journal was missing, and a new one was begun" in said
    assert "rebuilt from the banks" in said
    assert "docs/operate.md, The gateway's database is lost" in said
    assert f"chmod 600 {owner.home.authority_key}" in said
    assert [notice["name"] for notice in json.loads(out)["notices"]] == ["JOURNAL_BEGUN_ANEW", "AUTHORITY_KEY_UNSAFE"]
    owner.home.authority_key.chmod(0o600)
    assert owner.asks("up", "--detach")["notices"] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_foreground_the_end_of_up_is_the_end_of_all(owner: Operator, number: signal.Signals) -> None:
    process = owner.start("up")
    assert process.stderr is not None
    said = next(line for line in process.stderr if "Ctrl-C" in line)
    assert said == "Ctrl-C stops all of it.\n"
    places = [owner.home.gateway, owner.home.bank("NORTH"), owner.home.bank("SOUTH")]
    report = read_report(places[2])
    assert report is not None

    os.kill(report.pid, signal.SIGKILL)
    assert "SOUTH was killed (SIGKILL)" in process.stderr.readline()
    assert [is_alive(place) for place in places] == [True, True, False]
    process.send_signal(number)
    process.communicate(timeout=60)

    assert process.returncode == 0
    assert not any(map(is_alive, places))


def test_up_in_the_foreground_ends_when_the_network_is_taken_down(owner: Operator) -> None:
    process = owner.start("up")
    assert process.stderr is not None
    next(line for line in process.stderr if "Ctrl-C" in line)

    owner.types("down")
    process.communicate(timeout=60)

    assert process.returncode == 0


def test_single_processes_find_each_other_whichever_starts_first(owner: Operator) -> None:
    bank = owner.start("bank", "NORTH", module="clients.launcher")
    assert bank.stdout is not None
    assert json.loads(bank.stdout.readline())["name"] == "NORTH"
    gateway = owner.start("gateway", module="clients.launcher")
    assert gateway.stdout is not None
    assert json.loads(gateway.stdout.readline())["name"] == "gateway"

    assert owner.asks("up", "--detach")["started"] == ["SOUTH"]
    assert set(owner.states().values()) == {"serving"}
    again = owner.start("bank", "NORTH", module="clients.launcher")
    assert "ALREADY_RUNNING" in again.communicate(timeout=60)[1]

    owner.types("down")
    for process in (bank, gateway):
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said


def test_what_was_lost_from_a_home_is_named_and_not_made_anew(operator: Operator) -> None:
    """An empty database would stand where a backup belongs; a second authority would cut off everybody."""
    operator.asks("up", "--detach", "--port-base", "0", "--banks", "NORTH,SOUTH")
    operator.types("down")
    home = operator.home.directory

    books = home / "banks" / "SOUTH" / "bank.db"
    aside = books.rename(home / "aside.db")
    assert "bank.db is missing, and nothing was put in its place" in operator.types("up", "--detach", ends_with=1)
    assert not books.exists()
    aside.rename(books)
    assert operator.asks("up", "--detach")["started"] == ["SOUTH"]
    operator.types("down")

    authority = home / "ca" / "ca.crt"
    aside = authority.rename(home / "aside.crt")
    assert "ca.crt is missing, and what it signed is there" in operator.types("up", "--detach", ends_with=1)
    assert not authority.exists()
    aside.rename(authority)
    operator.types("up", "--detach")
    operator.types("down")
