"""Writes back into a bank that was restored from an old copy what the journal and the other banks know of it.

First everybody is asked: a bank that is down may be the only one that knows of a credit, so the repair waits for it.
Then the bank writes all of it in one transaction, or nothing.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from gateway_service.bank_port import BankDescription, BankPort, OpenDebit, Unknown
from gateway_service.fencing import Fence
from gateway_service.recollection import as_ordered, believed, outcomes_of, together, with_debits
from gateway_service.storage import find_by_ids, heads_in_journal, journal_was_lost, list_concerning
from gateway_service.transfer import Transfer
from interbank.instructions import Head, KnownOutcome
from interbank.orders import MAX_ORDERS
from interbank.refusals import Refused
from interbank.rpc.translate import head_from, head_message, known_outcome_from, write_known_outcome
from interbank.storage.database import Database
from protos.v1 import bank_pb2

log = logging.getLogger(__name__)

LISTING_DEADLINE = 5.0
"""Seconds that a bank has to look through its books for what it was told of another one."""

WRITING_DEADLINE, WRITING_EACH = 5.0, 0.005
"""Seconds that the bank has to write everything back, and more for each outcome."""


_NOWHERE = Head(0, b"")
"""Before a bank's first record."""


class Other(Protocol):
    """A bank that is asked what it was told: a Link, for one."""

    async def describe(self) -> BankDescription | None:
        """What it saw of others; None if it does not answer."""
        ...

    async def open_debits(self) -> list[OpenDebit]:
        """What it holds to be open. Raises Unknown or Refused."""
        ...

    async def call(self, method: str, request: Any, *, deadline: float = ...) -> Any:
        """An rpc of BankService. Raises Refused."""
        ...


class Repair:
    """Repairs banks. `others` are all banks that ever joined, `members` those that the network is said to have,
    `underway` the transfers that are on their way."""

    def __init__(
        self,
        database: Database,
        fence: Fence,
        others: Callable[[], Mapping[str, Other]],
        members: Collection[str],
        underway: Callable[[], Iterable[Transfer]],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._database = database
        self._fence = fence
        self._others = others
        self._members = members
        self._underway = underway
        self._entropy = entropy

    async def restore(self, bank: str, port: BankPort) -> int:
        """Repair a bank that is quarantined; returns how many outcomes were written back. Raises Unknown, with what it
        waits for, or Refused: the bank's."""
        others = {name: other for name, other in self._others().items() if name != bank}
        await self._require_everybody(bank, port, others)
        positions = await self._database.read(lambda connection: heads_in_journal(connection, bank))
        agreed = await _agreed(positions, port)
        # What another bank saw and the journal did not may belong to another history: the bank may have served this
        # journal on an old copy. Then nothing is known to be shared, whatever its numbers are.
        above = agreed.record_id if self._fence.claims_about(bank) <= set(positions) else 0
        journal = await self._in_journal(bank, above)
        told = [known for other in others.values() for known in await _witnessed(other, bank, above)]
        debits = {debit.transfer_id: debit.debit for other in others.values() for debit in await other.open_debits()}
        known = with_debits(together(journal, await self._believed(bank, told)), debits)
        restored = await self._write_back(bank, port, agreed.record_id, known)
        log.warning("%s was restored from an old copy: %d outcomes were written back into it", bank, restored)
        return restored

    async def _require_everybody(self, bank: str, port: BankPort, others: Mapping[str, Other]) -> None:
        """Raises Unknown unless everybody who may know something answers: every bank that ever joined and every member;
        and, if the journal was lost and has forgotten who joined, every bank that one of them has heard of."""
        heard_of = set((await port.describe()).counterpart_heads)
        for name, other in others.items():
            description = await other.describe()
            if description is None:
                raise Unknown(f"it lacks records, and {name}, which may know more of them, does not answer")
            heard_of |= description.counterpart_heads.keys()
        if not await self._database.read(journal_was_lost):
            heard_of.clear()  # a name in one bank's file, that may be edited, is nobody to wait for
        if missing := sorted(heard_of.union(self._members) - others.keys() - {bank}):
            raise Unknown(
                f"it lacks records, and {missing[0]}, which may know more of them, has not joined since this journal "
                "was begun"
            )

    async def _believed(self, bank: str, told: Sequence[KnownOutcome]) -> list[KnownOutcome]:
        ids = {known.instruction.transfer_id for known in told}
        journal = await self._database.read(lambda connection: find_by_ids(connection, ids))
        journal |= {transfer.transfer_id: transfer for transfer in self._underway()}
        lost = await self._database.read(journal_was_lost)
        found = []
        for known in told:
            identity = known.instruction.transfer_id
            transfer = journal.get(identity)
            if believed(known, transfer, journal_lost=lost):
                found.append(known if transfer is None else as_ordered(known, transfer))
            else:
                log.error("%s of %s is not what the journal knows of it, and not believed", identity.hex(), bank)
        return found

    async def _in_journal(self, bank: str, above: int) -> list[KnownOutcome]:
        found = await self._database.read(lambda connection: list_concerning(connection, bank, above=above))
        transfers = {transfer.transfer_id: transfer for transfer in (*found, *self._underway())}
        return [known for transfer in transfers.values() for known in outcomes_of(bank, transfer, above)]

    async def _write_back(self, bank: str, port: BankPort, agreed: int, known: Sequence[KnownOutcome]) -> int:
        attempt, pages = self._entropy(16), max(1, -(-len(known) // MAX_ORDERS))
        epoch = await self._fence.epoch_above([])
        for page in range(pages):
            request = bank_pb2.RestoreRequest(
                epoch=epoch,
                instance=self._fence.instance,
                known_heads=[head_message(head) for head in self._fence.heads_of(bank)],
                agreed_record_id=agreed,
                attempt=attempt,
                page=page,
                last=page == pages - 1,
            )
            for outcome in known[page * MAX_ORDERS : (page + 1) * MAX_ORDERS]:
                write_known_outcome(outcome, request.outcomes.add())
            deadline = WRITING_DEADLINE + (WRITING_EACH * len(known) if request.last else 0)
            answer: bank_pb2.RestoreResponse = await port.call("Restore", request, deadline=deadline)
        return answer.restored


async def _agreed(positions: Sequence[Head], port: BankPort) -> Head:
    """The highest of these positions, the journal's, that the bank still has: up to it the histories are one, since
    every chain hash covers all before it."""
    low, high = 0, len(positions)
    while low < high:
        middle = (low + high) // 2
        if await _has(port, positions[middle]):
            low = middle + 1
        else:
            high = middle
    return positions[low - 1] if low else _NOWHERE


async def _has(port: BankPort, head: Head) -> bool:
    request = bank_pb2.ListRecordsRequest(since_record_id=head.record_id - 1, page_size=1)
    answer: bank_pb2.ListRecordsResponse = await port.call("ListRecords", request)
    return any(head_from(record.head) == head for record in answer.records)


async def _witnessed(other: Other, bank: str, above: int) -> list[KnownOutcome]:
    """What another bank was told of this one."""
    found: list[KnownOutcome] = []
    after, more = 0, True
    while more:
        request = bank_pb2.ListWitnessedRequest(
            bank=bank, above_record_id=above, after_record_id=after, page_size=MAX_ORDERS
        )
        try:
            answer: bank_pb2.ListWitnessedResponse = await other.call(
                "ListWitnessed", request, deadline=LISTING_DEADLINE
            )
        except Refused as refused:
            raise Unknown(refused.message) from None
        found.extend(known_outcome_from(message) for message in answer.outcomes)
        after, more = answer.next_record_id, bool(answer.next_record_id)
    return found
