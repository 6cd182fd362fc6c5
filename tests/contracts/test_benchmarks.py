"""What a figure of `make bench` rests on: right medians, and books that are looked at."""

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import workloads as w
from benchmarks.books import Books
from benchmarks.closed_loop import _require_same
from benchmarks.customers import Customers
from benchmarks.figures import Figure, Results, Run, percentile
from benchmarks.goals import Goal, goals, ratios
from benchmarks.interruptions import crash_requests
from benchmarks.load import Load, RunFailed
from benchmarks.open_loop import arrivals
from benchmarks.orders import Orders, Payee, Payees, Payment, payment
from benchmarks.plan import BANKS
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
    _require_same(again.transfer.order, again.transfer)
    other = type(again.transfer.order)()
    other.CopyFrom(again.transfer.order)
    other.minor_units += 1
    with pytest.raises(RunFailed, match="another order"):
        _require_same(other, again.transfer)
    assert paid.books.faults(paid.acknowledged) == []


def test_customers_come_at_the_wanted_rate_at_moments_of_their_own():
    moments = arrivals(200, 50)
    assert moments == sorted(moments)
    assert 0 < moments[0] < moments[-1] < 50
    assert 9_500 < len(moments) < 10_500
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert sum(gap > 1 / 200 for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.02)


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
    nothing = Results(runs={}, peers={}, idle_mb={}, loaded_mb={}, payments_checked=0, records_audited=0)
    assert ratios(nothing) == {}
    assert {goal.met for goal in goals(nothing)} == {None}


def test_the_orders_of_a_crash_are_as_many_as_the_plan_says_and_no_two_share_a_key():
    payees = {bank: (Payee(1001, "a"), Payee(1002, "b")) for bank in BANKS}
    customers = Customers((), payees, "", "")
    requests = crash_requests(Load("", b"", customers, (), 0.0, 1, "run-1"), 4000)
    assert [len(request.orders) for request in requests] == [1000] * 4
    assert {request.on_authority_of_bank for request in requests} == set(BANKS)
    assert len({order.idempotency_key for request in requests for order in request.orders}) == 4000
    assert all(order.payer_bank == one.on_authority_of_bank for one in requests for order in one.orders)


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
