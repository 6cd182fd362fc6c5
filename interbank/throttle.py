"""Slows down whoever guesses passwords (NIST SP 800-63B-4, 3.2.2), without locking anybody out for long."""

from collections import OrderedDict

from interbank.clock import Clock
from interbank.refusals import Reason, Refused

FREE_FAILURES = 5
"""Wrong passwords in a row that cost nothing but their hash."""

LONGEST_WAIT = 60.0
"""Seconds that a name waits at most, however often it was tried: its owner must not be kept out by others."""

_REMEMBERED = 10_000


class Throttle:
    """Counts wrong passwords by name, in memory, the latest names only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def require_patience(self, name: str) -> None:
        """Refuse a try that comes too soon after too many failures: LOGIN_THROTTLED."""
        failures, since = self._failures.get(name, (0, 0.0))
        wait = min(LONGEST_WAIT, 2.0 ** (failures - FREE_FAILURES)) if failures >= FREE_FAILURES else 0.0
        left = since + wait - self._clock.monotonic()
        if left > 0:
            raise Refused(
                Reason.LOGIN_THROTTLED,
                f"too many wrong passwords; wait {int(left) + 1} s",
                retry_after_ms=int(left * 1000) + 1,
            )

    def failed(self, name: str) -> None:
        """A wrong password for this name."""
        failures, _ = self._failures.pop(name, (0, 0.0))
        self._failures[name] = (min(failures + 1, 64), self._clock.monotonic())
        if len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """The right password: start anew."""
        self._failures.pop(name, None)
