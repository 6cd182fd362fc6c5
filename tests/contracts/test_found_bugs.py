"""Promises that were found broken. Each stands here until it is kept, then moves to the file that it belongs to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import grpc
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

import gateway_service.tables
import gateway_service.views
from bank_service import queries
from bank_service.account_acts import NewAccount
from bank_service.admission import admit
from bank_service.books import CASH, CLEARING, RECOVERY
from bank_service.ledger import post
from gateway_service.bank_port import OpenDebit
from gateway_service.banks import Link
from gateway_service.directory import Directory
from gateway_service.fencing import Fence
from gateway_service.pipeline import Pipeline
from gateway_service.storage import find_by_ids
from gateway_service.transfer import State, Transfer, after, give_up
from gateway_service.underway import Underway
from interbank.instructions import Head, Instruction, Outcome
from interbank.instructions import InstructionKind as I
from interbank.instructions import OutcomeKind as O
from interbank.orders import MAX_ACCOUNT, Order, check_account, check_order, fingerprint, transfer_id
from interbank.passwords import BcryptPasswords
from interbank.refusals import Reason, Refused
from interbank.rpc.status import from_rpc_error
from interbank.storage.database import ThreadedDatabase
from interbank.storage.engine import open_engine
from interbank.storage.sqlite import driver
from interbank.telemetry import InstructionLog, one_line
from protos.v1 import gateway_pb2
from tests.contracts.doors import ask, standing
from tests.contracts.one_bank import OneBank, Watch
from tests.histories import History, random_history
from tests.instructing import (
    EVERYTHING,
    NOW,
    ORDER,
    a_book,
    balances,
    cash,
    credit_to_north,
    deposit,
    evidence,
    instruct,
    post_one,
    withdrawal,
)
from tests.refusing import refused
from tests.world import World, make_database

OLD, NEW, RESET = "correct horse battery staple", "a password of the thief", "a password of the operator"


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[OneBank]:
    started = await OneBank(tmp_path / "bank.db").start({"alice": 0, "carol": 0})
    yield started
    started.stop()


# --- cash: money that came from another bank is paid out in cash that this bank never had


def test_the_rules_pay_out_no_more_cash_than_was_brought_in() -> None:
    book = a_book({1001: 0, 1002: 0})
    credited, paid_out = post(book, [credit_to_north(100), withdrawal(100)])
    assert credited.kind is O.CREDITED
    assert book.accounts[CASH].balance <= 0
    assert paid_out.kind is O.REFUSED


async def test_a_withdrawal_that_the_counter_cannot_pay_is_refused_and_not_unknown_for_ever(bank: OneBank) -> None:
    """The database refuses it by a CHECK, so the whole batch fails, and fails again however often it is asked."""
    await bank.post(credit_to_north(100))
    brought_in, paid_out = await bank.post(deposit(1, 1002), withdrawal(100))
    assert (brought_in.kind, paid_out.kind) == (O.BOOKED, O.REFUSED)


def test_cash_never_rises_above_zero_whatever_is_asked() -> None:
    """When this holds, tests/histories.py needs its VAULT no more."""
    chance = Random(20261122)
    for _ in range(1000):
        History(a_book({1001: 0, 1002: 0})).run(random_history(chance))


# --- admission lets in what the books cannot hold: the rules create money, or the database fails the whole batch


def at_north(payer: int, payee: int, name: str = "alice") -> Order:
    return Order("NORTH", payer, "NORTH", payee, name, 100, "EUR", "", "k")


BOOKS_CANNOT_HOLD = {
    "a transfer to the payer himself": instruct(I.BOOK_TRANSFER, at_north(1001, 1001)),
    "money added to cash": instruct(I.ADD_MONEY, at_north(CASH, CASH), principal="bank:NORTH"),
    "money added to clearing": instruct(I.ADD_MONEY, at_north(CASH, CLEARING), principal="bank:NORTH"),
    "cash out of clearing": instruct(I.WITHDRAW, at_north(CLEARING, CASH, "cash"), principal="bank:NORTH"),
    "cash out of recovery": instruct(I.WITHDRAW, at_north(RECOVERY, CASH, "cash"), principal="bank:NORTH"),
    "cash out of nowhere": instruct(I.WITHDRAW, at_north(-9, CASH, "cash"), principal="bank:NORTH"),
    "a deposit that says another customer paid it": instruct(I.DEPOSIT, at_north(1002, 1001)),
    "a withdrawal that says another customer got it": instruct(I.WITHDRAW, at_north(1001, 1002, "carol")),
    "no key": instruct(I.DEBIT, replace(ORDER, idempotency_key="")),
    "a key that is too long": instruct(I.DEBIT, replace(ORDER, idempotency_key="k" * 129)),
    "a reference that is too long": instruct(I.DEBIT, replace(ORDER, reference="r" * 141)),
}


@pytest.mark.parametrize("instruction", BOOKS_CANNOT_HOLD.values(), ids=BOOKS_CANNOT_HOLD)
def test_what_the_books_cannot_hold_never_enters_a_batch_or_is_refused_in_it(instruction: Instruction) -> None:
    book = a_book()
    held = balances(book)
    with contextlib.suppress(Refused):
        admit(instruction, "NORTH")
        assert post_one(book, instruction).kind is O.REFUSED
    assert balances(book) == held


@pytest.mark.parametrize("kind", [I.CREDIT, I.RETURN_DEBIT], ids=lambda kind: kind.name)
@pytest.mark.parametrize("witness", ["", "EAST", "NORTH"])
def test_evidence_is_of_the_other_bank_of_the_order(kind: I, witness: str) -> None:
    """Stored, it is shown to that bank as a record of its own; a bank that never had it is quarantined for ever."""
    instruction = credit_to_north(1) if kind is I.CREDIT else instruct(kind)
    proof = instruction.evidence
    assert proof is not None
    with refused(Reason.INSTRUCTION_MALFORMED, field="evidence"):
        admit(replace(instruction, evidence=replace(proof, bank=witness)), "NORTH")


# --- passwords: what was checked before a change is believed after it


class SlowToAnswer(BcryptPasswords):
    """Compares as ever, and then keeps the answer until it is let go."""

    def __init__(self) -> None:
        super().__init__(cost=4)
        self.compared, self.go = asyncio.Event(), asyncio.Event()

    async def matches(self, password: str, stored: str | None) -> bool:
        """See Passwords."""
        answer = await super().matches(password, stored)
        self.compared.set()
        await self.go.wait()
        return answer


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[tuple[OneBank, SlowToAnswer]]:
    passwords = SlowToAnswer()
    started = await OneBank(tmp_path / "bank.db", passwords=passwords).start({"alice": 100})
    await started.credentials.set_password(1001, OLD, "admin")
    yield started, passwords
    started.stop()


async def test_a_login_with_the_old_password_does_not_outlive_the_reset_that_overtook_it(
    slow: tuple[OneBank, SlowToAnswer],
) -> None:
    bank, passwords = slow
    login = asyncio.create_task(bank.credentials.open_grant("alice", OLD, 3600))
    await passwords.compared.wait()
    await bank.credentials.set_password(1001, RESET, "admin")
    passwords.go.set()
    with refused(Reason.WRONG_CREDENTIALS):
        await login
    assert bank.sql("SELECT count(*) FROM grants WHERE ended_at IS NULL") == [(0,)]


async def test_a_login_does_not_outlive_the_closing_of_its_account(slow: tuple[OneBank, SlowToAnswer]) -> None:
    bank, passwords = slow
    await bank.post(cash(I.WITHDRAW, 100))
    login = asyncio.create_task(bank.credentials.open_grant("alice", OLD, 3600))
    await passwords.compared.wait()
    await bank.acts.set_status(1001, "CLOSED", "admin")
    passwords.go.set()
    with refused(Reason.WRONG_CREDENTIALS):
        await login


async def test_a_change_of_password_does_not_undo_the_reset_that_overtook_it(
    slow: tuple[OneBank, SlowToAnswer],
) -> None:
    bank, passwords = slow
    passwords.go.set()
    grant, _ = await bank.credentials.open_grant("alice", OLD, 3600)
    passwords.go.clear()
    passwords.compared.clear()
    change = asyncio.create_task(bank.credentials.change_password(grant, OLD, NEW))
    await passwords.compared.wait()
    await bank.credentials.set_password(1001, RESET, "admin")
    passwords.go.set()
    await asyncio.gather(change, return_exceptions=True)
    await bank.credentials.open_grant("alice", RESET, 3600)


async def test_a_clock_that_goes_back_wakes_no_grant_that_has_ended(bank: OneBank) -> None:
    """A debit with it is refused, by the date of the last record; a statement with it is shown."""
    await bank.credentials.set_password(1001, OLD, "admin")
    grant, _ = await bank.credentials.open_grant("alice", OLD, 60)
    bank.clock.now += 61_000_000
    await bank.post(deposit(1, 1002))
    bank.clock.now = NOW
    with refused(Reason.GRANT_ENDED):
        await bank.credentials.holder(grant)


# --- opening accounts


@pytest.mark.parametrize("number", [1003, 0])
async def test_an_account_is_not_opened_without_its_deposit(bank: OneBank, number: int) -> None:
    """The operator has used the key that the bank would use for it. A named number: opened, without its money and
    without a word. A number left open: a fault, since its key was never looked up."""
    await bank.post(cash(I.ADD_MONEY, 5, key="opening-deposit-1003"))
    with contextlib.suppress(Refused):
        await bank.acts.open_accounts([NewAccount(number, "dave", 250, None)], "admin")
    held = bank.sql("SELECT balance FROM accounts WHERE username = 'dave'")
    assert held in ([], [(250,)])


async def test_the_same_account_twice_with_a_password_is_opened_once(bank: OneBank) -> None:
    hashed = await bank.passwords.hash(OLD)
    _, opened = await bank.acts.open_accounts([NewAccount(7, "dave", 0, hashed)] * 2, "admin")
    assert opened == 1


async def test_the_bank_assigns_no_number_that_no_order_may_name(bank: OneBank) -> None:
    await bank.acts.open_accounts([NewAccount(MAX_ACCOUNT, "last", 0, None)], "admin")
    (row,), _ = await bank.acts.open_accounts([NewAccount(0, "next", 0, None)], "admin")
    check_account(row.account)


# --- what a bank says


async def test_a_record_names_the_account_of_this_bank_that_it_concerns(bank: OneBank) -> None:
    await bank.post(credit_to_north(5), deposit(5))
    stream = await bank.database.read(lambda c: queries.list_records(c, since=0, limit=100))
    assert [(row.kind, row.account) for row in stream[-2:]] == [("CREDITED", 1001), ("BOOKED", 1001)]


# --- the file and the writer


@pytest.mark.parametrize("folder", ["what?", "no. #1", "100%41", "a&b=c?mode=memory"])
def test_a_database_is_opened_where_it_lies(tmp_path: Path, folder: str) -> None:
    path = tmp_path / folder / "bank.db"
    path.parent.mkdir()
    with contextlib.closing(driver().connect(str(path))) as made:
        made.execute("CREATE TABLE here (x)")
        made.commit()
    with open_engine(path).connect() as connection:
        assert connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars().all() == ["here"]
    assert sorted(p.name for p in tmp_path.iterdir()) == [folder]


async def test_a_commit_that_fails_does_not_stop_the_writer_for_ever(tmp_path: Path) -> None:
    """SQLite leaves the transaction open then, and SQLAlchemy does not roll it back: no BEGIN succeeds any more."""
    path = tmp_path / "x.db"
    with contextlib.closing(driver().connect(str(path))) as made:
        made.execute("CREATE TABLE notes (note INTEGER PRIMARY KEY)")
        made.execute("CREATE TABLE child (note INTEGER REFERENCES notes DEFERRABLE INITIALLY DEFERRED)")
        made.commit()
    database = ThreadedDatabase(path, broken=lambda _: None)

    def insert(statement: str) -> Any:
        return database.write(lambda connection: connection.exec_driver_sql(statement).rowcount)

    try:
        with pytest.raises(DBAPIError):
            await insert("INSERT INTO child VALUES (404)")
        assert await insert("INSERT INTO notes VALUES (1)") == 1
    finally:
        database.close()
    with contextlib.closing(driver().connect(str(path))) as read:
        assert read.execute("SELECT count(*) FROM child").fetchone() == (0,)


@pytest.mark.parametrize("table", ["records", "outcomes", "entries", "acts"])
async def test_no_row_that_was_written_is_replaced(bank: OneBank, table: str) -> None:
    """REPLACE deletes without the DELETE trigger unless recursive_triggers is on."""
    await bank.post(*EVERYTHING)

    def replace_one(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.exec_driver_sql(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1")

    with pytest.raises(DBAPIError, match="append-only"):
        await bank.database.write(replace_one)


# --- orders and words


@pytest.mark.parametrize("currency", ["", "XXX", "eur", "EUR\n", "E" * 9000])
def test_an_order_in_no_currency_cannot_be_meant(currency: str) -> None:
    with refused(Reason.CURRENCY_UNKNOWN, field="currency"):
        check_order(replace(ORDER, currency=currency))


def test_a_reference_cannot_disguise_a_line_by_the_arabic_letter_mark_either() -> None:
    """The one direction mark of Unicode (UAX 9) that is not among the refused ones."""
    with refused(Reason.REFERENCE_MALFORMED):
        check_order(replace(ORDER, reference="re\u061cnt"))


@pytest.mark.parametrize("character", ["\u061c", "\u200e", "\u200f"])
def test_no_direction_mark_turns_a_log_line_around(character: str) -> None:
    assert character not in one_line(f"a{character}b")


# --- the wire


async def test_a_request_that_is_no_message_says_nothing_of_how_it_failed() -> None:
    """It ends as UNKNOWN with the exception's class and text, and without a request id."""

    async def never(_request: Any, _: Any) -> bytes:
        raise AssertionError("came in")

    handler = grpc.unary_unary_rpc_method_handler(
        never, request_deserializer=gateway_pb2.TransferRequest.FromString
    )  # fmt: skip
    async with standing({"Transfer": handler}) as address:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(address, "Transfer", b"\xff\xff\xff")
    assert "DecodeError" not in (caught.value.details() or "")
    assert from_rpc_error(caught.value).request_id


@pytest.mark.parametrize("length", [3_000, 6_000, 20_000])
async def test_a_long_wrong_word_is_refused_by_its_reason(length: int, tmp_path: Path) -> None:
    """Repeated in the message, it makes the answer's metadata too large: the client hears of overload and tries again,
    or breaks on a status that contradicts its details."""
    world = await World(tmp_path).start()
    try:
        channel = world.channel.unary_unary("/interbank.v1.SessionService/Login")
        request = gateway_pb2.LoginRequest(username="alice", password=OLD, bank="B" * length)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel(request.SerializeToString(), timeout=10)
        assert from_rpc_error(caught.value).reason in (Reason.UNKNOWN_BANK, Reason.BANK_ID_MALFORMED)
    finally:
        await world.stop()


def test_every_failed_call_is_some_refusal() -> None:
    assert from_rpc_error(grpc.RpcError()).reason is Reason.INTERNAL


# --- the gateway


def a_transfer(order: Order = ORDER, **fields: Any) -> Transfer:
    digest = fingerprint(order)
    identity = transfer_id("user:alice", order.idempotency_key, digest)
    made = Transfer(identity, digest, order, "user:alice", b"", "", patient=False, accepted_at=NOW)
    return replace(made, **fields)


@pytest.mark.parametrize("answer", [O.NOT_DEBITED, O.REFUSED, O.FINGERPRINT_MISMATCH], ids=lambda o: o.name)
def test_a_bank_that_takes_its_debited_back_is_looked_at_by_a_human(answer: O) -> None:
    """It said DEBITED, the journal has the evidence, and now it says that nothing was debited."""
    debited, cancelled = evidence("NORTH", O.DEBITED, 11), evidence("SOUTH", O.CANCELLED, 22)
    returning = a_transfer(state=State.RETURNING, debit=debited, credit=cancelled, reason="CANCELLED_BY_PATIENCE")
    moved = after(returning, I.RETURN_DEBIT, Outcome(b"\1" * 16, answer, head=Head(33, b"\3" * 32)), NOW)
    assert moved.suspended
    assert not moved.final


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[ThreadedDatabase]:
    path = tmp_path / "gateway.db"
    tables, views = gateway_service.tables, gateway_service.views
    make_database(path, tables.metadata, views.VIEWS, views.TRIGGERS, tables.SCHEMA_REVISION)
    database = ThreadedDatabase(path, broken=lambda _: None)
    yield database
    database.close()


def a_pipeline(database: ThreadedDatabase) -> tuple[Pipeline, Directory]:
    """As the gateway puts it together, with links that have no connection."""
    clock, fence = Watch(), Fence(database, b"i" * 16, lambda _: None)
    directory: Directory
    pipeline = Pipeline(database, lambda: directory, fence, clock)

    def new_link(bank: str) -> Link:
        def never(address: str) -> Any:
            raise AssertionError(address)

        return Link(bank, never, fence, pipeline, clock, Random(0), InstructionLog("gateway"))

    directory = Directory(database, fence, clock, new_link)
    return pipeline, directory


async def test_a_step_back_is_not_sent_before_it_is_durable(journal: ThreadedDatabase) -> None:
    """It stood in the line of its bank with the step before; the line looks at what it is now, not at what is saved."""
    pipeline, directory = a_pipeline(journal)
    underway = Underway(a_transfer(state=State.DEBITED, debit=evidence("NORTH", O.DEBITED)))
    link = directory.link_for_driving("SOUTH")
    link.enqueue(underway)
    pipeline._move(underway, give_up(underway.transfer))
    assert underway.unsaved
    assert link._take_batch() == []


async def test_a_debit_under_a_key_that_is_taken_again_keeps_no_other_from_being_adopted(
    journal: ThreadedDatabase,
) -> None:
    """The journal was lost; alice has used the key of a payment from NORTH for another one, from EAST. Every look at
    NORTH's open debits fails from then on, and with it NORTH's link, for ever."""
    pipeline, directory = a_pipeline(journal)
    again = a_transfer(replace(ORDER, payer_bank="EAST", minor_units=7))
    lost, other = a_transfer(), a_transfer(replace(ORDER, idempotency_key="k-2"))
    accepting = asyncio.create_task(pipeline._accept_batches())
    await pipeline.accept([again])
    accepting.cancel()

    proof = evidence("NORTH", O.DEBITED, 11)
    found = [OpenDebit(t.transfer_id, t.fingerprint, t.order, t.principal, proof) for t in (lost, other)]
    await pipeline.open_debits("NORTH", found)
    assert directory.link_for_driving("SOUTH").waiting >= 1
    adopted = await journal.read(lambda connection: find_by_ids(connection, [other.transfer_id]))
    assert other.transfer_id in adopted
