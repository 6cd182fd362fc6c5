"""Virtual time: an event loop that leaps to the next thing that is due instead of waiting for it."""

import asyncio
import heapq
from asyncio.events import _set_running_loop
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any


class Stuck(Exception):
    """Nothing is due any more, and somebody still waits: a promise that nobody will keep."""


_AnyLoop: Any = asyncio.AbstractEventLoop


class _Due:
    """What a loop will call, and when its turn has come; asyncio's Handle."""

    __slots__ = ("args", "callback", "context")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None) -> None:
        self.callback: Callable[..., object] | None = callback
        self.args = args
        self.context = context or copy_context()

    def cancel(self) -> None:
        """See asyncio.Handle."""
        self.callback = None

    def cancelled(self) -> bool:
        """See asyncio.Handle."""
        return self.callback is None


class VirtualLoop(_AnyLoop):  # type: ignore[misc]  # most of asyncio's methods have no meaning here
    """Its time begins at 0 and passes only when there is nothing to do.

    It has tasks, futures and timers, in the order that asyncio's own loop keeps, and no files, sockets or threads: a
    history goes round the loop two thousand times. What a callback raises comes out of `run_until_complete`.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._ready: deque[_Due] = deque()
        self._timers: list[tuple[float, int, _Due]] = []
        self._asked = 0
        self._running = False
        self._begin: Callable[..., asyncio.Task[Any]] = lambda loop, work, **named: asyncio.Task(
            work, loop=loop, **named
        )

    def time(self) -> float:
        """Virtual seconds since the beginning."""
        return self._now

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
        """See asyncio."""
        due = _Due(callback, args, context)
        self._ready.append(due)
        return due

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Any:
        """See asyncio."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
        """See asyncio. What is due at one moment is called in the order in which it was asked for."""
        due = _Due(callback, args, context)
        self._asked += 1
        heapq.heappush(self._timers, (when, self._asked, due))
        return due

    def create_future(self) -> "asyncio.Future[Any]":
        """See asyncio."""
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> Any:
        """See asyncio."""
        task = self._begin(self, coro, context=context)
        task.set_name(name)
        return task

    def set_task_factory(self, factory: Any) -> None:
        """See asyncio."""
        self._begin = factory

    def call_exception_handler(self, context: Any) -> None:
        """Tells nobody: what a task of the product raises, and nobody asks for, its own log tells."""

    def run_until_complete(self, future: Any) -> Any:
        """What a future or coroutine comes to. Raises what it raises, or Stuck."""
        waited = self.create_task(future) if isinstance(future, Coroutine) else future
        self._running = True
        _set_running_loop(self)
        try:
            while not waited.done():
                self._turn()
        finally:
            _set_running_loop(None)
            self._running = False
        return waited.result()

    def _turn(self) -> None:
        """Call what is ready and what is due by now; if nothing is, go to the moment when something will be."""
        ready, timers = self._ready, self._timers
        while timers and timers[0][2].callback is None:
            heapq.heappop(timers)
        if not ready:
            if not timers:
                raise Stuck
            self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):
            due = ready.popleft()
            if due.callback is not None:
                due.context.run(due.callback, *due.args)

    def get_debug(self) -> bool:
        """See asyncio."""
        return False

    def is_running(self) -> bool:
        """See asyncio."""
        return self._running

    def close(self) -> None:
        """See asyncio."""
        self._ready.clear()
        self._timers.clear()
