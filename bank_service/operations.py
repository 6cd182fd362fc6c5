"""What a bank does for its gateway: one transaction per use case. Load, decide, store."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from bank_service.admission import admit
from bank_service.books import BANK_ACCOUNT, INTERNAL_ACCOUNTS, OPERATOR, Account
from bank_service.epochs import epoch_of, fence
from bank_service.ledger import payee_refusal, post
from bank_service.settings import BankSettings
from bank_service.standing import Standing
from bank_service.storage import counterpart_positions, has_record, load_accounts, load_batch, load_book, store
from bank_service.tables import about, currencies
from interbank.clock import Clock
from interbank.currencies import scale
from interbank.instructions import Head, Instruction, Outcome
from interbank.refusals import Reason, Refused
from interbank.storage.database import Database
from interbank.storage.statements import Statement

_OWNER = Statement(select(about.c.bank, about.c.currency))


@dataclass(frozen=True, slots=True)
class Description:
    """Who a bank is and what it has done last."""

    head: Head
    last_entry_id: int
    epoch: int
    mode: str
    counterpart_heads: dict[str, Head]


@dataclass(frozen=True, slots=True)
class PayeeToCheck:
    """A payee as a payer names him."""

    account: int
    name: str
    currency: str


class Bank:
    """The bank behind its servicer. It executes only its present session's instructions; it starts without one."""

    def __init__(
        self,
        settings: BankSettings,
        database: Database,
        clock: Clock,
        entropy: Callable[[int], bytes],
        standing: Standing,
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._entropy = entropy
        self._standing = standing

    async def found(self) -> None:
        """Make the books of a new bank: who it is, its internal accounts, its own account. Does nothing to a bank that
        was founded before; raises Refused(DATABASE_FOREIGN) if it is another one."""
        await self._database.write(self._found)

    async def describe(self) -> Description:
        """Who this bank is and what it has done last."""
        return await self._database.read(self._describe)

    async def open_session(self, epoch: int, instance: bytes, known_heads: Sequence[Head]) -> tuple[bytes, Head]:
        """Begin a session, which ends the one before: fence older gateways, then compare heads, before any effect.

        Raises Refused(EPOCH_SUPERSEDED or BANK_QUARANTINED).
        """
        session_id = self._entropy(16)

        # The standing changes before the commit, but only to end what it allowed: if the commit fails, nobody knows the
        # new session, and the gateway opens another.
        def begin(connection: Connection) -> Head | None:
            fence(connection, epoch, instance)
            if not all(has_record(connection, head) for head in known_heads):
                self._standing.quarantine()
                return None
            self._standing.begin(session_id)
            return load_book(connection, self._settings, self._clock.now_us()).head

        head = await self._database.write(begin)
        if head is None:
            raise Refused(
                Reason.BANK_QUARANTINED,
                f"{self._settings.bank} lacks a record that others have seen: it was restored from an old copy",
            )
        return session_id, head

    def post(self, session_id: bytes, instructions: Sequence[Instruction]) -> "asyncio.Future[list[Outcome]]":
        """Carry out a batch in one transaction; resolves when it is synced to disk.

        Raises Refused(INSTRUCTION_MALFORMED) before anything is done; the future raises SESSION_SUPERSEDED.
        """
        for instruction in instructions:
            admit(instruction, self._settings.bank)

        def carry_out(connection: Connection) -> list[Outcome]:
            self._standing.require(session_id)
            book = load_book(connection, self._settings, self._clock.now_us())
            load_batch(connection, book, instructions)
            answers = post(book, instructions)
            store(connection, book)
            return answers

        return self._database.write(carry_out)

    def require_session(self, session_id: bytes) -> None:
        """Refuse what does not come from the present session: SESSION_SUPERSEDED."""
        self._standing.require(session_id)

    async def check_payees(self, payees: Sequence[PayeeToCheck]) -> list[Reason | None]:
        """For each payee why this bank would refuse him now, or None. Changes nothing."""

        def check(connection: Connection) -> list[Reason | None]:
            book = load_book(connection, self._settings, 0)
            load_accounts(connection, book, {payee.account for payee in payees if payee.account >= 0})
            return [payee_refusal(book.accounts.get(p.account), p.name, p.currency) for p in payees]

        return await self._database.read(check)

    def _describe(self, connection: Connection) -> Description:
        book = load_book(connection, self._settings, 0)
        positions, epoch = counterpart_positions(connection), epoch_of(connection)
        return Description(book.head, book.last_entry_id, epoch, self._standing.mode, positions)

    def _found(self, connection: Connection) -> None:
        for bank, currency in _OWNER.rows(connection):
            if (bank, currency) != (self._settings.bank, self._settings.currency):
                raise Refused(
                    Reason.DATABASE_FOREIGN,
                    f"the database belongs to bank {bank} in {currency}, "
                    f"not to {self._settings.bank} in {self._settings.currency}",
                )
            return
        currency, now = self._settings.currency, self._clock.now_us()
        connection.execute(insert(currencies).values(currency=currency, scale=scale(currency)))
        connection.execute(
            insert(about).values(only_row=1, bank=self._settings.bank, currency=currency, founded_at=now)
        )
        book = load_book(connection, self._settings, now)
        for number, kind in INTERNAL_ACCOUNTS.items():
            book.open_account(Account(number, kind, None, currency, "OPEN", 0), actor="founding")
        own = Account(BANK_ACCOUNT, "customer", OPERATOR, currency, "OPEN", 0)
        book.open_account(own, actor="founding")
        store(connection, book)
