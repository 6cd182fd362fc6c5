"""Virtual time: an event loop that leaps to the next thing that is due instead of waiting for it."""

import asyncio
import selectors
from typing import Any


class Stuck(Exception):
    """Nothing is due any more, and somebody still waits: a promise that nobody will keep."""


class _Leap(selectors.SelectSelector):
    """Waits for nothing: time is put forward instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Stuck
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its time begins at 0 and passes only when there is nothing to do."""

    def __init__(self) -> None:
        self._leap = _Leap()
        super().__init__(self._leap)

    def time(self) -> float:
        """Virtual seconds since the beginning."""
        return self._leap.now
