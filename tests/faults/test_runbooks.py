"""What an operator does when it is bad, with real processes and files, while customers go on paying: each story ends
with everything final, everybody told the truth, and nothing that an audit finds."""

import asyncio
import random
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from audit.commands import reconcile, verify
from audit.findings import Kind
from gateway_service.schema import SCHEMA as GATEWAY_SCHEMA
from gateway_service.sessions import OPERATOR
from lab.home import CURRENCY, GATEWAY, Home, copy_database, make_database, put_back, remove
from lab.processes.judgement import judge, mend
from lab.processes.line import Line
from lab.processes.network import BANKS, Network, running
from lab.processes.people import People
from lab.processes.wishes import RICH
from protos.v1 import gateway_pb2, order_pb2

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

LONG = 12.0
"""Seconds: longer than the ten of an order's patience."""


class Story:
    """A network that works, and somebody who looks at it."""

    def __init__(self, network: Network, people: People) -> None:
        self.network = network
        self.people = people
        self.onlooker = Line(network)

    async def until(self, condition: Callable[[], bool | Awaitable[bool]], within: float = 30.0) -> None:
        async with asyncio.timeout(within):
            while True:
                holds = condition()
                if holds if isinstance(holds, bool) else await holds:
                    return
                await asyncio.sleep(0.05)

    async def more_payments(self, number: int = 500) -> None:
        before = self.people.ended
        await self.until(lambda: self.people.ended >= before + number)

    async def sees(self, bank: str, link: str) -> bool:
        answer = await self.onlooker.call("AccountService", "ListBanks", gateway_pb2.ListBanksRequest())
        return any(
            shown.bank == bank and shown.link == getattr(gateway_pb2, f"BANK_LINK_{link}") for shown in answer.banks
        )

    def count(self, name: str, query: str) -> int:
        return int(self.network.rows(name, f"SELECT count(*) AS n FROM {query}")[0]["n"])

    async def pays(self, bank: str, other: str) -> order_pb2.Transfer:
        """The operator, from one bank's treasury to a worker at another."""
        await self.onlooker.log_in(OPERATOR, "")
        order = order_pb2.Order(
            payer_bank=bank,
            payer_account=self.account(bank, f"treasury-{bank.lower()}"),
            payee_bank=other,
            payee_account=self.account(other, f"worker-{other.lower()}-0"),
            payee_name=f"worker-{other.lower()}-0",
            minor_units=RICH // 10,
            currency=CURRENCY,
            idempotency_key="meanwhile",
        )
        run = gateway_pb2.SubmitTransfersRequest(orders=[order], on_authority_of_bank=bank, wait_seconds=10)
        answer = await self.onlooker.call("PaymentService", "SubmitTransfers", run)
        return answer.submissions[0].transfer

    def account(self, bank: str, username: str) -> int:
        return int(self.network.rows(bank, f"SELECT account FROM accounts WHERE username = '{username}'")[0]["account"])

    async def ends_well(self, *, journal_whole: bool = True) -> None:
        """Without a whole journal the audit names what ended before it was lost, and nothing else."""
        wrong = await mend(self.network, self.people)
        wrong += judge(self.network, self.people, journal_whole=journal_whole, late=False)
        assert not wrong, "\n".join(wrong[:20])
        files = [self.network.home.database(name) for name in (GATEWAY, *BANKS)]
        for look in (verify, reconcile):
            found = {finding.kind for finding in look(files).findings}
            assert found <= (set() if journal_whole else {Kind.NOT_IN_THE_JOURNAL})


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    async with running(Home(tmp_path), random.Random(0)) as network:
        people = People(network, seed=0)
        story = Story(network, people)
        try:
            await people.settle_in()
            await story.more_payments()
            yield story
        finally:
            await people.close()
            await story.onlooker.hang_up()


async def test_a_bank_that_comes_back_with_an_old_database_is_found_out_and_repaired_by_itself(story: Story) -> None:
    network, south = story.network, story.network.servers["SOUTH"]
    copy = network.home.folder / "backup.db"
    copy_database(network.home.database("SOUTH"), copy)
    await story.more_payments(2_000)

    await south.kill()
    put_back(network.home.database("SOUTH"), copy)
    network.servers["EAST"].pause()  # it may know of something that nobody else does, so without it nothing is repaired
    await network.run(["SOUTH"])
    await story.until(lambda: story.sees("SOUTH", "QUARANTINED"))
    assert story.count("SOUTH", "lost_records") == 0

    network.servers["EAST"].resume()
    await story.until(lambda: story.sees("SOUTH", "CONNECTED"))
    assert story.count("SOUTH", "lost_records") == 1
    await story.more_payments()
    await story.ends_well()


async def test_a_journal_that_is_lost_is_rebuilt_from_the_banks_and_payments_go_on(story: Story) -> None:
    network, gateway = story.network, story.network.servers[GATEWAY]
    journal = network.home.database(GATEWAY)
    network.servers["SOUTH"].pause()  # so that debits at the other banks stay open
    await story.until(lambda: story.count("NORTH", "open_debits") > 0)

    await gateway.kill()
    remove(journal)
    make_database(journal, GATEWAY_SCHEMA)
    left = {row["transfer_id"] for row in network.rows("NORTH", "SELECT transfer_id FROM open_debits")}
    await network.run([GATEWAY])
    network.servers["SOUTH"].resume()

    await story.more_payments()
    await story.ends_well(journal_whole=False)
    finished = network.rows(GATEWAY, "SELECT transfer_id FROM transfers WHERE finished_at IS NOT NULL")
    assert left <= {row["transfer_id"] for row in finished}


async def test_a_bank_that_is_down_for_longer_than_patience_keeps_nobodys_money_and_stops_nobody_else(
    story: Story,
) -> None:
    network = story.network
    network.servers["SOUTH"].pause()
    impatient = "transfers WHERE payee_bank = 'SOUTH' AND payer_bank <> 'SOUTH' AND finished_at IS NULL AND NOT patient"
    await story.until(lambda: story.count(GATEWAY, impatient) > 0)
    await network.servers["SOUTH"].kill()
    begun = asyncio.get_running_loop().time()
    await story.until(lambda: story.sees("SOUTH", "DOWN"))
    paid = await story.pays("NORTH", "EAST")
    assert paid.state == order_pb2.TRANSFER_STATE_COMPLETED
    await asyncio.sleep(begun + LONG - asyncio.get_running_loop().time())
    # What SOUTH may have credited waits for its word, and comes back on no guess.
    assert story.count(GATEWAY, impatient) > 0
    assert story.count(GATEWAY, "transfers WHERE state = 'RETURNED'") == 0

    await network.run(["SOUTH"])
    await story.ends_well()


def test_a_full_disk_delays_payments_and_goes_on_by_itself_when_there_is_room(tmp_path: Path) -> None:
    """In a mount namespace of its own, where everybody may mount a small disk."""
    mount = f"mount -t tmpfs -o size=512m tmpfs {shlex.quote(str(tmp_path))}"
    apart = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*apart, mount], capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    lab = [sys.executable, "-m", "lab.processes", "--only", "full-disk", "--seed", "1", "--periods", "8"]
    lab += ["--home", str(tmp_path)]
    ran = subprocess.run([*apart, f"{mount} && exec {shlex.join(lab)}"], capture_output=True, text=True, timeout=170)
    assert ran.returncode == 0, ran.stdout + ran.stderr[-2000:]
    assert "STORAGE_FULL" in ran.stdout, "somebody met it"
