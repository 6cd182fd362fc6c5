"""A bank that was restored from an old copy is repaired: what the journal and the other banks know is written back into
its books, no more and no less, and then it serves again, by itself."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from audit.commands import reconcile, verify
from interbank.instructions import InstructionKind
from interbank.orders import Order, fingerprint, transfer_id
from interbank.storage.sqlite import driver
from protos.v1 import bank_pb2, gateway_pb2, order_pb2
from tests import books
from tests.disasters import begin_anew, copy_of, lose_journal, put_back, register_again, restore
from tests.faults.conftest import hurt_network
from tests.world import Caller, World, an_order


@pytest.fixture
async def customers(world: World) -> tuple[Caller, Caller]:
    """Alice at NORTH and bob at SOUTH with 100.00 each."""
    return await world.customer("alice", "NORTH", cents=100_00), await world.customer("bob", "SOUTH", cents=100_00)


async def pay(payer: Caller, payee: Caller, cents: int, key: str) -> order_pb2.Transfer:
    (bank,), (other,) = payer.accounts, payee.accounts
    return (await payer.pay(payer.at(bank), payee.named_at(other), cents, key)).transfer


async def repaired(world: World, bank: str) -> None:
    """Wait until the bank has lost records behind it and serves again, with nothing under way."""
    await world.until(lambda: world.sql(bank, "SELECT count(*) FROM lost_records") != [(0,)])
    await world.connected(bank)
    await world.quiet()


def balance(world: World, bank: str, account: int) -> int:
    return int(world.sql(bank, f"SELECT balance FROM accounts WHERE account = {account}")[0][0])


def agree(world: World) -> None:
    """The books are right by the tests' own measure and by the audit's, which finds nothing."""
    books.check(world.home)
    for look in (verify, reconcile):
        report = look([world.home])
        assert report.findings == (), report.findings


async def credited_and_not_written_down(world: World, payer: Caller, order: order_pb2.Order) -> None:
    """Both banks have booked, and the gateway is killed before it has written down anything but the order."""
    debit, credit = world.wire.hold_request(InstructionKind.DEBIT), world.wire.hold_reply(InstructionKind.CREDIT)
    await payer.submit([order])
    await debit.arrived.wait()
    journal = copy_of(world, "gateway")
    debit.release()
    await credit.arrived.wait()
    await world.kill_gateway()
    put_back(world.path("gateway"), journal)


async def test_a_payees_bank_gets_back_what_it_credited(world: World, customers: tuple[Caller, Caller]) -> None:
    alice, bob = customers
    old = copy_of(world, "SOUTH")
    await pay(alice, bob, 12_34, "forgotten")
    await world.quiet()

    await restore(world, "SOUTH", old)
    await repaired(world, "SOUTH")

    assert balance(world, "SOUTH", bob.accounts["SOUTH"]) == 112_34
    assert (await pay(alice, bob, 12_34, "forgotten")).state == order_pb2.TRANSFER_STATE_COMPLETED
    assert balance(world, "SOUTH", bob.accounts["SOUTH"]) == 112_34, "once, however often it is asked"
    agree(world)


async def test_a_payers_bank_gets_back_what_it_debited(world: World, customers: tuple[Caller, Caller]) -> None:
    alice, bob = customers
    old = copy_of(world, "NORTH")
    await pay(alice, bob, 12_34, "forgotten")
    await world.quiet()

    await restore(world, "NORTH", old)
    await repaired(world, "NORTH")

    assert balance(world, "NORTH", alice.accounts["NORTH"]) == 87_66
    assert world.sql("NORTH", "SELECT count(*) FROM open_debits") == [(0,)], "and it is settled once more"
    agree(world)


async def test_a_payment_within_the_bank_a_refusal_and_a_return_come_back_too(
    world: World, customers: tuple[Caller, Caller]
) -> None:
    alice, bob = customers
    carol = await world.customer("carol", "NORTH")
    operator = await world.operator()
    old = copy_of(world, "NORTH")
    within = (await alice.pay(alice.at("NORTH"), carol.named_at("NORTH"), 1_00, "tea")).transfer
    refused = await pay(alice, bob, 500_00, "too-much")
    debit = world.wire.hold_reply(InstructionKind.DEBIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 2_00, "comes-back")])
    await debit.arrived.wait()
    await operator.set_status("SOUTH", bob.accounts["SOUTH"], "FROZEN")
    debit.release()
    returned = await world.until(lambda: alice.in_state("comes-back", "RETURNED"))
    await world.quiet()

    await restore(world, "NORTH", old)
    await repaired(world, "NORTH")

    said = {bytes(identity): word for identity, word in world.sql(
        "NORTH", "SELECT o.transfer_id, coalesce(c.outcome, o.outcome) FROM outcomes o "
        "LEFT JOIN conclusions c ON c.transfer_id = o.transfer_id")}  # fmt: skip
    assert said[within.transfer_id] == "BOOKED"
    assert said[refused.transfer_id] == "REFUSED"
    assert said[returned.transfer_id] == "RETURNED"
    assert balance(world, "NORTH", alice.accounts["NORTH"]) == 99_00
    agree(world)


async def test_what_an_account_no_longer_has_comes_from_the_recovery_account(
    world: World, customers: tuple[Caller, Caller]
) -> None:
    """Alice brought 50.00 to the counter after the copy was made, and then paid 120.00 away. Nobody but NORTH knew of
    the cash; that she paid is known, and stays paid. The bank's books say how much they are short of."""
    alice, bob = customers
    old = copy_of(world, "NORTH")
    operator = await world.operator()
    await operator.add_money("NORTH", alice.accounts["NORTH"], 50_00, "cash-nobody-remembers")
    await pay(alice, bob, 120_00, "all-of-it")
    await world.quiet()

    await restore(world, "NORTH", old)
    await repaired(world, "NORTH")

    assert balance(world, "NORTH", alice.accounts["NORTH"]) == 0
    assert balance(world, "NORTH", -3) == -20_00
    assert world.sql("NORTH", "SELECT kind, debit_account, minor_units FROM v_entries WHERE kind LIKE 'SHORT%'") == [
        ("SHORTFALL_COVERED", "recovery", 20_00)
    ]
    assert balance(world, "SOUTH", bob.accounts["SOUTH"]) == 220_00
    agree(world)


async def test_an_account_that_was_opened_after_the_copy_is_there_again_with_its_money(
    world: World, customers: tuple[Caller, Caller]
) -> None:
    alice, _ = customers
    old = copy_of(world, "SOUTH")
    dora = await world.customer("dora", "SOUTH")
    await pay(alice, dora, 7_00, "welcome")
    await world.quiet()

    await restore(world, "SOUTH", old)
    await repaired(world, "SOUTH")

    query = f"SELECT username, balance FROM accounts WHERE account = {dora.accounts['SOUTH']}"
    assert world.sql("SOUTH", query) == [(dora.username, 7_00)]
    agree(world)


async def test_a_credit_that_the_journal_never_heard_of_is_known_to_the_other_bank(
    world: World, customers: tuple[Caller, Caller]
) -> None:
    """The gateway crashed before it wrote down that NORTH had debited, and SOUTH had credited. Then NORTH is restored
    from before: SOUTH alone knows that the money was taken. Without asking it NORTH would decide anew, and refuse."""
    alice, bob = customers
    old = copy_of(world, "NORTH")
    await credited_and_not_written_down(world, alice, an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 100_00, "all"))
    assert world.sql("gateway", "SELECT state, debit_record_id FROM transfers") == [("ACCEPTED", None)]

    await world.stop_bank("NORTH")
    put_back(world.banks["NORTH"].path, old)
    await world.start_bank("NORTH")
    await world.start_gateway()
    await repaired(world, "NORTH")

    assert await world.until(lambda: alice.in_state("all", "COMPLETED"))
    await world.quiet()
    assert balance(world, "NORTH", alice.accounts["NORTH"]) == 0
    assert balance(world, "SOUTH", bob.accounts["SOUTH"]) == 200_00
    agree(world)


async def test_a_transfer_taken_up_at_a_start_is_not_debited_before_its_payees_bank_was_heard(
    world: World, customers: tuple[Caller, Caller]
) -> None:
    """As above, and SOUTH is out of reach when the gateway comes back: nobody else could tell it that NORTH has
    debited, and NORTH, which has forgotten alice's login as well, would refuse."""
    alice, bob = customers
    carol = await world.customer("carol", "NORTH", cents=1_00)
    old = copy_of(world, "NORTH")
    await alice.login(alice.username, bank="NORTH")
    await credited_and_not_written_down(world, alice, an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 100_00, "all"))
    await world.stop_bank("SOUTH")
    await world.stop_bank("NORTH")
    put_back(world.banks["NORTH"].path, old)
    await world.start_bank("NORTH")
    await world.start_gateway()
    await world.connected("NORTH")

    served = await carol.pay(carol.at("NORTH"), alice.named_at("NORTH"), 1_00, "meanwhile")
    assert served.transfer.state == order_pb2.TRANSFER_STATE_COMPLETED
    assert world.sql("gateway", "SELECT state FROM transfers WHERE idempotency_key = 'all'") == [("ACCEPTED",)]
    assert world.sql("NORTH", "SELECT count(*) FROM outcomes WHERE idempotency_key = 'all'") == [(0,)]
    (waiting,) = await alice.by_key("all")
    assert (waiting.in_doubt.waiting_for, waiting.in_doubt.attempts) == ("SOUTH", 0)

    await world.start_bank("SOUTH")
    await repaired(world, "NORTH")
    assert await world.until(lambda: alice.in_state("all", "COMPLETED"))
    assert balance(world, "SOUTH", bob.accounts["SOUTH"]) == 200_00
    agree(world)


async def test_an_operator_who_lets_a_suspended_transfer_go_on_does_not_pass_over_its_payees_bank(
    world: World, customers: tuple[Caller, Caller]
) -> None:
    alice, bob = customers
    world.wire.hold_request(InstructionKind.DEBIT)
    order = an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "suspended")
    (submitted,) = await alice.submit([order])
    await world.kill_gateway()
    await world.stop_bank("SOUTH")
    with contextlib.closing(driver().connect(world.gateway.path, isolation_level=None)) as journal:
        journal.execute("UPDATE transfers SET suspended = 'two outcomes contradict each other'")
    await world.start_gateway()
    await world.connected("NORTH")

    request = gateway_pb2.ResumeTransferRequest(transfer_id=submitted.transfer.transfer_id)
    await (await world.operator()).call("AdminService", "ResumeTransfer", request)
    carol = await world.customer("carol", "NORTH", cents=1_00)
    await carol.pay(carol.at("NORTH"), alice.named_at("NORTH"), 1_00, "meanwhile")
    assert world.sql("NORTH", "SELECT count(*) FROM outcomes WHERE idempotency_key = 'suspended'") == [(0,)]

    await world.start_bank("SOUTH")
    assert await world.until(lambda: alice.in_state("suspended", "COMPLETED"))
    await world.quiet()
    agree(world)


async def test_payments_under_way_go_on_where_they_were(world: World, customers: tuple[Caller, Caller]) -> None:
    alice, bob = customers
    old = copy_of(world, "SOUTH")
    await pay(alice, bob, 4_00, "forgotten")
    await world.quiet()
    debit = world.wire.hold_reply(InstructionKind.DEBIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "under-way")])
    await debit.arrived.wait()
    await restore(world, "SOUTH", old)
    debit.release()
    await repaired(world, "SOUTH")

    assert await alice.in_state("under-way", "COMPLETED")
    assert balance(world, "SOUTH", bob.accounts["SOUTH"]) == 105_00
    agree(world)


async def test_both_banks_restored_at_once_are_both_repaired(world: World, customers: tuple[Caller, Caller]) -> None:
    alice, bob = customers
    old = {bank: copy_of(world, bank) for bank in ("NORTH", "SOUTH")}
    for number in range(5):
        await pay(alice, bob, 1_00, f"there-{number}")
        await pay(bob, alice, 50, f"back-{number}")
    await world.quiet()
    for bank in old:
        await world.stop_bank(bank)
        put_back(world.banks[bank].path, old[bank])
    for bank in old:
        await world.start_bank(bank)
    for bank in old:
        await repaired(world, bank)

    assert balance(world, "NORTH", alice.accounts["NORTH"]) == 97_50
    assert balance(world, "SOUTH", bob.accounts["SOUTH"]) == 102_50
    agree(world)


async def test_a_bank_can_be_restored_and_repaired_more_than_once(
    world: World, customers: tuple[Caller, Caller]
) -> None:
    alice, bob = customers
    first = copy_of(world, "SOUTH")
    await pay(alice, bob, 1_00, "one")
    await world.quiet()
    await restore(world, "SOUTH", first)
    await repaired(world, "SOUTH")
    second = copy_of(world, "SOUTH")
    await pay(alice, bob, 2_00, "two")
    await world.quiet()

    for old in (second, first):
        before = world.sql("SOUTH", "SELECT max(record_id) FROM records")[0][0]
        await restore(world, "SOUTH", old)
        await world.until(lambda: world.sql("SOUTH", "SELECT max(record_id) FROM records")[0][0] > before)  # noqa: B023
        await repaired(world, "SOUTH")
        assert balance(world, "SOUTH", bob.accounts["SOUTH"]) == 103_00
    await pay(alice, bob, 4_00, "three")
    await world.quiet()
    agree(world)


async def test_a_gateway_that_lost_its_journal_repairs_a_bank_from_what_the_other_bank_knows(
    world: World, customers: tuple[Caller, Caller]
) -> None:
    """The order's outcome at SOUTH is in NORTH's books since it was settled."""
    alice, bob = customers
    old = copy_of(world, "SOUTH")
    await pay(alice, bob, 12_34, "forgotten")
    await world.quiet()
    await begin_anew(world, "NORTH")
    await restore(world, "SOUTH", old)
    await repaired(world, "SOUTH")

    assert balance(world, "SOUTH", bob.accounts["SOUTH"]) == 112_34
    books.check(world.home, journal_whole=False)


async def test_a_bank_cannot_claim_a_debit_that_nobody_ordered(world: World, customers: tuple[Caller, Caller]) -> None:
    """SOUTH writes into its own file that alice paid bob 50.00, with NORTH's DEBITED as evidence, and that it has seen
    a record of NORTH far above all others. NORTH is repaired, and gives nothing."""
    alice, bob = customers
    await pay(alice, bob, 1_00, "honest")
    await world.quiet()
    await world.stop_gateway()
    await world.stop_bank("SOUTH")
    with contextlib.closing(driver().connect(world.banks["SOUTH"].path)) as file:
        claim(file, 50_00)
    await world.start_bank("SOUTH")
    await world.start_gateway()
    await repaired(world, "NORTH")

    assert balance(world, "NORTH", alice.accounts["NORTH"]) == 99_00
    assert balance(world, "NORTH", -3) == 0
    assert world.sql("gateway", "SELECT count(*) FROM transfers") == [(1,)]


def claim(file: Any, cents: int) -> None:
    """A credit that rests on a debit which never was, consistent in itself as far as a bank looks."""
    columns = [row[1] for row in file.execute("PRAGMA table_info(outcomes)")]
    row = file.execute("SELECT * FROM outcomes WHERE instruction = 'CREDIT'").fetchone()
    forged = dict(zip(columns, row, strict=True))
    parties = ("payer_bank", "payer_account", "payee_bank", "payee_account", "payee_name")
    order = Order(*(forged[name] for name in parties), cents, "EUR", "", "forged")
    digest = fingerprint(order)
    (last,) = file.execute("SELECT max(record_id) FROM records").fetchone()
    forged |= {
        "record_id": last + 1, "transfer_id": transfer_id(forged["principal"], "forged", digest), "fingerprint": digest,
        "idempotency_key": "forged", "amount": cents, "reference": "", "evidence_record_id": 900,
    }  # fmt: skip
    file.execute("INSERT INTO records VALUES (?, 1795000000000000, 'CREDITED', zeroblob(32))", (last + 1,))
    marks = ", ".join("?" * len(columns))
    file.execute(f"INSERT INTO outcomes VALUES ({marks})", tuple(forged[name] for name in columns))
    file.execute("UPDATE counterpart_heads SET record_id = 1000 WHERE bank = 'NORTH'")
    file.commit()


async def test_outcomes_that_contradict_each_other_are_not_repaired_over(
    world: World, customers: tuple[Caller, Caller]
) -> None:
    """The copy has another history of its own: it refused what others know to be credited. A human must look."""
    alice, bob = customers
    paid = await pay(alice, bob, 12_34, "known")
    await world.quiet()
    await world.stop_gateway()
    await world.stop_bank("SOUTH")
    with contextlib.closing(driver().connect(world.banks["SOUTH"].path)) as file:
        rewrite(file, paid.transfer_id)
    await world.start_bank("SOUTH")
    await world.start_gateway()

    contradicts = f"{paid.transfer_id.hex()} was CREDITED; here it is REFUSED"
    await world.until(lambda: world.link("SOUTH").cause == contradicts)
    assert world.sql("SOUTH", "SELECT count(*) FROM lost_records") == [(0,)]


def rewrite(file: Any, transfer_id: bytes) -> None:
    """Somebody with the file makes a credit a refusal, and its chain hash another one."""
    triggers = file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        file.execute(f"DROP TRIGGER {name}")
    (record,) = file.execute("SELECT record_id FROM outcomes WHERE transfer_id = ?", (transfer_id,)).fetchone()
    file.execute("UPDATE records SET chain_hash = zeroblob(32), kind = 'REFUSED' WHERE record_id = ?", (record,))
    file.execute("UPDATE outcomes SET outcome = 'REFUSED', reason = 'NOT_ALLOWED' WHERE record_id = ?", (record,))
    for _, sql in triggers:
        file.execute(sql)
    file.commit()


async def test_a_bank_that_lacks_nothing_is_not_written_into(world: World) -> None:
    async with world.line_to("SOUTH") as line:
        description = await line.describe()
        request = bank_pb2.RestoreRequest(epoch=description.epoch, instance=b"somebody's gate!", last=True)
        with pytest.raises(Exception, match="lacks nothing"):
            await line.call("Restore", request)


async def test_a_bank_that_joins_again_while_it_is_repaired_is_repaired_all_the_same(
    world: World, customers: tuple[Caller, Caller]
) -> None:
    """Its joining replaces the connection over which it is being repaired."""
    alice, bob = customers
    old = copy_of(world, "SOUTH")
    await pay(alice, bob, 12_34, "forgotten")
    await world.quiet()
    link = world.link("SOUTH")
    repairs = link._repairs

    class Interrupted:
        async def restore(self, bank: str, port: Any) -> int:
            link._repairs = repairs
            link.moved_to(link._address)
            await asyncio.sleep(0.05)
            return await repairs.restore(bank, port)

    link._repairs = Interrupted()
    await restore(world, "SOUTH", old)
    await repaired(world, "SOUTH")

    assert balance(world, "SOUTH", bob.accounts["SOUTH"]) == 112_34


async def test_the_repair_waits_for_a_bank_that_may_know_more(tmp_path: Path) -> None:
    async with hurt_network(tmp_path, "NORTH", "SOUTH", "EAST") as world:
        alice = await world.customer("alice", "NORTH", cents=100_00)
        bob = await world.customer("bob", "SOUTH")
        old = copy_of(world, "SOUTH")
        await pay(alice, bob, 12_34, "forgotten")
        await world.quiet()
        await world.stop_bank("EAST")
        await restore(world, "SOUTH", old)
        waits = "it lacks records, and EAST, which may know more of them, does not answer"
        await world.until(lambda: world.link("SOUTH").cause == waits)

        await world.start_bank("EAST")
        await repaired(world, "SOUTH")

        assert balance(world, "SOUTH", bob.accounts["SOUTH"]) == 12_34


@pytest.mark.parametrize("who", ["another bank", "whoever starts the gateway"])
async def test_a_repair_after_a_lost_journal_waits_for_a_bank_that_somebody_remembers(tmp_path: Path, who: str) -> None:
    """A new journal knows the banks that have joined it. NORTH forgot that alice paid eve, and EAST, which credited
    her, is down."""
    async with hurt_network(tmp_path, "NORTH", "SOUTH", "EAST") as world:
        alice = await world.customer("alice", "NORTH", cents=100_00)
        bob = await world.customer("bob", "SOUTH", cents=100_00)
        eve = await world.customer("eve", "EAST")
        if who == "another bank":
            await pay(bob, eve, 1_00, "SOUTH knows EAST")
        else:
            world.members = ("NORTH", "SOUTH", "EAST")
        old = copy_of(world, "NORTH")
        await pay(alice, eve, 2_00, "EAST has its credit")
        await pay(alice, bob, 3_00, "SOUTH has seen what NORTH did since")
        await world.quiet()
        await world.stop_bank("EAST")
        await begin_anew(world, "SOUTH")
        await restore(world, "NORTH", old)
        waits = "it lacks records, and EAST, which may know more of them, has not joined since this journal was begun"
        await world.until(lambda: world.link("NORTH").status and world.link("NORTH").cause == waits)

        await world.start_bank("EAST")
        await repaired(world, "NORTH")

        assert balance(world, "NORTH", alice.accounts["NORTH"]) == 95_00
        books.check(world.home, journal_whole=False)


async def test_a_bank_that_served_a_new_journal_on_its_old_copy_gets_back_what_others_saw_before(
    world: World, customers: tuple[Caller, Caller]
) -> None:
    """What NORTH does on its old copy has the numbers of records that SOUTH saw with another content: no number says
    which of the two histories a record is of."""
    alice, bob = customers
    carol = await world.customer("carol", "NORTH")
    old = copy_of(world, "NORTH")
    await pay(alice, bob, 12_34, "forgotten")
    await world.quiet()
    await world.stop_bank("SOUTH")
    await lose_journal(world)
    await restore(world, "NORTH", old)
    await world.connected("NORTH")
    for caller in (alice, carol):
        await register_again(caller)
    for number in range(5):
        await pay(alice, carol, 1_00, f"in another history {number}")

    await world.start_bank("SOUTH")
    await repaired(world, "NORTH")

    assert balance(world, "NORTH", alice.accounts["NORTH"]) == 100_00 - 12_34 - 5_00
    assert balance(world, "NORTH", carol.accounts["NORTH"]) == 5_00
    books.check(world.home, journal_whole=False)
