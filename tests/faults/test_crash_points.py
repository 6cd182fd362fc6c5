"""A process that kills itself before or after any commit and any message of a payment, and any two of these, changes no
money and no answer: real processes, SIGKILL, and the books afterwards."""

import subprocess
import sys

import pytest

from tests.faults.figures import PAIRS, PAYMENTS, PLANTED, SINGLES, Tell, figure

pytestmark = pytest.mark.slow

ESSENTIAL = {
    "gateway: taking Transfer",
    "gateway: before sending CheckPayees to SOUTH",
    "gateway: before the commit of ACCEPTED",
    "gateway: after the commit of ACCEPTED",
    "gateway: before sending DEBIT to NORTH",
    "NORTH: taking DEBIT",
    "NORTH: before the commit of DEBITED",
    "NORTH: after the commit of DEBITED",
    "NORTH: before answering DEBIT",
    "gateway: when NORTH has answered DEBIT",
    "gateway: before sending CREDIT to SOUTH",
    "SOUTH: taking CREDIT",
    "SOUTH: before the commit of CREDITED",
    "SOUTH: after the commit of CREDITED",
    "SOUTH: before answering CREDIT",
    "gateway: when SOUTH has answered CREDIT",
    "gateway: before the commit of COMPLETED",
    "gateway: after the commit of COMPLETED",
    "gateway: before answering Transfer",
    "gateway: before sending SETTLE to NORTH",
    "NORTH: before the commit of SETTLED",
    "NORTH: after the commit of SETTLED",
    "gateway: before the commit of its epoch",
    "gateway: after the commit of its epoch",
    "gateway: before sending OpenSession to NORTH",
    "NORTH: after the commit of a session",
}
BACK = {
    "SOUTH: after the commit of REFUSED",
    "gateway: before the commit of RETURNING",
    "gateway: after the commit of RETURNING",
    "gateway: before sending RETURN_DEBIT to NORTH",
    "NORTH: before the commit of RETURNED",
    "NORTH: after the commit of RETURNED",
    "gateway: after the commit of RETURNED",
}


def lab(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as anybody would type it."""
    command = [sys.executable, "-m", "lab.crashpoints", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


def made(said: str) -> dict[str, int]:
    """What the command says that it did."""
    return {
        SINGLES: figure(r"([\d,]+) with one armed point", said),
        PAIRS: figure(r"([\d,]+) with two", said),
        PAYMENTS: figure(r"([\d,]+) payments", said),
    }


def test_every_commit_and_every_message_of_a_payment_is_a_point() -> None:
    ran = lab("--list", "--outcome", "COMPLETED", "RETURNED")
    assert ran.returncode == 0, ran.stderr
    points = set(ran.stdout.splitlines())
    assert points >= ESSENTIAL | BACK


@pytest.mark.timeout(600)
def test_a_payment_survives_every_point_and_every_pair_of_points(tell: Tell) -> None:
    ran = lab("--outcome", "COMPLETED")
    assert ran.returncode == 0, ran.stdout
    assert "WRONG" not in ran.stdout
    assert figure(r"SIGKILLs ([\d,]+);", ran.stdout) > 1_000
    tell(made(ran.stdout))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("outcome", ["REFUSED", "RETURNED"])
def test_a_payment_that_ends_otherwise_survives_every_point(outcome: str, tell: Tell) -> None:
    ran = lab("--outcome", outcome, "--singles")
    assert ran.returncode == 0, ran.stdout
    tell(made(ran.stdout))


@pytest.mark.parametrize(
    ("bug", "points"),
    [
        ("told before the commit", ["NORTH: taking SETTLE"]),
        ("a credit that is asked for again is booked again", ["SOUTH: after the commit of CREDITED"]),
        ("a refused credit is not stored", ["SOUTH: before answering CREDIT"]),
    ],
)
def test_a_planted_bug_is_found(bug: str, points: list[str], tell: Tell) -> None:
    outcome = "RETURNED" if "refused" in bug else "COMPLETED"
    armed = [word for point in points for word in ("--point", point)]
    assert lab("--outcome", outcome, *armed).returncode == 0
    ran = lab("--outcome", outcome, *armed, "--planted", bug)
    assert ran.returncode == 1
    assert "wrong: " in ran.stdout
    tell({PLANTED: 1})
