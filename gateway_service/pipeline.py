"""Carries transfers: accepted into the journal, driven from bank to bank, finished. All of it in batches.

Nothing here belongs to a call: a client that goes away changes nothing, and what was accepted is finished.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from gateway_service.bank_port import OpenDebit
from gateway_service.banks import MAX_WAITING, LinkStatus
from gateway_service.directory import Directory
from gateway_service.fencing import Fence
from gateway_service.journal import Journal
from gateway_service.line import Asked
from gateway_service.storage import (
    adopt_transfers,
    find_by_ids,
    find_by_keys,
    list_unfinished,
    save_heads,
    suspend_transfer,
)
from gateway_service.transfer import BEFORE_THE_NEXT_STEP, State, Transfer, after, give_up, next_step
from gateway_service.underway import Known, Underway
from interbank.clock import Clock
from interbank.instructions import InstructionKind, Outcome
from interbank.refusals import Reason, Refused
from interbank.storage.database import Database

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds after the first unanswered instruction until an impatient order asks for a way back."""

TICK = 0.25
"""Seconds between two looks at what waits."""

_PROGRESS_SAVED_EVERY = 2.0
"""Seconds between two looks at states that nothing rests on. Most have gone on by the next, and are written once."""


class Pipeline:
    """Every transfer that is not final, and the one way on for each."""

    def __init__(
        self,
        database: Database,
        directory: Callable[[], Directory],
        fence: Fence,
        clock: Clock,
    ) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._underway: dict[bytes, Underway] = {}
        self._unheard: dict[str, list[Underway]] = {}
        self._journal = Journal(database, fence, accepted=self._accepted, saved=self._saved)

    # What clients ask

    def find(self, transfer_id: bytes) -> Underway | None:
        """A transfer that is on its way."""
        return self._underway.get(transfer_id)

    def underway(self) -> list[Transfer]:
        """Every transfer that is not final, as it stands now: further, perhaps, than the journal says."""
        return [underway.transfer for underway in self._underway.values()]

    @property
    def moving(self) -> int:
        """See banks.Listener."""
        links = self._directory().links.values()
        waiting = sum(link.waiting for link in links if link.status is not LinkStatus.CONNECTED)
        return len(self._underway) - waiting - sum(map(len, self._unheard.values()))

    def require_room(self, bank: str, field: str) -> None:
        """Refuse an order before it is accepted when many wait for one of its banks: Refused(GATEWAY_OVERLOADED)."""
        if self._directory().link(bank, field).waiting >= MAX_WAITING:
            raise Refused(Reason.GATEWAY_OVERLOADED, f"too many payments wait for {bank}", retry_after_ms=500)

    async def accept(self, transfers: Sequence[Transfer]) -> list[Known | Refused]:
        """Write orders into the journal and set them on their way; for each what it became.

        A known order is what it was: the transfer on its way, or its final one. A key that belongs to another order is
        Refused(IDEMPOTENCY_KEY_REUSED), or ORDER_IN_PROGRESS while nothing is known of that other order yet. Raises
        Refused(GATEWAY_OVERLOADED) when too many wait already, and what the journal's Database raises.
        """
        return await self._journal.accept(transfers)

    def known(self, candidate: Transfer, found: Transfer) -> Known | Refused:
        """What the journal's row under a candidate's key means for it."""
        current = self._underway.get(found.transfer_id)
        if found.fingerprint == candidate.fingerprint:
            return current if current is not None else found
        state = current.transfer.state if current is not None else found.state
        if state is State.ACCEPTED:
            return Refused(Reason.ORDER_IN_PROGRESS, field="idempotency_key", retry_after_ms=200)
        return Refused(
            Reason.IDEMPOTENCY_KEY_REUSED,
            f"key {candidate.order.idempotency_key} belongs to another order of yours "
            f"({found.order.amount} to {found.order.payee_bank} {found.order.payee_account}, {state.value})",
            field="idempotency_key",
            hint=f"interbank status {found.transfer_id.hex()[:8]}",
        )

    # What runs for ever

    async def resume(self) -> int:
        """Take up everything that is not final, from its last recorded state; returns how many there are.

        What is ACCEPTED may have been debited and credited before the crash, and the payer's bank restored since. Only
        the payee's bank can tell then, so it is heard first."""
        unfinished = await self._database.read(list_unfinished)
        for transfer in unfinished:
            underway = self._underway[transfer.transfer_id] = Underway(transfer)
            if transfer.state is State.ACCEPTED and not transfer.within_one_bank:
                underway.unheard = transfer.order.payee_bank
                self._unheard.setdefault(underway.unheard, []).append(underway)
            self._advance(underway)
        return len(unfinished)

    async def resume_suspended(self, known: Known) -> Known:
        """Let a transfer go on from its state if it is suspended; returns it as it stands then. The banks are asked
        again, and if they still contradict each other it is suspended again."""
        suspended = known.transfer if isinstance(known, Underway) else known
        if not suspended.suspended:
            return known
        cleared = replace(suspended, suspended="")
        if isinstance(known, Underway):
            known.transfer = cleared  # so that no save that is still to come writes the cause once more
        await self._database.write(lambda connection: suspend_transfer(connection, cleared.transfer_id, ""))
        if not isinstance(known, Underway):
            return cleared
        known.unsaved = False
        self._advance(known)
        return known

    async def run(self) -> None:
        """Accept, save and watch for ever."""
        await asyncio.gather(self._journal.run(), self._watch())

    # What banks say

    def answered(self, bank: str, answers: Sequence[tuple[Asked, Outcome]]) -> None:
        """Move transfers on by a bank's outcomes. See banks.Listener."""
        now = self._clock.now_us()
        for asked, outcome in answers:
            if asked.underway is None:
                self._settled(bank, asked.transfer, outcome, now)
                continue
            underway = asked.underway
            underway.heard()
            if outcome.entry_id and asked.kind in (InstructionKind.DEBIT, InstructionKind.BOOK_TRANSFER):
                underway.balance_after = None if outcome.replayed else outcome.balance_after
            moved = after(underway.transfer, asked.kind, outcome, now)
            if moved is underway.transfer:
                self._advance(underway)
            else:
                self._move(underway, moved)

    def heard(self, bank: str) -> None:
        """Let go of what waited for this bank's word. See banks.Listener."""
        for underway in self._unheard.pop(bank, ()):
            underway.unheard = ""
            self._advance(underway)

    async def open_debits(self, bank: str, debits: Sequence[OpenDebit]) -> None:
        """Take up debits that the journal does not know, and settle those that it knows to be credited. See
        banks.Listener. One whose key was used for another order since the journal was lost has no place in it; it goes
        on all the same, and its bank lists it until it is concluded."""
        strange = [debit for debit in debits if debit.transfer_id not in self._underway]
        if not strange:
            return
        now = self._clock.now_us()
        journal, adopted = await self._database.write(lambda connection: _adopt(connection, strange, now))
        if adopted:
            log.warning("adopted %d debits of %s that the journal did not know", len(adopted), bank)
        for transfer in adopted:
            if transfer.transfer_id not in self._underway:
                self._set_out(transfer)
        for transfer in journal.values():
            if transfer.final and transfer.transfer_id not in self._underway:
                self._conclude(bank, transfer)

    def _conclude(self, bank: str, transfer: Transfer) -> None:
        """Its bank holds a debit open that the journal knows the end of."""
        if transfer.state is State.COMPLETED:
            self._directory().link(bank).settle([transfer])
        elif not transfer.suspended:
            cause = f"{bank} holds the debit open while it is {transfer.state.value}"
            log.error("%s %s: %s", transfer.transfer_id.hex(), "SUSPENDED", cause)
            self._journal.suspend(transfer.transfer_id, cause)

    def _settled(self, bank: str, transfer: Transfer, outcome: Outcome, now: int) -> None:
        moved = after(transfer, InstructionKind.SETTLE, outcome, now)
        if moved.suspended and not transfer.suspended:
            log.error("%s SUSPENDED: %s: %s", transfer.transfer_id.hex(), bank, moved.suspended)
            self._journal.suspend(transfer.transfer_id, moved.suspended)

    # The way of one transfer

    def _set_out(self, transfer: Transfer) -> Underway:
        underway = Underway(transfer)
        self._underway[transfer.transfer_id] = underway
        self._advance(underway)
        return underway

    def _advance(self, underway: Underway) -> None:
        """Stand in line at the bank that is to be asked next."""
        if underway.unsaved or underway.unheard:
            return  # it goes on when it is durable, or when that bank was heard
        step = next_step(underway.transfer)
        if step is not None:
            self._directory().link_for_driving(step.bank).enqueue(underway)

    def _move(self, underway: Underway, transfer: Transfer) -> None:
        """It has come further. What a step back or an answer rests on is durable first; the rest goes on at once, and
        is saved if it stays."""
        underway.moved(transfer)
        if transfer.suspended:
            log.error("%s SUSPENDED: %s", transfer.transfer_id.hex(), transfer.suspended)
        underway.unsaved = bool(transfer.suspended) or transfer.state in BEFORE_THE_NEXT_STEP
        if underway.unsaved:
            self._journal.save(underway)
        else:
            self._journal.save_if_it_stays(underway)
            self._advance(underway)

    def _accepted(self, candidate: Transfer, row: Transfer) -> Known | Refused:
        return self._set_out(row) if row is candidate else self.known(candidate, row)

    def _saved(self, underways: Sequence[Underway], saved: Sequence[Transfer]) -> None:
        to_settle: dict[str, list[Transfer]] = {}
        for underway, transfer in zip(underways, saved, strict=True):
            if underway.transfer is transfer:
                underway.unsaved = False
            if transfer.final:
                self._underway.pop(transfer.transfer_id, None)
                underway.finish()
                if transfer.state is State.COMPLETED and not transfer.within_one_bank:
                    to_settle.setdefault(transfer.order.payer_bank, []).append(transfer)
            elif transfer.state in BEFORE_THE_NEXT_STEP:
                self._advance(underway)
        for bank, transfers in to_settle.items():
            self._directory().link_for_driving(bank).settle(transfers)

    async def _watch(self) -> None:
        """See to what nobody tells: connections lost, patience ended, states and heads that no commit took along."""
        save_progress_at = 0.0
        while True:
            await asyncio.sleep(TICK)
            for link in self._directory().links.values():
                link.notice()
            now = self._clock.monotonic()
            for underway in list(self._underway.values()):
                if underway.asked_since is not None and now - underway.asked_since >= PATIENCE:
                    given_up = give_up(underway.transfer)
                    if given_up is not underway.transfer:
                        self._move(underway, given_up)
            if now >= save_progress_at:
                save_progress_at = now + _PROGRESS_SAVED_EVERY
                self._journal.look_at_progress()
            self._journal.save_what_there_is()


def _adopt(
    connection: Connection, debits: Sequence[OpenDebit], now_us: int
) -> tuple[dict[bytes, Transfer], list[Transfer]]:
    """The journal's rows of these debits, and what it did not know, written down now where the key is free; and with
    it how far their bank was, or a crash would let an older copy of that bank pass."""
    journal = find_by_ids(connection, [debit.transfer_id for debit in debits])
    lost = [debit for debit in debits if debit.transfer_id not in journal]
    taken = find_by_keys(connection, [_key(debit) for debit in lost])
    for debit in lost:
        if _key(debit) in taken:
            log.error("%s: its key belongs to another order here", debit.transfer_id.hex())
    adopted = [_adopted(debit, now_us) for debit in lost]
    adopt_transfers(connection, [one for one, debit in zip(adopted, lost, strict=True) if _key(debit) not in taken])
    seen = sorted((debit.debit for debit in lost), key=lambda evidence: evidence.head.record_id)
    save_heads(connection, {evidence.bank: evidence.head for evidence in seen})
    return journal, adopted


def _key(debit: OpenDebit) -> tuple[str, str]:
    return debit.principal, debit.order.idempotency_key


def _adopted(debit: OpenDebit, now_us: int) -> Transfer:
    """A transfer that only its payer's bank remembers, as the journal takes it up again."""
    accepted = Transfer(
        debit.transfer_id, debit.fingerprint, debit.order, debit.principal, b"", "", patient=False, accepted_at=now_us
    )
    return replace(accepted, state=State.DEBITED, debit=debit.debit)
