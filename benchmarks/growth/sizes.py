"""Where the curves are measured, and for how long. No input or output."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """The points of each curve. Accounts and entries are those of three banks together; `entries` begins with none,
    which is what the accounts' opening wrote. `seconds` is one run, of which there are `repeats` at every point after
    `warm_up`."""

    banks: tuple[int, ...]
    accounts: tuple[int, ...]
    entries: tuple[int, ...]
    clients: tuple[int, ...]
    repeats: int
    warm_up: float
    seconds: float


FULL = Sizes(
    banks=(1, 2, 4, 8, 16, 32),
    accounts=(100, 1_000, 10_000, 100_000, 1_000_000),
    entries=(0, 10_000, 100_000, 1_000_000, 10_000_000),
    clients=(1, 4, 16, 64, 256, 1_024),
    repeats=3,
    warm_up=2.0,
    seconds=3.0,
)
SMALL = Sizes(
    banks=(1, 4),
    accounts=(100, 1_000),
    entries=(0, 10_000),
    clients=(1, 64),
    repeats=1,
    warm_up=1.0,
    seconds=1.0,
)
"""To see in two minutes that everything works."""
