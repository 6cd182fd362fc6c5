"""The end of every story: all is mended, must become final, and is held against what anybody was told."""

import asyncio

from lab.books import findings, read_bank, read_journal
from lab.home import GATEWAY
from lab.processes.network import BANKS, EVERYBODY, Network
from lab.processes.people import People
from lab.promises import broken_promises

FINAL_WITHIN = 30.0
"""Seconds after the last fault in which everything must be final."""


async def mend(network: Network, people: People) -> list[str]:
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


def judge(network: Network, people: People, *, journal_whole: bool, late: bool) -> list[str]:
    """All that is wrong with the books, and all that was told and is not so; nothing may be under way any more.
    `journal_whole` and `late`: see lab.promises."""
    banks = {bank: read_bank(lambda query, bank=bank: network.rows(bank, query)) for bank in BANKS}  # type: ignore[misc]
    journal = read_journal(lambda query: network.rows(GATEWAY, query))
    wishes, deposits = people.wishes.made, people.deposits
    told = broken_promises(wishes, banks, journal, deposits, journal_whole=journal_whole, late=late)
    return [*network.failures, *findings(banks, journal, journal_whole=journal_whole), *told]


def _unfinished(network: Network) -> list[str]:
    """What is under way, by state."""
    states = network.rows(
        GATEWAY, "SELECT state, count(*) AS n FROM transfers WHERE finished_at IS NULL GROUP BY state"
    )
    debits = {bank: network.rows(bank, "SELECT count(*) AS n FROM open_debits")[0]["n"] for bank in BANKS}
    return [f"{row['n']} {row['state']}" for row in states] + [f"{bank}: {n} open" for bank, n in debits.items() if n]
