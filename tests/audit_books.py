"""Books to audit: a network's databases on the real schema, written row by row as docs/database.md says.

An honest builder, and a third writing of the hashes: it shares no code with the services nor with the auditor.
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bank_service.schema import SCHEMA as BANK_SCHEMA
from gateway_service.schema import SCHEMA as GATEWAY_SCHEMA
from tests.databases import make_database

CASH, CLEARING = -1, -2
START = 1_795_000_000_000_000  # microseconds; an afternoon in November 2026
NO_ENTRY = (None,) * 5

Order = tuple[str, int, str, int, str, int, str, str, str]
Head = tuple[int, bytes]


def canonical(*fields: Any) -> bytes:
    """Fields as bytes: each with its length, an absent one as FF FF FF FF."""
    content = b""
    for field in fields:
        raw = field if isinstance(field, bytes) else str(field).encode()
        content += b"\xff" * 4 if field is None else len(raw).to_bytes(4, "big") + raw
    return content


def identity(principal: str, order: Order, purpose: str = "transfer") -> tuple[bytes, bytes]:
    """An order's transfer id and fingerprint."""
    fingerprint = hashlib.sha256(canonical("interbank/order/v1", purpose, *order)).digest()
    named = canonical("interbank/transfer/v1", principal, order[8], fingerprint)
    return hashlib.sha256(named).digest()[:16], fingerprint


def connect(path: Path) -> sqlite3.Connection:
    """A connection that commits by our word, and waits for no disk: these books need not outlive a power cut."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


@contextlib.contextmanager
def edited(path: Path) -> Iterator[sqlite3.Connection]:
    """The hands of somebody who has the file: triggers dropped, an edit, triggers made again as if nothing had been."""
    connection = sqlite3.connect(path)
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    yield connection
    for _, statement in triggers:
        connection.execute(statement)
    connection.commit()
    connection.close()


def rechain(path: Path) -> None:
    """The careful forger: compute every chain hash of a bank anew from its rows as they are now."""
    entry = "debit_account, credit_account, amount, debit_balance_after, credit_balance_after"
    with edited(path) as db:
        last = b""
        for record_id, recorded_at, kind in db.execute("SELECT record_id, recorded_at, kind FROM records").fetchall():
            for table in ("outcomes", "conclusions", "acts"):
                row = db.execute(f"SELECT * FROM {table} WHERE record_id = ?", (record_id,)).fetchone()
                if row is not None:
                    moved = db.execute(f"SELECT {entry} FROM entries WHERE record_id = ?", (record_id,)).fetchone()
                    content = row[1:] + (() if table == "acts" else moved or NO_ENTRY)
                    last = hashlib.sha256(last + canonical(record_id, recorded_at, kind, *content)).digest()
            db.execute("UPDATE records SET chain_hash = ? WHERE record_id = ?", (last, record_id))


class Bank:
    """One bank's database, written as a bank writes it."""

    def __init__(self, path: Path, bank: str, currency: str = "EUR") -> None:
        make_database(path, BANK_SCHEMA)
        self.path, self.name, self.currency = path, bank, currency
        self.head: Head = (0, b"")
        self.entry_id = 0
        self.now = START
        self.db = connect(path)
        self.db.execute("INSERT INTO about VALUES (1, ?, ?, ?)", (bank, currency, START))
        self.db.executemany("INSERT OR IGNORE INTO currencies VALUES (?, ?)", [("EUR", 100), ("JPY", 1), ("BHD", 1000)])
        for number, kind, username in ((-1, "cash", None), (-2, "clearing", None), (-3, "recovery", None)):
            self.open_account(number, username, kind=kind, actor="founding")
        self.open_account(0, "admin", actor="founding")

    def open_account(self, number: int, username: str | None, *, kind: str = "customer", actor: str = "admin") -> None:
        """An account with its act."""
        with self._transaction():
            row = (number, kind, username, self.currency, "OPEN", 0)
            self.db.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?)", row)
            self.act("ACCOUNT_OPENED", number, username, actor)

    def act(self, act: str, account: int | None, username: str | None, actor: str) -> None:
        """Something that moved no money."""
        with self._transaction():
            columns = (act, account, username, actor, "")
            record_id, _ = self._append(act, columns)
            self._insert("acts", (record_id, *columns))

    def decide(
        self,
        instruction: str,
        outcome: str,
        principal: str,
        order: Order,
        *,
        reason: str = "",
        evidence: Sequence[Any] = (None,) * 4,
        move: tuple[int, int] | None = None,
    ) -> Head:
        """The first outcome on a transfer, with its entry if money moves."""
        purpose = {"DEPOSIT": "deposit", "WITHDRAW": "withdrawal", "ADD_MONEY": "money-added"}
        transfer_id, fingerprint = identity(principal, order, purpose.get(instruction, "transfer"))
        columns = (
            transfer_id, instruction, outcome, reason, fingerprint, principal, order[8], *order[:8], "", *evidence
        )  # fmt: skip
        with self._transaction():
            entry = self._move(*move, order[5]) if move else NO_ENTRY
            record_id, chain_hash = self._append(outcome, (*columns, *entry))
            self._insert("outcomes", (record_id, *columns))
            self._store_entry(record_id, transfer_id, entry)
            if outcome == "DEBITED":
                self._insert("open_debits", (record_id, transfer_id, order[1]))
            self._witness(evidence)
        return record_id, chain_hash

    def conclude(self, outcome: str, principal: str, order: Order, evidence: Sequence[Any]) -> Head:
        """How a debit ended."""
        transfer_id, _ = identity(principal, order)
        columns = (transfer_id, outcome, *evidence)
        with self._transaction():
            entry = self._move(CLEARING, order[1], order[5]) if outcome == "RETURNED" else NO_ENTRY
            head = self._append(outcome, (*columns, *entry))
            record_id = head[0]
            self._insert("conclusions", (record_id, *columns))
            self._store_entry(record_id, transfer_id, entry)
            self.db.execute("DELETE FROM open_debits WHERE transfer_id = ?", (transfer_id,))
            self._witness(evidence)
        return head

    def add_money(self, account: int, username: str, amount: int, key: str) -> None:
        """Cash into an account, on the bank's own authority."""
        order = (self.name, CASH, self.name, account, username, amount, self.currency, "", key)
        self.decide("ADD_MONEY", "BOOKED", f"bank:{self.name}", order, move=(CASH, account))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing of what is written inside; one inside another is part of it."""
        outermost = not self.db.in_transaction
        if outermost:
            self.db.execute("BEGIN IMMEDIATE")
        yield
        if outermost:
            self.db.execute("COMMIT")

    def _append(self, kind: str, columns: Sequence[Any]) -> Head:
        self.now += 1000
        record_id = self.head[0] + 1
        content = canonical(record_id, self.now, kind, *columns)
        self.head = (record_id, hashlib.sha256(self.head[1] + content).digest())
        self._insert("records", (record_id, self.now, kind, self.head[1]))
        return self.head

    def _move(self, debit: int, credit: int, amount: int) -> tuple[Any, ...]:
        after = []
        for account, change in ((debit, -amount), (credit, amount)):
            self.db.execute("UPDATE accounts SET balance = balance + ? WHERE account = ?", (change, account))
            after += self.db.execute("SELECT balance FROM accounts WHERE account = ?", (account,)).fetchone()
        return (debit, credit, amount, *after)

    def _store_entry(self, record_id: int, transfer_id: bytes, entry: Sequence[Any]) -> None:
        if entry[0] is not None:
            self.entry_id += 1
            self._insert("entries", (self.entry_id, record_id, transfer_id, *entry))

    def _witness(self, evidence: Sequence[Any]) -> None:
        if evidence[0] is not None:
            bank, _, record_id, chain_hash = evidence
            self.db.execute("DELETE FROM counterpart_heads WHERE bank = ? AND record_id < ?", (bank, record_id))
            self.db.execute("INSERT OR IGNORE INTO counterpart_heads VALUES (?, ?, ?)", (bank, record_id, chain_hash))

    def _insert(self, table: str, row: Sequence[Any]) -> None:
        self.db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)


class Network:
    """A gateway and its banks, under one home directory."""

    def __init__(self, home: Path, banks: Sequence[str] = ("NORTH", "SOUTH")) -> None:
        self.home = home
        self.gateway_path = home / "gateway" / "gateway.db"
        make_database(self.gateway_path, GATEWAY_SCHEMA)
        self.db = connect(self.gateway_path)
        self.db.execute("INSERT INTO about VALUES (1, ?, 1, 0)", (START,))
        self.db.execute("INSERT OR IGNORE INTO currencies VALUES ('EUR', 100)")
        self.banks: dict[str, Bank] = {}
        for bank in banks:
            self.banks[bank] = Bank(home / "banks" / bank / "bank.db", bank)
            self.db.execute("INSERT INTO banks VALUES (?, 'EUR', 'localhost:1', ?, 0, x'')", (bank, START))

    def close(self) -> None:
        """Let go of all files, so that they can be audited as files at rest."""
        self.db.close()
        for bank in self.banks.values():
            bank.db.close()

    def order(self, payer: tuple[str, int], payee: tuple[str, int, str], amount: int, key: str) -> Order:
        """An order in euros."""
        return (*payer, *payee, amount, "EUR", f"for {key}", key)

    def pay(
        self,
        payer: tuple[str, int],
        payee: tuple[str, int, str],
        amount: int,
        key: str,
        *,
        user: str = "alice",
        until: str = "SETTLED",
        payees_bank: str = "CREDITED",
    ) -> str:
        """A payment between two banks, as far as `until`: ACCEPTED, DEBITED, CREDITED (journal behind), COMPLETED or
        SETTLED; with `payees_bank` REFUSED or CANCELLED: RETURNING or RETURNED. Returns its id."""
        principal, order = f"user:{user}", self.order(payer, payee, amount, key)
        transfer_id = self._accept(principal, order)
        north, south = self.banks[payer[0]], self.banks[payee[0]]
        if until == "ACCEPTED":
            return transfer_id.hex()
        debit = north.decide("DEBIT", "DEBITED", principal, order, move=(payer[1], CLEARING))
        self._journal(transfer_id, "DEBITED", debit=debit)
        self._see(payer[0], debit)
        if until == "DEBITED":
            return transfer_id.hex()
        credit = self._answer(south, payees_bank, principal, order, (payer[0], "DEBITED", *debit))
        if until == "CREDITED":
            return transfer_id.hex()
        self._see(payee[0], credit)
        evidence = (payee[0], payees_bank, *credit)
        if payees_bank == "CREDITED":
            self._journal(transfer_id, "COMPLETED", credit=("CREDITED", *credit))
            if until == "SETTLED":
                north.conclude("SETTLED", principal, order, evidence)
        else:
            self._journal(transfer_id, "RETURNING", credit=(payees_bank, *credit), reason="PAYEE_ACCOUNT_CLOSED")
            if until != "RETURNING":
                returned = north.conclude("RETURNED", principal, order, evidence)
                self._journal(transfer_id, "RETURNED", ending=("RETURNED", *returned))
        return transfer_id.hex()

    def refuse(self, payer: tuple[str, int], payee: tuple[str, int, str], amount: int, key: str) -> str:
        """A payment that the payer's bank refused."""
        principal, order = "user:alice", self.order(payer, payee, amount, key)
        transfer_id = self._accept(principal, order)
        reason = "INSUFFICIENT_FUNDS"
        refused = self.banks[payer[0]].decide("DEBIT", "REFUSED", principal, order, reason=reason)
        self._see(payer[0], refused)
        self._journal(transfer_id, "REFUSED", reason=reason, ending=("REFUSED", *refused))
        return transfer_id.hex()

    def cancel(self, payer: tuple[str, int], payee: tuple[str, int, str], amount: int, key: str) -> str:
        """A payment that was given up before any debit: a tombstone at both banks."""
        principal, order = "user:alice", self.order(payer, payee, amount, key)
        transfer_id = self._accept(principal, order)
        credit = self.banks[payee[0]].decide("CANCEL_CREDIT", "CANCELLED", principal, order)
        evidence = (payee[0], "CANCELLED", *credit)
        ended = self.banks[payer[0]].decide("RETURN_DEBIT", "NOT_DEBITED", principal, order, evidence=evidence)
        reason, ending = "CANCELLED_BY_PATIENCE", ("NOT_DEBITED", *ended)
        self._journal(transfer_id, "CANCELLED", credit=("CANCELLED", *credit), reason=reason, ending=ending)
        return transfer_id.hex()

    def book(self, bank: str, payer: int, payee: int, name: str, amount: int, key: str) -> str:
        """A payment inside one bank."""
        principal, order = "user:alice", self.order((bank, payer), (bank, payee, name), amount, key)
        transfer_id = self._accept(principal, order)
        booked = self.banks[bank].decide("BOOK_TRANSFER", "BOOKED", principal, order, move=(payer, payee))
        self._journal(transfer_id, "COMPLETED", credit=("BOOKED", *booked))
        self._see(bank, booked)
        return transfer_id.hex()

    def _answer(self, bank: Bank, outcome: str, principal: str, order: Order, evidence: Sequence[Any]) -> Head:
        if outcome == "CREDITED":
            return bank.decide("CREDIT", outcome, principal, order, evidence=evidence, move=(CLEARING, order[3]))
        if outcome == "CANCELLED":
            return bank.decide("CANCEL_CREDIT", outcome, principal, order, evidence=evidence)
        return bank.decide("CREDIT", outcome, principal, order, evidence=evidence, reason="PAYEE_ACCOUNT_CLOSED")

    def _accept(self, principal: str, order: Order) -> bytes:
        transfer_id, fingerprint = identity(principal, order)
        (last,) = self.db.execute("SELECT coalesce(max(journal_id), 0) FROM transfers").fetchone()
        row = (
            last + 1, transfer_id, "ACCEPTED", "", fingerprint, principal, order[8], *order[:8], b"", "", 0,
            self._now(), None, None, None, None, None, None, None, None, None, "",
        )  # fmt: skip
        self.db.execute(f"INSERT INTO transfers VALUES ({', '.join('?' * len(row))})", row)
        return transfer_id

    def _journal(
        self,
        transfer_id: bytes,
        state: str,
        *,
        debit: Head | None = None,
        credit: Any = None,
        reason: str = "",
        ending: Any = None,
    ) -> None:
        final = state in ("COMPLETED", "REFUSED", "RETURNED", "CANCELLED")
        values: dict[str, Any] = {"state": state} | ({"finished_at": self._now()} if final else {})
        if debit is not None:
            values |= {"debit_record_id": debit[0], "debit_chain_hash": debit[1]}
        if credit is not None:
            values |= dict(zip(("credit_outcome", "credit_record_id", "credit_chain_hash"), credit, strict=True))
        if ending is not None:
            values |= dict(zip(("ending_outcome", "ending_record_id", "ending_chain_hash"), ending, strict=True))
        if reason:
            values["reason"] = reason
        columns = ", ".join(f"{name} = ?" for name in values)
        self.db.execute(f"UPDATE transfers SET {columns} WHERE transfer_id = ?", (*values.values(), transfer_id))

    def _see(self, bank: str, head: Head) -> None:
        self.db.execute("UPDATE banks SET head_record_id = ?, head_chain_hash = ? WHERE bank = ?", (*head, bank))

    def _now(self) -> int:
        return max(bank.now for bank in self.banks.values()) + 500


def small_network(home: Path) -> Network:
    """Two banks and one payment of every kind: completed, refused, returned, cancelled, in one bank, under way."""
    network = Network(home)
    north, south = network.banks.values()
    north.open_account(1001, "alice")
    north.open_account(1002, "carol")
    south.open_account(1001, "bob")
    north.add_money(1001, "alice", 10_000, "alice-cash")
    south.add_money(1001, "bob", 500, "bob-cash")
    alice, bob = ("NORTH", 1001), ("SOUTH", 1001, "bob")
    network.pay(alice, bob, 1234, "rent")
    network.pay(alice, bob, 100, "bread", until="COMPLETED")
    network.refuse(alice, bob, 100_000, "house")
    network.pay(alice, bob, 300, "shoes", payees_bank="REFUSED")
    network.cancel(alice, bob, 200, "late")
    network.book("NORTH", 1001, 1002, "carol", 50, "coffee")
    network.pay(alice, bob, 700, "wine", until="DEBITED")
    network.pay(alice, bob, 1, "stamp", until="ACCEPTED")
    south.act("ACCOUNT_FROZEN", 1001, "bob", "admin")
    south.db.execute("UPDATE accounts SET status = 'FROZEN' WHERE account = 1001")
    return network
