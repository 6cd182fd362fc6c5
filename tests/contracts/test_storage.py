"""What a bank writes is what it finds again, in few statements, in numbers without gaps, and for ever."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from shutil import copyfile
from typing import Any

import pytest
from one_bank import OneBank
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from bank_service.books import Book
from bank_service.ledger import post
from bank_service.settings import BankSettings
from bank_service.storage import counterpart_positions, has_record, load_accounts, load_batch, load_book, store
from interbank.instructions import Head, Instruction, Outcome
from interbank.instructions import InstructionKind as I
from interbank.instructions import OutcomeKind as O
from interbank.storage.engine import open_engine
from tests.audit_books import canonical, hashlib
from tests.histories import FATES, Batches, befall, random_history
from tests.instructing import (
    NOW,
    ORDER,
    WITHIN_NORTH,
    a_book,
    cash,
    credit_to_north,
    debit,
    deposit,
    evidence,
    grant_of,
    instruct,
    withdrawal,
)

SETTINGS = BankSettings("NORTH", "EUR", counter_open=True, operator_admitted=True)
VAULT_KEYS = 20


@pytest.fixture(scope="module")
async def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank with alice and carol, who hold 100 each with a grant, and a third who holds much."""
    path = tmp_path_factory.mktemp("founded") / "bank.db"
    bank = await OneBank(path).start({"alice": 100, "carol": 100, "vault": 0})
    much = [cash(I.ADD_MONEY, 10**15 - 1, 1003, f"v-{n}") for n in range(VAULT_KEYS)]
    named = [instruct(i.kind, _named(i, "vault"), principal="bank:NORTH") for i in much]
    assert {o.kind for o in await bank.post(*named)} == {O.BOOKED}
    bank.stop()
    return path


def _named(instruction: Instruction, name: str) -> Any:
    order = instruction.order
    return type(order)(order.payer_bank, order.payer_account, order.payee_bank, order.payee_account, name,
                       order.minor_units, order.currency, order.reference, order.idempotency_key)  # fmt: skip


@pytest.fixture
def engine(founded: Path, tmp_path: Path) -> Iterator[Engine]:
    copyfile(founded, tmp_path / "bank.db")
    opened = open_engine(tmp_path / "bank.db")
    yield opened
    opened.dispose()


def post_batch(engine: Engine, *instructions: Instruction, now: int = NOW) -> list[Outcome]:
    """One batch as the bank does it: load, decide, store."""
    with engine.connect() as connection, connection.begin():
        book = load_book(connection, SETTINGS, now)
        load_batch(connection, book, instructions)
        outcomes = post(book, instructions)
        store(connection, book)
        return outcomes


def remembered(engine: Engine, *instructions: Instruction) -> Book:
    """What the bank finds again for these instructions."""
    with engine.connect() as connection, connection.begin():
        book = load_book(connection, SETTINGS, NOW)
        load_batch(connection, book, instructions)
        return book


def rows(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection, connection.begin():
        return [tuple(row) for row in connection.exec_driver_sql(query)]


# --- what was stored is found again

EVERYTHING = [
    debit(10, "settled"),
    debit(20, "returned"),
    debit(30, "open"),
    debit(10_000, "refused"),
    instruct(I.RETURN_DEBIT, debit(5, "tombstone").order),
    instruct(I.BOOK_TRANSFER, WITHIN_NORTH),
    credit_to_north(40, key="credited"),
    credit_to_north(40, account=77, key="not credited"),
    instruct(I.CANCEL_CREDIT, credit_to_north(41, key="cancelled").order, principal="user:bob", grant=b""),
    deposit(7),
    withdrawal(3),
    cash(I.ADD_MONEY, 9),
]
CONCLUDING = [
    instruct(I.SETTLE, debit(10, "settled").order, evidence=evidence("SOUTH", O.CREDITED, 3)),
    instruct(I.RETURN_DEBIT, debit(20, "returned").order, evidence=evidence("SOUTH", O.REFUSED, 4)),
]


def test_decisions_conclusions_and_keys_are_found_as_they_were_made(engine: Engine) -> None:
    with engine.connect() as connection, connection.begin():
        made = load_book(connection, SETTINGS, NOW)
        load_batch(connection, made, [*EVERYTHING, *CONCLUDING])
        outcomes = post(made, [*EVERYTHING, *CONCLUDING])
        store(connection, made)
    assert {o.kind for o in outcomes} == set(O) - {O.FINGERPRINT_MISMATCH, O.KEY_REUSED, O.CONTRADICTION}

    found = remembered(engine, *EVERYTHING, *CONCLUDING)
    assert found.decisions == made.decisions
    assert found.conclusions == made.conclusions
    assert found.keys == made.keys
    assert {n: found.accounts[n] for n in made.accounts} == made.accounts
    assert (found.head, found.last_entry_id) == (made.head, made.last_entry_id)
    assert found.grants == made.grants != {}


def test_a_replay_from_the_disk_is_the_answer_that_was_given(engine: Engine) -> None:
    first = post_batch(engine, *EVERYTHING, *CONCLUDING)
    again = post_batch(engine, *EVERYTHING, *CONCLUDING)
    later = {outcome.transfer_id: outcome for outcome in first}  # a debit that was returned since says so
    for instruction, before, now in zip([*EVERYTHING, *CONCLUDING], first, again, strict=True):
        expected = later[before.transfer_id] if later[before.transfer_id].kind is O.RETURNED else before
        assert now.replayed
        assert (now.kind, now.reason, now.head, now.entry_id, now.balance_after) == (
            expected.kind, expected.reason, expected.head, expected.entry_id, expected.balance_after,
        ), instruction.kind  # fmt: skip


@pytest.mark.parametrize("seed", range(25))
def test_a_bank_that_forgets_everything_between_two_batches_answers_as_one_that_remembers(
    engine: Engine, seed: int
) -> None:
    """The same random history, once in memory and once with nothing but the disk between two batches."""
    steps: Batches = [step for _ in range(2) for step in random_history(Random(seed))]
    memory = in_memory(engine)
    for step in steps:
        if isinstance(step, str):
            befall(memory, step)
            befall_on_disk(engine, step)
        else:
            assert post_batch(engine, *step) == post(memory, step)
            assert remembered(engine, *step).head == memory.head
    held = {number: account.balance for number, account in memory.accounts.items()}
    assert dict(rows(engine, "SELECT account, balance FROM accounts")) == held
    still_open = {i for i, d in memory.decisions.items() if d.kind is O.DEBITED and i not in memory.conclusions}
    assert {row[0] for row in rows(engine, "SELECT transfer_id FROM open_debits")} == still_open


def in_memory(engine: Engine) -> Book:
    with engine.connect() as connection, connection.begin():
        book = load_book(connection, SETTINGS, NOW)
        load_accounts(connection, book, [0, -3, 1001, 1002, 1003])
    book.grants = a_book().grants
    return book


def befall_on_disk(engine: Engine, fate: str) -> None:
    assert fate in FATES
    what, whom = fate.split()
    statement = (
        f"UPDATE grants SET ended_at = {NOW} WHERE username = '{whom}'" if what == "grant"
        else f"UPDATE accounts SET status = '{what}' WHERE account = {whom}"
    )  # fmt: skip
    with engine.connect() as connection, connection.begin():
        connection.exec_driver_sql(statement)


# --- numbers and chain


def test_records_and_entries_are_numbered_without_gaps(engine: Engine) -> None:
    for instruction in [*EVERYTHING, *CONCLUDING, *EVERYTHING]:
        post_batch(engine, instruction)
    for table, number in (("records", "record_id"), ("entries", "entry_id")):
        ((least, most, count),) = rows(engine, f"SELECT min({number}), max({number}), count(*) FROM {table}")
        assert (least, most) == (1, count)


def test_a_record_is_one_outcome_one_conclusion_or_one_act(engine: Engine) -> None:
    post_batch(engine, *EVERYTHING, *CONCLUDING)
    kinds = ("outcomes", "conclusions", "acts")
    together = " UNION ALL ".join(f"SELECT record_id FROM {table}" for table in kinds)
    assert rows(engine, f"SELECT record_id FROM ({together}) ORDER BY 1") == rows(
        engine, "SELECT record_id FROM records ORDER BY 1"
    )


def test_every_chain_hash_is_that_of_the_rows_beside_it(engine: Engine) -> None:
    """Worked out again from the rows alone, by another writing of the canonical bytes."""
    post_batch(engine, *EVERYTHING, *CONCLUDING)
    content = {row[0]: row[1:] + (None,) * 5 for row in rows(engine, "SELECT * FROM outcomes")}
    content |= {row[0]: row[1:] + (None,) * 5 for row in rows(engine, "SELECT * FROM conclusions")}
    for record_id, *moved in rows(
        engine,
        "SELECT record_id, debit_account, credit_account, amount, debit_balance_after, credit_balance_after "
        "FROM entries",
    ):
        content[record_id] = content[record_id][:-5] + tuple(moved)
    content |= {row[0]: row[1:] for row in rows(engine, "SELECT * FROM acts")}
    head = b""
    for record_id, recorded_at, kind, chain_hash in rows(engine, "SELECT * FROM records ORDER BY record_id"):
        head = hashlib.sha256(head + canonical(record_id, recorded_at, kind, *content[record_id])).digest()
        assert chain_hash == head, record_id


def test_records_are_dated_in_order_although_the_clock_goes_back(engine: Engine) -> None:
    post_batch(engine, deposit(1, key="a"), now=NOW + 1000)
    post_batch(engine, deposit(1, key="b"), now=NOW - 10**12)
    post_batch(engine, deposit(1, key="c"), now=NOW + 2000)
    dates = [row[0] for row in rows(engine, "SELECT recorded_at FROM records ORDER BY record_id DESC LIMIT 3")]
    assert dates == [NOW + 2000, NOW + 1000, NOW + 1000]


def test_a_clock_that_goes_back_wakes_no_grant_that_has_ended(engine: Engine) -> None:
    with engine.connect() as connection, connection.begin():
        connection.exec_driver_sql(f"UPDATE grants SET ends_at = {NOW + 500}")
    post_batch(engine, cash(I.ADD_MONEY, 1), now=NOW + 1000)
    (outcome,) = post_batch(engine, debit(1, "late"), now=NOW)
    assert outcome.reason == "GRANT_ENDED"


def test_a_bank_knows_its_own_records_and_no_others(engine: Engine) -> None:
    (outcome,) = post_batch(engine, deposit(1))
    with engine.connect() as connection, connection.begin():
        assert has_record(connection, Head(0, b""))
        assert has_record(connection, outcome.head)
        assert not has_record(connection, Head(outcome.head.record_id, b"\0" * 32))
        assert not has_record(connection, Head(outcome.head.record_id + 1, outcome.head.chain_hash))
        assert not has_record(connection, Head(outcome.head.record_id, b""))


def test_the_highest_position_of_each_other_bank_is_kept(engine: Engine) -> None:
    shown = [("SOUTH", 5), ("SOUTH", 9), ("EAST", 2), ("SOUTH", 7)]
    for number, (bank, position) in enumerate(shown):
        proof = evidence(bank, O.DEBITED, position)
        post_batch(engine, credit_to_north(1, key=f"k{number}", evidence=proof))
    with engine.connect() as connection, connection.begin():
        assert counterpart_positions(connection) == {
            bank: evidence(bank, O.DEBITED, position).head for bank, position in (("SOUTH", 9), ("EAST", 2))
        }


# --- few statements


def statements(engine: Engine, *instructions: Instruction) -> int:
    """How often the driver is asked for this batch; one executemany is one."""
    asked: list[str] = []

    def count(_c: Connection, _cur: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    try:
        post_batch(engine, *instructions)
    finally:
        event.remove(engine, "before_cursor_execute", count)
    return len(asked)


def test_a_batch_of_hundreds_takes_as_many_statements_as_one_of_few(engine: Engine) -> None:
    def batch(name: str, size: int) -> list[Instruction]:
        out = [debit(1, f"{name}{n}") for n in range(size)]
        into = [credit_to_north(1, key=f"{name}{n}") for n in range(size)]
        cash_in = [deposit(1, key=f"{name}c{n}") for n in range(size)]
        settled = [instruct(I.SETTLE, i.order) for i in out[: size // 2]]
        return [*out, *into, *cash_in, *settled]

    post_batch(engine, deposit(1_000, key="first"))
    few, many = statements(engine, *batch("few", 2)), statements(engine, *batch("many", 280))
    assert few == many <= 20


def test_a_replay_only_reads(engine: Engine) -> None:
    post_batch(engine, *EVERYTHING)
    before = rows(engine, "SELECT max(record_id) FROM records")
    assert statements(engine, *EVERYTHING[3:]) <= 9
    assert rows(engine, "SELECT max(record_id) FROM records") == before


def test_a_key_is_found_by_its_index_however_many_orders_there_are(engine: Engine) -> None:
    seen: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _cur, sql, values, *_: seen.append((sql, values)))
    post_batch(engine, *EVERYTHING)
    for sql, values in [(sql, values) for sql, values in seen if sql.startswith("SELECT") and "WHERE" in sql]:
        plan = rows_with(engine, f"EXPLAIN QUERY PLAN {sql}", values)
        assert not [step for step in plan if step.startswith("SCAN")], (sql, plan)


def rows_with(engine: Engine, sql: str, values: Any) -> list[str]:
    with engine.connect() as connection, connection.begin():
        return [row[3] for row in connection.exec_driver_sql(sql, values)]


# --- the rules a second time, in the database


@pytest.fixture
def ledger(engine: Engine) -> Engine:
    post_batch(engine, *EVERYTHING, *CONCLUDING)
    return engine


OUTCOME = (
    "INSERT INTO outcomes SELECT r.record_id, {id}, {instruction}, {outcome}, {reason}, fingerprint, principal, {key}, "
    "payer_bank, payer_account, payee_bank, payee_account, payee_name, {amount}, currency, {reference}, actor, "
    "{bank}, {kind}, evidence_record_id, evidence_chain_hash FROM outcomes o, (SELECT max(record_id) AS record_id "
    "FROM records) r WHERE o.outcome = 'DEBITED' LIMIT 1"
)


def outcome_row(**changes: str) -> str:
    usual = {"id": "randomblob(16)", "instruction": "'DEBIT'", "outcome": "'DEBITED'", "reason": "''", "key": "'new'",
             "amount": "1", "reference": "''", "bank": "NULL", "kind": "NULL"}  # fmt: skip
    return OUTCOME.format(**(usual | changes))


BREACHES = [
    ("customers_never_owe", "UPDATE accounts SET balance = -1 WHERE account = 1001"),
    ("cash_is_never_above_zero", "UPDATE accounts SET balance = 1 WHERE account = -1"),
    ("cash_is_never_above_zero", "UPDATE accounts SET balance = 1 WHERE account = -3"),
    ("closed_at_zero", "UPDATE accounts SET status = 'CLOSED' WHERE account = 1001"),
    ("known_status", "UPDATE accounts SET status = 'ASLEEP' WHERE account = 1001"),
    ("internal_accounts_are_negative", "UPDATE accounts SET kind = 'cash', username = NULL WHERE account = 1001"),
    ("customers_have_users", "UPDATE accounts SET username = NULL WHERE account = 1001"),
    ("accounts.username", "UPDATE accounts SET username = 'carol' WHERE account = 1001"),
    ("one_row", "INSERT INTO about VALUES (2, 'SOUTH', 'EUR', 1)"),
    ("from_one", "INSERT INTO records VALUES (0, 1, 'x', randomblob(32))"),
    ("sha256", "INSERT INTO records VALUES (9999, 1, 'x', randomblob(31))"),
    ("outcomes.transfer_id", outcome_row(id="o.transfer_id")),
    ("outcomes.principal, outcomes.idempotency_key", outcome_row(key="o.idempotency_key")),
    ("id_length", outcome_row(id="randomblob(15)")),
    ("key_length", outcome_row(key="''")),
    ("amount_range", outcome_row(amount="0")),
    ("amount_range", outcome_row(amount="1000000000000000")),
    ("reference_length", outcome_row(reference="printf('%.141c', 'x')")),
    ("outcome_answers_instruction", outcome_row(outcome="'CREDITED'")),
    ("outcome_answers_instruction", outcome_row(outcome="'SETTLED'")),
    ("outcome_answers_instruction", outcome_row(outcome="'FINGERPRINT_MISMATCH'")),
    ("refusals_have_reasons", outcome_row(outcome="'REFUSED'")),
    ("refusals_have_reasons", outcome_row(reason="'ACCOUNT_FROZEN'")),
    ("credit_needs_debited", outcome_row(instruction="'CREDIT'", outcome="'CREDITED'", bank="'SOUTH'",
                                         kind="'CREDITED'")),
    ("conclusions.transfer_id", "INSERT INTO conclusions SELECT (SELECT max(record_id) FROM outcomes) - 1, transfer_id,"
     " outcome, evidence_bank, evidence_kind, evidence_record_id, evidence_chain_hash FROM conclusions LIMIT 1"),
    ("concluded_on_evidence", "INSERT INTO conclusions SELECT max(record_id), transfer_id, 'RETURNED', 'SOUTH', "
     "'CREDITED', 1, randomblob(32) FROM outcomes WHERE idempotency_key = 'open'"),
    ("concluded_on_evidence", "INSERT INTO conclusions SELECT max(record_id), transfer_id, 'SETTLED', 'SOUTH', "
     "'CANCELLED', 1, randomblob(32) FROM outcomes WHERE idempotency_key = 'open'"),
    ("two_accounts", "INSERT INTO entries SELECT 9999, record_id, transfer_id, 1001, 1001, 1, 0, 0 FROM outcomes "
     "WHERE outcome = 'REFUSED' LIMIT 1"),
    ("entries.record_id", "INSERT INTO entries SELECT 9999, record_id, transfer_id, 1001, 1002, 1, 0, 0 FROM entries "
     "LIMIT 1"),
    ("FOREIGN KEY", "INSERT INTO entries SELECT 9999, record_id, transfer_id, 1001, 4711, 1, 0, 0 FROM outcomes "
     "WHERE outcome = 'REFUSED' LIMIT 1"),
    ("epoch", "INSERT INTO gateway_epoch VALUES (1, 0, x'00')"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "statement"), BREACHES)
def test_the_database_refuses_what_the_rules_forbid(ledger: Engine, rule: str, statement: str) -> None:
    with ledger.connect() as connection, pytest.raises(DBAPIError) as caught, connection.begin():
        connection.exec_driver_sql(statement)
    assert rule in str(caught.value.orig)


@pytest.mark.parametrize("table", ["records", "outcomes", "conclusions", "entries", "acts"])
def test_what_was_written_stays_as_it_was_written(ledger: Engine, table: str) -> None:
    for statement in (f"UPDATE {table} SET record_id = record_id", f"DELETE FROM {table}",
                      f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1"):  # fmt: skip
        with ledger.connect() as connection, pytest.raises(DBAPIError, match=f"{table} is append-only"), connection.begin():
            connection.exec_driver_sql(statement)
