"""An `up` that is refused changes nothing: no file of the home, and no process of the network."""

import fcntl
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clients.cli.options import Context
from clients.cli.output import Ended
from clients.launcher.certificates import provide_certificates
from clients.launcher.home import Home
from clients.launcher.launching import launch
from clients.launcher.network import new_network
from clients.launcher.network_file import read_network, write_network
from clients.launcher.ports import choose_block
from clients.launcher.up import bring_up
from clients.launcher.wishes import Wish
from gateway_service.schema import SCHEMA
from interbank.refusals import Reason, Refused
from tests.databases import make_database

EVERYWHERE = "0.0.0.0"  # noqa: S104


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Of a network of one bank that is down, with admin's first password."""
    home = Home(tmp_path / "home")
    network = new_network(datetime.now(UTC), "EUR", choose_block(4)).with_bank("NORTH", "EUR")
    provide_certificates(home, network)
    home.create(("NORTH",))
    write_network(home.network_file, network)
    make_database(home.gateway.database, SCHEMA)
    set_password(home, changed_at=None)
    return home


def set_password(home: Home, *, changed_at: int | None) -> None:
    with sqlite3.connect(home.gateway.database) as journal:
        journal.execute("INSERT OR REPLACE INTO operator VALUES ('admin', 'hash', ?)", (changed_at,))


def content(home: Home) -> dict[Path, bytes]:
    files = (path for path in home.directory.rglob("*") if path.is_file() and path.name != "up.lock")
    return {path: path.read_bytes() for path in files}


def refused_as(home: Home, wish: Wish) -> Refused:
    before = content(home)
    with pytest.raises(Refused) as refused:
        bring_up(home, wish)
    assert content(home) == before
    return refused.value


def test_an_exposed_first_password_is_refused_before_anything_is_written(home: Home) -> None:
    refused = refused_as(home, Wish(listen=EVERYWHERE, names=("pay.example.org",), added=("EAST",)))

    assert refused.reason is Reason.DEFAULT_PASSWORD_EXPOSED
    assert "interbank login --username admin" in refused.hint


def test_a_lost_journal_does_not_open_the_network_to_the_first_password(home: Home) -> None:
    home.gateway.database.unlink()
    home.gateway.lock.touch()

    refused = refused_as(home, Wish(listen=EVERYWHERE))

    assert refused.reason is Reason.DEFAULT_PASSWORD_EXPOSED
    assert f"{home.gateway.database} is missing" in refused.message


def test_a_new_home_is_not_made_where_its_first_password_would_be_exposed(tmp_path: Path) -> None:
    home = Home(tmp_path / "new")

    assert refused_as(home, Wish(listen=EVERYWHERE, port_base=0)).reason is Reason.DEFAULT_PASSWORD_EXPOSED


def test_an_authority_that_may_not_sign_is_refused_before_anything_is_written(home: Home) -> None:
    set_password(home, changed_at=1)
    home.authority_key.chmod(0o644)

    refused = refused_as(home, Wish(listen=EVERYWHERE, names=("pay.example.org",), added=("EAST",)))

    assert refused.reason is Reason.KEY_FILE_UNSAFE
    network = read_network(home.network_file)
    assert network is not None
    assert (network.listen, network.names) == ("localhost", ())


def test_a_bank_that_cannot_be_made_is_not_remembered(home: Home) -> None:
    home.authority_key.chmod(0o644)

    assert refused_as(home, Wish(added=("EAST",))).reason is Reason.KEY_FILE_UNSAFE


def test_a_gateway_key_that_is_lost_is_refused_before_a_bank_is_made(home: Home) -> None:
    home.gateway.key.unlink()

    refused = refused_as(home, Wish(names=("pay.example.org",), added=("EAST",)))

    assert refused.reason is Reason.KEY_FILE_MISSING


@pytest.mark.parametrize("environment", ["", "/another/home", "{home}"])
def test_what_runs_nevertheless_is_named_with_the_command_that_stops_it(
    home: Home, environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERBANK_HOME", environment.format(home=home.directory))
    context = Context(home.directory, None, None, "default", "table")
    with home.bank("NORTH").lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Ended) as ended:
            launch(context, home, Wish(listen=EVERYWHERE), demo=False, detach=True)

    named = "" if environment == "{home}" else f" --home {home.directory}"
    assert ended.value.lines[-1] == f"running: NORTH; interbank down{named} stops it"
    assert ended.value.json["running"] == ["NORTH"]


def test_an_address_of_another_computer_is_refused_beside_a_running_gateway(home: Home) -> None:
    set_password(home, changed_at=1)
    with home.gateway.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = refused_as(home, Wish(listen="192.0.2.1"))

    assert (refused.reason, refused.field) == (Reason.HOST_MALFORMED, "listen")
