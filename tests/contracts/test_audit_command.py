"""`interbank audit` and `interbank backup`: forms, exit codes, refusals."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from clients.cli.__main__ import interbank
from clients.launcher.network import new_network
from clients.launcher.network_file import write_network
from tests.audit_books import edited, small_network

Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Clean books at rest."""
    network = small_network(tmp_path / "home")
    network.close()
    return network.home


@pytest.fixture
def run(home: Path) -> Run:
    """Runs a command line with that home named in the environment."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(interbank, arguments, env={"INTERBANK_HOME": str(home)})

    return run


def test_the_books_of_the_home_are_audited_where_none_are_named(run: Run) -> None:
    for command in (["verify"], ["reconcile"], ["positions"], ["trail", "41a4cb87", "--picture"]):
        result = run("audit", *command)
        assert result.exit_code == 0, result.output
    assert "◄ decided here, for ever" in result.stdout


def test_a_finding_ends_with_7_in_every_form(run: Run, home: Path) -> None:
    with edited(home / "banks/NORTH/bank.db") as db:
        db.execute("UPDATE accounts SET username = 'mallory' WHERE account = 1002")

    people, programs, sheets = (run("audit", "verify", "-o", form) for form in ("table", "json", "csv"))

    assert [result.exit_code for result in (people, programs, sheets)] == [7, 7, 7]
    assert "RESULT       the books do NOT agree: 1 finding (exit 7)" in people.stdout
    assert [finding["kind"] for finding in json.loads(programs.stdout)["findings"]] == ["ACCOUNT_ACTS_DIFFER"]
    (row,) = csv.DictReader(io.StringIO(sheets.stdout))
    assert (row["kind"], row["where"], row["subject"]) == ("ACCOUNT_ACTS_DIFFER", "NORTH", "account 1002")


def test_ps_says_when_the_books_of_the_home_were_last_proved_equal(run: Run, home: Path) -> None:
    network = new_network(datetime.now(UTC), "EUR", 30_000).with_bank("NORTH", "EUR").with_bank("SOUTH", "EUR")
    write_network(home / "network.toml", network)
    assert "proved" not in run("ps").stderr

    run("audit", "reconcile")
    run("audit", "verify", str(home / "gateway/gateway.db"))
    assert "proved" not in run("ps").stderr, "that is not all of it"

    run("audit", "verify")
    proved = run("ps").stderr
    assert proved.startswith("Books last proved equal: today ")
    with edited(home / "banks/NORTH/bank.db") as db:
        db.execute("UPDATE accounts SET username = 'mallory' WHERE account = 1002")
    assert run("audit", "verify").exit_code == 7
    assert run("ps").stderr == proved


def test_positions_are_a_list_and_what_is_not_in_them_is_said_beside_it(run: Run, home: Path) -> None:
    result = run("audit", "positions", str(home / "banks/SOUTH/bank.db"), "-o", "json")

    assert json.loads(result.stdout) == [
        {
            "debtor": "NORTH",
            "creditor": "SOUTH",
            "amount": "13.34",
            "currency": "EUR",
            "credited": "13.34",
            "credited_back": "0.00",
        }
    ]
    assert result.stderr == "not checked: NORTH: no file, so what it was paid is not counted\n"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "reason"),
    [
        (["audit", "verify", "/nowhere"], 1, "HOME_EMPTY"),
        (["audit", "trail", "xyz"], 2, "TRANSFER_ID_MALFORMED"),
        (["audit", "trail", "ffffffff"], 3, "TRANSFER_NOT_FOUND"),
    ],
)
def test_what_cannot_be_audited_is_refused_in_the_one_form(
    run: Run, arguments: list[str], exit_code: int, reason: str
) -> None:
    result = run(*arguments, "-o", "json")

    assert result.exit_code == exit_code
    assert result.stdout == ""
    assert json.loads(result.stderr)["error"]["reason"] == reason


def test_a_backup_is_made_and_proved_in_two_commands(run: Run, tmp_path: Path) -> None:
    stick = str(tmp_path / "stick")

    made = run("backup", "--to", stick, "-o", "json")
    again = run("backup", "--to", stick)

    assert made.exit_code == 0
    assert [file["file"] for file in json.loads(made.stdout)["files"]] == ["gateway.db", "NORTH.db", "SOUTH.db"]
    assert again.exit_code == 1
    assert "DIRECTORY_NOT_EMPTY" in again.stderr
    assert run("audit", "verify", stick).exit_code == 0
