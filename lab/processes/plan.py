"""What befalls a network of real processes: drawn from a seed, before anything happens. No input or output."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lab.home import GATEWAY
from lab.processes.network import BANKS, EVERYBODY, LINKS, Link
from lab.processes.proxy import Condition, Direction

BREAKS = ("reset", "half-open")
CONDITIONS = ("delay", "silence", "swallow", "drip")
FATES = ("old-bank", "old-journal", "lost-journal", "second-gateway")
KINDS = ("kill", "pause", *CONDITIONS, *BREAKS, "certificates", *FATES)
"""What can befall a network. Of FATES a round has one at most: a bank restored from an old copy together with a journal
that is lost or older may answer otherwise than before, as docs/protocol.md says."""

FULL_DISK = "full-disk"
"""Befalls only who asks for it, since it needs a small disk of its own."""

PERIODS = 20
"""In a round; a quarter of them without any fault."""


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL for these processes; they are started again after so many seconds."""

    at: float
    names: tuple[str, ...]
    down: float


@dataclass(frozen=True, slots=True)
class Pause:
    """SIGSTOP for these, and SIGCONT after so many seconds."""

    at: float
    names: tuple[str, ...]
    lasts: float


@dataclass(frozen=True, slots=True)
class Befall:
    """A condition of a link, in these directions, for so many seconds."""

    at: float
    kind: str
    link: Link
    directions: tuple[Direction, ...]
    condition: Condition
    lasts: float


@dataclass(frozen=True, slots=True)
class Break:
    """Every connection of a link is ended; with `told`, half of it: whoever sends in that direction is told, the other
    end is not."""

    at: float
    link: Link
    told: Direction | None


@dataclass(frozen=True, slots=True)
class Restore:
    """A copy of somebody's database is made; so many seconds later he is killed and comes back with it."""

    at: float
    name: str
    age: float


@dataclass(frozen=True, slots=True)
class LoseJournal:
    """The gateway is killed, and comes back with an empty journal."""

    at: float


@dataclass(frozen=True, slots=True)
class TakeOver:
    """A copy of the journal is made; so many seconds later a second gateway is started on it beside the first."""

    at: float
    age: float


@dataclass(frozen=True, slots=True)
class Fill:
    """The disk that everything lies on is full for so many seconds."""

    at: float
    lasts: float


@dataclass(frozen=True, slots=True)
class Rotate:
    """New keys and certificates for everybody from the same authority; the processes are restarted one by one."""

    at: float


Strike = Kill | Pause | Befall | Break | Restore | LoseJournal | TakeOver | Rotate | Fill


@dataclass(frozen=True, slots=True)
class Period:
    """So many seconds, and what happens in them; times in seconds from the period's beginning."""

    seconds: float
    strikes: tuple[Strike, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A round's periods, one after the other: `drawn` of them, and those of its fate, which is one of FATES, or
    empty."""

    seed: int
    drawn: int
    kinds: tuple[str, ...]
    fate: str
    periods: tuple[Period, ...]

    @property
    def command(self) -> str:
        """What carries it out again."""
        only = "" if self.kinds == KINDS else f" --only {','.join(self.kinds)}"
        periods = "" if self.drawn == PERIODS else f" --periods {self.drawn}"
        return f"python -m lab.processes --seed {self.seed}{periods}{only}"

    @property
    def journal_whole(self) -> bool:
        """Whether the gateway that is left at the end ever knew of every order."""
        return self.fate in ("", "old-bank")

    @property
    def late(self) -> bool:
        """Whether a message may come after the answer to a later one: it was held on its way, or before a pause."""
        return bool({"pause", *CONDITIONS} & set(self.kinds))


def draw(seed: int, kinds: Collection[str] = KINDS, periods: int = PERIODS) -> Plan:
    """The plan of a seed, of these kinds of faults alone; so many periods, and those of its fate."""
    chance = random.Random(seed)  # noqa: S311  the same seed must give the same plan
    fates = [fate for fate in FATES if fate in kinds]
    fate = chance.choice(["", *fates]) if set(kinds) - set(FATES) else chance.choice(fates)
    drawn = [_period(chance, kinds) for _ in range(periods)]
    if fate:
        for _ in range(2):
            drawn.insert(chance.randrange(len(drawn)), _fateful(chance, fate))
    if "certificates" in kinds and (chance.random() < 0.3 or len(kinds) == 1):
        drawn.insert(chance.randrange(len(drawn)), Period(chance.uniform(3, 6), (Rotate(chance.uniform(0, 1)),)))
    return Plan(seed, periods, tuple(kind for kind in (*KINDS, FULL_DISK) if kind in kinds), fate, tuple(drawn))


def _period(chance: random.Random, kinds: Collection[str]) -> Period:
    if chance.random() < 0.25:
        return Period(chance.uniform(1, 3), ())
    seconds = chance.uniform(1.5, 4)
    strikes: list[Strike] = []
    drawn = {kind for kind in KINDS if kind in kinds and chance.random() < _USUAL.get(kind, 0.0)}
    if "kill" in drawn:
        strikes += [_kill(chance, seconds) for _ in range(chance.randrange(2, 5))]
    elif "pause" in drawn:
        strikes.append(Pause(chance.uniform(0, seconds / 2), _some(chance), _length_of_pause(chance)))
    strikes += [_befall(chance, kind, seconds) for kind in CONDITIONS if kind in drawn]
    strikes += [_break(chance, kind, seconds) for kind in BREAKS if kind in drawn]
    if FULL_DISK in kinds and chance.random() < 0.6:
        strikes.append(Fill(chance.uniform(0, seconds / 2), chance.uniform(0.5, 6)))
    return Period(seconds, tuple(strikes))


_USUAL = {"kill": 0.75, "pause": 0.25} | dict.fromkeys((*CONDITIONS, *BREAKS), 0.2)
"""How likely each kind is in a period with faults."""


def _some(chance: random.Random) -> tuple[str, ...]:
    """One process, two, or all of them."""
    count = chance.choices((1, 2, len(EVERYBODY)), (6, 3, 1))[0]
    return tuple(chance.sample(EVERYBODY, count))


def _kill(chance: random.Random, seconds: float) -> Kill:
    return Kill(chance.uniform(0, seconds), _some(chance), chance.choice((0.0, chance.uniform(0, 1))))


def _length_of_pause(chance: random.Random) -> float:
    """Often within the two seconds that a bank has to answer, sometimes beyond the ten of everybody's patience."""
    return chance.uniform(10.5, 13) if chance.random() < 0.25 else chance.uniform(0.1, 4)


def _befall(chance: random.Random, kind: str, seconds: float) -> Befall:
    directions: Sequence[Direction] = tuple(Direction)
    match kind:
        case "delay":
            condition = Condition(delay=chance.uniform(0.01, 0.3), jitter=chance.uniform(0, 0.3))
        case "silence":
            condition = Condition(held=True)
            directions = chance.choice(([Direction.THERE], [Direction.BACK], list(Direction)))
        case "swallow":
            condition = Condition(swallowed=True)
        case _:
            condition = Condition(bytes_per_second=chance.choice((200, 2_000, 20_000)))
    link, at = chance.choice(LINKS), chance.uniform(0, seconds / 2)
    lasts = chance.uniform(10.5, 13) if chance.random() < 0.1 else chance.uniform(0.2, 4)
    return Befall(at, kind, link, tuple(directions), condition, lasts)


def _break(chance: random.Random, kind: str, seconds: float) -> Break:
    told = chance.choice(list(Direction)) if kind == "half-open" else None
    return Break(chance.uniform(0, seconds), chance.choice(LINKS), told)


def _fateful(chance: random.Random, fate: str) -> Period:
    at, age = chance.uniform(0, 1), chance.uniform(0.3, 3)
    strike: Strike
    match fate:
        case "old-bank":
            strike = Restore(at, chance.choice(BANKS), age)
        case "old-journal":
            strike = Restore(at, GATEWAY, age)
        case "lost-journal":
            strike = LoseJournal(at)
        case _:
            strike = TakeOver(at, age)
    return Period(at + age + chance.uniform(1, 4), (strike,))
