"""What bad input gets: a reason, the field at fault, and nothing moved, stored or spent."""

from collections.abc import AsyncIterator

import pytest

from interbank.refusals import Reason
from protos.v1 import gateway_pb2, order_pb2
from tests import books
from tests.refusing import refused
from tests.world import Caller, World


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Two banks in euros and one in yen."""
    network = World(tmp_path_factory.mktemp("network"), currencies={"TOKYO": "JPY"})
    async with network.running("NORTH", "SOUTH") as world:
        await world.start_bank("TOKYO")
        await world.connected("TOKYO")
        yield world
        await world.quiet()
        books.check(world.home)


@pytest.fixture(scope="module")
async def alice(world: World) -> Caller:
    return await world.customer("alice", "NORTH", cents=100_00)


@pytest.fixture(scope="module")
async def bob(world: World) -> Caller:
    return await world.customer("bob", "SOUTH", cents=100_00)


def good_order(alice: Caller, bob: Caller) -> order_pb2.Order:
    return order_pb2.Order(
        payer_bank="NORTH",
        payer_account=alice.accounts["NORTH"],
        payee_bank="SOUTH",
        payee_account=bob.accounts["SOUTH"],
        payee_name=bob.username,
        minor_units=1_00,
        currency="EUR",
        reference="",
        idempotency_key="bad",
    )


@pytest.mark.parametrize(
    ("field", "value", "reason", "at_fault"),
    [
        ("minor_units", 0, Reason.AMOUNT_NOT_POSITIVE, "amount"),
        ("minor_units", -1, Reason.AMOUNT_NOT_POSITIVE, "amount"),
        ("minor_units", -(2**63), Reason.AMOUNT_NOT_POSITIVE, "amount"),
        ("minor_units", 10**15, Reason.AMOUNT_TOO_LARGE, "amount"),
        ("minor_units", 2**63 - 1, Reason.AMOUNT_TOO_LARGE, "amount"),
        ("currency", "USD", Reason.CURRENCY_MISMATCH, "currency"),
        ("currency", "XXX", Reason.CURRENCY_UNKNOWN, "currency"),
        ("currency", "eur", Reason.CURRENCY_UNKNOWN, "currency"),
        ("currency", "", Reason.CURRENCY_UNKNOWN, "currency"),
        ("payer_bank", "", Reason.FIELD_REQUIRED, "payer_bank"),
        ("payer_bank", "north", Reason.BANK_ID_MALFORMED, "payer_bank"),
        ("payer_bank", "N", Reason.BANK_ID_MALFORMED, "payer_bank"),
        ("payer_bank", "NORTHNORTHNO", Reason.BANK_ID_MALFORMED, "payer_bank"),
        ("payer_bank", "WEST", Reason.UNKNOWN_BANK, "payer_bank"),
        ("payer_bank", "TOKYO", Reason.NOT_LOGGED_IN_AT_BANK, "payer_bank"),
        ("payer_account", -1, Reason.ACCOUNT_NUMBER_MALFORMED, "payer_account"),
        ("payer_account", -2, Reason.ACCOUNT_NUMBER_MALFORMED, "payer_account"),
        ("payer_account", 10**15, Reason.ACCOUNT_NUMBER_MALFORMED, "payer_account"),
        ("payer_account", 0, Reason.ACCOUNT_NOT_FOUND, "payer_account"),
        ("payer_account", 999_999, Reason.ACCOUNT_NOT_FOUND, "payer_account"),
        ("payee_bank", "", Reason.FIELD_REQUIRED, "payee_bank"),
        ("payee_bank", "../SOUTH", Reason.BANK_ID_MALFORMED, "payee_bank"),
        ("payee_bank", "WEST", Reason.UNKNOWN_BANK, "payee_bank"),
        ("payee_bank", "TOKYO", Reason.CURRENCY_MISMATCH, "currency"),
        ("payee_account", -2, Reason.ACCOUNT_NUMBER_MALFORMED, "payee_account"),
        ("payee_account", 999_999, Reason.PAYEE_ACCOUNT_NOT_FOUND, "payee_account"),
        ("payee_name", "", Reason.FIELD_REQUIRED, "payee_name"),
        ("payee_name", "Bob", Reason.USERNAME_MALFORMED, "payee_name"),
        ("payee_name", "mallory", Reason.PAYEE_NAME_MISMATCH, "payee_name"),
        ("reference", "x" * 141, Reason.REFERENCE_MALFORMED, "reference"),
        ("reference", "two\nlines", Reason.REFERENCE_MALFORMED, "reference"),
        ("reference", "\x1b[2J", Reason.REFERENCE_MALFORMED, "reference"),
        ("reference", "turned \u202e around", Reason.REFERENCE_MALFORMED, "reference"),
        ("reference", "line\u2028separator", Reason.REFERENCE_MALFORMED, "reference"),
        ("idempotency_key", "", Reason.FIELD_REQUIRED, "idempotency_key"),
        ("idempotency_key", "k" * 129, Reason.KEY_MALFORMED, "idempotency_key"),
        ("idempotency_key", " k", Reason.KEY_MALFORMED, "idempotency_key"),
        ("idempotency_key", "clé", Reason.KEY_MALFORMED, "idempotency_key"),
        ("idempotency_key", "a\x00b", Reason.KEY_MALFORMED, "idempotency_key"),
    ],
)
async def test_an_order_that_cannot_be_meant_is_refused_and_stored_nowhere(
    world: World, alice: Caller, bob: Caller, field: str, value: object, reason: Reason, at_fault: str
) -> None:
    before = world.sql("gateway", "SELECT count(*) FROM transfers")
    order = good_order(alice, bob)
    setattr(order, field, value)

    with refused(reason, field=at_fault):
        await alice.call("PaymentService", "Transfer", gateway_pb2.TransferRequest(order=order))
    (submission,) = await alice.submit([order])

    assert submission.not_accepted.reason == reason.name
    assert submission.not_accepted.field == at_fault
    assert not submission.not_accepted.try_again
    assert world.sql("gateway", "SELECT count(*) FROM transfers") == before
    assert await alice.balance("NORTH") == 100_00


@pytest.mark.parametrize(
    "reference",
    ["x" * 140, "Füße & 日本語 🎉", "'; DROP TABLE transfers; --", "%s %n {0} ${HOME}", "\u200dzero width", "a\u0301"],
)
async def test_any_other_text_is_a_reference_and_arrives_as_it_was_written(world: World, reference: str) -> None:
    alice = await world.customer("alice", "NORTH", cents=1)
    bob = await world.customer("bob", "SOUTH")
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1, "k" * 128, reference=reference)
    shown = await bob.call("AccountService", "GetMyStatement", gateway_pb2.GetMyStatementRequest())
    assert shown.lines[0].reference == reference


async def test_nobody_pays_himself_into_the_same_account(world: World) -> None:
    alice = await world.customer("alice", "NORTH", "SOUTH", cents=1_00)
    with refused(Reason.PAYER_IS_PAYEE, field="payee_account"):
        await alice.pay(alice.at("NORTH"), alice.named_at("NORTH"), 1_00, "round")
    paid = await alice.pay(alice.at("NORTH"), alice.named_at("SOUTH"), 1_00, "across")
    assert paid.transfer.state == order_pb2.TRANSFER_STATE_COMPLETED


async def test_a_bank_that_was_almost_named_is_suggested(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=1_00)
    with refused(Reason.UNKNOWN_BANK) as caught:
        await alice.pay(alice.at("NORTH"), ("SUOTH", 1001, "bob"), 1_00, "typo")
    assert caught.value.hint == "did you mean SOUTH?"


async def test_yen_have_no_cents_and_are_paid_at_face_value(world: World) -> None:
    yuki = await world.customer("yuki", "TOKYO", cents=500)
    hana = await world.customer("hana", "TOKYO")
    paid = await yuki.pay(yuki.at("TOKYO"), hana.named_at("TOKYO"), 500, "all", currency="JPY")
    assert paid.transfer.state == order_pb2.TRANSFER_STATE_COMPLETED
    amounts = world.sql("TOKYO", "SELECT DISTINCT amount FROM v_entries WHERE currency = 'JPY'")
    assert amounts == [("500",)]


@pytest.mark.parametrize("home", ["NORTH", "SOUTH"])
async def test_the_payers_account_must_be_open(world: World, home: str) -> None:
    operator = await world.operator()
    payer = await world.customer("payer", home, cents=10_00)
    bob = await world.customer("bob", "SOUTH")

    await operator.set_status(home, payer.accounts[home], "FROZEN")
    frozen = await payer.pay(payer.at(home), bob.named_at("SOUTH"), 1_00, "frozen")
    assert (frozen.transfer.state, frozen.transfer.reason) == (order_pb2.TRANSFER_STATE_REFUSED, "ACCOUNT_FROZEN")

    await operator.set_status(home, payer.accounts[home], "OPEN")
    thawed = await payer.pay(payer.at(home), bob.named_at("SOUTH"), 10_00, "thawed")
    assert thawed.transfer.state == order_pb2.TRANSFER_STATE_COMPLETED


@pytest.mark.parametrize("home", ["NORTH", "SOUTH"])
async def test_a_payee_whose_account_is_frozen_or_closed_is_refused_before_any_money_moves(
    world: World, home: str
) -> None:
    operator = await world.operator()
    alice = await world.customer("alice", "NORTH", cents=10_00)
    payee = await world.customer("payee", home)
    await alice.pay(alice.at("NORTH"), payee.named_at(home), 1_00, "open")

    await operator.set_status(home, payee.accounts[home], "FROZEN")
    with refused(Reason.PAYEE_ACCOUNT_FROZEN, field="payee_account"):
        await alice.pay(alice.at("NORTH"), payee.named_at(home), 1_00, "frozen")

    await operator.set_status(home, payee.accounts[home], "OPEN")
    await payee.pay(payee.at(home), alice.named_at("NORTH"), 1_00, "back")
    await world.quiet()  # until it is settled, her money counts as on its way
    await operator.set_status(home, payee.accounts[home], "CLOSED")
    with refused(Reason.PAYEE_ACCOUNT_CLOSED, field="payee_account"):
        await alice.pay(alice.at("NORTH"), payee.named_at(home), 1_00, "closed")
    assert await alice.balance("NORTH") == 10_00


async def test_a_closed_account_pays_nothing_and_opens_no_session(world: World) -> None:
    operator = await world.operator()
    alice = await world.customer("alice", "NORTH")
    bob = await world.customer("bob", "SOUTH")
    await operator.set_status("NORTH", alice.accounts["NORTH"], "CLOSED")

    late = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "closed")

    assert late.transfer.reason == "GRANT_ENDED", "closing ended what had been granted"
    with refused(Reason.WRONG_CREDENTIALS):
        await Caller(world).login(alice.username, bank="NORTH")
