"""Writes the journal: orders that are accepted, states that transfers have come to. Many in one commit.

While one commit is on its way the next one gathers. What was handed in is written in the end, whoever has gone away.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from itertools import islice

from sqlalchemy import Connection

from gateway_service.fencing import Fence
from gateway_service.storage import accept_transfers, find_by_keys, save_heads, save_transfers, suspend_transfer
from gateway_service.transfer import Transfer
from gateway_service.underway import Known, Underway
from interbank.instructions import Head
from interbank.refusals import Reason, Refused
from interbank.storage.database import Database

log = logging.getLogger(__name__)

MAX_ACCEPTING = 20_000
"""Orders that may wait to be written into the journal."""

_ACCEPTED_AT_ONCE = 2_000
"""Orders in one commit, about: a call's orders stay together."""

_SAVE_AGAIN_AFTER = 0.5
"""Seconds to wait after the journal failed to write, before it is tried again."""

_Accepting = tuple[Sequence[Transfer], "asyncio.Future[list[Known | Refused]]"]


class Journal:
    """The writing side of the journal. `accepted` is told each order and the row under its key, which is the order
    itself if the key was free, and says what became of it; `saved` is told which transfers were saved, and as what."""

    def __init__(
        self,
        database: Database,
        fence: Fence,
        *,
        accepted: Callable[[Transfer, Transfer], Known | Refused],
        saved: Callable[[Sequence[Underway], Sequence[Transfer]], None],
    ) -> None:
        self._database = database
        self._fence = fence
        self._accepted = accepted
        self._saved = saved
        self._accepting: list[_Accepting] = []
        self._accept_wake = asyncio.Event()
        self._unsaved: dict[bytes, Underway] = {}
        self._suspended: dict[bytes, str] = {}
        self._progressed: dict[bytes, Underway] = {}
        self._progressed_before: dict[bytes, Underway] = {}
        self._save_wake = asyncio.Event()

    async def accept(self, transfers: Sequence[Transfer]) -> list[Known | Refused]:
        """Write orders whose keys are free; for each what it became. Raises Refused(GATEWAY_OVERLOADED) when too many
        wait already, and what the Database raises."""
        if sum(len(waiting) for waiting, _ in self._accepting) + len(transfers) > MAX_ACCEPTING:
            raise Refused(Reason.GATEWAY_OVERLOADED, "too many orders wait for the journal", retry_after_ms=500)
        answers: asyncio.Future[list[Known | Refused]] = asyncio.get_running_loop().create_future()
        self._accepting.append((transfers, answers))
        self._accept_wake.set()
        return await asyncio.shield(answers)

    def save(self, underway: Underway) -> None:
        """Write its present state with the next commit: something rests on it."""
        self._unsaved[underway.transfer.transfer_id] = underway
        self._save_wake.set()

    def suspend(self, transfer_id: bytes, cause: str) -> None:
        """Mark a transfer, final or not, as one that a human must look at, with the next commit."""
        self._suspended[transfer_id] = cause
        self._save_wake.set()

    def save_if_it_stays(self, underway: Underway) -> None:
        """Write its state if it has not gone on after two looks at what has progressed."""
        self._progressed[underway.transfer.transfer_id] = underway

    def look_at_progress(self) -> None:
        """Take up for saving what has not gone on since the last look."""
        stayed = self._progressed_before.items()
        self._unsaved |= {key: underway for key, underway in stayed if not underway.unsaved and not underway.finished}
        self._progressed_before, self._progressed = self._progressed, {}

    def save_what_there_is(self) -> None:
        """Write what no commit has taken along, heads of banks above all."""
        if self._unsaved or self._suspended or self._fence.has_unsaved:
            self._save_wake.set()

    async def run(self) -> None:
        """Write for ever."""
        await asyncio.gather(self._accept_for_ever(), self._save_for_ever())

    async def _accept_for_ever(self) -> None:
        while True:
            await self._accept_wake.wait()
            self._accept_wake.clear()
            while self._accepting:
                await self._accept(self._take_accepting())

    def _take_accepting(self) -> list[_Accepting]:
        """The oldest that wait, as many as fit into one commit and at least one."""
        batch: list[_Accepting] = []
        size = 0
        for waiting in self._accepting:
            batch.append(waiting)
            size += len(waiting[0])
            if size >= _ACCEPTED_AT_ONCE:
                break
        del self._accepting[: len(batch)]
        return batch

    async def _accept(self, batch: Sequence[_Accepting]) -> None:
        candidates = [transfer for transfers, _ in batch for transfer in transfers]
        try:
            rows = await self._database.write(lambda connection: _accept(connection, candidates))
        except Exception as error:
            for _, answers in batch:
                if not answers.done():
                    answers.set_exception(error)
            return
        became = iter([self._accepted(candidate, row) for candidate, row in zip(candidates, rows, strict=True)])
        for transfers, answers in batch:
            result = list(islice(became, len(transfers)))
            if not answers.done():
                answers.set_result(result)

    async def _save_for_ever(self) -> None:
        while True:
            await self._save_wake.wait()
            self._save_wake.clear()
            underways, self._unsaved = list(self._unsaved.values()), {}
            suspended, self._suspended = self._suspended, {}
            heads = self._fence.take_unsaved()
            if underways or suspended or heads:
                await self._save(underways, suspended, heads)

    async def _save(self, underways: Sequence[Underway], suspended: dict[bytes, str], heads: dict[str, Head]) -> None:
        transfers = [underway.transfer for underway in underways]

        def save(connection: Connection) -> None:
            save_transfers(connection, transfers)
            for transfer_id, cause in suspended.items():
                suspend_transfer(connection, transfer_id, cause)
            save_heads(connection, heads)

        try:
            await self._database.write(save)
        except Refused as refused:
            log.warning("the journal cannot be written: %s", refused.message)
            await self._save_later(underways, suspended, heads)
        else:
            self._saved(underways, transfers)

    async def _save_later(
        self, underways: Sequence[Underway], suspended: dict[bytes, str], heads: dict[str, Head]
    ) -> None:
        await asyncio.sleep(_SAVE_AGAIN_AFTER)
        self._suspended = suspended | self._suspended
        self._unsaved = {underway.transfer.transfer_id: underway for underway in underways} | self._unsaved
        for bank, head in heads.items():
            self._fence.unsaved(bank, head)
        self._save_wake.set()


def _accept(connection: Connection, candidates: Sequence[Transfer]) -> list[Transfer]:
    """The journal's row under each candidate's key; candidates whose key is free become rows."""
    by_key = {(c.principal, c.order.idempotency_key): c for c in reversed(candidates)}
    by_key |= find_by_keys(connection, by_key)
    found = [by_key[candidate.principal, candidate.order.idempotency_key] for candidate in candidates]
    accept_transfers(connection, [new for new, row in zip(candidates, found, strict=True) if row is new])
    return found
