"""Epochs and heads: no older gateway drives a bank any more, and no bank serves that was restored from an old copy.

An epoch is chosen once in the life of a process, above any that a bank has seen, and written before it is used. A
gateway that is told of a newer one stops and never fences again by itself: otherwise two would take turns for ever.
"""

import asyncio
from collections.abc import Callable, Iterable

from sqlalchemy import Connection, bindparam, select, update

from gateway_service.bank_port import BankDescription
from gateway_service.storage import known_heads
from gateway_service.tables import about
from interbank.instructions import Head
from interbank.storage.database import Database
from interbank.storage.statements import Statement

_EPOCH = Statement(select(about.c.epoch))
_CHOOSE = Statement(update(about).values(epoch=bindparam("chosen")))
_NOTE_LOSS = Statement(update(about).values(after_loss=1))

_OWN = ""

GENERATION = 2**20
"""What a new journal is ahead of every epoch of the one before, however many starts some bank has missed."""


MAX_RECORD, MAX_EPOCH = 2**62, 2**62
"""Beyond any record that a bank will ever write, and any epoch that a gateway will ever choose."""

REACH = 2**32
"""Records that a bank may have lost at most. A bank goes on above every position that another one claims to have seen:
so a claim counts only so far above the bank's head, and none can make it run out of numbers."""


class Fence:
    """This process' epoch, and every position of a bank that it or another bank has seen."""

    def __init__(self, database: Database, instance: bytes, superseded: Callable[[str], None]) -> None:
        self._database = database
        self._epoch: int | None = None
        self._known_epoch = 0
        self._choosing = asyncio.Lock()
        self._seen: dict[str, dict[str, Head]] = {}
        self._last: dict[str, int] = {}
        self._unsaved: dict[str, Head] = {}
        self.instance = instance
        self.superseded = superseded
        self.driving = asyncio.Event()
        """Set once every bank that could be reached at the start was fenced: only then is a transfer driven."""

    async def load(self) -> None:
        """Recall the epoch and the heads that the journal remembers."""
        self._known_epoch = await self._database.read(_last_epoch)
        for bank, head in (await self._database.read(known_heads)).items():
            self.witnessed(bank, head)
        self._unsaved.clear()

    async def epoch_above(self, reported: Iterable[int]) -> int:
        """This process' epoch; chosen at the first call, above all that are reported and credible, durable when this
        returns."""
        async with self._choosing:
            if self._epoch is None:
                highest = max(filter(self.credible, reported), default=0)
                self._epoch = await self._database.write(lambda connection: _next_epoch(connection, highest))
                self._known_epoch = self._epoch
            return self._epoch

    def credible(self, epoch: int) -> bool:
        """Whether a gateway can have chosen this epoch: one that was edited in a bank's file must not stop this one."""
        return epoch <= max(MAX_EPOCH, self._known_epoch)

    def described(self, description: BankDescription) -> None:
        """Take in where a bank stands, and what it says it saw of the others."""
        self._last[description.bank] = description.head.record_id
        for other, head in description.counterpart_heads.items():
            self._witness(other, description.bank, head)

    def witnessed(self, bank: str, head: Head) -> None:
        """Take in a position of a bank, from an answer of its own."""
        if self._witness(bank, _OWN, head):
            self._unsaved[bank] = head

    def unsaved(self, bank: str, head: Head) -> None:
        """A head that was taken could not be stored: offer it again, unless it rose meanwhile."""
        self._unsaved.setdefault(bank, head)

    def heads_of(self, bank: str) -> list[Head]:
        """Every position of a bank that somebody saw, within reach; it must have all of them."""
        reach = self._last.get(bank, 0) + REACH
        seen = self._seen.get(bank, {}).items()
        return [head for witness, head in seen if head.record_id and (witness == _OWN or head.record_id <= reach)]

    def claims_about(self, bank: str) -> frozenset[Head]:
        """The positions of a bank that other banks say they saw."""
        return frozenset(head for witness, head in self._seen.get(bank, {}).items() if witness != _OWN)

    @property
    def has_unsaved(self) -> bool:
        """Whether a head rose since they were last taken."""
        return bool(self._unsaved)

    def take_unsaved(self) -> dict[str, Head]:
        """The heads that rose since they were last taken, to be stored with the journal."""
        unsaved, self._unsaved = self._unsaved, {}
        return unsaved

    def _witness(self, bank: str, witness: str, head: Head) -> bool:
        if head.record_id > MAX_RECORD:
            return False  # no bank gets there
        by_witness = self._seen.setdefault(bank, {})
        seen = by_witness.get(witness)
        if seen is not None and seen.record_id >= head.record_id:
            return False
        by_witness[witness] = head
        return True


def _last_epoch(connection: Connection) -> int:
    ((epoch,),) = _EPOCH.rows(connection)
    return int(epoch)


def _next_epoch(connection: Connection, reported: int) -> int:
    own = _last_epoch(connection)
    # A journal that was lost: banks that are still to join may have seen more gateways than those that did.
    lost = own == 0 and reported > 0
    epoch = (reported // GENERATION + 1) * GENERATION if lost else max(own, reported) + 1
    _CHOOSE.rows(connection, chosen=epoch)
    if lost:
        _NOTE_LOSS.rows(connection)
    return epoch
