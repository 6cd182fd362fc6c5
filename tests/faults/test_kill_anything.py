"""SIGKILL of any process at any moment of the pkdd99 example, then a restart: the same totals to the last haléř.

The seed is printed; INTERBANK_SEED=N replays which processes are killed after which pauses. What exactly each of them
was doing at that moment is up to the machine: that is the point.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.pkdd99.convert import (
    CURRENCY,
    PAYERS_BANK,
    accounts_file,
    banks,
    expected_totals,
    payments_file,
    read_orders,
)

DATA = Path(__file__).parents[2] / "examples" / "pkdd99"
ORDERS = read_orders((DATA / "order.csv").read_text())
KILLS = 6
PAYING = 240.0


class Network:
    """The example's fourteen banks, as real processes, by the commands that a person would type."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.banks = banks(ORDERS)
        self.files = home / "files"
        self.environment = {**os.environ, "INTERBANK_HOME": str(home)}

    def run(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "clients.cli", *words]
        return subprocess.run(
            command, env=self.environment, input=given, text=True, capture_output=True, timeout=PAYING
        )

    def must(self, *words: str, given: str = "") -> str:
        ran = self.run(*words, given=given)
        assert ran.returncode == 0, f"{words}: exit {ran.returncode}\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}"
        return ran.stdout

    def begin_to_pay(self) -> "subprocess.Popen[bytes]":
        words = ["admin", "pay-file", str(self.files / "orders.csv"), "--bank", PAYERS_BANK]
        command = [sys.executable, "-m", "clients.cli", *words]
        with (self.home / "pay-file.log").open("ab") as log:
            return subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self, name: str) -> None:
        folder = self.home / "gateway" / "gateway.db" if name == "gateway" else self.home / "banks" / name / "bank.db"
        written = Path(f"{folder}.lock").read_text()
        if written:
            os.kill(json.loads(written)["pid"], signal.SIGKILL)

    def write_files(self) -> None:
        self.files.mkdir(parents=True)
        for bank in self.banks:
            (self.files / f"{bank}.csv").write_text(accounts_file(bank, ORDERS))
        (self.files / "orders.csv").write_text(payments_file(ORDERS))


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    network = Network(tmp_path / "home")
    yield network
    network.run("down", "--now")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_sigkill_of_any_process_at_any_moment_loses_and_makes_no_money(network: Network) -> None:
    seed = int(os.environ.get("INTERBANK_SEED", random.randrange(2**32)))
    print(f"seed {seed}: INTERBANK_SEED={seed} kills the same processes after the same pauses")  # noqa: T201
    chance = random.Random(seed)
    network.write_files()
    up = ("up", "--banks", ",".join(network.banks), "--currency", CURRENCY, "--port-base", "0", "--detach")
    network.must(*up)
    network.must("login", "--username", "admin", "--password-file", "-", given="1234")
    for bank in network.banks:
        network.must("admin", "open-accounts", str(network.files / f"{bank}.csv"), "--bank", bank)

    for _ in range(KILLS):
        paying = network.begin_to_pay()
        until = time.monotonic() + chance.uniform(0.3, 2.5)
        victim = chance.choice(["gateway", "gateway", PAYERS_BANK, PAYERS_BANK, "pay-file", *network.banks[1:]])
        while paying.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        if victim == "pay-file":
            paying.kill()
        else:
            network.kill(victim)
            network.must("up", "--detach")
        try:
            paying.wait(timeout=10)
        except subprocess.TimeoutExpired:
            paying.kill()  # a second victim: the client is asked to go on from what it saved
        paying.wait()
    network.must("up", "--detach")
    network.must("admin", "pay-file", str(network.files / "orders.csv"), "--bank", PAYERS_BANK)

    network.must("down")
    expected = expected_totals((DATA / "README.md").read_text())
    assert totals(network) == {bank: money.minor_units for bank, money in expected.items()}
    for command in ("reconcile", "verify"):
        network.must("audit", command, "--home", str(network.home))


def totals(network: Network) -> dict[str, int]:
    """What each payees' bank credited, from its file alone."""
    found = {}
    for bank in network.banks[1:]:
        file = sqlite3.connect(f"file:{network.home / 'banks' / bank / 'bank.db'}?mode=ro", uri=True)
        found[bank] = file.execute("SELECT sum(minor_units) FROM v_entries WHERE kind = 'CREDITED'").fetchone()[0]
        file.close()
    return found
