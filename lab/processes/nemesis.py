"""Carries out what befalls the network, and counts it."""

import asyncio
from collections import Counter

from certs.authority import issue
from certs.names import bank_name, gateway_names
from gateway_service.schema import SCHEMA as GATEWAY_SCHEMA
from lab.home import GATEWAY, copy_database, make_database, put_back, remove
from lab.processes.disk import fill, free
from lab.processes.network import BANKS, EVERYBODY, Network
from lab.processes.plan import Befall, Break, Fill, Kill, LoseJournal, Pause, Period, Restore, Rotate, Strike, TakeOver
from lab.processes.proxy import CLEAR

FENCED_WITHIN = 30.0
"""Seconds in which a gateway must find out that another one has taken its place."""


class Nemesis:
    """`kills` counts processes that were killed, `faults` everything else by its name."""

    def __init__(self, network: Network) -> None:
        self.kills = 0
        self.faults: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._network = network

    async def carry_out(self, period: Period) -> None:
        """All of a period; ends when its time is over and its last strike too."""
        await asyncio.gather(asyncio.sleep(period.seconds), *(self._strike(strike) for strike in period.strikes))

    async def _strike(self, strike: Strike) -> None:
        await asyncio.sleep(strike.at)
        match strike:
            case Kill():
                await self._kill(strike.names, strike.down)
            case Pause():
                await self._pause(strike)
            case Befall():
                await self._befall(strike)
            case Break():
                self._break(strike)
            case Restore():
                await self._restore(strike)
            case LoseJournal():
                await self._lose_journal()
            case TakeOver():
                await self._take_over(strike)
            case Rotate():
                await self._rotate()
            case Fill():
                await self._fill(strike)

    async def _kill(self, names: tuple[str, ...], down: float) -> None:
        servers = [self._network.servers[name] for name in names]
        self.kills += sum(await asyncio.gather(*(server.kill() for server in servers)))
        await asyncio.sleep(down)
        await self._network.run(names)

    async def _pause(self, pause: Pause) -> None:
        servers = [self._network.servers[name] for name in pause.names]
        self.faults["pauses"] += sum(server.pause() for server in servers)
        await asyncio.sleep(pause.lasts)
        for server in servers:
            server.resume()

    async def _befall(self, befall: Befall) -> None:
        proxy = self._network.proxies[befall.link]
        one_way = "one-way " if len(befall.directions) == 1 else ""
        self.faults[one_way + befall.kind] += 1
        proxy.set(befall.condition, *befall.directions)
        await asyncio.sleep(befall.lasts)
        proxy.set(CLEAR, *befall.directions)

    def _break(self, strike: Break) -> None:
        proxy = self._network.proxies[strike.link]
        if not proxy.connections:
            return
        if strike.told is None:
            self.faults["resets"] += 1
            proxy.reset()
        else:
            self.faults["half-open"] += 1
            proxy.half_open(strike.told)

    async def _restore(self, restore: Restore) -> None:
        server, copy = self._network.servers[restore.name], self._network.home.folder / "copy.db"
        copy.unlink(missing_ok=True)
        database = self._network.home.database(server.name)
        await asyncio.to_thread(copy_database, database, copy)
        await asyncio.sleep(restore.age)
        self.kills += await server.kill()
        put_back(database, copy)
        self.faults["old journals" if restore.name == GATEWAY else "old banks"] += 1
        await self._network.run([restore.name])

    async def _lose_journal(self) -> None:
        server = self._network.servers[GATEWAY]
        self.kills += await server.kill()
        database = self._network.home.database(server.name)
        remove(database)
        make_database(database, GATEWAY_SCHEMA)
        self.faults["lost journals"] += 1
        await self._network.run([GATEWAY])

    async def _take_over(self, strike: TakeOver) -> None:
        home, copy = self._network.home, self._network.home.folder / "copy.db"
        copy.unlink(missing_ok=True)
        await self._network.servers[GATEWAY].ready.wait()  # one that starts later would take over in its turn
        await asyncio.to_thread(copy_database, home.database(self._network.servers[GATEWAY].name), copy)
        await asyncio.sleep(strike.age)
        first = self._network.succeed()
        second = self._network.servers[GATEWAY]
        put_back(home.database(second.name), copy)
        self.faults["second gateways"] += 1
        await self._network.run([GATEWAY])
        try:
            async with asyncio.timeout(FENCED_WITHIN):
                await first.ended()
        except TimeoutError:
            self.wrong.append(f"{first.name} goes on beside {second.name}")
            await first.kill()

    async def _fill(self, strike: Fill) -> None:
        folder = self._network.home.folder
        self.faults["full disks"] += 1
        await asyncio.to_thread(fill, folder)
        try:
            await asyncio.sleep(strike.lasts)
        finally:
            free(folder)

    async def _rotate(self) -> None:
        home, authority = self._network.home, self._network.home.authority
        for name in EVERYBODY:
            pair = home.pair(name)
            for file in (pair.certificate, pair.key):
                file.unlink()
            issue(authority, pair, [bank_name(name)] if name in BANKS else gateway_names())
        for name in EVERYBODY:
            server = self._network.servers[name]
            await server.stop()
            await self._network.run([name])
            await server.ready.wait()
        self.faults["certificates"] += 1
