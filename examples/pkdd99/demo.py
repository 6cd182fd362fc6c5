"""Pays 6,471 real standing orders of one bank to accounts at thirteen others, twice, and proves where every haléř is.

Every step is a command that anybody can type; it is printed before it runs. The home is kept, so a second run finds
that everything was paid and moves nothing.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_state_path

from examples.pkdd99.convert import (
    CURRENCY,
    PAYERS_BANK,
    StandingOrder,
    accounts_file,
    banks,
    expected_totals,
    payments_file,
    read_orders,
)
from interbank.money import Money
from interbank.private_files import make_private_directory

DATA = Path(__file__).parent
OPERATORS_FIRST_PASSWORD = "1234"  # noqa: S105  as every new network has it; this one listens on this computer only


class CheckFailed(Exception):
    """Something is not as it must be."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the example; 0 only if every total is equal and the audit is clean."""
    parser = argparse.ArgumentParser(prog="make demo-pkdd99", description=__doc__)
    parser.add_argument("--home", type=Path, default=user_state_path("interbank") / "pkdd99")
    home = parser.parse_args(argv).home.absolute()
    example = Example(home, read_orders((DATA / "order.csv").read_text()))
    begun = time.monotonic()
    try:
        example.run()
    except CheckFailed as failed:
        say(f"\nFAILED  {failed}\nlogs: {home / 'logs'}")
        return 1
    finally:
        example.interbank("down", quiet=True, must_succeed=False)
    say(f"\nAll of it in {time.monotonic() - begun:.1f} s. The servers are stopped; the books stay in {home}")
    return 0


class Example:
    """The steps of the example, on one home."""

    def __init__(self, home: Path, orders: Sequence[StandingOrder]) -> None:
        self._home = home
        self._orders = orders
        self._banks = banks(orders)
        self._files = home / "files"

    def run(self) -> None:
        """From nothing, or from where the last run ended, to the proof."""
        self._write_files()
        say(f"[1/5] Fourteen banks, a process and a database each{' ' * 34}{self._home}")
        self.interbank("up", "--banks", ",".join(self._banks), "--currency", CURRENCY, "--port-base", "0", "--detach")
        self._log_in()
        say("\n[2/5] 10,204 accounts, each payer with the sum of his orders")
        seconds = -time.monotonic()
        for bank in self._banks:
            self.interbank("admin", "open-accounts", str(self._files / f"{bank}.csv"), "--bank", bank)
        say(f"      {seconds + time.monotonic():.1f} s")
        before = self._arrived()
        say("\n[3/5] The file of standing orders")
        seconds = self._pay()
        moved = _total(self._arrived()).minor_units - _total(before).minor_units
        say(f"      moved {Money(moved, CURRENCY)}: {len(self._orders) / seconds:,.0f} orders/s from end to end")
        say("\n[4/5] The same file once more")
        before = self._arrived()
        self._pay()
        again = _total(self._arrived()).minor_units - _total(before).minor_units
        check("moved by the second run", Money(0, CURRENCY), Money(again, CURRENCY))
        self._prove()

    def _prove(self) -> None:
        say("\n[5/5] Proof, from the files alone")
        expected, arrived = expected_totals((DATA / "README.md").read_text()), self._arrived()
        say(f"      {'bank':<6}{'must arrive':>18}{'arrived':>18}")
        for bank in self._banks[1:]:
            check(bank, expected[bank], arrived[bank])
            say(f"      {bank:<6}{expected[bank].decimal:>18}{arrived[bank].decimal:>18}   equal")
        total = sum(order.amount.minor_units for order in self._orders)
        check("all banks", Money(total, CURRENCY), _total(arrived))
        say(f"      {'all':<6}{Money(total, CURRENCY).decimal:>18}{_total(arrived).decimal:>18}   equal, {CURRENCY}")
        self.interbank("audit", "reconcile", "--home", str(self._home))
        self.interbank("audit", "verify", "--home", str(self._home))

    def _pay(self) -> float:
        begun = time.monotonic()
        self.interbank("admin", "pay-file", str(self._files / "orders.csv"), "--bank", PAYERS_BANK)
        return time.monotonic() - begun

    def _arrived(self) -> dict[str, Money]:
        """What every payees' bank has credited, read from its database."""
        query = "SELECT coalesce(sum(minor_units), 0) FROM v_entries WHERE kind = 'CREDITED'"
        found = {}
        for bank in self._banks[1:]:
            file = sqlite3.connect(f"file:{self._home / 'banks' / bank / 'bank.db'}?mode=ro", uri=True)
            found[bank] = Money(file.execute(query).fetchone()[0], CURRENCY)
            file.close()
        return found

    def _write_files(self) -> None:
        make_private_directory(self._files)
        for bank in self._banks:
            (self._files / f"{bank}.csv").write_text(accounts_file(bank, self._orders))
        (self._files / "orders.csv").write_text(payments_file(self._orders))

    def _log_in(self) -> None:
        self.interbank("login", "--username", "admin", "--password-file", "-", given=OPERATORS_FIRST_PASSWORD)

    def interbank(self, *words: str, given: str = "", quiet: bool = False, must_succeed: bool = True) -> None:
        """Run a command of the product, as a person would."""
        if not quiet:
            say(f"$ interbank {' '.join(words)}")
        environment = {**os.environ, "INTERBANK_HOME": str(self._home)}
        ran = subprocess.run(  # noqa: S603  commands of the product
            [sys.executable, "-m", "clients.cli", *words],
            env=environment,
            input=given,
            text=True,
            capture_output=quiet,
            check=False,
        )
        if must_succeed and ran.returncode:
            raise CheckFailed(f"interbank {words[0]} ended with exit code {ran.returncode}")


def check(what: str, expected: Money, found: Money) -> None:
    """Raise CheckFailed unless the two are equal."""
    if expected != found:
        raise CheckFailed(f"{what}: expected {expected}, found {found}")


def say(text: str) -> None:
    """A line for the reader, in step with the lines of the commands."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _total(arrived: dict[str, Money]) -> Money:
    return Money(sum(money.minor_units for money in arrived.values()), CURRENCY)


if __name__ == "__main__":
    sys.exit(main())
