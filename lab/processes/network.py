"""A gateway and three banks as real processes, and a proxy on every way between them and to the customers."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

from lab.books import Row
from lab.home import CURRENCY, GATEWAY, Home, make_files, read_rows
from lab.processes.proxy import Proxy
from lab.processes.servers import Server

BANKS = ("NORTH", "SOUTH", "EAST")
CUSTOMERS = "customers"
EVERYBODY = (GATEWAY, *BANKS)

Link = tuple[str, str]
"""Who calls, and who is called."""

LINKS: tuple[Link, ...] = (
    (CUSTOMERS, GATEWAY),
    *((bank, GATEWAY) for bank in BANKS),
    *((GATEWAY, bank) for bank in BANKS),
)
_ANYWHERE = "127.0.0.1:0"


class Network:
    """Every process takes a free port at every start, and the proxies find it there; nobody else does. So a bank is
    behind a port that is forwarded to it, and says so (`--advertise`)."""

    def __init__(self, home: Home, chance: random.Random) -> None:
        self.home = home
        self.proxies: dict[Link, Proxy] = {link: Proxy(chance) for link in LINKS}
        self.servers = {bank: self._bank(bank) for bank in BANKS}
        self.servers[GATEWAY] = self._gateway(GATEWAY)
        self.superseded: list[Server] = []

    async def start(self) -> None:
        """Make the files, and start everything."""
        make_files(self.home, BANKS)
        for proxy in self.proxies.values():
            await proxy.start()
        await self.run(EVERYBODY)
        await asyncio.gather(*(server.ready.wait() for server in self.servers.values()))

    async def stop(self) -> None:
        """Kill everything."""
        await asyncio.gather(*(server.kill() for server in (*self.servers.values(), *self.superseded)))
        for proxy in self.proxies.values():
            await proxy.stop()

    async def run(self, names: Iterable[str]) -> None:
        """Start what is not alive of these."""
        for name in names:
            await self.servers[name].start(self._arguments(self.servers[name].name))

    def succeed(self) -> Server:
        """Let another gateway be the gateway from now on; it is not started yet and has no database. Returns the one
        before, which goes on until it is told."""
        first = self.servers[GATEWAY]
        self.superseded.append(first)
        self.servers[GATEWAY] = self._gateway(f"{GATEWAY}-{len(self.superseded) + 1}")
        return first

    def heal(self) -> None:
        """Let every link pass everything again, and every process go on."""
        for proxy in self.proxies.values():
            proxy.heal()
        for server in self.servers.values():
            server.resume()

    @property
    def failures(self) -> list[str]:
        """Every process that ended and was not told to, and every exception in a log. A gateway that was superseded
        ends."""
        ended = [failure for server in self.servers.values() for failure in server.failures]
        ended += [f for server in self.superseded for f in server.failures if "EPOCH_SUPERSEDED" not in f]
        raised = [log for log in self.home.folder.glob("*.log") if b"Traceback (most recent" in log.read_bytes()]
        return ended + [f"{log.name}: {_first_exception(log)}" for log in raised]

    @property
    def pids(self) -> dict[str, int]:
        """Of everybody who is alive, by name."""
        return {name: server.pid for name, server in self.servers.items() if server.alive}

    @property
    def customers_address(self) -> str:
        """Where customers find the gateway."""
        return self.proxies[CUSTOMERS, GATEWAY].address

    def rows(self, name: str, query: str) -> list[Row]:
        """Read the database of the gateway or a bank."""
        return read_rows(self.home.database(self.servers[name].name), query)

    def _bank(self, bank: str) -> Server:
        def announced(where: Mapping[str, str]) -> None:
            self.proxies[GATEWAY, bank].target = where["address"]

        return Server(bank, "bank_service", self.home.folder / f"{bank}.log", announced)

    def _gateway(self, name: str) -> Server:
        def announced(where: Mapping[str, str]) -> None:
            self.proxies[CUSTOMERS, GATEWAY].target = where["customers"]
            for bank in BANKS:
                self.proxies[bank, GATEWAY].target = where["banks"]

        return Server(name, "gateway_service", self.home.folder / f"{name}.log", announced)

    def _arguments(self, name: str) -> list[str]:
        bank = name in BANKS
        pair = self.home.pair(name if bank else GATEWAY)
        files = {
            "--database": self.home.database(name),
            "--certificate": pair.certificate,
            "--key": pair.key,
            "--authority": self.home.authority.certificate,
        }
        words = [word for option, path in files.items() for word in (option, str(path))]
        if not bank:
            return [*words, "--listen-customers", _ANYWHERE, "--listen-banks", _ANYWHERE]
        return [
            *words, "--bank", name, "--currency", CURRENCY, "--admit-operator", "--listen", _ANYWHERE,
            "--advertise", self.proxies[GATEWAY, name].address, "--gateway", self.proxies[name, GATEWAY].address,
        ]  # fmt: skip


def _first_exception(log: Path) -> str:
    _, _, after = log.read_text(encoding="utf-8", errors="replace").partition("Traceback (most recent")
    return next((line for line in after.splitlines()[1:] if line and not line.startswith(" ")), "an exception")


@contextlib.asynccontextmanager
async def running(home: Home, chance: random.Random) -> AsyncIterator[Network]:
    """A network in an empty folder; ends with the block."""
    network = Network(home, chance)
    try:
        await network.start()
        yield network
    finally:
        await network.stop()
