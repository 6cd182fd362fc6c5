"""Freezing, unfreezing and closing accounts."""

import pytest

from interbank.refusals import Reason
from protos.v1 import bank_pb2, gateway_pb2, order_pb2
from tests.refusing import refused
from tests.world import World, money


async def test_a_frozen_account_keeps_its_money_its_session_and_its_statement(world: World) -> None:
    operator = await world.operator()
    alice = await world.customer("alice", "NORTH", cents=10_00)

    frozen = await operator.set_status("NORTH", alice.accounts["NORTH"], "FROZEN")

    assert frozen.status == bank_pb2.ACCOUNT_STATUS_FROZEN
    assert await alice.balance("NORTH") == 10_00
    with refused(Reason.ACCOUNT_FROZEN):
        await alice.call(
            "AccountService",
            "Withdraw",
            gateway_pb2.WithdrawRequest(bank="NORTH", amount=money(1), idempotency_key="out"),
        )
    with refused(Reason.PAYEE_ACCOUNT_FROZEN):
        await alice.call(
            "AccountService",
            "Deposit",
            gateway_pb2.DepositRequest(bank="NORTH", amount=money(1), idempotency_key="in"),
        )


async def test_a_status_that_an_account_has_already_is_no_error_and_no_second_act(world: World) -> None:
    operator = await world.operator()
    alice = await world.customer("alice", "NORTH")
    for _ in range(2):
        await operator.set_status("NORTH", alice.accounts["NORTH"], "FROZEN")
    acts = world.sql("NORTH", f"SELECT act FROM acts WHERE username = '{alice.username}' AND act LIKE 'ACCOUNT_FR%'")
    assert acts == [("ACCOUNT_FROZEN",)]


async def test_an_account_is_closed_at_zero_and_for_ever(world: World) -> None:
    operator = await world.operator()
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    account = alice.accounts["NORTH"]
    with refused(Reason.ACCOUNT_HAS_BALANCE, field="account"):
        await operator.set_status("NORTH", account, "CLOSED")

    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 10_00, "all")
    await world.quiet()
    await operator.set_status("NORTH", account, "CLOSED")

    with refused(Reason.ACCOUNT_CLOSED, field="account"):
        await operator.set_status("NORTH", account, "OPEN")


@pytest.mark.parametrize("account", [0, -1, -2, 987_654])
async def test_the_banks_own_accounts_and_absent_ones_have_no_status_to_set(world: World, account: int) -> None:
    operator = await world.operator()
    with refused(Reason.ACCOUNT_NOT_FOUND, field="account"):
        await operator.set_status("NORTH", account, "CLOSED")


async def test_a_status_must_be_named(world: World) -> None:
    operator = await world.operator()
    with refused(Reason.FIELD_REQUIRED, field="status"):
        await operator.set_status("NORTH", 1001, "UNSPECIFIED")


async def test_a_customer_of_a_closed_account_can_be_given_a_new_one(world: World) -> None:
    operator = await world.operator()
    first = await operator.open_account("NORTH", "returning")
    await operator.set_status("NORTH", first, "CLOSED")
    second = await operator.open_account("NORTH", "returning")
    assert second != first


async def test_the_operator_sees_every_account_internal_ones_by_name(world: World) -> None:
    operator = await world.operator()
    await world.customer("alice", "NORTH", cents=10_00)
    shown, token = [], ""
    while True:
        request = gateway_pb2.AdminServiceListAccountsRequest(bank="NORTH", page_size=3, page_token=token)
        page = await operator.call("AdminService", "ListAccounts", request)
        shown += page.accounts
        token = page.next_page_token
        if not token:
            break
    assert [account.name for account in shown[:4]] == ["recovery", "clearing", "cash", "customer"]
    assert (shown[3].account, shown[3].username) == (0, "admin")
    assert sum(account.balance.minor_units for account in shown) == 0
    for wrong in ("abc", "-", "1" * 17):
        with refused(Reason.PAGE_MALFORMED, field="page_token"):
            request = gateway_pb2.AdminServiceListAccountsRequest(bank="NORTH", page_token=wrong)
            await operator.call("AdminService", "ListAccounts", request)


async def test_the_banks_own_account_is_paid_in_the_operators_name(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    paid = await alice.pay(alice.at("NORTH"), ("SOUTH", 0, "admin"), 1_00, "fee")
    assert paid.transfer.state == order_pb2.TRANSFER_STATE_COMPLETED
