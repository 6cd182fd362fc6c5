"""A TCP proxy on one way of a network: what passes through it can be late, held, lost, slow or cut off at any time.

It understands nothing of what it carries. A condition is looked up for every piece, so that it counts from the moment
it is set, for connections that stand as for new ones.
"""

import asyncio
import contextlib
import enum
import random
import socket
import struct
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

PIECE = 64 * 1024
"""Bytes that are carried at once."""

_UNDER_WAY = 256
"""Pieces on their way at a time; beyond them the sender is slowed down, as by a full buffer of TCP."""

_HOST = "127.0.0.1"
_SLOWEST_STEP = 0.05
"""Seconds between two pieces of a drip."""


class Direction(enum.Enum):
    """Which way bytes go: from whoever called to whoever was called, or back."""

    THERE = "there"
    BACK = "back"


@dataclass(frozen=True, slots=True)
class Condition:
    """What befalls bytes in one direction. `delay` and `jitter`, in seconds: each piece is late by the first, and by up
    to the second more. `held`: nothing passes, and all of it does when that ends, as TCP sends again what was not
    taken. `swallowed`: it is taken and lost. `bytes_per_second`: not faster than that; 0 is as fast as can be."""

    delay: float = 0.0
    jitter: float = 0.0
    held: bool = False
    swallowed: bool = False
    bytes_per_second: int = 0


CLEAR = Condition()


class Proxy:
    """Listens for callers and connects each to `target`, a "host:port" that may change: connections that stand stay
    where they are. Without a target, or when nobody listens there, callers are cut off."""

    def __init__(self, chance: random.Random) -> None:
        self.target = ""
        self.address = ""
        self.carried = 0
        self._chance = chance
        self._conditions = dict.fromkeys(Direction, CLEAR)
        self._passable = {direction: asyncio.Event() for direction in Direction}
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self.heal()

    async def start(self) -> None:
        """Listen on a free port of this computer; `address` says which."""
        self._server = await asyncio.start_server(self._called, _HOST, 0)
        self.address = f"{_HOST}:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Cut everybody off, and listen no more."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.end()
        await asyncio.gather(*(connection.ended.wait() for connection in list(self._connections)))

    @property
    def connections(self) -> int:
        """How many connections stand."""
        return len(self._connections)

    def set(self, condition: Condition, *directions: Direction) -> None:
        """Let this befall all that goes in these directions, both if none is named."""
        for direction in directions or tuple(Direction):
            self._conditions[direction] = condition
            if condition.held:
                self._passable[direction].clear()
            else:
                self._passable[direction].set()

    def heal(self) -> None:
        """Let everything pass again. A connection that was closed, halfway or whole, stays as it is."""
        self.set(CLEAR)

    def reset(self) -> None:
        """End every connection with a RST to both ends."""
        for connection in list(self._connections):
            connection.end()

    def half_open(self, told: Direction) -> None:
        """End every connection with whoever sends in this direction, and never tell the other end: what that one sends
        from now on is swallowed, and it hears nothing."""
        for connection in list(self._connections):
            connection.forget(told)

    def condition(self, direction: Direction) -> Condition:
        """What befalls bytes in this direction now."""
        return self._conditions[direction]

    def late(self, direction: Direction) -> float:
        """Seconds by which the next piece is late."""
        condition = self._conditions[direction]
        return condition.delay + (self._chance.uniform(0, condition.jitter) if condition.jitter else 0.0)

    async def passable(self, direction: Direction) -> None:
        """Wait until nothing is held in this direction."""
        await self._passable[direction].wait()

    async def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self.target.rpartition(":")
        try:
            onward = await asyncio.open_connection(host, int(port or 0))
        except OSError:
            _reset(writer)
            return
        for one in (writer, onward[1]):
            one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(self, (reader, writer), onward)
        self._connections.add(connection)
        try:
            await connection.live()
        finally:
            self._connections.discard(connection)


class _Connection:
    """One caller, and the connection that was made for him."""

    def __init__(
        self,
        proxy: Proxy,
        caller: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        onward: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.ended = asyncio.Event()
        self._proxy = proxy
        self._readers = {Direction.THERE: caller[0], Direction.BACK: onward[0]}
        self._writers = {Direction.THERE: onward[1], Direction.BACK: caller[1]}
        self._over = asyncio.Event()
        self._work: asyncio.Task[None] | None = None

    async def live(self) -> None:
        """Carry bytes until both ends have closed, or one of them broke off, or `end`."""
        self._work = asyncio.create_task(self._to_the_end(self._carry()))
        await self._over.wait()
        self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)
        for writer in self._writers.values():
            _reset(writer)
        self.ended.set()

    def end(self) -> None:
        """Both ends are told at once, by a RST."""
        self._over.set()

    def forget(self, told: Direction) -> None:
        """Whoever sends in this direction is told by a RST; the other end is not, and what it sends is swallowed."""
        untold = Direction.BACK if told is Direction.THERE else Direction.THERE
        self._work = asyncio.create_task(self._to_the_end(self._swallow(untold, self._work)))

    async def _to_the_end(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except* OSError:
            pass  # one end broke off, and the other is about to be told
        self._over.set()

    async def _carry(self) -> None:
        async with asyncio.TaskGroup() as carrying:
            for direction in Direction:
                pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_UNDER_WAY)
                carrying.create_task(self._take(direction, pieces))
                carrying.create_task(self._give(direction, pieces))

    async def _take(self, direction: Direction, pieces: "asyncio.Queue[tuple[float, bytes]]") -> None:
        clock, piece = asyncio.get_running_loop().time, b"-"
        while piece:
            piece = await self._readers[direction].read(PIECE)
            await pieces.put((clock() + self._proxy.late(direction), piece))

    async def _give(self, direction: Direction, pieces: "asyncio.Queue[tuple[float, bytes]]") -> None:
        clock, writer = asyncio.get_running_loop().time, self._writers[direction]
        while True:
            due, piece = await pieces.get()
            if due > clock():
                await asyncio.sleep(due - clock())
            await self._proxy.passable(direction)
            if not piece:
                writer.write_eof()
                return
            if self._proxy.condition(direction).swallowed:
                continue
            await self._write(direction, writer, piece)

    async def _write(self, direction: Direction, writer: asyncio.StreamWriter, piece: bytes) -> None:
        while piece:
            rate = self._proxy.condition(direction).bytes_per_second
            now = piece[: max(1, int(rate * _SLOWEST_STEP))] if rate else piece
            writer.write(now)
            await writer.drain()
            self._proxy.carried += len(now)
            piece = piece[len(now) :]
            if rate:
                await asyncio.sleep(len(now) / rate)
                await self._proxy.passable(direction)

    async def _swallow(self, direction: Direction, carrying: "asyncio.Task[None] | None") -> None:
        if carrying is not None:
            carrying.cancel()
            await asyncio.gather(carrying, return_exceptions=True)
        _reset(self._writers[direction])  # which leads to the one who is told
        while await self._readers[direction].read(PIECE):
            pass


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other end gets a RST and not a polite end."""
    connected = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
