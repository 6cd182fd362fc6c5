"""What a figure of `make bench` rests on: books that are looked at."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.books import Books
from benchmarks.failures import RunFailed
from benchmarks.load import completed
from benchmarks.orders import Payment, payment
from protos.v1 import order_pb2
from tests.world import Caller, World


class Paid:
    """A world in which two payments were made while the benchmark's check watched."""

    def __init__(self, world: World, books: Books, acknowledged: list[Payment]) -> None:
        self.world = world
        self.books = books
        self.acknowledged = acknowledged


@pytest.fixture
async def paid(tmp_path: Path):
    world = await World(tmp_path).start("NORTH", "SOUTH")
    operator = await Caller(world).login("admin", "1234")
    alice = await operator.open_account("NORTH", "alice", cents=10_000)
    bob = await operator.open_account("SOUTH", "bob", cents=500)
    caller = Caller(world)
    await caller.register("alice", "NORTH", alice)
    await caller.login("alice")
    books = Books(world.gateway.path, {bank: running.path for bank, running in world.banks.items()})
    answers = [await caller.pay(("NORTH", alice), ("SOUTH", bob, "bob"), cents, f"key-{cents}") for cents in (100, 200)]
    yield Paid(world, books, [payment(answer.transfer.transfer_id, answer.transfer.order) for answer in answers])
    await world.stop()


async def test_books_that_hold_what_was_acknowledged_are_right_and_counted(paid):
    assert paid.books.faults(paid.acknowledged) == []
    assert paid.books.checked == 2


async def test_a_payment_within_one_bank_is_looked_for_there(paid):
    world = paid.world
    operator = await Caller(world).login("admin", "1234")
    anna = await operator.open_account("NORTH", "anna", cents=0)
    books = Books(world.gateway.path, {bank: running.path for bank, running in world.banks.items()})
    alice = await Caller(world).login("alice")
    answer = await alice.pay(("NORTH", 1001), ("NORTH", anna, "anna"), 300, "within")
    within = payment(answer.transfer.transfer_id, answer.transfer.order)
    assert books.faults([within]) == []
    answer = await alice.pay(("NORTH", 1001), ("NORTH", anna, "anna"), 400, "never told")
    faults = books.faults([])
    assert any(fault.startswith("NORTH's payments of its own: 1 payments for 0") for fault in faults)


async def test_a_payment_is_looked_for_once_so_a_second_run_begins_after_the_first(paid):
    paid.books.faults(paid.acknowledged)
    assert paid.books.faults([]) == []


async def test_an_acknowledged_payment_that_is_nowhere_leaves_no_number(paid):
    invented = Payment(b"\x01" * 16, "NORTH", 1001, "SOUTH", 1001, 300)
    faults = paid.books.faults([*paid.acknowledged, invented])
    assert [fault.split(":")[0] for fault in faults] == ["the gateway's journal", "NORTH's debits", "SOUTH's credits"]
    assert all("1 missing" in fault for fault in faults)
    assert paid.books.checked == 0


async def test_a_payment_that_nobody_was_told_of_leaves_no_number(paid):
    faults = paid.books.faults(paid.acknowledged[:1])
    assert len(faults) == 3
    assert all("1 that nobody was told of" in fault for fault in faults)


async def test_another_amount_than_was_acknowledged_leaves_no_number(paid):
    first, second = paid.acknowledged
    assert paid.books.faults([first, second._replace(minor_units=second.minor_units + 1)])


async def test_money_made_in_a_database_file_leaves_no_number(paid):
    with closing(sqlite3.connect(paid.world.banks["SOUTH"].path)) as connection, connection:
        connection.execute("UPDATE accounts SET balance = balance + 1 WHERE username = 'bob'")
    faults = paid.books.faults(paid.acknowledged)
    assert any("the accounts of SOUTH sum to 1" in fault for fault in faults)
    assert any("customers hold" in fault for fault in faults)


async def test_an_answer_under_an_old_key_must_be_about_the_old_order(paid):
    caller = Caller(paid.world)
    await caller.login("alice")
    _, payer_bank, payer, payee_bank, payee = paid.acknowledged[0][:5]
    again = await caller.pay((payer_bank, payer), (payee_bank, payee, "bob"), 100, "key-100")
    assert completed(again.transfer.order, again.transfer) == paid.acknowledged[0]
    other = order_pb2.Order()
    other.CopyFrom(again.transfer.order)
    other.minor_units += 1
    with pytest.raises(RunFailed, match="another order"):
        completed(other, again.transfer)
    assert paid.books.faults(paid.acknowledged) == []
