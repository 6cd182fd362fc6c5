"""One line per instruction and its answer, at the gateway and at the bank: what was asked, for how much, on whose
authority, in which try, what came of it, how long it took, and with which call it came."""

import contextlib
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from interbank.clock import Clock
from interbank.instructions import Instruction, InstructionKind, Outcome
from interbank.money import amount_text
from interbank.telemetry import time_of_day

_KINDS = {kind: f"{kind.name:<13}" for kind in InstructionKind}


class InstructionLog:
    """Instructions come by the hundred, so a batch is one write, and a payment has seven lines: they are made of what
    is there already. `to` is the bank that was asked, in the gateway's log; `spent` is in seconds."""

    def __init__(self, process: str, clock: Clock, stream: TextIO | None = None) -> None:
        self._process = process
        self._clock = clock
        self._stream = stream or sys.stderr

    def write(self, lines: Iterable[str]) -> None:
        """Write these lines, all with the present time. Their text must come from fields that were checked. A log that
        takes nothing, as on a full disk, stops no payment."""
        lead = f"{time_of_day(self._clock.now_us())} {self._process:<14} "
        with contextlib.suppress(OSError):
            self._stream.write("".join([f"{lead}{line}\n" for line in lines]))
            self._stream.flush()

    def answered(
        self, instructions: Sequence[Instruction], outcomes: Sequence[Outcome], spent: float, *, to: str = ""
    ) -> None:
        """A batch has its outcomes."""
        asked, took = _asked(to), milliseconds(spent, len(instructions))
        pairs = zip(instructions, outcomes, strict=True)
        self.write([_line(asked, instruction, _answer(outcome), took) for instruction, outcome in pairs])

    def unanswered(self, instructions: Sequence[Instruction], cause: str, spent: float, *, to: str = "") -> None:
        """Nothing is known of a batch, for a cause in words."""
        asked, took = _asked(to), milliseconds(spent, len(instructions))
        answer = f"{cause}  unknown: ask again"
        self.write([_line(asked, instruction, answer, took) for instruction in instructions])


def milliseconds(spent: float, items: int) -> str:
    """How long a call took, and for how many things, in words."""
    return f"{spent * 1000:.1f} ms" + (f" for {items}" if items > 1 else "")


def _asked(to: str) -> str:
    return f"→{to:<11} " if to else ""


def _line(asked: str, instruction: Instruction, answer: str, took: str) -> str:
    order = instruction.order
    amount = amount_text(order.minor_units, order.currency) if order.currency else "-"  # Settle goes without its order
    return (
        f"{asked}{_KINDS[instruction.kind]} {instruction.transfer_id[:4].hex()}  {amount}  "
        f"{instruction.principal or '-'}  try {instruction.attempt}  {answer}  {took}  {instruction.request_id or '-'}"
    )


def _answer(outcome: Outcome) -> str:
    words = outcome.kind._name_
    if outcome.reason:
        words += f" {outcome.reason}"
    if outcome.entry_id:
        words += f" entry {outcome.entry_id}"
    return f"{words} again" if outcome.replayed else words
