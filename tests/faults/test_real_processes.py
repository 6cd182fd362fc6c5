"""Real processes behind proxies: each way to hurt a link does what it says, and payments survive all of them."""

import asyncio
import contextlib
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from lab.home import read_rows
from lab.processes.footprint import Footprint, grown
from lab.processes.network import BANKS
from lab.processes.plan import KINDS, LoseJournal, Restore, TakeOver, draw
from lab.processes.proxy import Condition, Direction, Proxy
from lab.processes.round import Round, carry_out
from tests.faults.figures import PAYMENTS, SIGKILLS, Tell, figure

THERE, BACK = Direction.THERE, Direction.BACK
SHORT = ",".join(kind for kind in KINDS if kind not in ("pause", "silence", "swallow", "drip"))
"""What is over at once, for as many deaths as possible in the time."""

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Line:
    """A caller and whoever he called, with a proxy between them."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.called: asyncio.Queue[Ends] = asyncio.Queue()

    async def call(self) -> tuple[Ends, Ends]:
        host, _, port = self.proxy.address.rpartition(":")
        standing = self.proxy.connections
        caller = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(5):
            called = await self.called.get()
        await until(lambda: self.proxy.connections > standing)
        return caller, called


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    proxy = Proxy(random.Random(0))
    line = Line(proxy)
    server = await asyncio.start_server(lambda *ends: line.called.put_nowait(ends), "127.0.0.1", 0)
    proxy.target = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await proxy.start()
    yield line
    await proxy.stop()
    server.close()
    assert proxy.connections == 0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  what is waited for are other ends of connections
            await asyncio.sleep(0.005)


async def arrives(ends: Ends, count: int, within: float = 5.0) -> bytes:
    async with asyncio.timeout(within):
        return await ends[0].readexactly(count)


async def nothing_arrives(ends: Ends, within: float = 0.2) -> None:
    with pytest.raises(TimeoutError):
        await arrives(ends, 1, within)


async def is_cut_off(ends: Ends) -> bool:
    """By a RST, and not by a polite end."""
    try:
        async with asyncio.timeout(5):
            await ends[0].read(1)
    except ConnectionResetError:
        return True
    return False


async def test_a_clear_proxy_carries_everything_both_ways_and_the_end_too(line: Line) -> None:
    caller, called = await line.call()
    sent = random.Random(1).randbytes(1_000_000)
    caller[1].write(sent)
    assert await arrives(called, len(sent)) == sent
    called[1].write(b"answer")
    caller[1].write_eof()
    assert await called[0].read() == b""
    assert await arrives(caller, 6) == b"answer"
    called[1].close()
    assert await caller[0].read() == b""


async def test_a_delay_makes_every_piece_late_and_keeps_the_order(line: Line) -> None:
    caller, called = await line.call()
    line.proxy.set(Condition(delay=0.15, jitter=0.1), THERE)
    clock = asyncio.get_running_loop().time
    begun = clock()
    for number in range(50):
        caller[1].write(b"%03d" % number)
        await caller[1].drain()
        await asyncio.sleep(0)
    assert await arrives(called, 150) == b"".join(b"%03d" % number for number in range(50))
    assert 0.15 <= clock() - begun < 2
    begun = clock()
    called[1].write(b"back at once")
    await arrives(caller, 12)
    assert clock() - begun < 0.15


async def test_what_is_held_in_one_direction_arrives_when_that_ends(line: Line) -> None:
    caller, called = await line.call()
    line.proxy.set(Condition(held=True), THERE)
    caller[1].write(b"held")
    called[1].write(b"passes")
    assert await arrives(caller, 6) == b"passes"
    await nothing_arrives(called)
    line.proxy.heal()
    assert await arrives(called, 4) == b"held"


async def test_a_new_connection_over_a_silent_link_comes_up_and_hears_nothing(line: Line) -> None:
    line.proxy.set(Condition(held=True))
    caller, called = await line.call()
    called[1].write(b"hello")
    await nothing_arrives(caller)
    line.proxy.heal()
    assert await arrives(caller, 5) == b"hello"


async def test_what_is_swallowed_never_arrives_and_nobody_is_told(line: Line) -> None:
    caller, called = await line.call()
    line.proxy.set(Condition(swallowed=True))
    caller[1].write(b"lost")
    called[1].write(b"lost")
    await nothing_arrives(called)
    await nothing_arrives(caller)
    line.proxy.heal()
    caller[1].write(b"found")
    assert await arrives(called, 5) == b"found"


async def test_a_reset_tells_both_ends_at_once_and_new_calls_pass(line: Line) -> None:
    caller, called = await line.call()
    line.proxy.reset()
    assert await is_cut_off(caller)
    assert await is_cut_off(called)
    caller, called = await line.call()
    caller[1].write(b"again")
    assert await arrives(called, 5) == b"again"


@pytest.mark.parametrize("told", [THERE, BACK])
async def test_of_a_half_open_connection_one_end_never_hears(line: Line, told: Direction) -> None:
    caller, called = await line.call()
    line.proxy.half_open(told)
    knows, deaf = (caller, called) if told is THERE else (called, caller)
    assert await is_cut_off(knows)
    deaf[1].write(b"x" * 1_000_000)
    async with asyncio.timeout(5):
        await deaf[1].drain()
    await nothing_arrives(deaf)
    assert line.proxy.connections == 1
    deaf[1].close()
    await until(lambda: not line.proxy.connections)


async def test_a_drip_is_as_slow_as_it_says_and_ends_at_once(line: Line) -> None:
    caller, called = await line.call()
    line.proxy.set(Condition(bytes_per_second=2_000), THERE)
    clock = asyncio.get_running_loop().time
    begun = clock()
    caller[1].write(b"x" * 60_000)
    await arrives(called, 600)
    assert clock() - begun > 0.2
    line.proxy.heal()
    await arrives(called, 59_400)
    assert clock() - begun < 5


async def test_who_calls_where_nobody_listens_is_cut_off(line: Line) -> None:
    line.proxy.target = "127.0.0.1:1"
    host, _, port = line.proxy.address.rpartition(":")
    with contextlib.suppress(ConnectionResetError):
        ends = await asyncio.open_connection(host, int(port))
        assert await is_cut_off(ends)
    line.proxy.target = ""
    with contextlib.suppress(ConnectionResetError):
        ends = await asyncio.open_connection(host, int(port))
        assert await is_cut_off(ends)


def right(ended: Round) -> Round:
    """Nothing was wrong; else how to see it again."""
    assert not ended.wrong, f"{ended.plan.command}\n" + "\n".join(ended.wrong[:20])
    return ended


@pytest.mark.slow
def test_payments_survive_the_death_of_processes_and_connections(tmp_path: Path) -> None:
    ended = right(carry_out(draw(4, ("kill", "reset", "half-open"), periods=3), tmp_path))
    assert ended.kills
    assert ended.ends["COMPLETED"] > 500
    assert ended.ends["REFUSED"]
    told = [row["address"] for row in read_rows(tmp_path / "gateway.db", "SELECT address FROM banks")]
    listens = [json.loads((tmp_path / f"{bank}.db.lock").read_text())["address"] for bank in BANKS]
    assert len({*told, *listens}) == 2 * len(BANKS), "each bank told the gateway the proxy's address, and not its own"


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_hundred_sigkills_of_real_processes_lose_make_and_double_nothing(tell: Tell) -> None:
    command = [sys.executable, "-m", "lab.processes", "--kills", "100", "--only", SHORT]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=390)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    assert "WRONG" not in ran.stdout
    kills = figure(r"SIGKILLs ([\d,]+);", ran.stdout)
    assert kills >= 100
    tell({SIGKILLS: kills, PAYMENTS: figure(r"([\d,]+) orders", ran.stdout)})


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_payments_survive_everything_that_can_befall_links_and_processes(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    ended = right(carry_out(draw(seed, periods=6), tmp_path))
    assert ended.ends["COMPLETED"]


def test_a_seed_gives_one_plan_and_a_round_has_one_fate_at_most() -> None:
    for seed in range(200):
        plan = draw(seed)
        assert plan == draw(seed)
        fateful = {type(strike) for period in plan.periods for strike in period.strikes} & {
            Restore,
            LoseJournal,
            TakeOver,
        }
        assert len(fateful) == bool(plan.fate)
        assert plan.command == f"python -m lab.processes --seed {seed}"
    assert draw(7, ("kill", "drip")).command == "python -m lab.processes --seed 7 --only kill,drip"
    assert sum(not period.strikes for period in draw(7).periods) > 0


def test_a_process_that_grew_is_named() -> None:
    before = {"NORTH": Footprint(90.0, 23, 12)}
    assert list(grown(before, {"NORTH": Footprint(120.0, 30, 14)})) == []
    assert list(grown(before, {"NORTH": Footprint(190.0, 223, 62)})) == [
        "NORTH holds 190 MB, at the beginning 90",
        "NORTH has 223 descriptors open, at the beginning 23",
        "NORTH has 62 threads, at the beginning 12",
    ]
