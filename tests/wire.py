"""What lies between the gateway and its banks, where a test loses, holds, repeats and alters messages.

The messages themselves go over real TLS: `Wire.port` wraps the real BankPort, and the gateway is the whole one.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway_service.bank_port import DEADLINE, BankDescription, BankPort, OpenDebit, Unknown
from interbank.instructions import Head, Instruction, InstructionKind, Outcome, OutcomeKind

Send = Callable[[], Awaitable[list[Outcome]]]
Treat = Callable[[Send, Sequence[Instruction]], Awaitable[list[Outcome]]]


class Held:
    """A batch that is kept back. `instructions` is what it carries, once it has `arrived`."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.instructions: list[Instruction] = []
        self._released = asyncio.Event()
        self._lost = False

    def release(self) -> None:
        """Let it go on."""
        self._released.set()

    def lose(self) -> None:
        """It never arrives."""
        self._lost = True
        self._released.set()

    async def _keep(self, instructions: Sequence[Instruction]) -> None:
        self.instructions = list(instructions)
        self.arrived.set()
        await self._released.wait()
        if self._lost:
            raise Unknown("connection lost")


@dataclass
class _Rule:
    kind: InstructionKind
    treat: Treat
    times: int


def _by_chance(chance: random.Random) -> Treat | None:
    fate = chance.random()

    async def treat(send: Send, _instructions: Sequence[Instruction]) -> list[Outcome]:
        if fate < 0.15:
            raise Unknown("no answer in time")
        outcomes = await send()
        if fate < 0.25:
            outcomes = await send()
        if fate < 0.4:
            raise Unknown("connection lost")
        await asyncio.sleep(fate / 50)
        return outcomes

    return treat if fate < 0.6 else None


@dataclass
class Wire:
    """A rule concerns the next batches that carry an instruction of its kind; the rules of a kind apply in the order in
    which they were made. `delivered` is what reached a bank, `answered` what banks said, both in order."""

    delivered: list[tuple[str, InstructionKind, bytes]] = field(default_factory=list)
    answered: list[tuple[str, InstructionKind, Outcome]] = field(default_factory=list)
    chance: random.Random | None = None
    """With it every batch that no rule concerns may be lost, answered into the void, repeated or late."""
    _rules: list[_Rule] = field(default_factory=list)
    _cut: set[str] = field(default_factory=set)

    def port(self, bank: str, real: BankPort) -> "HurtPort":
        """The way to a bank."""
        return HurtPort(self, bank, real)

    def lose_request(self, kind: InstructionKind, times: int = 1) -> list[Instruction]:
        """The bank never hears of it. Returns what was lost, as it is lost."""
        lost: list[Instruction] = []

        async def treat(_send: Send, instructions: Sequence[Instruction]) -> list[Outcome]:
            lost.extend(instructions)
            raise Unknown("no answer in time")

        self._rules.append(_Rule(kind, treat, times))
        return lost

    def lose_reply(self, kind: InstructionKind, times: int = 1) -> None:
        """The bank does it, and the gateway never hears so."""

        async def treat(send: Send, _instructions: Sequence[Instruction]) -> list[Outcome]:
            await send()
            raise Unknown("connection lost")

        self._rules.append(_Rule(kind, treat, times))

    def repeat(self, kind: InstructionKind, times: int = 1) -> None:
        """The bank gets it twice, and the second answer is the one that arrives."""

        async def treat(send: Send, _instructions: Sequence[Instruction]) -> list[Outcome]:
            await send()
            return await send()

        self._rules.append(_Rule(kind, treat, times))

    def hold_request(self, kind: InstructionKind) -> Held:
        """Keep it before the bank hears of it."""
        held = Held()

        async def treat(send: Send, instructions: Sequence[Instruction]) -> list[Outcome]:
            await held._keep(instructions)
            return await send()

        self._rules.append(_Rule(kind, treat, 1))
        return held

    def hold_reply(self, kind: InstructionKind) -> Held:
        """Keep the answer, when the bank has done it."""
        held = Held()

        async def treat(send: Send, instructions: Sequence[Instruction]) -> list[Outcome]:
            outcomes = await send()
            await held._keep(instructions)
            return outcomes

        self._rules.append(_Rule(kind, treat, 1))
        return held

    def alter(self, kind: InstructionKind, change: Callable[[Outcome], Outcome], times: int = 1) -> None:
        """A bank that lies: what it says of this kind of instruction is not what it did."""

        async def treat(send: Send, instructions: Sequence[Instruction]) -> list[Outcome]:
            outcomes = await send()
            pairs = zip(instructions, outcomes, strict=True)
            return [change(outcome) if instruction.kind is kind else outcome for instruction, outcome in pairs]

        self._rules.append(_Rule(kind, treat, times))

    def pretend(self, kind: InstructionKind, answer: OutcomeKind) -> None:
        """A bank that says it did something and never did."""

        async def treat(_send: Send, instructions: Sequence[Instruction]) -> list[Outcome]:
            return [Outcome(instruction.transfer_id, answer) for instruction in instructions]

        self._rules.append(_Rule(kind, treat, 1))

    def cut(self, *banks: str) -> None:
        """Nothing gets through to these banks any more."""
        self._cut.update(banks)

    def mend(self, *banks: str) -> None:
        """These banks are reached again."""
        self._cut.difference_update(banks)

    def heal(self) -> None:
        """No faults any more; what is held stays held."""
        self.chance = None
        self._rules.clear()
        self._cut.clear()

    def is_cut(self, bank: str) -> bool:
        return bank in self._cut

    def count(self, kind: InstructionKind, transfer_id: bytes) -> int:
        """How often a bank was given this instruction."""
        return sum((what, which) == (kind, transfer_id) for _, what, which in self.delivered)

    def _next(self, instructions: Sequence[Instruction]) -> Treat | None:
        kinds = {instruction.kind for instruction in instructions}
        rule = next((rule for rule in self._rules if rule.kind in kinds), None)
        if rule is None:
            return None if self.chance is None else _by_chance(self.chance)
        rule.times -= 1
        if rule.times == 0:
            self._rules.remove(rule)
        return rule.treat


class HurtPort:
    """A BankPort over another one, at the mercy of a Wire."""

    def __init__(self, wire: Wire, bank: str, real: BankPort) -> None:
        self._wire = wire
        self._bank = bank
        self._real = real

    @property
    def reachable(self) -> bool:
        return not self._wire.is_cut(self._bank) and self._real.reachable

    async def describe(self) -> BankDescription:
        self._require_line()
        return await self._real.describe()

    async def open_session(self, epoch: int, instance: bytes, known_heads: Sequence[Head]) -> bytes:
        self._require_line()
        return await self._real.open_session(epoch, instance, known_heads)

    async def post(self, session_id: bytes, instructions: Sequence[Instruction]) -> list[Outcome]:
        self._require_line()

        async def send() -> list[Outcome]:
            self._wire.delivered.extend((self._bank, i.kind, i.transfer_id) for i in instructions)
            outcomes = await self._real.post(session_id, instructions)
            pairs = zip(instructions, outcomes, strict=True)
            self._wire.answered.extend((self._bank, i.kind, outcome) for i, outcome in pairs)
            return outcomes

        treat = self._wire._next(instructions)
        return await (treat(send, instructions) if treat else send())

    async def list_open(self, after_record_id: int, session_id: bytes = b"") -> tuple[list[OpenDebit], bool]:
        self._require_line()
        return await self._real.list_open(after_record_id, session_id)

    async def call(self, method: str, request: Any, *, deadline: float = DEADLINE) -> Any:
        self._require_line()
        return await self._real.call(method, request, deadline=deadline)

    async def close(self) -> None:
        await self._real.close()

    def _require_line(self) -> None:
        if self._wire.is_cut(self._bank):
            raise Unknown("connection refused")
