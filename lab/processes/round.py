"""One round: a plan befalls a network that works; then everything is mended, and all must become final and be right."""

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.books import findings, read_bank, read_journal
from lab.home import GATEWAY, Home
from lab.processes.nemesis import Nemesis
from lab.processes.network import BANKS, EVERYBODY, Network, running
from lab.processes.people import People
from lab.processes.plan import Plan
from lab.promises import broken_promises

FINAL_WITHIN = 30.0
"""Seconds after the last fault in which everything must be final."""


@dataclass(frozen=True, slots=True)
class Round:
    """What came of a plan. `ends` are what orders came to, in the words of those who asked; `unheard` the same for
    orders of which a call got no answer. `recovery` is in seconds, from the last fault until all was final."""

    plan: Plan
    seconds: float
    kills: int
    faults: Counter[str]
    orders: int
    ends: Counter[str]
    unheard: Counter[str]
    reads: int
    recovery: float
    wrong: tuple[str, ...]


def carry_out(plan: Plan, folder: Path | None = None, say: Callable[[str], None] = lambda _: None) -> Round:
    """The round of a plan, in an empty folder that stays, or in one that goes with it."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        return asyncio.run(_carry_out(plan, folder, say))
    with tempfile.TemporaryDirectory(prefix="interbank-lab-") as temporary:
        return asyncio.run(_carry_out(plan, Path(temporary), say))


async def _carry_out(plan: Plan, folder: Path, say: Callable[[str], None]) -> Round:
    clock = asyncio.get_running_loop().time
    chance = random.Random(plan.seed)  # noqa: S311  spreads delays
    async with running(Home(folder), chance) as network:
        people, nemesis = People(network, plan.seed), Nemesis(network)
        try:
            await people.settle_in()
            begun = clock()
            for number, period in enumerate(plan.periods, start=1):
                await nemesis.carry_out(period)
                say(f"period {number} of {len(plan.periods)}, {nemesis.kills} SIGKILLs, {people.ended:,} payments")
            seconds, mended = clock() - begun, clock()
            unfinished = await _mend(network, people)
            recovery = clock() - mended
        finally:
            await people.close()
        wrong = [*nemesis.wrong, *unfinished, *_judge(network, people, plan), *network.failures]
    ends = Counter(wish.end for wish in people.wishes.made)
    unheard = Counter(wish.end for wish in people.wishes.made if wish.unheard)
    orders = len(people.wishes.made)
    return Round(
        plan, seconds, nemesis.kills, nemesis.faults, orders, ends, unheard, people.reads, recovery, tuple(wrong)
    )


async def _mend(network: Network, people: People) -> list[str]:
    """Everything runs and every link passes; returns what is not final in time."""
    network.heal()
    await network.run(EVERYBODY)
    try:
        async with asyncio.timeout(FINAL_WITHIN):
            await people.finish()
            await people.until_connected()
            while _unfinished(network):  # noqa: ASYNC110  what is waited for is in other processes
                await asyncio.sleep(0.1)
    except TimeoutError:
        waiting = sum(not wish.settled for wish in people.wishes.made)
        return [f"not final after {FINAL_WITHIN:.0f} s: {waiting} orders without an answer", *_unfinished(network)]
    return []


def _unfinished(network: Network) -> list[str]:
    """What is under way, by state."""
    states = network.rows(
        GATEWAY, "SELECT state, count(*) AS n FROM transfers WHERE finished_at IS NULL GROUP BY state"
    )
    debits = {bank: network.rows(bank, "SELECT count(*) AS n FROM open_debits")[0]["n"] for bank in BANKS}
    return [f"{row['n']} {row['state']}" for row in states] + [f"{bank}: {n} open" for bank, n in debits.items() if n]


def _judge(network: Network, people: People, plan: Plan) -> list[str]:
    """All that is wrong with the books, and all that was told and is not so."""
    banks = {bank: read_bank(lambda query, bank=bank: network.rows(bank, query)) for bank in BANKS}  # type: ignore[misc]
    journal = read_journal(lambda query: network.rows(GATEWAY, query))
    whole = plan.journal_whole
    told = broken_promises(people.wishes.made, banks, journal, people.deposits, journal_whole=whole, late=plan.late)
    return findings(banks, journal, journal_whole=whole) + told
