"""Schedules and edited files against the repair of a restored bank: it ends, and nobody gains or loses by it."""

import contextlib

import pytest

from interbank.instructions import InstructionKind
from interbank.storage.sqlite import driver
from protos.v1 import order_pb2
from tests import books
from tests.disasters import begin_anew, copy_of, put_back, quarantined, register_again, restore
from tests.faults.test_repaired_bank import agree, balance, pay, repaired
from tests.world import Caller, World, an_order


@pytest.fixture
async def customers(world: World) -> tuple[Caller, Caller]:
    """Alice at NORTH and bob at SOUTH with 100.00 each."""
    return await world.customer("alice", "NORTH", cents=100_00), await world.customer("bob", "SOUTH", cents=100_00)


async def edit(world: World, bank: str, *statements: str) -> None:
    """Somebody with the file of a bank that is down changes it."""
    with contextlib.closing(driver().connect(world.banks[bank].path, isolation_level=None)) as file:
        for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            file.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            file.execute(statement)


async def test_a_user_who_had_two_accounts_one_after_the_other_since_the_copy_does_not_stop_the_repair(
    world: World, customers: tuple[Caller, Caller]
) -> None:
    alice, _ = customers
    old = copy_of(world, "SOUTH")
    operator = await world.operator()
    dora = await world.customer("dora", "SOUTH")
    first = dora.accounts["SOUTH"]
    await pay(alice, dora, 5_00, "first")
    await pay(dora, alice, 5_00, "all-of-it")
    await world.quiet()
    await operator.set_status("SOUTH", first, "CLOSED")
    second = await operator.open_account("SOUTH", dora.username)
    await alice.pay(alice.at("NORTH"), ("SOUTH", second, dora.username), 7_00, "second")
    await world.quiet()

    await restore(world, "SOUTH", old)
    await repaired(world, "SOUTH")

    assert (balance(world, "SOUTH", first), balance(world, "SOUTH", second)) == (0, 7_00)
    agree(world)


@pytest.mark.parametrize("claimed", [2**53, 2**62, 2**63 - 1])
async def test_a_claim_however_high_does_not_keep_an_old_copy_from_being_found_out(
    world: World, customers: tuple[Caller, Caller], claimed: int
) -> None:
    """Somebody edits SOUTH's file: it says that it has seen a record of NORTH that no bank ever reaches. Afterwards
    NORTH is put back to an old copy, honestly found out as ever."""
    alice, bob = customers
    await pay(alice, bob, 1_00, "honest")
    await world.quiet()
    await world.stop_gateway()
    await world.stop_bank("SOUTH")
    await edit(world, "SOUTH", f"UPDATE counterpart_heads SET record_id = {claimed} WHERE bank = 'NORTH'")
    await world.start_bank("SOUTH")
    await world.start_gateway()
    await world.connected("NORTH", "SOUTH")
    await alice.login(alice.username, bank="NORTH")
    await pay(alice, bob, 1_00, "goes-on")
    await world.quiet()

    old = copy_of(world, "NORTH")
    await pay(alice, bob, 50_00, "forgotten")
    await world.quiet()
    await restore(world, "NORTH", old)
    await world.connected("NORTH")
    await world.quiet()

    await world.until(lambda: balance(world, "NORTH", alice.accounts["NORTH"]) == 48_00, seconds=5)


async def test_what_was_another_users_is_not_taken_from_whoever_has_its_account_number_now(
    world: World, customers: tuple[Caller, Caller]
) -> None:
    """NORTH served a while on an old copy, unnoticed: the gateway had forgotten and SOUTH was down. It gave dora's
    number to erin. Then SOUTH comes, and says what dora had paid."""
    _, bob = customers
    old = copy_of(world, "NORTH")
    dora = await world.customer("dora", "NORTH", cents=20_00)
    await pay(dora, bob, 20_00, "doras")
    await world.quiet()
    await world.stop_gateway()
    for bank in ("NORTH", "SOUTH"):
        await world.stop_bank(bank)
    put_back(world.banks["NORTH"].path, old)
    with contextlib.closing(driver().connect(world.gateway.path)) as journal:
        journal.execute("UPDATE banks SET head_record_id = 0, head_chain_hash = x''")
        journal.commit()
    await world.start_bank("NORTH")
    await world.start_gateway()
    await world.connected("NORTH")
    operator = await world.operator()
    number = await operator.open_account("NORTH", "erin", 30_00)
    assert number == dora.accounts["NORTH"]

    await world.start_bank("SOUTH")
    await world.until(lambda: world.link("NORTH").cause.endswith(f"here account {number} belongs to another user"))

    assert balance(world, "NORTH", number) == 30_00
    assert world.sql("NORTH", "SELECT count(*) FROM lost_records") == [(0,)], "a human must look"


async def test_an_order_that_was_edited_in_one_banks_file_does_not_stop_the_repair_of_another(
    world: World, customers: tuple[Caller, Caller]
) -> None:
    """SOUTH alone knows that NORTH has debited, and its file gives another reference than the accepted order."""
    alice, bob = customers
    old = copy_of(world, "NORTH")
    credit = world.wire.hold_reply(InstructionKind.CREDIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 100_00, "edited")])
    await credit.arrived.wait()
    await world.kill_gateway()
    await world.stop_bank("SOUTH")
    await edit(world, "SOUTH", "UPDATE outcomes SET reference = 'something else' WHERE instruction = 'CREDIT'")
    await world.stop_bank("NORTH")
    put_back(world.banks["NORTH"].path, old)
    for bank in ("NORTH", "SOUTH"):
        await world.start_bank(bank)
    await world.start_gateway()
    await repaired(world, "NORTH")

    assert balance(world, "NORTH", alice.accounts["NORTH"]) == 0
    assert balance(world, "SOUTH", bob.accounts["SOUTH"]) == 200_00


@pytest.mark.parametrize("epoch", [2**62, 2**63 - 1])
async def test_an_epoch_that_was_edited_in_a_banks_file_does_not_stop_the_gateway_for_good(
    world: World, customers: tuple[Caller, Caller], epoch: int
) -> None:
    alice, _ = customers
    carol = await world.customer("carol", "NORTH")
    await world.stop_gateway()
    await world.stop_bank("SOUTH")
    await edit(world, "SOUTH", f"UPDATE gateway_epoch SET epoch = {epoch}")
    await world.start_bank("SOUTH")
    await world.start_gateway()
    await world.connected("NORTH")
    await world.until(world.link("SOUTH").first_try.is_set)
    paid = await alice.pay(alice.at("NORTH"), carol.named_at("NORTH"), 1_00, "tea")
    assert paid.transfer.state == order_pb2.TRANSFER_STATE_COMPLETED
    assert not world.gateway.server._superseded.done()


async def test_a_bank_restored_twice_before_a_witness_joins_is_repaired_from_before_the_first_time(
    world: World, customers: tuple[Caller, Caller]
) -> None:
    """NORTH debits, SOUTH credits. The journal is lost, NORTH serves it on a copy from before, and is put back once
    more, to a copy of that second history. When SOUTH joins, its numbers belong to the first one, and are no higher."""
    alice, bob = customers
    await pay(alice, bob, 1_00, "settled-before")
    await world.quiet()
    first = copy_of(world, "NORTH")
    await pay(alice, bob, 50_00, "forgotten")
    await world.quiet()
    await world.stop_bank("SOUTH")
    await world.stop_bank("NORTH")
    put_back(world.banks["NORTH"].path, first)
    await world.start_bank("NORTH")
    await begin_anew(world, "NORTH")
    await register_again(alice)
    carol = await world.customer("carol", "NORTH")
    for number in range(8):
        await alice.pay(alice.at("NORTH"), carol.named_at("NORTH"), 1_00, f"second-history-{number}")
    second = copy_of(world, "NORTH")
    await alice.pay(alice.at("NORTH"), carol.named_at("NORTH"), 1_00, "second-history-more")
    await restore(world, "NORTH", second)
    await quarantined(world, "NORTH")

    await world.start_bank("SOUTH")
    await repaired(world, "NORTH")

    assert balance(world, "SOUTH", bob.accounts["SOUTH"]) == 151_00
    assert balance(world, "NORTH", alice.accounts["NORTH"]) == 40_00
    books.check(world.home, journal_whole=False)


async def test_a_return_that_a_new_journal_learned_of_by_a_retry_is_written_back(
    world: World, customers: tuple[Caller, Caller]
) -> None:
    """The journal was lost; alice asks again for a payment that had come back, and NORTH says so. What SOUTH had
    decided is asked for too: without it the return could not be written into NORTH's books again."""
    alice, bob = customers
    operator = await world.operator()
    old = copy_of(world, "NORTH")
    credit = world.wire.hold_request(InstructionKind.CREDIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "back")])
    await credit.arrived.wait()
    await operator.set_status("SOUTH", bob.accounts["SOUTH"], "FROZEN")
    credit.release()
    await world.until(lambda: alice.in_state("back", "RETURNED"))
    await begin_anew(world, "SOUTH", "NORTH")
    await register_again(alice)
    assert (await pay(alice, bob, 1_00, "back")).state == order_pb2.TRANSFER_STATE_RETURNED

    await restore(world, "NORTH", old)
    await repaired(world, "NORTH")

    assert balance(world, "NORTH", alice.accounts["NORTH"]) == 100_00
    books.check(world.home)


async def test_a_bank_that_one_file_has_invented_keeps_no_other_from_being_repaired(
    world: World, customers: tuple[Caller, Caller]
) -> None:
    """A journal that is whole knows who has joined, and waits for nobody else."""
    alice, bob = customers
    old = copy_of(world, "SOUTH")
    await pay(alice, bob, 12_34, "forgotten")
    await world.quiet()
    await world.stop_bank("NORTH")
    await edit(world, "NORTH", "UPDATE counterpart_heads SET bank = 'NOWHERE', record_id = 7 WHERE bank = 'SOUTH'")
    await world.start_bank("NORTH")
    await restore(world, "SOUTH", old)
    await repaired(world, "SOUTH")

    assert balance(world, "SOUTH", bob.accounts["SOUTH"]) == 112_34
