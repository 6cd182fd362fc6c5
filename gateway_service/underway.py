"""Transfers on their way: what is remembered of them only while they are not final, and who waits for them."""

import asyncio
from collections.abc import Callable, Iterable

from gateway_service.transfer import Transfer

MAX_WAIT = 10
"""Seconds that a call waits for a transfer to be final, at most."""

DOUBT_AFTER = 1.0
"""Seconds without an answer after which a transfer is said to be in doubt."""


class Group:
    """Somebody who waits until some transfers are final."""

    __slots__ = ("_count", "_ended")

    def __init__(self) -> None:
        self._count = 0
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wait_for(self, underway: "Underway") -> None:
        """Wait for this one too, unless it is final already."""
        if not underway.finished:
            self._count += 1
            underway.waiters.append(self.one_finished)

    def one_finished(self) -> None:
        """One of them became final, durably."""
        self._count -= 1
        if self._count == 0:
            self._end()

    async def wait(self, seconds: float) -> None:
        """Return when all are final, or after so many seconds."""
        if self._count and seconds > 0:
            timer = asyncio.get_running_loop().call_later(seconds, self._end)
            try:
                await self._ended
            finally:
                timer.cancel()

    def leave(self, underways: Iterable["Underway"]) -> None:
        """Stop waiting."""
        for underway in underways:
            if self.one_finished in underway.waiters:
                underway.waiters.remove(self.one_finished)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)


class Underway:
    """One transfer on its way. `transfer` is replaced as answers come in; `unsaved` while it rests on a state that must
    be durable before the next step; `finished` once its final state is durable, and not before; `waiters` are called
    then. `unheard` is the bank whose word it waits for before it is driven, if any."""

    __slots__ = (
        "asked_since",
        "asked_since_us",
        "attempts",
        "balance_after",
        "before",
        "changed",
        "finished",
        "transfer",
        "unheard",
        "unsaved",
        "waiters",
    )

    def __init__(self, transfer: Transfer) -> None:
        self.transfer = transfer
        self.before = transfer.state
        self.finished = False
        self.unsaved = False
        self.unheard = ""
        self.attempts = 0
        self.asked_since: float | None = None
        self.asked_since_us = 0
        self.balance_after: int | None = None
        self.waiters: list[Callable[[], None]] = []
        self.changed: asyncio.Event | None = None

    def asked(self, now: float, now_us: int) -> None:
        """An instruction goes out; patience counts from the first that gets no answer."""
        self.attempts += 1
        if self.asked_since is None:
            self.asked_since = now
            self.asked_since_us = now_us

    def heard(self) -> None:
        """An answer came in."""
        self.attempts = 0
        self.asked_since = None

    def silent(self, now: float) -> bool:
        """Whether its bank was asked and has not answered for so long that people are told."""
        return self.asked_since is not None and now - self.asked_since >= DOUBT_AFTER

    def moved(self, transfer: Transfer) -> None:
        """It has come further; whoever watches is told. Until an end is durable, it is called what it was `before`."""
        if not self.transfer.final:
            self.before = self.transfer.state
        self.transfer = transfer
        if self.changed is not None:
            self.changed.set()
            self.changed = None

    def finish(self) -> None:
        """Its final state is durable: tell everybody who waits."""
        self.finished = True
        for tell in self.waiters:
            tell()
        self.waiters.clear()
        if self.changed is not None:
            self.changed.set()
            self.changed = None

    def next_change(self) -> asyncio.Event:
        """Set when it has come further than it is now."""
        if self.changed is None:
            self.changed = asyncio.Event()
        return self.changed


Known = Underway | Transfer
"""A transfer that is on its way, or one that is final."""
