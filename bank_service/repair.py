"""The repair of a bank that was restored from an old copy: pages of what others know are gathered, and written back in
one transaction. Until then nothing changes; afterwards the bank has the positions that it lacked."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert

from bank_service.admission import admit
from bank_service.books import RECOVERY, Book
from bank_service.epochs import fence
from bank_service.queries import account_by_username
from bank_service.restoration import ANSWERS, restore
from bank_service.settings import BankSettings
from bank_service.standing import Standing
from bank_service.storage import has_record, load_accounts, load_batch, load_book, store
from bank_service.tables import lost_records
from interbank.clock import Clock
from interbank.instructions import Head, KnownOutcome, LostRecords
from interbank.orders import MAX_ORDERS, principal_username
from interbank.refusals import Reason, Refused
from interbank.storage.database import Database


@dataclass(frozen=True, slots=True)
class Gatekeeping:
    """Who repairs, and by which positions the bank was found to lack something."""

    epoch: int
    instance: bytes
    known_heads: Sequence[Head]
    agreed_record_id: int


@dataclass(slots=True)
class _Gathered:
    """Pages that have come, of one attempt."""

    attempt: bytes = b""
    pages: int = 0
    outcomes: list[KnownOutcome] = field(default_factory=list)


class Repair:
    """Takes in what others know."""

    def __init__(self, settings: BankSettings, database: Database, clock: Clock, standing: Standing) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._standing = standing
        self._gathered = _Gathered()

    async def take(
        self, gatekeeping: Gatekeeping, attempt: bytes, page: int, outcomes: Sequence[KnownOutcome], *, last: bool
    ) -> int:
        """Take a page in; with the last one write all of them, and return how many the books lacked.

        Raises Refused with NOT_QUARANTINED, PAGES_OUT_OF_ORDER, INSTRUCTION_MALFORMED, EPOCH_SUPERSEDED or
        OUTCOMES_CONTRADICT; nothing is written then.
        """
        self._standing.require_quarantined()
        for outcome in outcomes:
            _admit(outcome, self._settings.bank)
        gathered = self._gathered if page else _Gathered(attempt)
        if (gathered.attempt, gathered.pages) != (attempt, page):
            raise Refused(Reason.PAGES_OUT_OF_ORDER)
        self._gathered = gathered
        gathered.outcomes.extend(outcomes)
        gathered.pages += 1
        if not last:
            return 0
        known = gathered.outcomes
        self._gathered = _Gathered()
        return await self._database.write(lambda connection: self._restore(connection, gatekeeping, known))

    def _restore(self, connection: Connection, gatekeeping: Gatekeeping, known: Sequence[KnownOutcome]) -> int:
        self._standing.require_quarantined()
        fence(connection, gatekeeping.epoch, gatekeeping.instance)
        lacking = [head.record_id for head in gatekeeping.known_heads if not has_record(connection, head)]
        if not lacking:
            raise Refused(Reason.NOT_QUARANTINED)
        book = load_book(connection, self._settings, self._clock.now_us())
        first = min(gatekeeping.agreed_record_id + 1, *lacking)
        lost = LostRecords(first, max(book.head.record_id, *lacking))
        numbers = self._load(connection, book, known)
        restored = restore(book, known, lost, numbers)
        store(connection, book)
        said = book.gathered.acts[0][0]
        connection.execute(insert(lost_records).values(record_id=said, first_lost=lost.first, last_lost=lost.last))
        return restored

    def _load(self, connection: Connection, book: Book, known: Sequence[KnownOutcome]) -> dict[str, int]:
        numbers: dict[str, int] = {}
        load_accounts(connection, book, {RECOVERY})
        for start in range(0, len(known), MAX_ORDERS):
            instructions = [outcome.instruction for outcome in known[start : start + MAX_ORDERS]]
            load_batch(connection, book, instructions)
            names = {principal_username(i.principal) for i in instructions} | {i.order.payee_name for i in instructions}
            numbers |= account_by_username(connection, sorted(names))
        return numbers


def _admit(outcome: KnownOutcome, bank: str) -> None:
    """What is no outcome of this bank for an order of its own is not written. Raises Refused(INSTRUCTION_MALFORMED)."""
    admit(outcome.instruction, bank)
    if outcome.kind not in ANSWERS.get(outcome.instruction.kind, ()):
        raise Refused(Reason.INSTRUCTION_MALFORMED, "not an outcome that others can know", field="kind")
    if (outcome.reason in Reason.__members__) != (outcome.kind.name == "REFUSED"):
        raise Refused(Reason.INSTRUCTION_MALFORMED, "a refusal has a reason, and nothing else has", field="reason")
