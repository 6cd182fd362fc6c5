"""One small network of real processes: whoever dies is started again at once, on the same files."""

import asyncio
import contextlib
import multiprocessing
from collections.abc import AsyncIterator, Awaitable, Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from lab.books import Row
from lab.crashpoints.servers import Seat, serve
from lab.home import GATEWAY, Home, make_files, open_to_read, rows_of

BANKS = ("NORTH", "SOUTH")
_ANYWHERE = "localhost:0"

_FORK = multiprocessing.get_context("forkserver")
_FORK.set_forkserver_preload(["lab.crashpoints.warm"])


class Site:
    """A gateway and two banks. `deaths` counts processes that ended."""

    def __init__(self, home: Home, bug: str) -> None:
        self.home = home
        self.deaths = 0
        self._bug = bug
        self._listen: dict[str, tuple[str, ...]] = {GATEWAY: (_ANYWHERE, _ANYWHERE)} | dict.fromkeys(
            BANKS, (_ANYWHERE,)
        )
        self._up = {name: asyncio.Event() for name in (GATEWAY, *BANKS)}
        self._processes: dict[str, BaseProcess] = {}
        self._keeping: list[asyncio.Task[None]] = []
        self._reading: dict[str, Any] = {}

    @property
    def address(self) -> str:
        """Where customers find the gateway."""
        return self._listen[GATEWAY][0]

    def address_of(self, bank: str) -> str:
        """Where a bank listens."""
        return self._listen[bank][0]

    async def start(self) -> None:
        """Make the files and start everything."""
        make_files(self.home, BANKS)
        for name in (GATEWAY, *BANKS):
            self._keeping.append(asyncio.create_task(self._keep(name)))
            await self._up[name].wait()

    async def stop(self) -> None:
        """Kill everything."""
        for task in self._keeping:
            task.cancel()
        for process in self._processes.values():
            process.kill()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        for connection in self._reading.values():
            connection.close()

    @property
    def up(self) -> bool:
        """Whether every process has started."""
        return all(event.is_set() for event in self._up.values())

    def rows(self, name: str, query: str) -> list[Row]:
        """Read a database as an auditor would, while its server runs."""
        if name not in self._reading:  # to open one takes ten times as long as to read: it is read all the time
            self._reading[name] = open_to_read(self.home.database(name))
        return rows_of(self._reading[name], query)

    async def _keep(self, name: str) -> None:
        while True:
            ours, theirs = _FORK.Pipe()
            seat = Seat(self.home, name, self._listen[name], self._listen[GATEWAY][1], self._bug)
            process: Any = _FORK.Process(target=serve, args=(seat, theirs), daemon=True)
            process.start()
            theirs.close()
            self._processes[name] = process
            with contextlib.suppress(EOFError):  # it died while it started
                self._listen[name] = await asyncio.to_thread(_receive, ours)
                self._up[name].set()
            await asyncio.to_thread(process.join)
            self._up[name].clear()
            ours.close()
            self.deaths += 1


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it holds."""
    while not await condition():  # noqa: ASYNC110  what is waited for is in other processes
        await asyncio.sleep(0.005)


def _receive(connection: Connection) -> tuple[str, ...]:
    where: tuple[str, ...] = connection.recv()
    return where


@contextlib.asynccontextmanager
async def running(folder: Path, bug: str = "") -> AsyncIterator[Site]:
    """A network in an empty folder; ends with the block."""
    site = Site(Home(folder), bug)
    try:
        await site.start()
        yield site
    finally:
        await site.stop()
