"""The orders of one stream from when they are taken until they are answered: how many may be open, and what is to be
said of which, in the order in which it can be said."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import takewhile
from typing import NamedTuple

from gateway_service.underway import Known, Underway
from interbank.orders import MAX_ORDERS
from interbank.refusals import Refused

MAX_OPEN = 2_000
"""Orders of one stream that may be taken and not answered."""

Answer = tuple[int, Known | Refused]
"""The number of an order, from 0 over the whole stream, and what became of it."""


class _Waiting(NamedTuple):
    underway: Underway
    tell: Callable[[], None]
    until: float


class OpenOrders:
    """Numbers orders as they are taken and hands over the answer to each, once."""

    def __init__(self) -> None:
        self._taken = 0
        self._answered = 0
        self._waiting: dict[int, _Waiting] = {}
        self._ready: deque[Answer] = deque()
        self._no_more = False
        self._wake = asyncio.Event()
        self._room = asyncio.Event()

    @property
    def count(self) -> int:
        """Orders that were taken and are not answered."""
        return self._taken - self._answered

    async def room_for(self, orders: int) -> None:
        """Return when so many more may be taken, at most MAX_OPEN."""
        while self.count + orders > MAX_OPEN:
            self._room.clear()
            await self._room.wait()

    def take(self, became: Sequence[Known | Refused], wait: float) -> None:
        """These are the next ones. Their answers are ready as soon as they are final or not accepted, else after `wait`
        seconds as they stand then; it is the same for all orders of a stream."""
        until = asyncio.get_running_loop().time() + wait
        for number, known in enumerate(became, self._taken):
            if isinstance(known, Underway) and not known.finished:
                tell = partial(self._end, number)
                known.waiters.append(tell)
                self._waiting[number] = _Waiting(known, tell, until)
            else:
                self._ready.append((number, known))
        self._taken += len(became)
        self._wake.set()

    def no_more(self) -> None:
        """None will be taken any more."""
        self._no_more = True
        self._wake.set()

    async def next_answers(self) -> list[Answer]:
        """All that can be said, at most MAX_ORDERS of it, as soon as there is any; empty when no more are taken and all
        are answered."""
        self._end_overdue()
        while not self._ready and (self.count or not self._no_more):
            await self._woken()
            self._end_overdue()
        return [self._ready.popleft() for _ in range(min(MAX_ORDERS, len(self._ready)))]

    def answered(self, orders: int) -> None:
        """So many were told to the caller: there is room for as many."""
        self._answered += orders
        self._room.set()

    def leave(self) -> None:
        """Wait for none of them any more. What was accepted goes on."""
        for waiting in self._waiting.values():
            waiting.underway.waiters.remove(waiting.tell)
        self._waiting.clear()

    async def _woken(self) -> None:
        """Wait until something has changed, or the oldest has waited long enough."""
        oldest = next((waiting.until for waiting in self._waiting.values()), None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(oldest):
                await self._wake.wait()
        self._wake.clear()

    def _end_overdue(self) -> None:
        now = asyncio.get_running_loop().time()
        # All may wait equally long, so they are overdue in the order in which they were taken.
        overdue = list(takewhile(lambda item: item[1].until <= now, self._waiting.items()))
        for number, waiting in overdue:
            waiting.underway.waiters.remove(waiting.tell)
            self._end(number)

    def _end(self, number: int) -> None:
        """Its answer is ready."""
        self._ready.append((number, self._waiting.pop(number).underway))
        self._wake.set()
