"""What the load of `make bench` sends, and what it takes for an answer."""

import asyncio
import itertools
import os
import random
import subprocess
import sys
from collections import Counter

import pytest

from benchmarks import connections as connections_module
from benchmarks.books import Books
from benchmarks.closed_loop import pay_in_batches
from benchmarks.connections import apart, connections
from benchmarks.customers import Customers
from benchmarks.failures import RunFailed
from benchmarks.load import Load, accepted
from benchmarks.open_loop import arrivals
from benchmarks.orders import Earlier, Orders, Payee, Payees
from benchmarks.plan import BANKS, BATCH, BATCHES_IN_FLIGHT, SENT_AGAIN
from protos.v1 import gateway_pb2, order_pb2
from tests.world import World


def test_every_order_goes_to_another_bank_with_an_amount_and_a_key_of_its_own():
    payees = {bank: [Payee(number, f"{bank.lower()}-{number}") for number in range(5)] for bank in ("AA", "BB", "CC")}
    orders = Orders(payees, first_amount=7, label="run-1")
    made = [orders.from_any_account("BB") for _ in range(200)]
    assert {order.payee_bank for order in made} == {"AA", "CC"}
    assert [order.minor_units for order in made] == list(range(7, 207))
    assert len({order.idempotency_key for order in made}) == 200


def test_all_payments_go_to_the_one_hot_account_and_its_bank_pays_nobody():
    payees = {bank: [Payee(number, f"{bank.lower()}-{number}") for number in range(5)] for bank in ("AA", "BB", "CC")}
    orders = Orders(payees, first_amount=1, label="run-1", hot_bank="AA")
    assert orders.paying_banks == ("BB", "CC")
    made = [orders.from_any_account(bank) for bank in ("BB", "CC") for _ in range(50)]
    assert {(order.payee_bank, order.payee_account, order.payee_name) for order in made} == {("AA", 0, "aa-0")}
    assert len({order.payer_account for order in made}) == 5


def test_a_million_payees_are_told_by_their_number():
    some = Payees("NORTH", 1_000_000)
    assert (len(some), some[0], some[999_999]) == (
        1_000_000,
        Payee(1001, "north-0000"),
        Payee(1_001_000, "north-999999"),
    )
    assert some[2:4] == [some[2], some[3]]
    with pytest.raises(IndexError):
        some[1_000_000]


def test_where_there_is_one_bank_its_customers_pay_each_other_and_nobody_himself():
    orders = Orders({"NORTH": Payees("NORTH", 3)}, first_amount=1, label="x")
    made = [orders.from_any_account("NORTH") for _ in range(50)]
    assert {order.payee_bank for order in made} == {"NORTH"}
    assert all(order.payer_account != order.payee_account for order in made)


def _submissions(orders: list[order_pb2.Order]) -> list[gateway_pb2.Submission]:
    return [gateway_pb2.Submission(transfer=order_pb2.Transfer(order=order)) for order in orders]


def test_a_batch_is_accepted_when_every_order_has_an_answer_of_its_own_in_its_place():
    made = Orders({bank: Payees(bank, 5) for bank in BANKS}, first_amount=1, label="run-1")
    orders = [made.from_any_account(BANKS[0]) for _ in range(3)]
    right = _submissions(orders)
    assert [transfer.order for transfer in accepted(orders, right)] == orders
    refused = gateway_pb2.Submission(not_accepted=gateway_pb2.NotAccepted(reason="TOO_MANY"))
    for wrong, why in (
        (right[:2], "3 orders were sent, and 2 answered"),
        ([*right, right[0]], "3 orders were sent, and 4 answered"),
        ([*right[:2], refused], "not accepted: TOO_MANY"),
        ([*right[:2], gateway_pb2.Submission()], "not accepted"),
        ([right[1], right[0], right[2]], "another order"),
    ):
        with pytest.raises(RunFailed, match=why):
            accepted(orders, wrong)


async def test_every_measured_batch_has_its_old_orders_and_only_new_payments_are_counted(tmp_path):
    async with World(tmp_path).running("NORTH", "SOUTH") as world:
        operator = await world.operator()
        payees = {bank: Payees(bank, 2) for bank in world.banks}
        for bank, some in payees.items():
            for payee in some:
                assert await operator.open_account(bank, payee.name, cents=1_000_000) == payee.account
        books = Books(world.path("gateway"), {bank: world.path(bank) for bank in world.banks})
        customers = Customers((), payees, operator.token, "")
        load = Load(world.gateway.address, world.gateway_identity.authority, customers, (), 0.5, 1, "run-1")
        measured = await asyncio.to_thread(apart, pay_in_batches, load, 10, 4, again=2)
        await world.quiet()
    assert len(measured.payments) == 8 * len(measured.latencies)
    assert len(measured.earlier) == 2 * 10 * len(payees)
    assert not set(measured.earlier) & set(measured.payments)
    assert measured.per_second == len(measured.payments) / measured.seconds
    assert books.faults(measured.acknowledged) == []


def test_every_tenth_key_is_sent_twice_and_none_three_times_however_the_batches_end():
    made = Orders({bank: Payees(bank, 50) for bank in BANKS}, first_amount=1, label="run-1")
    earlier, chance, sent = Earlier(2 * BATCH, "run-1"), random.Random(1), Counter()
    earlier.add([made.from_any_account(BANKS[0]) for _ in range(2 * BATCH)])
    under_way, fresh, again = [], 0, 0
    for _ in range(60):
        old = earlier.take(SENT_AGAIN)
        new = [made.from_any_account(BANKS[0]) for _ in range(BATCH - len(old))]
        sent.update(order.idempotency_key for order in old)
        fresh, again = fresh + len(new), again + len(old)
        under_way.append(new)
        if len(under_way) == BATCHES_IN_FLIGHT:
            earlier.add(under_way.pop(chance.randrange(BATCHES_IN_FLIGHT)))
    assert again / fresh == pytest.approx(0.1, abs=0.001)
    assert set(sent.values()) == {1}


def test_customers_come_at_the_wanted_rate_at_moments_of_their_own():
    moments = arrivals(200, 50)
    assert moments == sorted(moments)
    assert 0 < moments[0] < moments[-1] < 50
    assert 9_500 < len(moments) < 10_500
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert sum(gap > 1 / 200 for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.02)


def test_a_load_may_open_as_many_files_as_the_system_allows():
    lowered = (
        "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (256, 512)); from benchmarks.connections import apart; "
        "from benchmarks.limits import most_connections; print(*apart(r.getrlimit, r.RLIMIT_NOFILE), "
        "*r.getrlimit(r.RLIMIT_NOFILE), most_connections())"
    )
    told = subprocess.run([sys.executable, "-c", lowered], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["512", "512", "256", "512", "312"]


async def test_connections_that_are_not_up_in_time_end_the_run(monkeypatch, tmp_path):
    monkeypatch.setattr(connections_module, "_CONNECTED_WITHIN", 0.2)
    async with World(tmp_path).running("NORTH") as world:
        with pytest.raises(RunFailed, match="2 connections were not up within"):
            async with connections("localhost:1", world.gateway_identity.authority, 2):
                pytest.fail("connected")


def test_a_load_that_dies_ends_the_run():
    with pytest.raises(RunFailed, match="ended before its time"):
        apart(os._exit, 1)
