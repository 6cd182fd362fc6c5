"""Who waits for a bank: transfers whose next step is there, and those that were credited and are to be settled."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable, Sequence

from gateway_service.transfer import Transfer, next_step
from gateway_service.underway import Underway
from interbank.clock import Clock
from interbank.instructions import InstructionKind
from interbank.orders import MAX_ORDERS
from interbank.values import value

GATHER_EACH, GATHER_AT_MOST, GATHERED = 0.0005, 0.02, 32
"""Seconds that a batch waits for company, for each transfer that moves elsewhere, up to a bound; and the size that goes
at once."""

STUMBLED_PAUSE = 10.0
"""Seconds until a single instruction that its bank calls malformed is sent again: perhaps to a newer version of it."""

SETTLE_WITHIN = 0.1
"""Seconds that a Settle may wait for company: nobody waits for it."""


@value
class Asked:
    """An instruction that was sent for a transfer; `underway` is None for Settle, which nobody waits for."""

    transfer: Transfer
    kind: InstructionKind
    underway: Underway | None

    @property
    def attempt(self) -> int:
        """Which try it is, from 1."""
        return self.underway.attempts if self.underway else 1


class Line:
    """The line before one bank. `wake` is set when somebody joins it."""

    def __init__(self, bank: str, clock: Clock) -> None:
        self._bank = bank
        self._clock = clock
        self._waiting: deque[Underway] = deque()
        self._ids: set[bytes] = set()
        self._settling: deque[Transfer] = deque()
        self._settle_at: float | None = None
        self._batch_limit = MAX_ORDERS
        self.wake = asyncio.Event()

    @property
    def waiting(self) -> Sequence[Underway]:
        """Transfers that wait to be asked for, Settle apart."""
        return self._waiting

    @property
    def settle_at(self) -> float | None:
        """When the first that is to be settled has waited long enough; monotonic seconds."""
        return self._settle_at

    async def woken(self, within: float) -> None:
        """Wait until somebody joins from now on, for so many seconds at most."""
        self.wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self.wake.wait()

    def join(self, underway: Underway) -> None:
        """This transfer's next step is for the bank. Nobody stands in line twice."""
        if underway.transfer.transfer_id not in self._ids:
            self._ids.add(underway.transfer.transfer_id)
            self._waiting.append(underway)
            self.wake.set()

    def settle(self, transfers: Iterable[Transfer]) -> None:
        """Tell the bank, when there is an occasion, that these were credited."""
        self._settling.extend(transfers)
        if self._settle_at is None:
            self._settle_at = self._clock.monotonic() + SETTLE_WITHIN
            self.wake.set()

    async def gather(self, moving: int) -> None:
        """A call costs more than what it carries, so under load those who may join soon are waited for: more fit, and
        all are served sooner. A payment that is alone in the network (`moving` is 1) waits for nobody."""
        elsewhere = moving - len(self._waiting)
        if elsewhere > 0 and 0 < len(self._waiting) < GATHERED:
            await asyncio.sleep(min(GATHER_AT_MOST, elsewhere * GATHER_EACH))

    def take(self) -> list[Asked]:
        """What to send now: each transfer's next step, as it is at this moment; room that is left is for settling."""
        batch: list[Asked] = []
        while self._waiting and len(batch) < self._batch_limit:
            underway = self._waiting.popleft()
            self._ids.discard(underway.transfer.transfer_id)
            if underway.unsaved:
                continue  # it stands in line again once it is durable
            step = next_step(underway.transfer)
            if step is not None and step.bank == self._bank:
                batch.append(Asked(underway.transfer, step.kind, underway))
        due = self._settle_at is not None and self._clock.monotonic() >= self._settle_at
        if batch or due:
            while self._settling and len(batch) < self._batch_limit:
                batch.append(Asked(self._settling.popleft(), InstructionKind.SETTLE, None))
            if not self._settling:
                self._settle_at = None
        return batch

    def answered(self) -> None:
        """A batch was answered: the next one may be larger again."""
        self._batch_limit = min(MAX_ORDERS, self._batch_limit * 2)

    def put_back(self, batch: Sequence[Asked], *, stumbled: bool) -> None:
        """Nothing is known of this batch: it stands in line again, first. One item that makes a bank stumble must not
        hold up the others, so batches get smaller, and a single one comes back later."""
        back = [a.underway for a in batch if a.underway is not None and a.transfer.transfer_id not in self._ids]
        if stumbled:
            self._batch_limit = max(1, len(batch) // 2)
            if len(batch) == 1:  # if it is a Settle, the bank will list its debit as open
                for underway in back:
                    asyncio.get_running_loop().call_later(STUMBLED_PAUSE, self.join, underway)
                return
        self._waiting.extendleft(reversed(back))
        self._ids.update(underway.transfer.transfer_id for underway in back)
        self._settling.extendleft(reversed([asked.transfer for asked in batch if asked.underway is None]))
        if self._settling:
            self._settle_at = self._clock.monotonic() + SETTLE_WITHIN
