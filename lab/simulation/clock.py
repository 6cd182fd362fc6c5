"""The clock of a simulated network."""

import asyncio

BEGINNING_US = 1_795_000_000_000_000
"""Microseconds; an afternoon in November 2026, when every history begins."""


class VirtualClock:
    """Everybody's clock. `ahead_us` is by how much it is wrong: a clock that was set leaps, and never so its monotonic
    time."""

    def __init__(self) -> None:
        self.ahead_us = 0

    def now_us(self) -> int:
        """See interbank.clock.Clock."""
        return BEGINNING_US + round(asyncio.get_running_loop().time() * 1_000_000) + self.ahead_us

    def monotonic(self) -> float:
        """See interbank.clock.Clock."""
        return asyncio.get_running_loop().time()
