"""One history: customers pay, a disk meets its fault, and what anybody was told before must be true afterwards."""

import asyncio
import contextlib
import functools
import random
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
from sqlalchemy.exc import DBAPIError

from gateway_service.directory import connected
from interbank.storage.sqlite import driver
from lab.books import Row, findings, read_bank, read_journal
from lab.powerloss.files import Folder
from lab.powerloss.plan import HOW_LONG_FULL, Fault, Plan
from lab.powerloss.vfs import NAME, LossyDisk
from lab.promises import broken_promises
from lab.simulation.customers import DEPOSIT, Customer, People, Wish, draw_wishes
from lab.simulation.history import CUSTOMERS, founded
from lab.simulation.loop import Stuck, VirtualLoop
from lab.simulation.network import Network, Served
from lab.simulation.nodes import Site, start_bank, start_gateway
from lab.simulation.plan import BANKS, FRONT, GATEWAY
from lab.simulation.process import Process, own_tasks, wind_up
from lab.simulation.said import log_to
from protos.v1 import bank_pb2

ORDERS = 50
_SPAN = 5.0
"""Virtual seconds in which customers begin to pay."""

_FINAL_WITHIN = 45.0
"""Virtual seconds in which everything must be final."""


@dataclass
class History:
    """What came of a plan: `acknowledged` payments were told final before the fault, `answered` outcomes were told by
    banks. `calls` counts what disks were asked for."""

    plan: Plan | None
    wrong: list[str] = field(default_factory=list)
    timeline: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    met: bool = False
    acknowledged: int = 0
    answered: int = 0
    deaths: int = 0


def carry_out(plan: Plan | None, seed: int = 0) -> History:
    """The history of a plan; without one, that of a seed in which nothing happens."""
    history = History(plan)
    contents, customers = _contents()
    loop = VirtualLoop()
    own_tasks(loop)
    world = _World(history, plan.seed if plan else seed, contents, customers)
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


@functools.cache
def _contents() -> tuple[dict[str, bytes], list[Customer]]:
    """The databases of a network with customers, as files."""
    disks, customers = founded()
    contents = {}
    with tempfile.TemporaryDirectory(prefix="interbank-lab-") as folder:
        for name, disk in disks.items():
            path = Path(folder) / name
            with contextlib.closing(driver().connect(path)) as file:
                disk.raw.backup(file)
            contents[name] = path.read_bytes()
    return contents, customers


class _Listening(Network):
    """A network that remembers which records banks have told of."""

    def __init__(self, chance: random.Random, trace: Any) -> None:
        super().__init__(chance, trace)
        self.told: dict[str, dict[int, bytes]] = {bank: {} for bank in BANKS}

    async def _answer(self, served: Served, source: str, path: str, payload: bytes, metadata: dict[str, str]) -> Any:
        answer = await super()._answer(served, source, path, payload, metadata)
        if path.endswith("/Post") and isinstance(answer, bytes):
            bank, (process, _) = next((name, found) for name, found in self._served.items() if found[1] is served)
            heads = [outcome.head for outcome in bank_pb2.PostResponse.FromString(answer).outcomes]
            if process.alive:
                self.told[bank] |= {head.record_id: head.chain_hash for head in heads if head.record_id}
        return answer


class _World:
    """The network of one history, and the disk that meets the fault."""

    def __init__(self, history: History, seed: int, contents: dict[str, bytes], customers: list[Customer]) -> None:
        self._history = history
        self._plan = history.plan
        self._chance = random.Random(seed)  # noqa: S311  the same seed must give the same history
        self._torn = random.Random(history.plan.draws if history.plan else 0)  # noqa: S311  the same
        self._network = _Listening(self._chance, self._trace)
        self._network.known_as[FRONT] = GATEWAY
        self._site = Site(self._chance, self._network, self._trace, self._crashed)
        self._people = People(self._network, self._trace, self._chance, FRONT)
        self._customers = [Customer(one.name, one.bank, one.account, one.token) for one in customers]
        self._disks = {name: LossyDisk(Folder.of({NAME: content})) for name, content in contents.items()}
        self._processes: dict[str, Process] = {}
        self._armed = self._ended = False
        self._room_at = 0.0
        self._known: list[tuple[Wish, tuple[str, str]]] = []

    async def live(self) -> None:
        """From the first message to the last look into the books."""
        for name in self._disks:
            self._start(name)
        await asyncio.sleep(1)
        self._armed = True
        wishes = draw_wishes(self._chance, self._customers, ORDERS)
        self._wishes = wishes
        asking = [asyncio.create_task(self._ask(wish)) for wish in wishes]
        try:
            async with asyncio.timeout(_FINAL_WITHIN):
                await asyncio.gather(*asking)
                self._armed = False
                while not self._at_rest():  # noqa: ASYNC110  virtual time
                    await asyncio.sleep(0.25)
        except TimeoutError:
            self._history.wrong.append(f"not final after {_FINAL_WITHIN:.0f} s")
        self._judge()

    def end(self, loop: VirtualLoop) -> None:
        """Let nothing of it outlive the history."""
        self._ended = True
        wind_up(loop, self._processes.values())
        for disk in self._disks.values():
            disk.forget()

    async def _ask(self, wish: Wish) -> None:
        await asyncio.sleep(self._chance.uniform(0, _SPAN))
        await self._people.pay(wish)

    def _trace(self, name: str, what: str) -> None:
        self._history.timeline.append(f"{asyncio.get_running_loop().time():10.4f}  {name:<9} {what}")

    def said(self, text: str, error: BaseException | None) -> None:
        """Somebody of the product logged this."""
        if not self._ended:
            self._trace("log", text)
            if error is not None and not isinstance(error, DBAPIError):  # that of the disk, which was meant
                self._history.wrong.append(f"{text}: {type(error).__name__}: {error}")

    # Processes and their disks

    def _start(self, name: str) -> None:
        disk = self._disks[name]
        if self._plan is not None:
            disk.checkpoint = self._plan.checkpoint
        disk.folder.calls.about_to = functools.partial(self._about_to, name)
        disk.folder.calls.done = functools.partial(self._done, name)
        if self._history.met:
            self._look(name)
        start = start_gateway if name == GATEWAY else functools.partial(start_bank, gateway=FRONT)
        self._processes[name] = start(self._site, name, disk)

    def _look(self, name: str) -> None:
        """Before anybody drives anything again: what was told by it before the fault must be on its own disk."""
        wrong = self._history.wrong
        if name != GATEWAY:
            wrong += self._forgotten(name)
            return
        journal = self._rows(name, "SELECT principal, idempotency_key, state FROM transfers")
        states = {((row["principal"], row["idempotency_key"]), row["state"]) for row in journal}
        for wish, (state, _) in self._known:
            if (wish.key, state) not in states:
                wrong.append(f"{wish.order.idempotency_key} was told {state}, and the journal has lost that")

    def _forgotten(self, bank: str) -> list[str]:
        kept = {row["record_id"]: row["chain_hash"] for row in self._rows(bank, "SELECT * FROM records")}
        lost = [number for number, chain_hash in self._network.told[bank].items() if kept.get(number) != chain_hash]
        return [f"{bank} has told of {len(lost)} records that it has not, the first is {min(lost)}"] if lost else []

    def _crashed(self, process: Process) -> None:
        if not self._ended:
            self._history.deaths += 1
            asyncio.get_running_loop().call_later(self._chance.uniform(0.1, 2), self._start, process.name)

    def _about_to(self, name: str, call: str) -> None:
        """A disk is asked for something: what SQLite shall see is raised."""
        plan = self._plan
        if asyncio.get_running_loop().time() < self._room_at and call == "write":
            raise apsw.FullError
        if not self._armed:
            return
        self._history.calls[call] += 1
        if plan is None or not self._meets(plan, call) or plan.fault is Fault.AFTER:
            return
        self._meet(plan, name)
        raise apsw.FullError if plan.fault in (Fault.FULL, Fault.FULL_LONG) else apsw.IOError

    def _done(self, name: str, call: str) -> None:
        plan = self._plan
        if plan is not None and plan.fault is Fault.AFTER and self._armed and self._meets(plan, call):
            self._meet(plan, name)
            raise apsw.IOError  # it is dead: nothing more of it may reach the disk

    def _meets(self, plan: Plan, call: str) -> bool:
        counted = "write" if plan.fault.of_a_write else "sync"
        return call == counted and self._history.calls[call] == plan.call

    def _meet(self, plan: Plan, name: str) -> None:
        self._trace(name, plan.fault.value)
        history = self._history
        history.met = True
        self._known = [(wish, wish.told[0]) for wish in self._wishes if wish.told]
        history.acknowledged = len(self._known)
        history.answered = sum(len(told) for told in self._network.told.values())
        if plan.fault is Fault.FULL_LONG:
            self._room_at = asyncio.get_running_loop().time() + HOW_LONG_FULL
        elif plan.fault.cuts:
            for victim in self._disks if plan.everywhere else (name,):
                self._lose_power(plan, victim)
        elif plan.fault is not Fault.FULL:
            # The process stops by itself; what was written the computer still knows, and a failed sync may have lost.
            self._replace(name, self._disks[name].folder.survivors(self._torn, 1 - plan.kept))

    def _lose_power(self, plan: Plan, name: str) -> None:
        self._replace(name, self._disks[name].folder.survivors(self._torn, plan.kept))
        self._processes[name].die()

    def _replace(self, name: str, folder: Folder) -> None:
        """What the process has open it keeps, and what it writes there is lost."""
        self._disks[name].folder.calls.about_to = self._gone
        self._disks[name] = LossyDisk(folder)

    def _gone(self, _call: str) -> None:
        raise apsw.IOError

    # The end

    def _at_rest(self) -> bool:
        gateway = self._processes[GATEWAY].gateway
        if gateway is None or not all(process.alive for process in self._processes.values()):
            return False
        if not all(map(connected, gateway.directory.links.values())):
            return False
        unfinished = self._rows(GATEWAY, "SELECT count(*) AS n FROM transfers WHERE finished_at IS NULL")
        debits = [self._rows(bank, "SELECT count(*) AS n FROM open_debits") for bank in BANKS]
        return all(rows[0]["n"] == 0 for rows in (unfinished, *debits))

    def _rows(self, name: str, query: str) -> list[Row]:
        cursor = self._disks[name].raw.execute(query)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _judge(self) -> None:
        wrong = self._history.wrong
        for name in self._disks:
            check = self._rows(name, "PRAGMA integrity_check")
            wrong += [f"{name}: {row['integrity_check']}" for row in check if row["integrity_check"] != "ok"]
        banks = {bank: read_bank(functools.partial(self._rows, bank)) for bank in BANKS}
        journal = read_journal(functools.partial(self._rows, GATEWAY))
        wrong += findings(banks, journal)
        wrong += broken_promises(self._wishes, banks, journal, DEPOSIT * len(CUSTOMERS))
        wrong += self._network.faults
        wrong += [line for bank in BANKS for line in self._forgotten(bank)]
        for wish, told_before in self._known:
            if wish.told[-1] != told_before:
                wrong.append(f"{wish.order.idempotency_key} was {told_before} before, and is {wish.told[-1]}")
