"""Time, as it is handed to everything that needs it; a simulation hands in its own."""

import time
from typing import Protocol


class Clock(Protocol):
    """What time it is. `now_us` dates what is written; `monotonic` measures how long something takes. Neither decides
    what becomes of money."""

    def now_us(self) -> int:
        """Microseconds since 1970-01-01 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment, never going back."""
        ...


class SystemClock:
    """The computer's own clock."""

    def now_us(self) -> int:
        """See Clock."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """See Clock."""
        return time.monotonic()
