"""One history: a plan is carried out on a small network; then the faults stop, and all must become final and right."""

import asyncio
import functools
import hashlib
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from grpc.aio import AioRpcError

from gateway_service.directory import connected
from lab.books import Row, findings, read_bank, read_journal
from lab.promises import broken_promises
from lab.simulation.customers import DEPOSIT, PASSWORD, Customer, People, Wish, draw_wishes
from lab.simulation.disk import Disk
from lab.simulation.loop import Stuck, VirtualLoop
from lab.simulation.network import Channel, Network
from lab.simulation.nodes import Site, empty_bank, empty_gateway, start_bank, start_gateway
from lab.simulation.plan import BANKS, FRONT, GATEWAY, SECOND_GATEWAY, Cut, OldCopy, Plan, draw
from lab.simulation.process import Process, own_tasks, wind_up
from lab.simulation.said import log_to
from protos.v1 import bank_pb2, bank_pb2_grpc

HEALED_WITHIN = 30.0
"""Virtual seconds after the last fault in which everything must be final."""

_NOTICED_WITHIN = 6.5
"""Virtual seconds after which the gateway has asked every bank for open debits once more, and knows how it stands."""

CUSTOMERS = (("alice", "NORTH"), ("bob", "SOUTH"), ("carol", "EAST"), ("dora", "NORTH"))


@dataclass
class History:
    """What came of a plan: what is wrong, how long it took to become final after the faults, and how it went."""

    plan: Plan
    wrong: list[str] = field(default_factory=list)
    timeline: list[str] = field(default_factory=list)
    wishes: list[Wish] = field(default_factory=list)
    healed_after: float = 0.0
    deaths: int = 0
    repairs: int = 0

    @property
    def digest(self) -> str:
        """One line for the whole timeline: the same for the same seed, wherever it runs."""
        return hashlib.sha256("\n".join(self.timeline).encode()).hexdigest()


def run(seed: int) -> History:
    """The history of a seed."""
    return carry_out(draw(seed))


def carry_out(plan: Plan) -> History:
    """The history of a plan."""
    disks, customers = founded()
    loop = VirtualLoop()
    own_tasks(loop)
    history = History(plan)
    world = _World(plan, history, {name: disk.copy() for name, disk in disks.items()}, customers)
    try:
        with log_to(world.said):
            loop.run_until_complete(world.live())
    except Stuck:
        history.wrong.append("somebody waits for what nobody will ever do")
    except Exception as error:
        history.wrong.append(f"{type(error).__name__}: {error}")
    finally:
        world.end(loop)
    return history


class _World:
    """The network of one history, and whoever hurts it."""

    def __init__(self, plan: Plan, history: History, disks: dict[str, Disk], customers: list[Customer]) -> None:
        self._plan = plan
        self._history = history
        self._disks = disks
        self._chance = random.Random(plan.seed + 1)  # noqa: S311  the same seed must give the same history
        self._network = Network(self._chance, self._trace)
        self._site = Site(self._chance, self._network, self._trace, self._crashed, plan.slow_sync)
        self._people = People(self._network, self._trace, self._chance, FRONT)
        self._network.known_as[FRONT] = GATEWAY
        self._customers = [Customer(one.name, one.bank, one.account, one.token) for one in customers]
        self._processes: dict[str, Process] = {}
        self._crashes = list(plan.crashes)
        self._healed = False
        self._ended = False
        self._mischief: list[asyncio.Task[None]] = []

    async def live(self) -> None:
        """From the first message to the last look into the books."""
        plan, weather = self._plan, self._network.weather
        for name in (GATEWAY, *BANKS):
            self._start(name)
        await asyncio.sleep(1)
        weather.loss, weather.repeat = plan.loss, plan.repeat
        weather.slow, weather.longest = plan.slow, plan.longest
        self._history.wishes = draw_wishes(self._chance, self._customers, plan.orders)
        asking = [asyncio.create_task(self._ask(wish)) for wish in self._history.wishes]
        self._mischief = [asyncio.create_task(work) for work in self._befalls()]
        await asyncio.sleep(plan.span)
        await self._heal()
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(_NOTICED_WITHIN)
        while not self._at_rest(asking):
            if asyncio.get_running_loop().time() - began > HEALED_WITHIN:
                self._history.wrong += self._unfinished(asking)
                break
            await asyncio.sleep(0.25)
        self._history.healed_after = asyncio.get_running_loop().time() - began
        self._judge()
        for task in asking:
            task.cancel()

    def end(self, loop: VirtualLoop) -> None:
        """Let nothing of it outlive the history."""
        self._ended = True
        wind_up(loop, self._processes.values())

    def said(self, text: str, error: BaseException | None) -> None:
        """Somebody of the product logged this."""
        if not self._ended:
            self._trace("log", text)
            if error is not None:
                self._history.wrong.append(f"{text}: {type(error).__name__}: {error}")

    def _trace(self, name: str, what: str) -> None:
        now = asyncio.get_running_loop().time()
        self._history.timeline.append(f"{now:10.4f}  {name:<9} {what}")

    # Processes

    def _start(self, name: str) -> None:
        if name in BANKS:
            process = start_bank(self._site, name, self._disks[name], FRONT)
        else:
            process = start_gateway(self._site, name, self._disks[name])
        if not self._healed:
            due = next((crash for crash in self._crashes if crash[0] == name), None)
            if due is not None:
                self._crashes.remove(due)
                process.crash_at = due[1]
        self._processes[name] = process

    def _crashed(self, process: Process) -> None:
        if self._ended:
            return
        self._history.deaths += 1
        if self._processes.get(process.name) is process and not self._is_over(process.name):
            wait = 0.1 if self._healed else self._chance.uniform(0.1, 5)
            asyncio.get_running_loop().call_later(wait, self._restart, process)

    def _restart(self, process: Process) -> None:
        if self._processes.get(process.name) is process and not process.alive and not self._is_over(process.name):
            self._start(process.name)

    def _is_over(self, name: str) -> bool:
        """Nobody starts the first gateway again when a second one has taken its place."""
        return name == GATEWAY and SECOND_GATEWAY in self._processes

    # What befalls it

    def _befalls(self) -> list[Coroutine[Any, Any, None]]:
        plan = self._plan
        return [
            *(self._cut(cut) for cut in plan.cuts),
            *(self._restore(copy) for copy in plan.old_copies),
            *(self._leap(at, seconds) for at, seconds in plan.leaps),
            *([self._take_over(plan.second_gateway, plan.second_journal)] if plan.second_gateway is not None else []),
            *([self._lose_journal(plan.journal_lost)] if plan.journal_lost is not None else []),
            *([self._freeze(plan.frozen)] if plan.frozen is not None else []),
        ]

    async def _cut(self, cut: Cut) -> None:
        await asyncio.sleep(cut.begins)
        self._trace("weather", f"nothing gets from {cut.source} to {cut.target}")
        self._network.weather.cuts.add((cut.source, cut.target))
        await asyncio.sleep(cut.ends - cut.begins)
        self._network.weather.cuts.discard((cut.source, cut.target))

    async def _restore(self, copy: OldCopy) -> None:
        await asyncio.sleep(copy.taken)
        old = self._disks[copy.name].copy()
        await asyncio.sleep(copy.put_back - copy.taken)
        self._trace(copy.name, f"comes back with its disk of {copy.taken:.3f}")
        self._replace(copy.name, old)

    async def _lose_journal(self, at: float) -> None:
        await asyncio.sleep(at)
        self._trace(GATEWAY, "loses its disk")
        self._replace(GATEWAY, empty_gateway())

    def _replace(self, name: str, disk: Disk) -> None:
        self._processes[name].die()
        self._disks[name] = disk

    async def _take_over(self, at: float, copied: float | None) -> None:
        if copied is not None:
            await asyncio.sleep(copied)
            journal = self._disks[GATEWAY].copy()
            await asyncio.sleep(at - copied)
        else:
            await asyncio.sleep(at)
            journal = empty_gateway()
        self._trace(SECOND_GATEWAY, "is started beside the first")
        self._disks[SECOND_GATEWAY] = journal
        self._start(SECOND_GATEWAY)
        self._network.known_as[FRONT] = SECOND_GATEWAY

    async def _leap(self, at: float, seconds: float) -> None:
        await asyncio.sleep(at)
        self._trace("clock", f"is set by {seconds:.0f} s")
        self._site.clock.ahead_us += int(seconds * 1_000_000)

    async def _freeze(self, at: float) -> None:
        """A customer's account takes nothing any more: what is on its way to it comes back."""
        await asyncio.sleep(at)
        payee = self._customers[0]
        request = bank_pb2.SetAccountStatusRequest(
            operator="admin", account=payee.account, status=bank_pb2.ACCOUNT_STATUS_FROZEN
        )
        channel: Any = Channel(self._network, None, payee.bank)
        for _ in range(20):
            try:
                await bank_pb2_grpc.BankServiceStub(channel).SetAccountStatus(request, timeout=2.0)
            except AioRpcError:
                await asyncio.sleep(0.5)
            else:
                return

    async def _ask(self, wish: Wish) -> None:
        await asyncio.sleep(self._chance.uniform(0, self._plan.span * 0.8))
        await self._people.pay(wish)

    async def _heal(self) -> None:
        """The faults stop, and whoever is dead is started."""
        await asyncio.gather(*self._mischief)
        self._healed = True
        self._trace("weather", "is fine from now on")
        self._network.weather.clear()
        self._site.slow_sync = 0.0
        for name, process in list(self._processes.items()):
            process.crash_at = None
            if not process.alive and not self._is_over(name):
                self._start(name)

    # The end

    def _at_rest(self, asking: list["asyncio.Task[None]"]) -> bool:
        if not all(task.done() for task in asking):
            return False
        gateway = self._processes[self._last_gateway].gateway
        if gateway is None or self._remembered():
            return False
        links = gateway.directory.links
        if not all(bank in links and connected(links[bank]) and links[bank].compared for bank in BANKS):
            return False
        journal = self._rows(self._last_gateway)("SELECT count(*) AS n FROM transfers WHERE finished_at IS NULL")
        return journal[0]["n"] == 0 and all(
            self._rows(bank)("SELECT count(*) AS n FROM open_debits")[0]["n"] == 0 for bank in BANKS
        )

    def _unfinished(self, asking: list["asyncio.Task[None]"]) -> list[str]:
        waiting = sum(not task.done() for task in asking)
        states = self._rows(self._last_gateway)("SELECT state, suspended FROM transfers WHERE finished_at IS NULL")
        found = [f"not final {HEALED_WITHIN:.0f} s after the last fault: {waiting} customers wait"]
        found += [f"{row['state']} {row['suspended']}" for row in states]
        return found + [f"the gateway's memory holds {number} transfers" for number in self._remembered()]

    def _remembered(self) -> list[int]:
        """How many transfers the gateway has under way in its memory, and how many wait for each bank, if any do."""
        gateway = self._processes[self._last_gateway].gateway
        if gateway is None:
            return []
        counts = [len(gateway.pipeline.underway()), *(link.waiting for link in gateway.directory.links.values())]
        return [count for count in counts if count]

    @property
    def _last_gateway(self) -> str:
        return SECOND_GATEWAY if SECOND_GATEWAY in self._processes else GATEWAY

    def _rows(self, name: str) -> Callable[[str], list[Row]]:
        raw = self._disks[name].raw

        def rows(query: str) -> list[Row]:
            cursor = raw.execute(query)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

        return rows

    def _judge(self) -> None:
        history = self._history
        banks = {bank: read_bank(self._rows(bank)) for bank in BANKS}
        journal = read_journal(self._rows(self._last_gateway))
        history.wrong += findings(banks, journal, journal_whole=self._plan.journal_whole)
        if self._plan.old_copies:
            for wish in history.wishes:
                wish.read = None  # a bank that has just been restored shows what it has until it is found out
        deposits, whole = DEPOSIT * len(CUSTOMERS), self._plan.journal_whole
        wishes = history.wishes if self._plan.answers_kept else []
        history.wrong += broken_promises(
            wishes, banks, journal, deposits, journal_whole=whole, repeated=self._network.repeated
        )
        history.wrong += self._network.faults
        history.wrong += [str(one.broken) for one in self._site.databases if one.broken is not None]
        history.repairs = sum(len(self._rows(bank)("SELECT record_id FROM lost_records")) for bank in BANKS)


@functools.cache
def founded() -> tuple[dict[str, Disk], list[Customer]]:
    """The disks of a network with customers who are logged in: made once, copied for every history."""
    disks = {GATEWAY: empty_gateway()} | {bank: empty_bank() for bank in BANKS}
    customers = [Customer(name, bank) for name, bank in CUSTOMERS]
    loop = VirtualLoop()
    own_tasks(loop)
    try:
        loop.run_until_complete(_found(disks, customers))
    finally:
        loop.close()
    return disks, customers


async def _found(disks: dict[str, Disk], customers: list[Customer]) -> None:
    chance = random.Random(0)  # noqa: S311  the same for every history

    def nothing(_name: str, _what: str) -> None:
        pass

    network = Network(chance, nothing)
    network.known_as[FRONT] = GATEWAY
    site = Site(chance, network, nothing, lambda _process: None)
    processes = [start_gateway(site, GATEWAY, disks[GATEWAY])]
    processes += [start_bank(site, bank, disks[bank], FRONT) for bank in BANKS]
    await asyncio.sleep(20)
    people = People(network, nothing, chance, FRONT)
    for customer in customers:
        channel: Any = Channel(network, None, customer.bank)
        new = bank_pb2.NewAccount(username=customer.name, deposit_minor_units=DEPOSIT, password=PASSWORD)
        request = bank_pb2.OpenAccountsRequest(operator="admin", accounts=[new])
        opened = await bank_pb2_grpc.BankServiceStub(channel).OpenAccounts(request, timeout=5.0)
        customer.account = opened.accounts[0].account
        await people.register(customer)
        await people.login(customer)
    await asyncio.sleep(10)
    for process in processes:
        process.die()
    await asyncio.sleep(1)
