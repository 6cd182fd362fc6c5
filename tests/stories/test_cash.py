"""Cash in and out: at the counter by the customer, and by the operator's hand."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from interbank.refusals import Reason
from protos.v1 import gateway_pb2, order_pb2
from tests import books
from tests.refusing import refused
from tests.world import Caller, World, money


async def deposit(caller: Caller, cents: int, key: str, bank: str = "NORTH", currency: str = "EUR") -> object:
    request = gateway_pb2.DepositRequest(bank=bank, amount=money(cents, currency), idempotency_key=key)
    return (await caller.call("AccountService", "Deposit", request)).result


async def withdraw(caller: Caller, cents: int, key: str, bank: str = "NORTH", currency: str = "EUR") -> object:
    request = gateway_pb2.WithdrawRequest(bank=bank, amount=money(cents, currency), idempotency_key=key)
    return (await caller.call("AccountService", "Withdraw", request)).result


async def add_money(operator: Caller, account: int, cents: int, key: str, bank: str = "NORTH") -> object:
    request = gateway_pb2.AddMoneyRequest(bank=bank, account=account, amount=money(cents), idempotency_key=key)
    return (await operator.call("AdminService", "AddMoney", request)).result


async def take_money(operator: Caller, account: int, cents: int, key: str, bank: str = "NORTH") -> object:
    request = gateway_pb2.AdminServiceWithdrawRequest(
        bank=bank, account=account, amount=money(cents), idempotency_key=key
    )
    return (await operator.call("AdminService", "Withdraw", request)).result


async def test_cash_goes_in_and_out_at_the_counter(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    put_in = await deposit(alice, 20_00, "in")
    taken_out = await withdraw(alice, 5_00, "out")
    assert (put_in.balance_after, taken_out.balance_after) == (20_00, 15_00)
    assert (put_in.account, put_in.amount) == (alice.accounts["NORTH"], money(20_00))
    assert await alice.balance("NORTH") == 15_00


@pytest.mark.parametrize("move", [deposit, withdraw])
async def test_a_key_moves_cash_once_and_tells_the_balance_of_then(world: World, move: object) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    first = await move(alice, 1_00, "once")
    await deposit(alice, 7_77, "meanwhile")

    again = await move(alice, 1_00, "once")

    assert not first.replayed
    assert again.replayed
    assert (again.entry_id, again.balance_after) == (first.entry_id, first.balance_after)
    assert await alice.balance("NORTH") == first.balance_after + 7_77


async def test_twenty_deposits_with_one_key_at_once_are_one(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    results = await asyncio.gather(*(deposit(alice, 1_00, "once") for _ in range(20)))
    assert len({result.entry_id for result in results}) == 1
    assert await alice.balance("NORTH") == 1_00


async def test_a_key_of_cash_belongs_to_one_act_whatever_the_act(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    await deposit(alice, 1_00, "mine")

    with refused(Reason.IDEMPOTENCY_KEY_REUSED, field="idempotency_key"):
        await deposit(alice, 2_00, "mine")
    with refused(Reason.IDEMPOTENCY_KEY_REUSED, field="idempotency_key"):
        await withdraw(alice, 1_00, "mine")
    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "mine")
    assert paid.transfer.reason == "IDEMPOTENCY_KEY_REUSED"

    assert await alice.balance("NORTH") == 11_00
    assert (await deposit(await world.customer("carol", "NORTH"), 1_00, "mine")).balance_after == 1_00


async def test_no_more_comes_out_than_there_is(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    with refused(Reason.INSUFFICIENT_FUNDS, field="amount"):
        await withdraw(alice, 10_01, "too-much")
    await deposit(alice, 50_00, "more")
    with refused(Reason.INSUFFICIENT_FUNDS):
        await withdraw(alice, 10_01, "too-much")  # the first answer is the answer for ever
    assert (await withdraw(alice, 10_01, "enough-now")).balance_after == 49_99


async def test_of_twenty_withdrawals_of_all_at_once_one_gets_it(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    results = await asyncio.gather(*(withdraw(alice, 10_00, f"all-{n}") for n in range(20)), return_exceptions=True)
    refusals = [result for result in results if isinstance(result, Exception)]
    assert len(refusals) == 19
    assert {refusal.reason for refusal in refusals} == {Reason.INSUFFICIENT_FUNDS}
    assert await alice.balance("NORTH") == 0


@pytest.mark.parametrize("move", [deposit, withdraw])
async def test_amounts_of_cash_that_cannot_be_meant_are_refused(world: World, move: object) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    for cents in (0, -1, -(2**63)):
        with refused(Reason.AMOUNT_NOT_POSITIVE, field="amount"):
            await move(alice, cents, "odd")
    for cents in (10**15, 2**63 - 1):
        with refused(Reason.AMOUNT_TOO_LARGE, field="amount"):
            await move(alice, cents, "odd")
    with refused(Reason.CURRENCY_MISMATCH, field="currency"):
        await move(alice, 1_00, "odd", currency="USD")
    with refused(Reason.KEY_MALFORMED, field="idempotency_key"):
        await move(alice, 1_00, " odd")
    with refused(Reason.FIELD_REQUIRED, field="idempotency_key"):
        await move(alice, 1_00, "")
    with refused(Reason.NOT_LOGGED_IN_AT_BANK, field="bank"):
        await move(alice, 1_00, "odd", bank="SOUTH")
    with refused(Reason.UNKNOWN_BANK, field="bank"):
        await move(alice, 1_00, "odd", bank="WEST")
    assert await alice.balance("NORTH") == 10_00


async def test_the_operator_adds_money_once_per_key(world: World) -> None:
    operator = await world.operator()
    alice = await world.customer("alice", "NORTH")
    first = await add_money(operator, alice.accounts["NORTH"], 30_00, f"for-{alice.username}")
    again = await add_money(operator, alice.accounts["NORTH"], 30_00, f"for-{alice.username}")
    assert (first.replayed, again.replayed) == (False, True)
    assert await alice.balance("NORTH") == 30_00

    taken = await take_money(operator, alice.accounts["NORTH"], 10_00, f"from-{alice.username}")
    assert taken.balance_after == 20_00
    with refused(Reason.IDEMPOTENCY_KEY_REUSED):
        await add_money(operator, alice.accounts["NORTH"], 31_00, f"for-{alice.username}")
    with refused(Reason.ACCOUNT_NOT_FOUND, field="account"):
        await add_money(operator, 987_654, 1_00, "nowhere")
    with refused(Reason.ACCOUNT_NUMBER_MALFORMED, field="account"):
        await add_money(operator, -2, 1_00, "into-the-clearing-account")


async def test_what_the_operator_did_is_recorded_in_his_name(world: World) -> None:
    operator = await world.operator()
    alice = await world.customer("alice", "NORTH")
    await add_money(operator, alice.accounts["NORTH"], 1_00, f"seen-{alice.username}")
    rows = world.sql("NORTH", f"SELECT actor, principal FROM outcomes WHERE idempotency_key = 'seen-{alice.username}'")
    assert rows == [("admin", "bank:NORTH")]


async def test_a_bank_counts_no_further_than_its_books_can(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH", cents=10_00)
    monkeypatch.setattr("bank_service.ledger.BALANCE_LIMIT", 15_00)
    with refused(Reason.BALANCE_LIMIT_EXCEEDED):
        await deposit(alice, 5_01, "too-much")
    paid = await bob.pay(bob.at("SOUTH"), alice.named_at("NORTH"), 5_01, "too-much")
    assert paid.transfer.reason == "BALANCE_LIMIT_EXCEEDED"
    assert paid.transfer.state == order_pb2.TRANSFER_STATE_RETURNED
    assert await bob.balance("SOUTH") == 10_00


@pytest.fixture(scope="module")
async def strict_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A bank without a counter, and one that takes no acts from the network's operator."""
    network = World(tmp_path_factory.mktemp("network"), counters_closed={"NORTH"})
    async with network.running("NORTH", "SOUTH") as world:
        yield world
        books.check(world.home)


async def test_where_the_counter_is_closed_customers_move_no_cash_and_the_operator_does(strict_world: World) -> None:
    alice = await strict_world.customer("alice", "NORTH", "SOUTH", cents=10_00)
    with refused(Reason.COUNTER_CLOSED):
        await deposit(alice, 1_00, "in")
    with refused(Reason.COUNTER_CLOSED):
        await withdraw(alice, 1_00, "out")
    assert (await deposit(alice, 1_00, "in", bank="SOUTH")).balance_after == 11_00
    operator = await strict_world.operator()
    assert (await add_money(operator, alice.accounts["NORTH"], 1_00, "by-hand")).balance_after == 11_00


async def test_a_bank_that_does_not_admit_the_operator_takes_none_of_his_acts(strict_world: World) -> None:
    alice = await strict_world.customer("alice", "SOUTH", cents=10_00)
    await strict_world.stop_bank("SOUTH")
    strict_world.without_operator.add("SOUTH")
    await strict_world.start_bank("SOUTH")
    await strict_world.connected("SOUTH")
    operator = await strict_world.operator()
    account = alice.accounts["SOUTH"]

    with refused(Reason.OPERATOR_NOT_ADMITTED):
        await add_money(operator, account, 1_00, "by-hand", bank="SOUTH")
    with refused(Reason.OPERATOR_NOT_ADMITTED):
        await take_money(operator, account, 1_00, "by-hand", bank="SOUTH")
    with refused(Reason.OPERATOR_NOT_ADMITTED):
        await operator.open_account("SOUTH", "unwelcome")
    with refused(Reason.OPERATOR_NOT_ADMITTED):
        await operator.set_status("SOUTH", account, "FROZEN")
    with refused(Reason.OPERATOR_NOT_ADMITTED):
        await operator.call(
            "AdminService",
            "SetPassword",
            gateway_pb2.AdminServiceSetPasswordRequest(bank="SOUTH", account=account, password="p" * 20),
        )
    with refused(Reason.OPERATOR_NOT_ADMITTED):
        await operator.call("AdminService", "ListAccounts", gateway_pb2.AdminServiceListAccountsRequest(bank="SOUTH"))
    assert await alice.balance("SOUTH") == 10_00
