"""Pays 6,471 real standing orders of one bank to accounts at thirteen others, twice, and proves where every haléř is.

Every step is a command that anybody can type, and is shown. The home is kept, so a second run finds that everything was
paid and moves nothing.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from platformdirs import user_state_path

from clients.cli.output import group_digits
from clients.launcher.demo_accounts import FIRST_ADMIN_PASSWORD
from clients.launcher.texts import short
from examples.checks import check
from examples.pkdd99.arrived import Books, read_books
from examples.pkdd99.convert import (
    CURRENCY,
    PAYERS_BANK,
    StandingOrder,
    accounts_file,
    banks,
    deposits,
    expected_totals,
    payments_file,
    read_orders,
)
from examples.stage import Stage, ended, say
from examples.terminal import Terminal, network_of, typed
from interbank.money import Money
from interbank.private_files import make_private_directory

DATA = Path(__file__).parent


def main(argv: Sequence[str] | None = None) -> int:
    """Run the example; 0 only if every total is equal and the audit is clean."""
    parser = argparse.ArgumentParser(prog="make demo-pkdd99", description=__doc__)
    parser.add_argument("--home", type=Path, default=user_state_path("interbank") / "pkdd99", metavar="DIR")
    terminal = Terminal(parser.parse_args(argv).home.absolute())
    return ended(lambda: run(terminal, read_orders((DATA / "order.csv").read_text())))


def run(terminal: Terminal, orders: Sequence[StandingOrder]) -> None:
    """From nothing, or from where the last run ended, to the proof. Raises CheckFailed."""
    with network_of(terminal):
        stage, example = Stage(6), Example(terminal, orders)
        say(f"{len(orders):,} real standing orders (PKDD'99), on {os.cpu_count()} cores. By hand:")
        say(f"  export INTERBANK_HOME={terminal.home.directory}\n")
        stage.play(f"{len(example.banks)} banks, a process and a database each", example.network())
        stage.play("Their accounts, from files; each payer with the sum of his orders", example.accounts())
        stage.play("The file of standing orders", example.paid())
        stage.play("The same file once more", example.paid_again())
        stage.play("What arrived, read from each bank's database", example.arrived())
        stage.play("Proof from the files alone; no server is asked", example.proof())
        say(
            f"{stage.played} of {stage.steps} steps passed in {stage.seconds:.1f} s. The servers are stopped; the books"
        )
        say(f"stay in {short(terminal.home.directory)}, and the same command again finds nothing to pay.")


class Example:
    """The steps, in this order: each gives its lines as it goes on, and raises CheckFailed."""

    def __init__(self, terminal: Terminal, orders: Sequence[StandingOrder]) -> None:
        self.banks = banks(orders)
        self._terminal = terminal
        self._orders = orders
        self._files = terminal.home.directory / "files"

    def network(self) -> Iterator[str]:
        """All processes, and the files for the steps that follow."""
        self._write_files()
        begun = time.monotonic()
        words = ["--banks", ",".join(self.banks), "--currency", CURRENCY, "--port-base", "0"]
        yield from self._types("up", *words, "--detach", told="joined")
        yield f"  up within {time.monotonic() - begun:.1f} s, certificates and databases included if they were new"
        self._terminal.must("ps", "--check")
        yield from self._types("login", "--username", "admin", "--password-file", "-", given=FIRST_ADMIN_PASSWORD)

    def accounts(self) -> Iterator[str]:
        """A file for each bank, opened in one act."""
        accounts = 0
        for bank in self.banks:
            words = ("admin", "open-accounts", str(self._files / f"{bank}.csv"), "--bank", bank)
            yield from self._types(*words)
            expected, found = len(deposits(bank, self._orders)), self._books(bank).accounts
            check(f"accounts of {bank}", expected, found, self._terminal.home.bank(bank).log)
            accounts += found
        yield f"{accounts:,} accounts"

    def paid(self) -> Iterator[str]:
        """The file, paid to its end; a run that was interrupted is gone on with."""
        before, begun = self._credited(), time.monotonic()
        yield from self._pay()
        seconds, after = time.monotonic() - begun, self._credited()
        payments = sum(after[bank].credits - before[bank].credits for bank in after)
        yield f"moved {_total(after) + -_total(before)} in {payments:,} payments"
        if payments:
            yield f"{payments / seconds:,.0f} payments/s, with the command's start, the results file and all"

    def paid_again(self) -> Iterator[str]:
        """The very same command."""
        before = self._credited()
        yield from self._pay()
        again = _total(self._credited()) + -_total(before)
        check("moved by the second run", Money(0, CURRENCY), again, self._terminal.home.gateway.log)
        yield f"moved {again}"

    def arrived(self) -> Iterator[str]:
        """A line for each bank: what its data's README expects, its entries, and what its customers have."""
        expected, found = expected_totals((DATA / "README.md").read_text()), self._credited()
        check("banks that the README names", self.banks[1:], sorted(expected))
        yield f"{'bank':<6}{'accounts':>10}{'must arrive':>18}{'arrived':>18}{'customers hold':>18}"
        for bank, books in found.items():
            log = self._terminal.home.bank(bank).log
            check(f"arrived at {bank}", expected[bank], books.credited, log)
            check(f"customers of {bank} hold", expected[bank], books.held, log)
            amounts = (expected[bank], books.credited, books.held)
            yield f"{bank:<6}{books.accounts:>10,}{''.join(map(_column, amounts))}   equal"
        ordered = Money(sum(order.amount.minor_units for order in self._orders), CURRENCY)
        check("arrived at all banks", ordered, _total(found))
        payers = self._books(PAYERS_BANK)
        check(f"customers of {PAYERS_BANK} hold", Money(0, CURRENCY), payers.held)
        yield f"{PAYERS_BANK:<6}{payers.accounts:>10,}{'':>36}{_column(payers.held)}   all is paid"
        yield f"{'all':<6}{'':>10}{_column(ordered)}{_column(_total(found))}{'':>18}   equal, {CURRENCY}"

    def proof(self) -> Iterator[str]:
        """The servers are stopped; the auditor compares all files, and recomputes every number in them."""
        yield from self._types("down")
        for command in ("reconcile", "verify"):
            yield from self._types("audit", command, told="RESULT")

    def _pay(self) -> Iterator[str]:
        words = ("admin", "pay-file", str(self._files / "orders.csv"), "--bank", PAYERS_BANK)
        return self._types(*words)

    def _types(self, *words: str, given: str = "", told: str = "") -> Iterator[str]:
        """Run a command that must end well; shows it, and what it says, or only those lines that have `told` in them."""
        yield from typed(*words)
        answer = self._terminal.must(*words, given=given)
        lines = f"{answer.errors}{answer.output}".splitlines()
        yield from (f"  {line}" for line in lines if told in line)

    def _credited(self) -> dict[str, Books]:
        return {bank: self._books(bank) for bank in self.banks[1:]}

    def _books(self, bank: str) -> Books:
        return read_books(self._terminal.home.bank(bank).database)

    def _write_files(self) -> None:
        make_private_directory(self._files)
        for bank in self.banks:
            (self._files / f"{bank}.csv").write_text(accounts_file(bank, self._orders))
        (self._files / "orders.csv").write_text(payments_file(self._orders))


def _total(found: dict[str, Books]) -> Money:
    return Money(sum(books.credited.minor_units for books in found.values()), CURRENCY)


def _column(money: Money) -> str:
    return f"{group_digits(money.decimal):>18}"


if __name__ == "__main__":
    sys.exit(main())
