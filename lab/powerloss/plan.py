"""What is to happen to which call of a disk."""

import enum
import random
from collections.abc import Mapping
from dataclasses import dataclass

HOW_LONG_FULL = 3.0
"""Virtual seconds until somebody makes room."""


class Fault(enum.Enum):
    """What happens, and to what it happens."""

    BEFORE = "the power goes before a sync"
    AFTER = "the power goes after a sync, and nobody was told"
    WRITING = "the power goes in the middle of a write"
    FULL = "a write finds no room, once"
    FULL_LONG = "no write finds room, until somebody makes some"
    WRITE_FAILS = "a write fails"
    SYNC_FAILS = "a sync fails"

    @property
    def of_a_write(self) -> bool:
        """Whether writes are counted, and not syncs."""
        return self in (Fault.WRITING, Fault.FULL, Fault.FULL_LONG, Fault.WRITE_FAILS)

    @property
    def cuts(self) -> bool:
        """Whether the power goes."""
        return self in (Fault.BEFORE, Fault.AFTER, Fault.WRITING)


@dataclass(frozen=True, slots=True)
class Plan:
    """A history and its fault: `call` is the number of the sync or write, over all disks, that meets it. `everywhere`:
    the power goes for all, and not only for that one's computer. `kept` is the share (0 to 1) of what was not synced
    that is there afterwards, sector by sector. `checkpoint` is how many pages SQLite lets a WAL grow, 0 for
    the product's own setting."""

    seed: int
    fault: Fault
    call: int
    everywhere: bool
    kept: float
    checkpoint: int
    draws: int = 0
    """The seed of which sectors are kept."""


def draw(point: int, seed: int, calls: Mapping[str, int]) -> Plan:
    """The plan of a point in the history of a seed, which has so many calls of a kind ("sync", "write") when nothing
    happens."""
    chance = random.Random(point)  # noqa: S311  the same point must be the same plan
    fault = chance.choice([*Fault, Fault.BEFORE, Fault.AFTER, Fault.WRITING])
    return Plan(
        seed=seed,
        fault=fault,
        call=chance.randint(1, calls["write" if fault.of_a_write else "sync"]),
        everywhere=chance.random() < 0.5,
        kept=chance.choice((0.0, 0.0, 0.1, 0.5, 0.9, 1.0)),
        checkpoint=chance.choice((0, 0, 20, 5)),
        draws=point,
    )


def every_sync(seed: int, syncs: int) -> list[Plan]:
    """Every sync of one history, twice: nothing is left of what was not synced; and some of it, torn, before one sync,
    or right after the next."""
    return [
        Plan(seed, fault, call, everywhere=call % 2 == 0, kept=kept, checkpoint=0)
        for call in range(1, syncs + 1)
        for fault, kept in ((Fault.BEFORE, 0.0), (Fault.AFTER if call % 2 else Fault.BEFORE, 0.5))
    ]
