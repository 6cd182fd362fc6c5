"""From nothing to a proven payment between banks, in eight steps: what `make demo` shows.

Real processes, real certificates, the commands that anybody can type. Every number on the screen is read back from the
network or from its files; a check that fails says what was expected, what was found and where the log is, and ends the
demo with exit code 1.
"""

import argparse
import os
import signal
import sqlite3
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.x509 import load_pem_x509_certificate
from platformdirs import user_state_path

from audit import commands
from audit.positions import positions
from audit.report import Report
from audit.text import picture_lines, report_lines, trail_lines
from audit.trail import trail
from certs.credentials import read_credentials
from clients.launcher.demo_accounts import FIRST_ADMIN_PASSWORD
from clients.launcher.home import Place
from clients.launcher.texts import short
from clients.sdk.records import Transfer
from examples.checks import CheckFailed, check
from examples.customers import Customer, welcome
from examples.stage import Stage, ended, say
from examples.terminal import Terminal, network_of, typed
from interbank.money import Money, parse_money
from interbank.orders import Order
from interbank.refusals import Refused

BANKS = ("NORTH", "SOUTH", "EAST")
RENT, BREAD = (parse_money(text, "EUR") for text in ("12.34", "1.00"))
EDITED = parse_money("99.34", "EUR")
FOUND_SOMETHING = 7
NOT_FINAL = 6
"""Exit codes."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; 0 if every check passed."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--home", type=Path, default=user_state_path("interbank") / "demo", metavar="DIR")
    terminal = Terminal(parser.parse_args(argv).home.absolute())
    return ended(lambda: run(terminal))


def run(terminal: Terminal) -> None:
    """All eight steps, on a fresh home, and nothing left running. Raises CheckFailed."""
    with network_of(terminal, fresh=True), ExitStack() as connections:
        home = terminal.home.directory
        stage = Stage(8)
        say(f"Interbank demo: {len(BANKS)} banks, 1 gateway, {stage.steps} steps. All files: {short(home)}\n")
        demo = Demo(terminal, connections)
        stage.play("A network from nothing", demo.network())
        stage.play("Two customers at two banks", demo.customers())
        stage.play(f"alice pays bob {RENT}, from bank to bank", demo.payment())
        stage.play("The answer got lost; alice's program asks again", demo.same_key())
        stage.play("Orders that must not pass", demo.bad_orders())
        stage.play("SOUTH dies in the middle of a payment", demo.killed())
        stage.play("Proof from the files alone; no server is asked", demo.proof())
        stage.play("Somebody edits a database (a copy of it)", demo.edited())
        say(f"{stage.played} of {stage.steps} steps passed in {stage.seconds:.1f} s. {demo.money()}")
    north = short(terminal.home.bank("NORTH").database)
    say(f"The servers are stopped; the books stay:  sqlite3 -readonly {north} 'select * from v_entries'")
    say("Next   . .venv/bin/activate; interbank up --demo --detach; interbank shell       the same by hand, as alice")
    say("       make demo-pkdd99     6,471 real orders, 14 banks         make test     every promise, tested")


class Demo:
    """The steps, in this order: each gives its lines as it goes on, and raises CheckFailed."""

    def __init__(self, terminal: Terminal, connections: ExitStack) -> None:
        self._terminal = terminal
        self._home = terminal.home
        self._connections = connections

    def network(self) -> Iterator[str]:
        """Certificates, databases and processes."""
        self._terminal.must("up", "--banks", ",".join(BANKS), "--port-base", "0", "--detach")
        processes = self._terminal.must("ps", "-o", "json").json
        places = [self._home.gateway, *map(self._home.bank, BANKS)]
        check("names of the processes", [place.name for place in places], [one["name"] for one in processes])
        yield self._certificates(places)
        for one, place in zip(processes, places, strict=True):
            check(f"state of {place.name}", "serving", one["state"], place.log)
            check(f"database of {place.name}", str(place.database), one["database"])
            file = str(place.database.relative_to(self._home.directory))
            served = "customers, TLS" if place.name == "gateway" else "mutual TLS"
            yield f"{place.name:<13} {one['address']:<16} {served:<17} {file:<21} pid {one['pid']}"
        yield "              a process and a database each; banks share nothing and never talk to each other"
        yield f"by hand:      interbank up --banks {','.join(BANKS)} --detach"

    def customers(self) -> Iterator[str]:
        """alice and bob open accounts, and are logged in."""
        words = ("login", "--username", "admin", "--profile", "admin", "--password-file", "-")
        self._terminal.must(*words, given=FIRST_ADMIN_PASSWORD)
        self._alice = welcome(self._terminal, "alice", "NORTH", "100.00", "EUR")
        self._connections.callback(self._alice.client.close)
        self._bob = welcome(self._terminal, "bob", "SOUTH", "5.00", "EUR")
        self._connections.callback(self._bob.client.close)
        self._put_in = self._alice.balance + self._bob.balance
        for one in (self._alice, self._bob):
            (statement,) = one.client.accounts.statement()
            (line,) = statement.lines
            booked = f"entry {line.entry_id}: {line.amount} from {line.counterparty_name or 'cash'}"
            yield f"{one.bank} {one.account} {one.name:<6} {one.balance!s:>10}     {booked}"
        yield "by hand:  interbank admin open-account --bank NORTH --username alice --deposit 100.00"

    def payment(self) -> Iterator[str]:
        """A payment between banks, by the command that a person would type; the picture is drawn from the rows."""
        before = self._balances()
        words = self._words_to_pay(RENT.decimal, "demo-rent")
        yield from typed(*words)
        paid = self._terminal.must(*words, "-o", "json").json
        check("state of the payment", "COMPLETED", paid["state"], self._home.gateway.log)
        self._rent = str(paid["transfer_id"])
        after = self._moved(before, RENT)
        yield ""
        yield from picture_lines(trail(self._rent, [self._home.directory]))
        yield ""
        (found,) = self._alice.client.payments.find(ids=[self._rent])
        yield (
            f"transfer {self._rent[:8]}   alice {before[0].decimal} → {after[0].decimal}   "
            f"bob {before[1].decimal} → {after[1].decimal}   {_milliseconds(found)} ms at the gateway"
        )

    def same_key(self) -> Iterator[str]:
        """The same order again, then another one under its key."""
        before = self._balances()
        again = self._terminal.must(*self._words_to_pay(RENT.decimal, "demo-rent"), "-o", "json").json
        check("transfer of the same order", (self._rent, "COMPLETED"), (again["transfer_id"], again["state"]))
        self._moved(before, Money(0, "EUR"))
        yield f"same key, same order {again['state']}, same id {again['transfer_id'][:8]}: nothing moved"
        yield from self._refused("same key, 12.35 EUR", "IDEMPOTENCY_KEY_REUSED", amount="12.35", key="demo-rent")
        self._moved(before, Money(0, "EUR"))

    def bad_orders(self) -> Iterator[str]:
        """Each is refused for its own reason; afterwards everybody has what he had."""
        before = self._balances()
        yield from self._refused("to another name", "PAYEE_NAME_MISMATCH", payee="mallory")
        yield from self._refused("more than she has", "INSUFFICIENT_FUNDS", amount="1000.00")
        yield from self._refused("a tenth of a cent", "AMOUNT_TOO_PRECISE", amount="0.001", ends_with=2)
        yield from self._refused_to_pay_from("bob's account", "NOT_LOGGED_IN_AT_BANK", self._bob)
        self._moved(before, Money(0, "EUR"))

    def killed(self) -> Iterator[str]:
        """SOUTH is frozen, asked, killed and started again; the payment is made once."""
        before = self._balances()
        south, pid = self._home.bank("SOUTH"), self._pid("SOUTH")
        os.kill(pid, signal.SIGSTOP)
        asked = time.monotonic()
        # Without an end of patience, as orders of a file are: on a slow computer SOUTH may be back later than in 10 s.
        (pending,) = self._alice.client.payments.submit(
            [self._alice.order(self._bob, BREAD, "bread", "demo-bread")], patient=True, wait_seconds=2
        )
        if not isinstance(pending, Transfer):
            raise CheckFailed("the payment", "accepted", f"{pending.message}. {pending.reason}", self._home.gateway.log)
        yield f"SOUTH frozen (SIGSTOP); alice pays {BREAD} and waits {time.monotonic() - asked:.0f} s"
        check("state meanwhile", ("DEBITED", False), (pending.state, pending.final), self._home.gateway.log)
        check("alice's balance meanwhile", before[0] + -BREAD, self._alice.balance, self._home.bank("NORTH").log)
        words = ("status", pending.transfer_id[:8], "--profile", "alice")
        yield from typed(*words)
        status = self._terminal.must(*words, ends_with=NOT_FINAL)
        yield from (f"  {line}" for line in status.output.splitlines()[:3])
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        yield "SOUTH killed (kill -9): the request that it was sent is gone with it"
        started = self._terminal.must("up", "--detach", "-o", "json").json["started"]
        check("started again", ["SOUTH"], started, south.log)
        yield f"SOUTH started, found its ledger whole, joined        after {time.monotonic() - killed:.1f} s"
        state = self._end_of(pending.transfer_id)
        check("state at the end", "COMPLETED", state, self._home.gateway.log)
        yield f"the gateway asked again, same id: {state}          after {time.monotonic() - killed:.1f} s"
        after = self._moved(before, BREAD)
        check("entries of it at SOUTH", 1, self._entries(south, pending.transfer_id), south.log)
        yield f"bob {before[1].decimal} → {after[1].decimal}: once. Not never, not twice."

    def proof(self) -> Iterator[str]:
        """The servers are stopped; the auditor reads their files."""
        self._terminal.must("down")
        places = [self._home.directory]
        yield f"interbank audit trail {self._rent[:8]}"
        yield from (f"  {line}" for line in trail_lines(trail(self._rent, places)))
        self._report = commands.verify(places)
        for report in (commands.reconcile(places), self._report):
            yield f"interbank audit {report.command}"
            yield from _outcome(report)
            check(f"findings of audit {report.command}", [], [finding.line for finding in report.findings])
        (totals,) = self._report.money
        check("cash put in", self._put_in.minor_units, totals.cash_put_in)
        check("what customers hold", self._put_in.minor_units, totals.customers_hold)
        yield "interbank audit positions"
        owed = positions(places).positions
        check("positions", [("NORTH", "SOUTH", (RENT + BREAD).minor_units)],
              [(one.debtor, one.creditor, one.minor_units) for one in owed])  # fmt: skip
        yield from (f"  {one.line}" for one in owed)

    def edited(self) -> Iterator[str]:
        """Somebody with all rights over a file changes an amount in it; the auditor is asked again."""
        copy = self._home.directory / "edited"
        self._terminal.must("backup", "--to", str(copy))
        entry = next(step.entry for step in trail(self._rent, [copy]).steps if step.where == "SOUTH")
        edit = f"update entries set amount = {EDITED.minor_units} where entry_id = {entry}"
        with closing(sqlite3.connect(copy / "SOUTH.db", isolation_level=None)) as database:
            database.execute("DROP TRIGGER entries_no_update")
            changed = database.execute(edit).rowcount
        check("rows edited", 1, changed)
        yield f"at SOUTH, in the copy: its trigger dropped, then {edit}"
        for command, kind in (("verify", "ENTRY_ARITHMETIC_WRONG"), ("reconcile", "AMOUNTS_DIFFER")):
            words = ("audit", command, str(copy))
            answer = self._terminal.must(*words, ends_with=FOUND_SOMETHING)
            yield f"$ interbank audit {command} {short(copy)}          (exit {answer.exit_code})"
            told = [line for line in answer.output.splitlines() if line.startswith(("Finding", "RESULT"))]
            check(f"{kind} among the findings", True, any(kind in line for line in told))
            yield from (f"  {line}" for line in told)

    def money(self) -> str:
        """What there was, what there is, and what is on its way: by the files."""
        (totals,) = self._report.money
        held, between = Money(totals.customers_hold, "EUR"), Money(totals.clearing, "EUR")
        return f"Money: {self._put_in} before, {held} after, {between} on its way."

    def _certificates(self, places: Sequence[Place]) -> str:
        """Read, and checked, as the servers do it: made by this network's authority, keys closed to others."""
        authority = self._home.authority_certificate
        read = [read_credentials(place.certificate, place.key, authority) for place in places]
        curves = {_curve(one.certificate) for one in read}
        modes = {f"{place.key.stat().st_mode & 0o777:04o}" for place in places}
        return f"certificates  own CA, {len(read)} leaves ({', '.join(curves)}), keys {', '.join(modes)}"

    def _words_to_pay(self, amount: str, key: str, payee: str = "") -> list[str]:
        return self._alice.words_to_pay(self._bob, amount, "rent", key, payee_name=payee)

    def _refused(
        self, what: str, reason: str, *, amount: str = "1.00", payee: str = "", key: str = "", ends_with: int = 3
    ) -> Iterator[str]:
        """Let alice type an order that must be refused, and show what she is told."""
        words = self._words_to_pay(amount, key or f"demo-{reason.lower()}", payee)
        told = self._terminal.must(*words, ends_with=ends_with).errors.splitlines()[0]
        check(f"reason in the answer to {what}", True, reason in told.replace(",", "").split(), self._home.gateway.log)
        yield from _beside(what, told)

    def _refused_to_pay_from(self, what: str, reason: str, victim: Customer) -> Iterator[str]:
        """Let alice's session try to pay herself from another's account, and from one that is not there: by a program,
        as our own command looks first whether the account is hers."""
        told = []
        for account in (victim.account, victim.account + 1):
            order = replace(victim, account=account).order(self._alice, BREAD, "", f"demo-from-{account}")
            answer = _answer(self._alice, order)
            check(
                f"answer to an order from {victim.bank} {account}",
                reason,
                answer.partition(": ")[0],
                self._home.gateway.log,
            )
            told.append(answer.replace(str(account), "N"))
        check(f"answers to an order from {what} and from no account", told[1], told[0], self._home.gateway.log)
        yield from _beside(
            f"from {what}", f"refused: {told[0].partition(': ')[2]}. {reason}; the same words as for no account"
        )

    def _balances(self) -> tuple[Money, Money]:
        return self._alice.balance, self._bob.balance

    def _moved(self, before: tuple[Money, Money], amount: Money) -> tuple[Money, Money]:
        """Check that this much and no more went from alice to bob since `before`; returns what both have now."""
        now = self._balances()
        check("alice's balance", before[0] + -amount, now[0], self._home.bank("NORTH").log)
        check("bob's balance", before[1] + amount, now[1], self._home.bank("SOUTH").log)
        return now

    def _end_of(self, transfer_id: str) -> str:
        """The state in which a transfer of alice's is final, or the last one that was seen within a minute."""
        last = time.monotonic() + 60
        while True:
            (found,) = self._alice.client.payments.find(ids=[transfer_id])
            if found.final or time.monotonic() > last:
                return found.state
            time.sleep(0.05)

    def _pid(self, name: str) -> int:
        return int(next(one["pid"] for one in self._terminal.must("ps", "-o", "json").json if one["name"] == name))

    def _entries(self, bank: Place, transfer_id: str) -> int:
        """How many entries of a transfer a bank has, as anybody can ask with sqlite3."""
        with closing(sqlite3.connect(f"{bank.database.as_uri()}?mode=ro", uri=True)) as database:
            (count,) = database.execute(
                "SELECT count(*) FROM v_entries WHERE transfer_id = ?", (transfer_id,)
            ).fetchone()
        return int(count)


def _curve(certificate: bytes) -> str:
    key = load_pem_x509_certificate(certificate).public_key()
    return key.curve.name if isinstance(key, EllipticCurvePublicKey) else type(key).__name__


def _milliseconds(transfer: Transfer) -> int:
    if transfer.finished_at is None:
        raise CheckFailed("end of the payment", "a time", None)
    return round((transfer.finished_at - transfer.accepted_at).total_seconds() * 1000)


def _answer(customer: Customer, order: Order) -> str:
    """What a customer's program is answered: the state of the transfer, or the reason of the refusal and its words."""
    try:
        return customer.client.payments.transfer(order).state
    except Refused as refused:
        return f"{refused.reason.name}: {refused.message}"


def _beside(title: str, text: str) -> list[str]:
    """Text in a column to the right of its title."""
    first, *rest = textwrap.wrap(text, 84, break_on_hyphens=False)
    return [f"{title:<20} {first}", *(f"{'':<20} {line}" for line in rest)]


def _outcome(report: Report) -> Iterator[str]:
    """Of all that the auditor says: the money and the result."""
    yield from (f"  {line}" for line in report_lines(report) if line.startswith(("Money", "RESULT")))


if __name__ == "__main__":
    sys.exit(main())
