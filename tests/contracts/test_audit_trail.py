"""One transfer through all files, the picture of its messages, and the command line that shows them."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from audit.__main__ import main
from audit.files import CannotAudit
from audit.picture import draw
from audit.text import trail_lines
from audit.trail import Trail, trail
from tests.audit_books import Network, edited, small_network

HOSTILE = "\x1b[2J\u202e"
"""Clears a terminal and turns the direction of writing round."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Every kind of transfer, at rest."""
    network = small_network(tmp_path_factory.mktemp("trail") / "home")
    network.close()
    return network


def of_key(network: Network, key: str) -> Trail:
    """The trail of the payment with this key."""
    db = sqlite3.connect(network.gateway_path)
    (found,) = db.execute("SELECT transfer_id FROM transfers WHERE idempotency_key = ?", (key,)).fetchone()
    db.close()
    return trail(found.hex()[:6], [network.home])


def test_a_completed_payment_in_the_order_of_the_protocol(network: Network) -> None:
    _, *steps, fingerprints = trail_lines(of_key(network, "rent"))

    assert fingerprints.endswith("is the same in all three files")
    assert [line[25:] for line in steps] == [
        "gateway  ACCEPTED",
        "NORTH    DEBITED    entry 2       1001 100.00 → 87.66      clearing 0.00 → 12.34",
        "SOUTH    CREDITED   entry 2       clearing 0.00 → -12.34      1001 5.00 → 17.34",
        "gateway  COMPLETED",
        "NORTH    SETTLED    record 9",
    ]


def test_a_completed_payment_as_a_picture(network: Network) -> None:
    assert (
        "\n".join(draw(of_key(network, "rent")))
        == """\
 client               gateway               NORTH                SOUTH
    ├── order, key ─────►│ ACCEPTED ●         │                    │
    │                    ├── Debit ──────────►│ 1001 → clearing ●  │
    │                    │◄──────── DEBITED ──┤                    │
    │                    ├── Credit ──────────┼───────────────────►│ clearing → 1001 ●
    │                    │◄───────────────────┼──────── CREDITED ──┤ ◄ decided here, for ever
    │◄────── COMPLETED ──┤                    │                    │
    │                    ├── Settle ─────────►│ SETTLED ●          │
    │                    │◄──────── SETTLED ──┤                    │"""
    )


def test_tombstones_stand_in_the_picture_in_the_order_in_which_they_were_asked_for(network: Network) -> None:
    messages = [line for line in draw(of_key(network, "late")) if "►" in line or "◄" in line]

    assert [word for line in messages for word in line.split() if word.isidentifier()] == [
        "key", "ACCEPTED", "CancelCredit", "CANCELLED", "CANCELLED", "ReturnDebit", "NOT_DEBITED", "NOT_DEBITED",
        "CANCELLED",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("house", "ACCEPTED REFUSED REFUSED"),
        ("shoes", "ACCEPTED DEBITED REFUSED RETURNED RETURNED"),
        ("late", "ACCEPTED CANCELLED NOT_DEBITED CANCELLED"),
        ("coffee", "ACCEPTED BOOKED COMPLETED"),
        ("wine", "ACCEPTED DEBITED DEBITED"),
        ("bread", "ACCEPTED DEBITED CREDITED COMPLETED"),
    ],
)
def test_every_kind_of_transfer_has_its_steps(network: Network, key: str, expected: str) -> None:
    found = of_key(network, key)

    assert [step.what for step in found.steps] == expected.split()
    assert found.clean
    assert found.final == (key != "wine")


def test_a_deposit_is_followed_in_the_bank_alone(network: Network) -> None:
    found = trail("0096c0e2", [network.home])

    assert [(step.where, step.asked, step.what) for step in found.steps] == [("NORTH", "ADD_MONEY", "BOOKED")]
    assert list(trail_lines(found))[-1].endswith("is known to NORTH alone")


def test_files_that_disagree_about_a_transfer_are_findings_of_its_trail(network: Network, tmp_path: Path) -> None:
    home = Path(shutil.copytree(network.home, tmp_path / "home"))
    with edited(home / "banks/SOUTH/bank.db") as db:
        db.execute("UPDATE entries SET amount = 9934 WHERE entry_id = 2")

    found = trail("41a4cb87", [home])

    assert [finding.line for finding in found.findings] == [
        "41a4cb87: journal 12.34, NORTH 12.34, SOUTH 99.34, SOUTH's order 12.34"
    ]


@pytest.mark.parametrize(
    ("beginning", "reason"),
    [("", "TRANSFER_ID_MALFORMED"), ("xyz", "TRANSFER_ID_MALFORMED"), ("0" * 33, "TRANSFER_ID_MALFORMED"),
     ("ffffff", "TRANSFER_NOT_FOUND"), ("2", "TRANSFER_ID_MALFORMED")],
)  # fmt: skip
def test_an_id_that_names_no_transfer_or_many_is_refused(network: Network, beginning: str, reason: str) -> None:
    with pytest.raises(CannotAudit) as refused:
        trail(beginning, [network.home])

    assert refused.value.reason == reason


def test_an_empty_beginning_and_a_shared_one_are_told_apart(network: Network) -> None:
    with pytest.raises(CannotAudit, match=r"2 begins more than one id: 2[0-9a-f]{31}, 2"):
        trail("2", [network.home])


def test_the_command_line_ends_with_0_or_7_and_speaks_json(
    network: Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Path(shutil.copytree(network.home, tmp_path / "home"))

    assert main(["verify", str(home)]) == 0
    assert "RESULT       the books agree, as far as they were checked" in capsys.readouterr().out
    with edited(home / "banks/NORTH/bank.db") as db:
        db.execute("UPDATE accounts SET username = 'mallory' WHERE account = 1002")
    assert main(["verify", str(home)]) == 7
    assert "RESULT       the books do NOT agree: 1 finding (exit 7)" in capsys.readouterr().out
    assert main(["verify", str(home), "--json"]) == 7
    answer = json.loads(capsys.readouterr().out)
    assert [finding["kind"] for finding in answer["findings"]] == ["ACCOUNT_ACTS_DIFFER"]
    assert answer["money"][0]["customers_hold"] == "98.00"
    for arguments in (["trail", "41a4", "--picture"], ["trail", "41a4", "--json"], ["positions"], ["reconcile"]):
        assert main([*arguments, str(home)]) == 0
        assert capsys.readouterr().out


def test_text_from_the_files_cannot_move_the_terminals_cursor(
    network: Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Path(shutil.copytree(network.home, tmp_path / "home"))
    with edited(home / "banks/NORTH/bank.db") as db:
        db.execute("UPDATE outcomes SET reference = ?1, reason = CASE reason WHEN '' THEN '' ELSE ?1 END", (HOSTILE,))
    with edited(home / "gateway/gateway.db") as db:
        db.execute("UPDATE transfers SET reference = ?1, reason = CASE reason WHEN '' THEN '' ELSE ?1 END", (HOSTILE,))

    assert main(["verify", str(home)]) == 7
    assert main(["trail", "41a4", str(home)]) == 7
    assert main(["trail", "e2c56dc8", str(home), "--picture"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_the_auditor_runs_on_the_standard_library_alone(network: Network) -> None:
    """`-S` leaves out all installed packages, `-I` everything but the folder that is put in by hand."""
    root = Path(__file__).parents[2]
    program = (
        "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
        "runpy.run_module('audit', run_name='__main__', alter_sys=True)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(root), "verify", str(network.home)],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
