"""Statements: what moved, how much, which way, with whom; page by page."""

from interbank.refusals import Reason
from protos.v1 import bank_pb2, gateway_pb2
from tests.refusing import refused
from tests.world import Caller, World, money


async def statement(caller: Caller, **fields: object) -> gateway_pb2.GetMyStatementResponse:
    return await caller.call("AccountService", "GetMyStatement", gateway_pb2.GetMyStatementRequest(**fields))


def as_read(line: bank_pb2.StatementLine) -> tuple[object, ...]:
    return line.kind, line.counterparty_bank, line.counterparty_account, line.counterparty_name, line.amount.minor_units


async def test_both_sides_of_a_payment_read_the_same_story(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=100_00)
    bob = await world.customer("bob", "SOUTH")
    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 12_34, "rent", reference="rent of May")

    out, opening = (await statement(alice)).lines
    (into,) = (await statement(bob)).lines

    assert as_read(out) == ("DEBITED", "SOUTH", bob.accounts["SOUTH"], bob.username, -12_34)
    assert as_read(into) == ("CREDITED", "NORTH", alice.accounts["NORTH"], alice.username, 12_34)
    assert out.transfer_id == into.transfer_id == paid.transfer.transfer_id
    assert out.reference == into.reference == "rent of May"
    assert (out.balance_after, into.balance_after, opening.balance_after) == (87_66, 12_34, 100_00)
    assert opening.kind == "MONEY_ADDED"
    assert out.amount.currency == "EUR"


async def test_a_payment_within_one_bank_names_the_other_customer_on_both_sides(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    carol = await world.customer("carol", "NORTH")
    await alice.pay(alice.at("NORTH"), carol.named_at("NORTH"), 3_00, "coffee")

    assert as_read((await statement(alice)).lines[0]) == (
        "BOOKED", "NORTH", carol.accounts["NORTH"], carol.username, -3_00
    )  # fmt: skip
    assert as_read((await statement(carol)).lines[0]) == (
        "BOOKED", "NORTH", alice.accounts["NORTH"], alice.username, 3_00
    )  # fmt: skip


async def test_cash_is_named_for_what_it_is(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    deposit = gateway_pb2.DepositRequest(bank="NORTH", amount=money(20_00), idempotency_key="in")
    await alice.call("AccountService", "Deposit", deposit)
    withdrawal = gateway_pb2.WithdrawRequest(bank="NORTH", amount=money(5_00), idempotency_key="out")
    await alice.call("AccountService", "Withdraw", withdrawal)

    out, into = (await statement(alice)).lines

    assert (out.kind, out.amount.minor_units, out.balance_after) == ("WITHDRAWAL", -5_00, 15_00)
    assert (into.kind, into.amount.minor_units, into.balance_after) == ("DEPOSIT", 20_00, 20_00)
    assert alice.username not in (out.counterparty_name, into.counterparty_name), "cash is not the customer himself"


async def test_refusals_move_nothing_and_so_stand_in_no_statement(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    bob = await world.customer("bob", "SOUTH")
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1, "broke")
    assert not (await statement(alice)).lines


async def test_a_statement_comes_in_pages_newest_first_without_gap_or_overlap(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=100_00)
    carol = await world.customer("carol", "NORTH", cents=100_00)
    for n in range(7):
        payer, payee = (alice, carol) if n % 2 else (carol, alice)
        await payer.pay(payer.at("NORTH"), payee.named_at("NORTH"), 1 + n, f"page-{n}")
    whole = [line.entry_id for line in (await statement(alice)).lines]
    assert whole == sorted(whole, reverse=True)
    assert len(whole) == 8

    found, token = [], ""
    while True:
        page = await statement(alice, page_size=3, page_token=token)
        assert len(page.lines) <= 3
        found += [line.entry_id for line in page.lines]
        token = page.next_page_token
        if not token:
            break

    assert found == whole


async def test_the_lines_of_a_statement_lead_from_balance_to_balance(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=50_00)
    bob = await world.customer("bob", "SOUTH", cents=50_00)
    for n in range(4):
        await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_01 + n, f"to-{n}")
        await bob.pay(bob.at("SOUTH"), alice.named_at("NORTH"), 57 + n, f"fro-{n}")

    shown = await statement(alice)

    balance = 0
    for line in reversed(shown.lines):
        balance += line.amount.minor_units
        assert line.balance_after == balance
    assert shown.account.balance.minor_units == balance


async def test_the_bank_is_the_first_registered_one_unless_another_is_named(world: World) -> None:
    alice = await world.customer("alice", "SOUTH", "NORTH", cents=1_00)
    assert (await statement(alice)).account.bank == "SOUTH"
    assert (await statement(alice, bank="NORTH")).account.bank == "NORTH"


async def test_pages_that_cannot_be_meant_are_refused(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    for size in (-1, 201):
        with refused(Reason.PAGE_MALFORMED, field="page_size"):
            await statement(alice, page_size=size)
    for token in ("x", "-1", "1" * 19, "１"):  # noqa: RUF001  a digit, but not of ASCII
        with refused(Reason.PAGE_MALFORMED, field="page_token"):
            await statement(alice, page_token=token)
    with refused(Reason.UNKNOWN_BANK, field="bank"):
        await statement(alice, bank="WEST")


async def test_the_operator_has_no_account_of_his_own_to_show(world: World) -> None:
    operator = await world.operator()
    with refused(Reason.ACCOUNT_NOT_FOUND):
        await statement(operator)
