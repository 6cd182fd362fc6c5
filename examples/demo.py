"""From nothing to a proven payment between banks, in eight steps: what `make demo` shows.

Real processes, real certificates, the commands that anybody can type. Every number on the screen is read back from the
network; a check that fails says what was expected and what was found, and ends the demo with exit code 1.
"""

import argparse
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

PASSWORDS = {
    "admin": "1234",
    "alice": "alice has a long password",
    "bob": "bob has a longer password",
}
"""Of people who live for ten seconds on this computer alone."""


class CheckFailed(Exception):
    """Something is not as it must be."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command answered."""

    exit_code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        """The answer for programs."""
        return json.loads(self.output)

    @property
    def reason(self) -> str:
        """Why it was refused."""
        return str(json.loads(self.errors[self.errors.index("{") :])["error"]["reason"])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; 0 if every check passed."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--home", type=Path, default=user_state_path("interbank") / "demo")
    home = parser.parse_args(argv).home.absolute()
    _make_room(home)
    demo = Demo(home)
    begun = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        demo.run()
    except CheckFailed as failed:
        say(f"\nFAILED  {failed}\n        logs: {home / 'logs'}")
        return 1
    finally:
        demo.interbank("down", "--now")
    say(f"\n8 of 8 steps passed in {time.monotonic() - begun:.1f} s. The servers are stopped; the books stay:")
    say(f"  sqlite3 -readonly {home}/banks/NORTH/bank.db 'select * from v_entries'")
    say("Next   . .venv/bin/activate; interbank up --demo --detach; interbank shell      the same by hand, as alice")
    say("       make demo-pkdd99   6,471 real orders, 14 banks         make test         every promise, tested")
    return 0


class Demo:
    """The eight steps, on one fresh home."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._accounts: dict[str, str] = {}
        self._steps = 0

    def run(self) -> None:
        """All of it."""
        say(f"Interbank demo: 3 banks, 1 gateway, 8 steps. All files: {self._home}\n")
        self._step("A network from nothing", self._network)
        self._step("Two customers at two banks", self._customers)
        self._step("alice pays bob 12.34 EUR, from bank to bank", self._payment)
        self._step("The answer got lost; alice's program asks again", self._again)
        self._step("Orders that must not pass", self._refusals)
        self._step("SOUTH dies in the middle of a payment", self._killed)
        self._step("Proof from the files alone; no server is asked", self._proof)
        self._step("Somebody edits a database (a copy of it)", self._edited)

    def _step(self, title: str, step: Callable[[], None]) -> None:
        self._steps += 1
        say(f"[{self._steps}/8] {title}")
        begun = time.monotonic()
        step()
        say(f"      ok, {time.monotonic() - begun:.1f} s\n")

    def _network(self) -> None:
        self.must("up", "--banks", "NORTH,SOUTH,EAST", "--port-base", "0", "--detach")
        processes = self.must("ps", "-o", "json").json
        say("      certificates  own CA, 4 leaves (P-256), keys 0600")
        for process in processes:
            check(f"state of {process['name']}", "serving", process["state"])
            file = Path(process["database"]).relative_to(self._home)
            say(f"      {process['name']:<13} {process['address']:<17} {file!s:<22} pid {process['pid']}")
        say("                    a process and a database each; they share nothing and never talk to each other")
        say("      by hand:  interbank up --banks NORTH,SOUTH,EAST --detach")

    def _customers(self) -> None:
        self._log_in("admin")
        for name, bank, deposit in (("alice", "NORTH", "100.00"), ("bob", "SOUTH", "5.00")):
            opened = self.must(
                "admin", "open-account", "--bank", bank, "--username", name, "--deposit", deposit,
                "--password-file", "-", "--profile", "admin", "-o", "json", given=PASSWORDS[name],
            ).json  # fmt: skip
            self._accounts[name] = str(opened["account"])
            words = ("--username", name, "--bank", bank, "--account", self._accounts[name], "--password-file", "-")
            self.must("register", *words, "--profile", name, given=PASSWORDS[name])
            self._log_in(name)
            check(f"balance of {name}", deposit, self._balance(name))
            say(f"      {bank} {self._accounts[name]} {name} {self._balance(name)} EUR")
        say("      by hand:  interbank admin open-account --bank NORTH --username alice --deposit 100.00")

    def _payment(self) -> None:
        paid = self._pay("12.34", "demo-rent").json
        check("state", "COMPLETED", paid["state"])
        self._rent = str(paid["transfer_id"])
        check("balance of alice", "87.66", self._balance("alice"))
        check("balance of bob", "17.34", self._balance("bob"))
        picture = self.must("audit", "trail", self._rent, "--home", str(self._home), "--picture").output
        say(_indented(picture))
        say(f"      transfer {self._rent[:8]}     alice 100.00 → 87.66     bob 5.00 → 17.34")

    def _again(self) -> None:
        again = self._pay("12.34", "demo-rent").json
        check("the same order again", (self._rent, "COMPLETED"), (again["transfer_id"], again["state"]))
        say("      same key, same order     COMPLETED, same id, answered from the record: nothing moved")
        other = self._pay("12.35", "demo-rent", expected=3)
        check("another order under the key", "IDEMPOTENCY_KEY_REUSED", other.reason)
        say("      same key, 12.35 EUR      refused  IDEMPOTENCY_KEY_REUSED     (exit 3)")
        check("balance of bob", "17.34", self._balance("bob"))

    def _refusals(self) -> None:
        for what, expected, exit_code, changed in (
            ('to "mallory" at that account', "PAYEE_NAME_MISMATCH", 3, {"--to-name": "mallory"}),
            ("1000.00 EUR out of 87.66", "INSUFFICIENT_FUNDS", 3, {"--amount": "1000.00"}),
            ("0.001 EUR", "AMOUNT_TOO_PRECISE", 2, {"--amount": "0.001"}),
            ("to a bank that is not there", "UNKNOWN_BANK", 3, {"--to-bank": "SOTUH"}),
        ):
            refused = self._pay("1.00", f"demo-{expected.lower()}", expected=exit_code, changed=changed)
            check(what, expected, refused.reason)
            say(f"      {what:<32} refused  {expected}")
        check("balance of alice", "87.66", self._balance("alice"))

    def _killed(self) -> None:
        south = next(p for p in self.must("ps", "-o", "json").json if p["name"] == "SOUTH")["pid"]
        os.kill(south, signal.SIGSTOP)
        paying = self._begin_to_pay("1.00", "demo-bread")
        self._until(lambda: self._balance("alice") == "86.66", "NORTH has taken 1.00 EUR from alice")
        say("      SOUTH frozen (SIGSTOP); alice pays 1.00 EUR: NORTH took it, SOUTH was asked and does not answer")
        status = self.interbank("status", "--profile", "alice", "-o", "json").json[0]
        check("final", False, status["final"])
        say(f"      status {status['transfer_id'][:8]}: {status['state']}, not final")
        os.kill(south, signal.SIGKILL)
        say("      SOUTH killed (kill -9): the request that it was sent is gone with it")
        self.must("up", "--detach")
        say("      SOUTH started, found its ledger whole, joined; the gateway asked again, same id")
        paying.wait(timeout=60)
        self._until(lambda: self._state("demo-bread")["final"], "the payment is final")
        state = self._state("demo-bread")["state"]
        outcomes = {"COMPLETED": ("86.66", "18.34"), "RETURNED": ("87.66", "17.34")}
        check("balances", outcomes.get(state), (self._balance("alice"), self._balance("bob")))
        say(f"      {state}: alice {self._balance('alice')}, bob {self._balance('bob')}. Once. Not never, not twice.")

    def _proof(self) -> None:
        self.must("down")
        for words in (("trail", self._rent), ("reconcile",), ("verify",), ("positions",)):
            answer = self.must("audit", *words, "--home", str(self._home))
            say(f"      $ interbank audit {' '.join(words)}")
            shown = answer.output if words[0] in ("trail", "positions") else _result(answer.output)
            say(_indented(shown, 8))

    def _edited(self) -> None:
        copy = self._home / "edited"
        self.must("backup", "--to", str(copy))
        (file,) = copy.rglob("SOUTH.db")
        database = sqlite3.connect(file)
        database.execute("DROP TRIGGER entries_no_update")
        database.execute("UPDATE entries SET amount = 9934 WHERE entry_id = 2")
        database.commit()
        database.close()
        say("      a trigger dropped, then: update entries set amount = 9934 where entry_id = 2, at SOUTH")
        found = self.interbank("audit", "verify", str(copy))
        check("exit code of audit verify", 7, found.exit_code)
        say(_indented("\n".join(line for line in found.output.splitlines() if "inding" in line or "RESULT" in line)))

    # Commands

    def must(self, *words: str, given: str = "") -> Ran:
        """Run a command that must end well."""
        ran = self.interbank(*words, given=given)
        if ran.exit_code:
            raise CheckFailed(f"interbank {' '.join(words)}: exit code {ran.exit_code}\n{ran.output}{ran.errors}")
        return ran

    def interbank(self, *words: str, given: str = "") -> Ran:
        """Run a command, as a person would."""
        done = subprocess.run(self._command(*words), env=self._environment, input=given, text=True, capture_output=True)  # noqa: S603, PLW1510
        return Ran(done.returncode, done.stdout, done.stderr)

    def _pay(self, amount: str, key: str, *, expected: int = 0, changed: dict[str, str] | None = None) -> Ran:
        ran = self.interbank(*self._order(amount, key, changed))
        check(f"exit code of the payment {key}", expected, ran.exit_code)
        return ran

    def _begin_to_pay(self, amount: str, key: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(  # noqa: S603
            self._command(*self._order(amount, key)),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def _order(self, amount: str, key: str, changed: dict[str, str] | None = None) -> list[str]:
        words = {
            "--from": "NORTH",
            "--to-bank": "SOUTH",
            "--to-account": self._accounts["bob"],
            "--to-name": "bob",
            "--amount": amount,
            "--idempotency-key": key,
            "--profile": "alice",
            "-o": "json",
        }
        return ["transfer", *(word for pair in (words | (changed or {})).items() for word in pair)]

    def _state(self, key: str) -> Any:
        listed = self.must("transfers", "--profile", "alice", "-o", "json").json
        return next((one for one in listed if one.get("idempotency_key") == key), listed[0])

    def _balance(self, name: str) -> str:
        return str(self.must("balance", "--profile", name, "-o", "json").json[0]["balance"])

    def _log_in(self, name: str) -> None:
        words = ("login", "--username", name, "--profile", name, "--password-file", "-")
        self.must(*words, given=PASSWORDS[name])

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + 30
        while not condition():
            if time.monotonic() > end:
                raise CheckFailed(f"waited 30 s in vain until {what}")

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "clients.cli", *words]

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "INTERBANK_HOME": str(self._home)}


def check(what: str, expected: object, found: object) -> None:
    """Raise CheckFailed unless the two are equal."""
    if expected != found:
        raise CheckFailed(f"{what}: expected {expected}, found {found}")


def say(text: str) -> None:
    """A line for the reader."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _make_room(home: Path) -> None:
    """Each run begins with a fresh home; the last one stays beside it."""
    if home.exists():
        last = home.with_name(f"{home.name}.1")
        shutil.rmtree(last, ignore_errors=True)
        home.rename(last)


def _result(output: str) -> str:
    return "\n".join(line for line in output.splitlines() if line.startswith(("Money", "RESULT")))


def _indented(text: str, by: int = 6) -> str:
    return "\n".join(" " * by + line for line in text.rstrip().splitlines())


if __name__ == "__main__":
    sys.exit(main())
