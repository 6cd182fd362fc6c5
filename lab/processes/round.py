"""One round: a plan befalls a network that works; then everything is mended, and all must become final and be right."""

import asyncio
import math
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.home import Home
from lab.processes.footprint import footprints, grown
from lab.processes.judgement import judge, mend
from lab.processes.nemesis import Nemesis
from lab.processes.network import running
from lab.processes.people import People
from lab.processes.plan import Plan

WARM = 300
"""Orders after which a process takes what it takes while it works."""


@dataclass(frozen=True, slots=True)
class Round:
    """What came of a plan. `ends` are what orders came to, in the words of those who asked; `unheard` the same for
    orders of which a call got no answer; `not_now` are answers after which somebody asked again, by their reason.
    `recovery` is in seconds, from the last fault until all was final; `memory` in MB, of the largest process in the
    end."""

    plan: Plan
    seconds: float
    kills: int
    faults: Counter[str]
    orders: int
    ends: Counter[str]
    unheard: Counter[str]
    not_now: Counter[str]
    reads: int
    recovery: float
    memory: float
    wrong: tuple[str, ...]


def carry_out(
    plan: Plan, folder: Path | None = None, say: Callable[[str], None] = lambda _: None, kills: float = math.inf
) -> Round:
    """The round of a plan, in an empty folder that stays, or in one that goes with it; it is cut short when so many
    processes were killed."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        return asyncio.run(_carry_out(plan, folder, say, kills))
    with tempfile.TemporaryDirectory(prefix="interbank-lab-") as temporary:
        return asyncio.run(_carry_out(plan, Path(temporary), say, kills))


async def _carry_out(plan: Plan, folder: Path, say: Callable[[str], None], kills: float) -> Round:
    clock = asyncio.get_running_loop().time
    chance = random.Random(plan.seed)  # noqa: S311  spreads delays
    async with running(Home(folder), chance) as network:
        people, nemesis = People(network, plan.seed), Nemesis(network)
        try:
            await people.settle_in()
            await people.until_ended(WARM)
            pids, begun = network.pids, clock()
            before = footprints(pids)
            for number, period in enumerate(plan.periods, start=1):
                await nemesis.carry_out(period)
                say(f"period {number} of {len(plan.periods)}, {nemesis.kills} SIGKILLs, {people.ended:,} payments")
                if nemesis.kills >= kills:
                    break
            seconds, mended = clock() - begun, clock()
            unfinished = await mend(network, people)
            recovery = clock() - mended
            after = footprints(network.pids)
            lived = {name: one for name, one in after.items() if network.pids[name] == pids[name]}
        finally:
            await people.close()
        judged = judge(network, people, journal_whole=plan.journal_whole, late=plan.late)
        wrong = [*nemesis.wrong, *unfinished, *judged, *grown(before, lived)]
    ends = Counter(wish.end for wish in people.wishes.made)
    unheard = Counter(wish.end for wish in people.wishes.made if wish.unheard)
    orders = len(people.wishes.made)
    memory = max((one.memory for one in after.values()), default=0.0)
    return Round(
        plan,
        seconds,
        nemesis.kills,
        nemesis.faults,
        orders,
        ends,
        unheard,
        people.not_now,
        people.reads,
        recovery,
        memory,
        tuple(wrong),
    )
