"""What a bank writes is what it finds again, in few statements, in numbers without gaps, and for ever."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from shutil import copyfile
from typing import Any

import pytest
from sqlalchemy import Engine, event

from bank_service.books import Book
from bank_service.ledger import post
from bank_service.settings import BankSettings
from bank_service.storage import counterpart_positions, has_record, load_accounts, load_batch, load_book, store
from interbank.instructions import Head, Instruction, Outcome
from interbank.instructions import InstructionKind as I
from interbank.instructions import OutcomeKind as O
from interbank.storage.engine import open_engine
from tests.audit_books import canonical
from tests.contracts.one_bank import OneBank
from tests.histories import FATES, Batches, befall, random_history
from tests.instructing import (
    CONCLUDING,
    EVERYTHING,
    NOW,
    a_book,
    cash,
    credit_to_north,
    debit,
    deposit,
    evidence,
    instruct,
)

SETTINGS = BankSettings("NORTH", "EUR", counter_open=True, operator_admitted=True)


@pytest.fixture(scope="module")
async def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank with alice and carol, who hold 100 each with a grant."""
    path = tmp_path_factory.mktemp("founded") / "bank.db"
    bank = await OneBank(path).start({"alice": 100, "carol": 100})
    bank.stop()
    return path


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


def rows(engine: Engine, query: str, values: Any = ()) -> list[Any]:
    with engine.connect() as connection, connection.begin():
        return [tuple(row) for row in connection.exec_driver_sql(query, values)]


# --- what was stored is found again


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
        load_accounts(connection, book, [0, -3, 1001, 1002])
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


def statements(engine: Engine, *instructions: Instruction) -> list[str]:
    """What SQLite is asked for this batch, values and all."""
    asked: list[str] = []

    def listen(connection: Any, _record: Any) -> None:
        connection.set_trace_callback(asked.append)

    event.listen(engine, "connect", listen)
    try:
        post_batch(engine, *instructions)
    finally:
        event.remove(engine, "connect", listen)
    return [sql for sql in asked if not sql.startswith("--")]  # what triggers do


def a_batch(name: str, size: int) -> list[Instruction]:
    out = [debit(1, f"{name}{n}") for n in range(size)]
    into = [credit_to_north(1, key=f"{name}{n}") for n in range(size)]
    settled = [instruct(I.SETTLE, i.order) for i in out[: size // 2]]
    return [*out, *into, *settled]


def test_a_batch_of_hundreds_reads_with_as_many_statements_as_one_of_few(engine: Engine) -> None:
    few, many = statements(engine, *a_batch("few", 2)), statements(engine, *a_batch("many", 64))
    assert reads(few) == reads(many) <= 5


def test_rows_are_written_by_the_dozen(engine: Engine) -> None:
    batch = a_batch("many", 256)
    assert len(statements(engine, *batch)) < len(batch) // 8


def reads(asked: list[str]) -> int:
    return len([sql for sql in asked if sql.startswith("SELECT")])


def test_a_replay_only_reads(engine: Engine) -> None:
    post_batch(engine, *EVERYTHING)
    asked = statements(engine, *EVERYTHING)
    assert {sql.split()[0] for sql in asked} == {"BEGIN", "SELECT", "COMMIT"}


LISTS = ("VALUES", "CONSTANT ROW", "CONSTANT ROWS", "given")
"""What a statement brings with it; to scan that is to read it once."""


def test_no_table_is_read_from_end_to_end_however_many_orders_it_holds(engine: Engine) -> None:
    post_batch(engine, *EVERYTHING)
    for sql in statements(engine, *a_batch("more", 70), *CONCLUDING):
        if sql.startswith(("SELECT", "WITH", "DELETE")):
            plan = [row[3] for row in rows(engine, f"EXPLAIN QUERY PLAN {sql}")]
            scanned = [step for step in plan if step.startswith("SCAN") and not step.endswith(LISTS)]
            scanned = [step for step in scanned if "VALUES CLAUSE" not in step]
            assert scanned == [] or "LIMIT" in sql, (sql, plan)


# --- what people see


def test_every_answer_shows_in_the_view_of_outcomes_even_of_money_that_the_bank_does_not_know(engine: Engine) -> None:
    """A currency that is not the bank's has no scale here: its decimal text is missing, its minor units are not."""
    order = replace(credit_to_north(1, key="strange").order, currency="JPY")
    post_batch(engine, *EVERYTHING, *CONCLUDING, instruct(I.CREDIT, order, principal="user:bob", grant=b""))
    shown = rows(engine, "SELECT reason, minor_units, amount FROM v_outcomes WHERE currency = 'JPY'")
    assert shown == [("CURRENCY_MISMATCH", 1, None)]
    ((answers,),) = rows(engine, "SELECT (SELECT count(*) FROM outcomes) + (SELECT count(*) FROM conclusions)")
    assert rows(engine, "SELECT count(*) FROM v_outcomes") == [(answers,)]
