"""One link per bank: instructions queued, sent in batches, asked again until there is an answer. Never a guess.

While one batch is on its way the next one gathers; when the answer lands all that gathered goes at once.
"""

import asyncio
import enum
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from gateway_service.bank_port import DEADLINE, BankDescription, BankPort, OpenDebit, Unknown, list_all_open
from gateway_service.fencing import Fence
from gateway_service.line import Asked, Line
from gateway_service.transfer import Transfer, instruction
from gateway_service.underway import Underway
from interbank.clock import Clock
from interbank.instruction_log import InstructionLog
from interbank.instructions import Head, Instruction, Outcome, OutcomeKind
from interbank.refusals import Reason, Refused

log = logging.getLogger(__name__)

MAX_WAITING = 20_000
"""Transfers that may wait for one bank; beyond them an order is refused before it is accepted."""

FIRST_PAUSE, LONGEST_PAUSE, QUARANTINE_PAUSE = 0.05, 2.0, 10.0
"""Seconds between tries, doubled each time, each drawn at random below the bound."""

QUESTION_EVERY = 5.0
"""Seconds between two questions for debits that the journal does not know; also tells whether an idle bank lives."""


class LinkStatus(enum.Enum):
    """How the gateway sees a bank; names are those of the wire."""

    CONNECTED = "CONNECTED"
    DOWN = "DOWN"
    QUARANTINED = "QUARANTINED"


class Listener(Protocol):
    """Who is told what banks say."""

    @property
    def moving(self) -> int:
        """How many transfers are on their way and do not wait for a bank that is down."""
        ...

    def answered(self, bank: str, answers: Sequence[tuple[Asked, Outcome]]) -> None:
        """A bank answered a batch."""
        ...

    async def open_debits(self, bank: str, debits: Sequence[OpenDebit]) -> None:
        """A bank listed debits that it holds to be open."""
        ...

    def heard(self, bank: str) -> None:
        """A session with a bank was opened: it has said what it saw of others."""
        ...


class Repairs(Protocol):
    """Who repairs a bank that lacks records."""

    async def restore(self, bank: str, port: BankPort) -> int:
        """Write back into it what others know; returns how many outcomes. Raises Unknown or Refused."""
        ...


class Link:
    """The gateway's side of one bank."""

    def __init__(
        self,
        bank: str,
        connect: Callable[[str], BankPort],
        fence: Fence,
        listener: Listener,
        repairs: Repairs,
        clock: Clock,
        chance: random.Random,
        instruction_log: InstructionLog,
    ) -> None:
        self.bank = bank
        self.cause = "not connected yet"
        self.last_entry_id = 0
        self.next_attempt_us = 0
        self.first_try = asyncio.Event()
        """Set when the bank was tried once, with or without success."""
        self._status = LinkStatus.DOWN
        self.since_us = clock.now_us()
        self._connect = connect
        self._fence = fence
        self._listener = listener
        self._repairs = repairs
        self._clock = clock
        self._chance = chance
        self._log = instruction_log
        self._address = ""
        self._port: BankPort | None = None
        self._session: bytes | None = None
        self._claims: frozenset[Head] = frozenset()
        self._line = Line(bank, clock)
        self._pause = FIRST_PAUSE
        self._question_at = 0.0

    @property
    def status(self) -> LinkStatus:
        """Whether payments flow, as far as is known now."""
        return LinkStatus.DOWN if self._lost else self._status

    @property
    def _lost(self) -> bool:
        return self._status is LinkStatus.CONNECTED and not (self._port and self._port.reachable)

    @property
    def compared(self) -> bool:
        """Whether the bank's head was compared with all that other banks are known to have seen of it."""
        return self._claims == self._fence.claims_about(self.bank)

    def notice(self) -> None:
        """Look whether the connection still stands; without one the bank is down and is tried again."""
        if self._lost:
            self._became(LinkStatus.DOWN, "connection lost")
            self._session = None
            self._line.wake.set()

    @property
    def waiting(self) -> int:
        """Transfers that wait for an answer of this bank."""
        return len(self._line.waiting)

    @property
    def in_doubt(self) -> int:
        """Those of them whose answer is overdue, or all while the bank is not connected."""
        if self.status is not LinkStatus.CONNECTED:
            return len(self._line.waiting)
        now = self._clock.monotonic()
        return sum(underway.silent(now) for underway in self._line.waiting)

    def moved_to(self, address: str) -> None:
        """The bank has joined from this address: try it at once, with a new connection unless the old one serves."""
        if address != self._address or self.status is not LinkStatus.CONNECTED:
            self._address = address
            old, self._port, self._session = self._port, self._connect(address), None
            if old is not None:
                asyncio.ensure_future(old.close())  # noqa: RUF006  calls under way end as unknown
        self._pause = FIRST_PAUSE
        self._line.wake.set()

    def enqueue(self, underway: Underway) -> None:
        """This transfer's next step is for this bank."""
        self._line.join(underway)

    def settle(self, transfers: Sequence[Transfer]) -> None:
        """Tell the payer's bank, when there is an occasion, that these were credited."""
        self._line.settle(transfers)

    async def describe(self) -> BankDescription | None:
        """Who the bank is and what it saw of others; None if it does not answer."""
        if self._port is None:
            return None
        try:
            description = await self._port.describe()
        except (Unknown, Refused):
            return None
        if description.bank != self.bank:
            return None
        self._fence.described(description)
        return description

    async def open_debits(self) -> list[OpenDebit]:
        """What the bank holds to be open. Raises Unknown or Refused."""
        if self._port is None:
            raise Unknown("it has not joined yet")
        return await list_all_open(self._port)

    async def call(self, method: str, request: Any, *, deadline: float = DEADLINE) -> Any:
        """Ask the bank something that moves no money on the path of a payment.

        Raises Refused: the bank's, or BANK_UNAVAILABLE.
        """
        if self._port is None:
            raise Refused(Reason.BANK_UNAVAILABLE, f"{self.bank} is not connected")
        try:
            return await self._port.call(method, request, deadline=deadline)
        except Unknown as unknown:
            raise Refused(Reason.BANK_UNAVAILABLE, f"{self.bank} does not answer: {unknown.cause}") from None
        except Refused as refused:
            raise self._in_customers_words(refused) from None

    async def carry_out(self, instruction: Instruction) -> Outcome:
        """Have the bank do one thing that is all inside it, such as a deposit.

        Raises Refused: BANK_UNAVAILABLE before it was asked, OUTCOME_UNKNOWN after.
        """
        if self._port is None or self._session is None or self.status is not LinkStatus.CONNECTED:
            raise Refused(Reason.BANK_UNAVAILABLE, f"{self.bank} is not connected")
        try:
            (outcome,) = await self._ask(self._port, self._session, [instruction])
        except Unknown as unknown:
            raise Refused(
                Reason.OUTCOME_UNKNOWN, f"{self.bank} was asked and has not answered: {unknown.cause}"
            ) from None
        except Refused as refused:
            raise self._in_customers_words(refused) from None
        return outcome

    def _in_customers_words(self, refused: Refused) -> Refused:
        """A bank that has begun anew did nothing, and the link is about to notice; nobody else needs to know why."""
        if refused.reason not in (Reason.SESSION_SUPERSEDED, Reason.EPOCH_SUPERSEDED):
            return refused
        return Refused(Reason.BANK_UNAVAILABLE, f"{self.bank} is connecting", retry_after_ms=200)

    async def run(self) -> None:
        """Serve this bank for ever."""
        while True:
            try:
                await self._serve_or_repair()
            except Unknown as unknown:
                self._became(LinkStatus.DOWN, unknown.cause)
            except Exception:
                log.exception("%s: a fault of ours; its transfers are asked for again", self.bank)
                self._became(LinkStatus.DOWN, "a fault in the gateway")
            self.first_try.set()
            await self._rest()

    async def _serve_or_repair(self) -> None:
        try:
            await self._open_session()
            self.first_try.set()
            await self._fence.driving.wait()
            await self._serve()
        except Refused as refused:
            self._refused(refused)
            if refused.reason is Reason.BANK_QUARANTINED:
                await self._repair()

    async def _open_session(self) -> None:
        if self._port is None:
            raise Unknown("it has not joined yet")
        description = await self._port.describe()
        if description.bank != self.bank:
            raise Unknown(f"its certificate says {self.bank}, and it calls itself {description.bank}")
        if not self._fence.credible(description.epoch):
            raise Unknown(f"it says that it has seen epoch {description.epoch}, which no gateway has chosen")
        self._fence.described(description)
        self.last_entry_id = description.last_entry_id
        epoch = await self._fence.epoch_above([description.epoch])
        heads, self._claims = self._fence.heads_of(self.bank), self._fence.claims_about(self.bank)
        self._session = await self._port.open_session(epoch, self._fence.instance, heads)
        self._fence.witnessed(self.bank, description.head)
        # A journal that was lost is rebuilt from the banks before a new order of this one is taken.
        await self._ask_for_open_debits()
        self._pause = FIRST_PAUSE
        self._became(LinkStatus.CONNECTED, "")
        self._listener.heard(self.bank)

    async def _serve(self) -> None:
        while self._session is not None:
            await self._line.gather(self._listener.moving)
            if self._session is None or self._port is None:
                return  # lost, or moved, meanwhile
            if not self.compared:
                return  # another bank has joined and says what it saw: heads are compared anew, before anything else
            if self._clock.monotonic() >= self._question_at:
                await self._ask_for_open_debits()
                continue
            batch = self._line.take()
            if batch:
                await self._post(self._port, self._session, batch)
            else:
                await self._idle()

    async def _idle(self) -> None:
        until = min(self._question_at, self._line.settle_at or self._question_at)
        await self._line.woken(within=max(0.001, until - self._clock.monotonic()))

    async def _post(self, port: BankPort, session: bytes, batch: list[Asked]) -> None:
        """Send a batch and take in its answers. Whatever goes wrong, nobody in it is forgotten: to ask again is always
        lawful."""
        begun, now_us = self._clock.monotonic(), self._clock.now_us()
        try:
            for asked in batch:
                if asked.underway is not None:
                    asked.underway.asked(begun, now_us)
            instructions = [instruction(asked.transfer, asked.kind, asked.attempt) for asked in batch]
            outcomes = await self._ask(port, session, instructions)
            self._line.answered()
            self._listener.answered(self.bank, list(zip(batch, outcomes, strict=True)))
        except (Unknown, Refused) as failure:
            stumbled = isinstance(failure, Refused) and failure.reason is Reason.INSTRUCTION_MALFORMED
            self._line.put_back(batch, stumbled=stumbled)
            if stumbled:
                return  # nothing of the batch was done, and its session goes on
            raise
        except Exception:
            self._line.put_back(batch, stumbled=False)
            raise

    async def _ask(self, port: BankPort, session: bytes, instructions: Sequence[Instruction]) -> list[Outcome]:
        """Have the bank carry out a batch; what it did, or that it said nothing, stands in the log."""
        begun = self._clock.monotonic()
        try:
            outcomes = await port.post(session, instructions)
        except (Unknown, Refused) as failure:
            text = failure.cause if isinstance(failure, Unknown) else f"{failure.reason.name} {failure.message}"
            self._log.unanswered(instructions, text, self._clock.monotonic() - begun, to=self.bank)
            raise
        for outcome in outcomes:
            if outcome.kind <= OutcomeKind.SETTLED:
                self._fence.witnessed(self.bank, outcome.head)
            if outcome.entry_id > self.last_entry_id:
                self.last_entry_id = outcome.entry_id
        self._log.answered(instructions, outcomes, self._clock.monotonic() - begun, to=self.bank)
        return outcomes

    def _refused(self, refused: Refused) -> None:
        self._session = None
        if refused.reason is Reason.EPOCH_SUPERSEDED:
            self._fence.superseded(f"{self.bank}: {refused.message}")
        elif refused.reason is Reason.BANK_QUARANTINED:
            self._became(LinkStatus.QUARANTINED, refused.message)
            self._pause = QUARANTINE_PAUSE
        elif refused.reason is Reason.SESSION_SUPERSEDED:
            self._became(LinkStatus.DOWN, "its session ended")
        else:
            log.error("%s refused: %s %s", self.bank, refused.reason.name, refused.message)
            self._became(LinkStatus.DOWN, refused.message)

    async def _repair(self) -> None:
        """Write back what the bank lacks; it is tried again later if somebody is missing who may know of it, and never
        if outcomes contradict each other, until a human has looked."""
        self.first_try.set()
        await self._fence.driving.wait()
        assert self._port is not None  # noqa: S101  it was asked a moment ago
        try:
            await self._repairs.restore(self.bank, self._port)
        except Unknown as unknown:
            self._became(LinkStatus.QUARANTINED, unknown.cause)
            self._pause = LONGEST_PAUSE
        except Refused as refused:
            log.error("%s cannot be repaired: %s %s", self.bank, refused.reason.name, refused.message)  # noqa: TRY400
            self._became(LinkStatus.QUARANTINED, refused.message)
        else:
            self._pause = FIRST_PAUSE

    async def _rest(self) -> None:
        """Pause before the next try; a bank that joins meanwhile is tried at once."""
        self._session = None
        pause = self._chance.uniform(0, self._pause) if self._pause <= LONGEST_PAUSE else self._pause
        self.next_attempt_us = self._clock.now_us() + int(pause * 1_000_000)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        await self._line.woken(within=pause)

    async def _ask_for_open_debits(self) -> None:
        assert self._port is not None  # noqa: S101  the caller looked
        # Within the session: what a bank lists that began anew, on an older copy perhaps, is not what it holds open.
        debits = await list_all_open(self._port, self._session or b"")
        if debits:
            await self._listener.open_debits(self.bank, debits)
        self._question_at = self._clock.monotonic() + self._chance.uniform(0.8, 1.2) * QUESTION_EVERY

    def _became(self, status: LinkStatus, cause: str) -> None:
        if status is not self._status:
            self.since_us = self._clock.now_us()
            log.info("%s is %s%s", self.bank, status.value, f": {cause}" if cause else "")
        self._status, self.cause = status, cause
