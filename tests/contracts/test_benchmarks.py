"""What a figure of `make bench` rests on: right medians, and books that are looked at."""

import asyncio
import itertools
import json
import os
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit.report import FileReport, Report
from benchmarks import connections as connections_module
from benchmarks import rounds
from benchmarks import workloads as w
from benchmarks.audits import audited, records_of
from benchmarks.books import Books
from benchmarks.closed_loop import pay_in_batches
from benchmarks.connections import apart, connections
from benchmarks.crashes import crash_requests, faults_of_recovery, states_after
from benchmarks.customers import Customers
from benchmarks.failures import RunFailed
from benchmarks.figures import Figure, Results, Run, p999, percentile
from benchmarks.goals import Goal, goals, ratios
from benchmarks.load import Load, accepted, completed
from benchmarks.network import Running
from benchmarks.open_loop import arrivals
from benchmarks.orders import Earlier, Orders, Payee, Payees, Payment, payment
from benchmarks.plan import BANKS, BATCH, BATCHES_IN_FLIGHT, FULL, QUICK, SENT_AGAIN
from benchmarks.report import document, remarks, table
from benchmarks.rounds import rotated
from benchmarks.sweeps import measure_sweeps, within
from clients.launcher.home import Home
from clients.launcher.network import Member, Network
from interbank.locking import take_lock
from protos.v1 import gateway_pb2, order_pb2
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


def test_every_order_goes_to_another_bank_with_an_amount_and_a_key_of_its_own():
    payees = {bank: [Payee(number, f"{bank.lower()}-{number}") for number in range(5)] for bank in ("AA", "BB", "CC")}
    orders = Orders(payees, first_amount=7, label="run-1")
    made = [orders.from_any_account("BB") for _ in range(200)]
    assert {order.payee_bank for order in made} == {"AA", "CC"}
    assert [order.minor_units for order in made] == list(range(7, 207))
    assert len({order.idempotency_key for order in made}) == 200


@pytest.mark.parametrize(("percent", "value"), [(1, 1), (50, 5), (90, 9), (91, 10), (99, 10), (100, 10)])
def test_a_percentile_is_a_value_that_was_measured(percent, value):
    assert percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent) == value


def test_the_median_counts_and_the_spread_is_told():
    figure = Figure((90.0, 100.0, 120.0))
    assert (figure.median, figure.spread_percent) == (100.0, 30.0)


def test_of_a_thousand_calls_there_is_a_p999_and_of_fewer_there_is_none():
    assert p999([1.0] * 998 + [2.0, 3.0]) == 2.0
    assert p999([1.0] * 999) is None
    runs = {w.ONE_BY_ONE: (_run(p999_ms=5), _run(p999_ms=7)), w.ONE_CLIENT: (_run(p999_ms=5), _run(p999_ms=None))}
    measured = replace(NOTHING, runs=runs, left_out=("no point for 1,024 clients",))
    found = document(measured, NOTHING, FULL, {}, commit="", date="", seconds=9.0, quick_seconds=81.4)
    assert found["latency_ms"]["p999"] == {w.ONE_BY_ONE: 6}
    assert found["latency_ms"]["p99"].keys() == {w.ONE_BY_ONE, w.ONE_CLIENT}
    assert found["repeats"][w.ONE_BY_ONE]["p999_ms"] == [5, 7]
    assert "p999_ms" not in found["repeats"][w.ONE_CLIENT]
    assert found["quick"]["seconds"] == 81
    assert found["left_out"] == ["no point for 1,024 clients"]
    rows = [str(cell) for cell in table(measured).columns[0].cells]
    assert "one by one, 64 clients: p99.9 in ms" in rows
    assert "one client: p99 in ms" in rows
    assert "one client: p99.9 in ms" not in rows


def test_whoever_reads_is_told_what_was_left_out_and_of_an_audit_only_where_there_was_one():
    measured = replace(NOTHING, runs={w.BATCHED: (_run(),)}, left_out=("no point",), payments_checked=5)
    assert list(remarks(measured, filesystem="ext4")) == ["books: 5 payments are right", "no point"]
    audited = replace(measured, records_audited=7, left_out=())
    assert list(remarks(audited, filesystem="ext4")) == ["books: 5 payments are right, 7 records audited"]


def test_clients_for_whose_connections_there_are_too_few_files_are_left_out_with_a_remark():
    assert within(None, (8, 1024)) == ((8, 1024), ())
    assert within(1024, (8, 1024)) == ((8, 1024), ())
    possible, left_out = within(1023, (8, 1024))
    assert possible == (8,)
    assert left_out == ("no point for 1,024 clients: a process may not open as many files here (ulimit -Hn)",)


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


def test_every_workload_meets_what_grows_in_another_place_in_each_round():
    first, second, third = (rotated("ABCDE", number) for number in (1, 2, 3))
    assert ("".join(first), "".join(second), "".join(third)) == ("ABCDE", "BCDEA", "CDEAB")
    assert rotated("AB", 3) == ("A", "B")


class _Payments:
    """Writes down what it is told to pay, and is as fast as it is told to be."""

    def __init__(self, per_second: float = 1.0) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.per_second = per_second

    def __getattr__(self, kind: str) -> Any:
        def pay(name: str, *arguments: Any, **named: Any) -> Run:
            self.told.append((name, kind, *arguments, named))
            return _run(per_second=self.per_second)

        return pay


def test_of_two_in_batches_that_are_compared_each_comes_first_in_some_round():
    places = []
    for number in (1, 2, 3):
        runs = list(rounds._closed(FULL, _Payments(), number))
        assert set(runs) == {w.BATCHED, w.ONE_BY_ONE, w.HOT, w.ONE_CLIENT, w.RETRIED}
        places.append({name: runs.index(name) for name in runs})
    for compared in (w.HOT, w.RETRIED, w.ONE_BY_ONE):
        assert {place[compared] < place[w.BATCHED] for place in places} == {True, False}


def test_the_open_loops_come_at_a_part_of_what_256_clients_get():
    payments = _Payments(per_second=800.0)
    assert list(rounds._open(FULL, payments, 1)) == [w.MAXIMUM, w.OPEN_LOOP, w.STEADY, w.LOGINS]
    kinds = [told[1:-1] for told in payments.told]
    seconds = FULL.open_loop
    assert kinds == [
        ("one_by_one", 256, FULL.one_by_one),
        ("at_rate", seconds, 400.0),
        ("at_rate", seconds, 200.0),
        ("at_rate", seconds, 200.0, 2.0),
    ]
    assert rounds._open(QUICK, payments, 1) == {}


def test_the_maximum_is_a_point_of_the_curve_and_not_measured_again():
    payments = _Payments(per_second=5.0)
    runs = {name: (_run(per_second=rate),) for name, rate in ((w.BATCHED, 9), (w.ONE_CLIENT, 1), (w.ONE_BY_ONE, 2))}
    runs[w.MAXIMUM] = (_run(per_second=2), _run(per_second=3), _run(per_second=9))
    found = measure_sweeps(FULL, payments, runs).curves
    assert found[w.OVER_CLIENTS] == ((1, 1), (8, 5.0), (64, 2), (256, 3), (1024, 5.0))
    assert not any("256" in told[0] for told in payments.told)


def test_ours_over_ours_is_the_median_of_the_rounds():
    hot, uniform = (100, 200, 400), (100, 100, 800)
    runs = {
        w.HOT: tuple(_run(per_second=rate) for rate in hot),
        w.BATCHED: tuple(_run(per_second=rate) for rate in uniform),
    }
    assert ratios(replace(NOTHING, runs=runs)) == {"hot_to_uniform": 1.0}
    runs[w.RETRIED] = tuple(_run(per_second=rate) for rate in (50, 300, 80))
    assert ratios(replace(NOTHING, runs=runs))["retried_to_fresh"] == 0.5


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (Goal("payments", 4000, 4000), True),
        (Goal("payments", 3999, 4000), False),
        (Goal("memory", 300, 300, at_most=True), True),
        (Goal("memory", 301, 300, at_most=True), False),
        (Goal("memory", None, 300, at_most=True), None),
    ],
)
def test_a_goal_is_met_or_it_is_not(goal, met):
    assert goal.met is met


def test_all_payments_go_to_the_one_hot_account_and_its_bank_pays_nobody():
    payees = {bank: [Payee(number, f"{bank.lower()}-{number}") for number in range(5)] for bank in ("AA", "BB", "CC")}
    orders = Orders(payees, first_amount=1, label="run-1", hot_bank="AA")
    assert orders.paying_banks == ("BB", "CC")
    made = [orders.from_any_account(bank) for bank in ("BB", "CC") for _ in range(50)]
    assert {(order.payee_bank, order.payee_account, order.payee_name) for order in made} == {("AA", 0, "aa-0")}
    assert len({order.payer_account for order in made}) == 5


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


NOTHING = Results(runs={}, peers={}, idle_mb={}, loaded_mb={}, payments_checked=0, records_audited=0)


def _run(**changes: float | None) -> Run:
    return replace(Run(1, 1, 1, 1, 1, 1, 0), **changes)


def _measured(**changes: float) -> Results:
    """One run of everything, at the very bound of each goal."""
    rates = {w.BATCHED: 4000, w.ONE_BY_ONE: 450, w.HOT: 3600, w.RETRIED: 3800, w.SMALL_LEDGER: 1000, w.BIG_LEDGER: 900}
    p99 = {w.ONE_CLIENT: 20, w.OPEN_LOOP: 50, w.STEADY: 10, w.LOGINS: 15}
    names = {*rates, *p99}
    return Results(
        runs={name: (Run(1, rates.get(name, 1), 10, p99.get(name, 1), 1, 200, 0),) for name in names},
        peers={
            name: Figure((value,))
            for name, value in {
                w.pgbench(32): 1000,
                w.nostro(16): 90,
                w.echo(64): 1000,
                w.ECHO_P50: 1,
                w.ECHO_P99: 1,
                w.SYNCS: 4000,
            }.items()
        },
        idle_mb={"gateway": 55, "NORTH": 55, "SOUTH": 55, "EAST": 55},
        loaded_mb={},
        payments_checked=1,
        records_audited=1,
        others={
            name: Figure((changes.get(name, value),))
            for name, value in {
                w.START: 5,
                w.STATEMENT: 20,
                w.RECOVERY_GATEWAY: 10,
                w.RECOVERY_BANK: 10,
            }.items()
        },
    )


def test_every_goal_is_held_against_its_figure():
    found = goals(_measured())
    assert len(found) == 16
    assert [(goal.name, goal.measured, goal.met) for goal in found if goal.measured != goal.wanted] == []
    assert all(goal.met for goal in found)


def test_a_goal_that_is_missed_is_the_only_one_that_is():
    missed = [goal.name for goal in goals(_measured(**{w.RECOVERY_BANK: 10.5})) if not goal.met]
    assert missed == ["SIGKILL of a bank until all are final, s"]


def test_what_was_not_measured_has_no_ratio_and_meets_no_goal():
    assert ratios(NOTHING) == {}
    assert {goal.met for goal in goals(NOTHING)} == {None}


def test_the_orders_of_a_crash_are_as_many_as_the_plan_says_and_no_two_share_a_key():
    payees = {bank: (Payee(1001, "a"), Payee(1002, "b")) for bank in BANKS}
    customers = Customers((), payees, "", "")
    requests = crash_requests(Load("", b"", customers, (), 0.0, 1, "run-1"), 4000)
    assert [len(request.orders) for request in requests] == [1000] * 4
    assert {request.on_authority_of_bank for request in requests} == set(BANKS)
    assert len({order.idempotency_key for request in requests for order in request.orders}) == 4000
    assert all(order.payer_bank == one.on_authority_of_bank for one in requests for order in one.orders)


IDS = [bytes([number]) * 16 for number in range(5)]
PAID = [(identity, "COMPLETED") for identity in IDS]


def test_a_crash_after_which_every_accepted_order_is_completed_has_a_number():
    assert faults_of_recovery(IDS, PAID[::-1]) == []


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (PAID[1:], "1 lost"),
        ([], "5 lost"),
        ([*PAID, (b"x" * 16, "COMPLETED")], "1 that nobody handed over"),
        ([*PAID, PAID[0]], "1 that nobody handed over"),
        ([*PAID[1:], (IDS[0], "REFUSED")], "1 REFUSED"),
        ([*PAID[1:], (IDS[0], "ACCEPTED")], "1 ACCEPTED"),
    ],
)
def test_a_crash_that_lost_made_or_left_an_order_has_none(found, fault):
    assert faults_of_recovery(IDS, found) == [f"of 5 orders {fault}"]


def test_two_orders_that_were_accepted_under_one_id_are_told():
    faults = faults_of_recovery([*IDS, IDS[0]], PAID)
    assert "of 6 orders 1 accepted under the id of another" in faults


async def test_an_order_that_a_crash_lost_from_the_journal_is_missed(paid):
    journal = paid.world.path("gateway")
    identities = [payment.transfer_id for payment in paid.acknowledged]
    assert faults_of_recovery(identities, states_after(journal, 0)) == []
    assert faults_of_recovery(identities[1:], states_after(journal, 1)) == []
    accepted_and_gone = [*identities, b"y" * 16]
    assert faults_of_recovery(accepted_and_gone, states_after(journal, 0)) == ["of 3 orders 1 lost"]
    assert faults_of_recovery(identities, states_after(journal, 1)) == ["of 2 orders 1 lost"]


def _audit(*names: str, **changes: Any) -> Report:
    files = tuple(FileReport(f"/{name}", "bank", name, "EUR", "1", 7, 10, "", "", "", "") for name in names)
    return replace(Report("verify", files, (), (), None, (), (), ()), **changes)


def test_an_audit_of_every_file_tells_how_many_records_it_read():
    assert records_of(_audit("gateway", "NORTH"), {"gateway", "NORTH"}) == 20


@pytest.mark.parametrize(
    ("report", "why"),
    [
        (_audit("gateway"), "read gateway, and not NORTH, gateway"),
        (_audit(), "read nothing"),
        (_audit("gateway", "NORTH", "SOUTH"), "read NORTH, SOUTH, gateway"),
        (_audit("gateway", "NORTH", not_read=("/home/x.db",)), "could not read /home/x.db"),
        (_audit("gateway", "NORTH", findings=("a hash",)), "found something: a hash"),
    ],
)
def test_an_audit_that_did_not_read_all_or_found_something_ends_without_a_number(report, why):
    with pytest.raises(RunFailed, match=why):
        records_of(report, {"gateway", "NORTH"})


async def test_a_network_whose_files_cannot_be_audited_ends_without_a_number(tmp_path):
    with pytest.raises(RunFailed, match="the audit could not be made"):
        audited(Running(Home(tmp_path), Network("", "EUR", 1), b""))


def test_a_process_that_does_not_run_is_missed(tmp_path):
    home = Home(tmp_path)
    running = Running(home, Network("", "EUR", 1, banks=(Member("NORTH", "EUR", 3), Member("SOUTH", "EUR", 4))), b"")
    locks = []
    for place in (home.gateway, home.bank("NORTH"), home.bank("SOUTH")):
        place.database.parent.mkdir(parents=True, exist_ok=True)
        locks.append(take_lock(place.database))
        place.lock.write_text(json.dumps({"ready": True, "pid": os.getpid(), "name": place.name}))
    assert set(running.pids) == {"gateway", "NORTH", "SOUTH"}
    os.close(locks.pop())
    with pytest.raises(RunFailed, match="not running: SOUTH"):
        _ = running.pids
    home.bank("NORTH").lock.write_text("{}")
    with pytest.raises(RunFailed, match="not running: NORTH, SOUTH"):
        _ = running.pids
    for lock in locks:
        os.close(lock)


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
