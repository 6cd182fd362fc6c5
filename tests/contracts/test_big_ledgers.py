"""What the figures of a big ledger rest on: banks whose files were filled are banks like any other."""

import asyncio
import os
from pathlib import Path

import pytest

from audit.commands import verify
from benchmarks.big_ledger import Filling, fill
from benchmarks.books import Books
from benchmarks.failures import RunFailed
from benchmarks.orders import Payee, payment
from benchmarks.statements import at_the_bank_ms, first_page_ms
from clients.sdk import Client
from interbank.locking import take_lock
from interbank.refusals import Refused
from tests.stories.test_statement import statement
from tests.world import Caller, World

ENTRIES = {"NORTH": 10_500, "SOUTH": 3_000}
"""The first are more than one transaction takes."""


class Grown:
    """A network that was paid through, and whose two banks were filled while they were stopped."""

    def __init__(self, world: World, alice: Caller, bob: Caller, books: Books) -> None:
        self.world = world
        self.alice = alice
        self.bob = bob
        self.books = books
        self.fillings = {
            bank: Filling(bank, (Payee(caller.accounts[bank], caller.username), Payee(0, "admin")), 10)
            for bank, caller in (("NORTH", alice), ("SOUTH", bob))
        }

    async def pay(self, cents: int) -> list[str]:
        """Alice pays Bob; what the benchmark finds wrong then."""
        answer = await self.alice.pay(self.alice.at("NORTH"), self.bob.named_at("SOUTH"), cents, f"key-{cents}")
        return self.books.faults([payment(answer.transfer.transfer_id, answer.transfer.order)])


@pytest.fixture
async def grown(tmp_path: Path):
    async with World(tmp_path).running("NORTH", "SOUTH") as world:
        alice, bob = await world.customer("alice", "NORTH", cents=10_000), await world.customer("bob", "SOUTH")
        books = Books(world.path("gateway"), {bank: world.path(bank) for bank in world.banks})
        network = Grown(world, alice, bob, books)
        assert await network.pay(1) == []
        await world.quiet()
        for bank, entries in ENTRIES.items():
            await world.stop_bank(bank)
            for numbers in (range(1_000), range(1_000, entries)):
                fill(world.path(bank), network.fillings[bank], numbers)
            await world.start_bank(bank)
        await world.connected("NORTH", "SOUTH")
        yield network


@pytest.mark.slow
async def test_banks_that_were_filled_join_again_and_pay_and_stand_the_audit(grown):
    grown.books.add(sum(ENTRIES.values()))
    assert await grown.pay(2) == []
    await grown.world.quiet()
    for bank, entries in ENTRIES.items():
        added = "SELECT count(*) FROM entries WHERE amount = 1 AND debit_account = -1"
        assert grown.world.sql(bank, added) == [(entries,)]
    found = verify([grown.world.home])
    assert found.clean, found.findings
    assert sum(file.records for file in found.files) > sum(ENTRIES.values())


@pytest.mark.slow
async def test_money_that_the_books_were_not_told_of_leaves_no_number(grown):
    faults = await grown.pay(2)
    assert any(fault.startswith("customers hold") for fault in faults)
    assert any(fault.startswith("10500 entries of NORTH are no part of a payment") for fault in faults)


@pytest.mark.slow
async def test_the_first_customer_has_every_tenth_entry_and_reads_the_newest_of_them(grown):
    on_first = f"SELECT count(*) FROM entries WHERE amount = 1 AND credit_account = {grown.alice.accounts['NORTH']}"
    assert grown.world.sql("NORTH", on_first) == [(1_050,)]
    page = await statement(grown.alice, bank="NORTH", page_size=50)
    assert len(page.lines) == 50
    assert page.next_page_token
    assert page.lines[0].balance_after == 10_000 - 1 + 1_050


@pytest.mark.slow
async def test_a_long_statement_is_timed_and_a_short_one_is_no_figure(grown):
    def first_page_of(caller: Caller) -> float:
        world = grown.world
        with Client(world.gateway.address, world.gateway_identity.authority, caller.token) as client:
            return first_page_ms(client, "NORTH")

    assert 0 < await asyncio.to_thread(first_page_of, grown.alice) < 10_000
    newcomer = await grown.world.customer("newcomer", "NORTH", cents=100)
    with pytest.raises(RunFailed, match="should be long has 1 lines"):
        await asyncio.to_thread(first_page_of, newcomer)


@pytest.mark.slow
async def test_an_addition_that_the_bank_refuses_leaves_nothing(grown):
    nobody = Filling("NORTH", (Payee(999, "nobody"), Payee(0, "admin")), 10)
    await grown.world.stop_bank("NORTH")
    before = grown.world.sql("NORTH", "SELECT max(record_id) FROM records")
    with pytest.raises(RunFailed, match="NORTH added no money: REFUSED"):
        fill(grown.world.path("NORTH"), nobody, range(20_000, 20_020))
    assert grown.world.sql("NORTH", "SELECT max(record_id) FROM records") == before
    await grown.world.start_bank("NORTH")


@pytest.mark.slow
async def test_a_bank_that_runs_is_not_filled(grown):
    lock = take_lock(grown.world.path("NORTH"))
    try:
        with pytest.raises(Refused, match="another process"):
            fill(grown.world.path("NORTH"), grown.fillings["NORTH"], range(1))
    finally:
        os.close(lock)


def test_the_time_in_the_bank_is_read_from_where_its_log_was(tmp_path):
    log = tmp_path / "NORTH.log"
    earlier = "20:00:00.000 NORTH          GetStatement             r1  gateway  OK  900.0 ms\n"
    line = "20:00:00.001 NORTH          {}             r2  gateway  {}  {} ms\n"
    calls = [("GetStatement", "OK", "1.5"), ("GetStatement", "OK", "2.5"), ("GetStatement", "OK", "9.5")]
    others = [("GetStatement", "ACCOUNT_NOT_FOUND", "70.0"), ("ListOpen", "OK", "80.0")]
    log.write_text(earlier + "".join(line.format(*call) for call in others + calls))
    assert at_the_bank_ms(log, len(earlier)) == 2.5
    with pytest.raises(RunFailed, match=r"NORTH\.log tells of no statement"):
        at_the_bank_ms(log, log.stat().st_size)
