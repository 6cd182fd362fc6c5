"""What a network is, and the file that remembers it."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clients.launcher.home import Home
from clients.launcher.network import Network, new_network
from clients.launcher.network_file import read_network, write_network
from clients.launcher.services import gateway_service
from interbank.refusals import Reason, Refused

CREATED = datetime(2026, 11, 22, 14, 2, 11, tzinfo=UTC)


def six() -> Network:
    network = new_network(CREATED, "EUR", 50050).with_bank("NORTH", "EUR").with_bank("SOUTH", "USD")
    names = ("pay.example.org", "2001:db8::1")
    return replace(network, listen="0.0.0.0", names=names, counter=True, session_days=7)  # noqa: S104


def test_a_network_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "network.toml"

    write_network(path, six())

    assert read_network(path) == six()
    assert oct(path.stat().st_mode & 0o777) == "0o600"


def test_a_file_of_before_the_idle_limit_could_be_set_has_the_usual_one(tmp_path: Path) -> None:
    path = tmp_path / "network.toml"
    write_network(path, six())
    path.write_text(path.read_text().replace("session_days = 7\n", ""))

    network = read_network(path)

    assert network is not None
    assert network.session_days == 30


def test_the_gateway_is_told_the_idle_limit_of_sessions(tmp_path: Path) -> None:
    arguments = gateway_service(Home(tmp_path), six()).arguments

    assert arguments[-2:] == ("--idle-limit-days", "7")


def test_no_file_is_no_network(tmp_path: Path) -> None:
    assert read_network(tmp_path / "network.toml") is None


def test_a_write_that_fails_leaves_the_last_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "network.toml"
    write_network(path, six())

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write_network(path, new_network(CREATED, "JPY", 1000))

    assert read_network(path) == six()
    assert [found.name for found in tmp_path.iterdir()] == ["network.toml"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("port_base = 50050", "port_bass = 50050"), 'unknown key "port_bass"'),
        (("port = 50052", "prot = 50052"), 'unknown key "prot" of [banks.NORTH]'),
        (("port_base = 50050\n", ""), 'key "port_base" is missing'),
        (("port_base = 50050", "port_base = true"), '"port_base" should be a whole number'),
        (("port_base = 50050", 'port_base = "50050"'), '"port_base" should be a whole number'),
        (("counter = true", "counter = 1"), '"counter" should be true or false'),
        (("session_days = 7", "session_days = 0"), '"session_days" should be 1 to 365'),
        (("[banks.NORTH]", "[banks.north]"), '"north" is not a bank id'),
        (("port = 50053", "port = 50051"), "port 50051 is given out twice"),
        (("port = 50053", "port = 70000"), "70000 is not a port"),
        (('currency = "USD"', 'currency = "USB"'), '"USB" is not a currency code'),
        (('"pay.example.org"', "17"), '"names" should hold texts alone'),
        (('"pay.example.org"', '"pay.example.org:80"'), "not a host"),
        (("port_base = 50050", "port_base 50050"), "line 4"),
        (("created", "\udcffcreated"), "utf-8"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_and_says_what_is_wrong(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    path = tmp_path / "network.toml"
    write_network(path, six())
    written = path.read_text()
    assert change[0] in written
    path.write_bytes(written.replace(*change, 1).encode(errors="surrogateescape"))

    with pytest.raises(Refused, match="cannot be read") as refused:
        read_network(path)

    assert refused.value.reason is Reason.FILE_MALFORMED
    assert said in refused.value.message
    assert str(path) in refused.value.message


def test_ports_follow_the_base_and_a_new_bank_takes_the_next_one() -> None:
    network = six().with_bank("EAST", "EUR")

    assert network.banks_address == "localhost:50050"
    assert network.customers_listen == "0.0.0.0:50051"
    assert [member.port for member in network.banks] == [50052, 50053, 50054]
    assert [member.port for member in network.moved_to(7000).banks] == [7002, 7003, 7004]


@pytest.mark.parametrize(
    ("listen", "reached", "named"),
    [
        ("localhost", "localhost:50051", ()),
        ("0.0.0.0", "localhost:50051", ()),  # noqa: S104
        ("::", "localhost:50051", ()),
        ("192.0.2.7", "192.0.2.7:50051", ("192.0.2.7",)),
        ("2001:db8::1", "[2001:db8::1]:50051", ("2001:db8::1",)),
    ],
)
def test_a_client_on_this_computer_reaches_the_gateway_under_a_name_of_its_certificate(
    listen: str, reached: str, named: tuple[str, ...]
) -> None:
    network = replace(six(), listen=listen, names=())

    assert network.customers_address == reached
    assert network.certificate_names == named


def test_one_bank_is_never_in_a_network_twice() -> None:
    with pytest.raises(Refused) as refused:
        six().with_bank("NORTH", "EUR")

    assert refused.value.reason is Reason.BANK_ID_MALFORMED


def test_a_new_bank_does_not_make_the_gateway_start_anew(tmp_path: Path) -> None:
    """It is told of all members when it starts for another reason: those that have joined it knows by itself."""
    home, known = Home(tmp_path), six()
    before, after = gateway_service(home, known), gateway_service(home, known.with_bank("NEW", "EUR"))
    assert before.arguments == after.arguments
    assert "NEW" in after.command[-1].split(",")
