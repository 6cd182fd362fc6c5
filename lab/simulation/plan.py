"""What befalls a network: drawn from a seed, before anything happens."""

import random
from dataclasses import dataclass

BANKS = ("NORTH", "SOUTH", "EAST")
GATEWAY, SECOND_GATEWAY = "gateway", "gateway2"
FRONT = "front"
"""Where customers and banks look for the gateway, whichever it is at present."""


@dataclass(frozen=True, slots=True)
class Cut:
    """No message gets from `source` to `target` between these moments."""

    source: str
    target: str
    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class OldCopy:
    """A copy of somebody's disk, taken at one moment and put in its place at a later one."""

    name: str
    taken: float
    put_back: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A history's faults and its work; times in virtual seconds, probabilities between 0 and 1.

    `crashes` say after how many steps of its life a process dies, once for each life. `second_gateway` is when another
    gateway is started on a copy of the journal that was taken at `second_journal`, or on an empty one. `leaps` set all
    clocks by so many seconds.
    """

    seed: int
    orders: int
    span: float
    loss: float
    repeat: float
    slow: float
    longest: float
    slow_sync: float
    crashes: tuple[tuple[str, int], ...]
    cuts: tuple[Cut, ...]
    old_copies: tuple[OldCopy, ...]
    second_gateway: float | None
    second_journal: float | None
    journal_lost: float | None
    leaps: tuple[tuple[float, float], ...]
    frozen: float | None

    @property
    def answers_kept(self) -> bool:
        """Whether somebody is left who knows of every answer: a bank's old copy and a lost journal together may have
        forgotten one, and money is all that is kept."""
        return self.journal_lost is None or not self.old_copies

    @property
    def journal_whole(self) -> bool:
        """Whether the gateway that is left at the end ever knew of every order."""
        gateway_restored = any(copy.name == GATEWAY for copy in self.old_copies)
        return self.journal_lost is None and self.second_gateway is None and not gateway_restored


def draw(seed: int) -> Plan:
    """The plan of a seed. Each kind of fault is left out of some histories, so that none hides another."""
    chance = random.Random(seed)  # noqa: S311  the same seed must give the same plan
    span = chance.uniform(5, 40)

    def sometimes(probability: float, low: float, high: float) -> float:
        return chance.uniform(low, high) if chance.random() < probability else 0.0

    everybody = (GATEWAY, *BANKS)
    how_many = chance.choice((0, 0, 1, 2, 3, 6))
    crashes = tuple((chance.choice(everybody), chance.randrange(1, 400)) for _ in range(how_many))
    cuts = tuple(_cut(chance, span) for _ in range(chance.choice((0, 0, 1, 2, 4))))
    fate = chance.random()
    # A restored bank with an older journal may lose the other half of an order: docs/protocol.md says so.
    bank_restored = tuple(_copy(chance, bank, span) for bank in BANKS if chance.random() < 0.5) if fate < 0.2 else ()
    if 0.46 <= fate < 0.5:
        bank_restored = (_copy(chance, chance.choice(BANKS), span),)
    gateway_restored = (_copy(chance, GATEWAY, span),) if 0.2 <= fate < 0.28 else ()
    second = chance.uniform(span * 0.2, span * 0.8) if 0.28 <= fate < 0.4 else None
    return Plan(
        seed=seed,
        orders=chance.randrange(4, 24),
        span=span,
        loss=sometimes(0.6, 0, 0.3),
        repeat=sometimes(0.5, 0, 0.5),
        slow=sometimes(0.5, 0, 0.4),
        longest=chance.choice((0.5, 3.0, 12.0, 25.0)),
        slow_sync=sometimes(0.3, 0, 0.3),
        crashes=crashes,
        cuts=cuts,
        old_copies=(*bank_restored, *gateway_restored),
        second_gateway=second,
        second_journal=chance.uniform(0, second) if second is not None and chance.random() < 0.7 else None,
        journal_lost=chance.uniform(span * 0.2, span * 0.9) if 0.4 <= fate < 0.5 else None,
        leaps=tuple(_leap(chance, span) for _ in range(chance.choice((0, 0, 0, 1, 2)))),
        frozen=chance.uniform(0, span) if chance.random() < 0.2 else None,
    )


def _leap(chance: random.Random, span: float) -> tuple[float, float]:
    return chance.uniform(0, span), chance.uniform(-3600, 3600)


def _cut(chance: random.Random, span: float) -> Cut:
    source, target = chance.sample((GATEWAY, *BANKS), 2)
    begins = chance.uniform(0, span)
    return Cut(source, target, begins, min(span, begins + chance.uniform(0.1, 20)))


def _copy(chance: random.Random, name: str, span: float) -> OldCopy:
    taken, put_back = sorted(chance.uniform(0, span) for _ in range(2))
    return OldCopy(name, taken, put_back)
