"""The figures that a run of the tests tells at its end; see tests/conftest.py."""

import re
from collections.abc import Callable

HISTORIES = "histories of the simulation"
SINGLES = "payments with one crash point"
PAIRS = "payments with two crash points"
SIGKILLS = "SIGKILLs of real processes at random moments"
POWER_LOSSES = "power losses and failing disks"
PLANTED = "planted bugs found"
PAYMENTS = "payments under faults, all together"

Tell = Callable[[dict[str, int]], None]


def figure(pattern: str, said: str) -> int:
    """The number that the first group of a pattern finds in what a command printed."""
    found = re.search(pattern, said)
    assert found, said
    return int(found[1].replace(",", ""))
