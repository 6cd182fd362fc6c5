"""`interbank ca` and `interbank protos`, as people and scripts call them."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from grpc_tools import protoc

from certs.authority import Pair, create_authority, issue
from certs.credentials import read_credentials
from certs.names import bank_name
from clients.cli.__main__ import main

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Interbank = Callable[..., Ended]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def interbank(home: Path, capsys: pytest.CaptureFixture[str]) -> Interbank:
    def run(*words: object) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([*map(str, words), "--home", str(home)])
        printed = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, printed.out, printed.err)

    return run


def test_a_network_gets_its_certificates_one_by_one(interbank: Interbank, home: Path) -> None:
    assert interbank("ca", "init").code == 0
    assert interbank("ca", "issue", "gateway", "--name", "pay.example.org").code == 0
    assert interbank("ca", "issue", "NORTH", "-o", "json").json["names"] == ["north.bank.interbank.internal"]

    for directory, kind in (("gateway", "gateway"), ("banks/NORTH", "bank")):
        read_credentials(home / directory / f"{kind}.crt", home / directory / f"{kind}.key", home / "ca" / "ca.crt")
    shown = interbank("ca", "show", "-o", "json").json
    assert [(row["name"], row["state"], row["key"]) for row in shown] == [
        ("authority", "valid", "P-256"), ("gateway", "valid", "P-256"), ("NORTH", "valid", "P-256"),
    ]  # fmt: skip
    assert "pay.example.org" in shown[1]["names"]
    assert interbank("ca", "show", "-o", "csv").out.startswith(
        "name,state,ends_at,days_left,key,names\nauthority,valid,"
    )
    assert "NORTH" in interbank("ca", "show").out


def test_nothing_is_made_twice(interbank: Interbank, home: Path) -> None:
    interbank("ca", "init")
    interbank("ca", "issue", "NORTH")
    before = (home / "ca" / "ca.key").read_bytes(), (home / "banks" / "NORTH" / "bank.key").read_bytes()

    for words in (("ca", "init"), ("ca", "issue", "NORTH")):
        ended = interbank(*words)
        assert ended.code == 3
        assert "KEY_FILE_EXISTS" in ended.err
    assert ((home / "ca" / "ca.key").read_bytes(), (home / "banks" / "NORTH" / "bank.key").read_bytes()) == before


def test_what_ends_soon_is_shown_and_renewed(interbank: Interbank, home: Path) -> None:
    authority = Pair(home / "ca" / "ca.crt", home / "ca" / "ca.key")
    create_authority(authority, now=datetime.now(UTC) - timedelta(days=600))
    for bank, age in (("NORTH", 380), ("SOUTH", 0), ("EAST", 500)):
        leaf = Pair(home / "banks" / bank / "bank.crt", home / "banks" / bank / "bank.key")
        issue(authority, leaf, [bank_name(bank)], now=datetime.now(UTC) - timedelta(days=age))

    shown = interbank("ca", "show", "-o", "json").json
    assert {row["name"]: row["state"] for row in shown if row["name"] != "authority"} == {
        "NORTH": "renew", "SOUTH": "valid", "EAST": "ended",
    }  # fmt: skip
    renewed = interbank("ca", "renew", "-o", "json")
    assert {row["name"]: row["renewed"] for row in renewed.json} == {"NORTH": True, "SOUTH": False, "EAST": True}
    assert "started again" in renewed.err
    assert all(row["state"] == "valid" for row in interbank("ca", "show", "-o", "json").json)


def test_a_host_can_be_added_to_the_gateways_certificate(interbank: Interbank) -> None:
    interbank("ca", "init")
    interbank("ca", "issue", "gateway")

    assert interbank("ca", "renew", "--name", "pay.example.org", "-o", "json").json[0]["renewed"] is True
    assert "pay.example.org" in interbank("ca", "show", "-o", "json").json[1]["names"]


@pytest.mark.parametrize(
    "words",
    [
        ("ca", "issue", "north"),
        ("ca", "issue", "../NORTH"),
        ("ca", "issue", "NORTH", "--name", "pay.example.org"),
        ("ca", "issue", "gateway", "--name", "*.example.org"),
        ("ca", "issue", "gateway", "--name", "south.bank.interbank.internal"),
        ("ca", "renew", "NORTH", "--name", "pay.example.org"),
        ("ca", "issue"),
        ("protos",),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error_and_makes_nothing(
    words: tuple[str, ...], interbank: Interbank, home: Path
) -> None:
    interbank("ca", "init")
    before = sorted(home.rglob("*"))

    assert interbank(*words).code == 2
    assert sorted(home.rglob("*")) == before


def test_a_home_without_an_authority_is_told_how_to_get_one(interbank: Interbank) -> None:
    for words in (("ca", "show"), ("ca", "renew"), ("ca", "issue", "NORTH")):
        ended = interbank(*words)
        assert ended.code == 1
        assert "interbank up" in ended.err


def test_the_contract_that_is_written_out_is_ours_and_compiles(interbank: Interbank, tmp_path: Path) -> None:
    out = tmp_path / "contract"
    assert interbank("protos", "--out", out).code == 0

    ours = sorted((REPOSITORY / "protos" / "v1").glob("*.proto"))
    written = sorted(out.rglob("*"))
    assert [path.relative_to(out) for path in written if path.is_file()] == [
        path.relative_to(REPOSITORY) for path in ours
    ]
    assert [path.read_bytes() for path in written if path.is_file()] == [path.read_bytes() for path in ours]
    target = f"--descriptor_set_out={tmp_path}/contract.bin"
    assert protoc.main(["protoc", f"-I{out}", target, *map(str, sorted(out.rglob("*.proto")))]) == 0


@pytest.mark.slow
def test_the_contract_is_written_out_without_loading_it(tmp_path: Path) -> None:
    """The command is for those who have other tools; it must not need our generated code."""
    script = (
        "import sys; from clients.cli.protos import protos\n"
        "protos.main(['--out', sys.argv[1]], standalone_mode=False)\n"
        "assert not {'grpc', 'google.protobuf', 'sqlalchemy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
