"""Passwords and grants: who a customer is, and what he lets the gateway do for him."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from bank_service.ledger import grant_hash
from bank_service.settings import BankSettings
from bank_service.standing import Standing
from bank_service.storage import load_book, store
from bank_service.tables import accounts, credentials, grants
from interbank.clock import Clock
from interbank.orders import check_password
from interbank.passwords import Passwords
from interbank.refusals import Reason, Refused
from interbank.storage.database import Database
from interbank.storage.rows import insert_rows
from interbank.storage.statements import Statement
from interbank.throttle import Throttle
from interbank.values import value

GRANT_BYTES = 32
MAX_LIFETIME_SECONDS = 400 * 24 * 3600
"""The longest that a grant may live."""


@dataclass(frozen=True, slots=True)
class GrantedAccount:
    """What a valid grant opens."""

    account: int
    username: str
    currency: str


class Credentials:
    """A bank's customers, as far as they are told apart by passwords."""

    def __init__(
        self,
        settings: BankSettings,
        database: Database,
        passwords: Passwords,
        clock: Clock,
        entropy: Callable[[int], bytes],
        standing: Standing,
    ) -> None:
        self._settings = settings
        self._database = database
        self._passwords = passwords
        self._clock = clock
        self._entropy = entropy
        self._throttle = Throttle(clock)
        self._standing = standing

    async def open_grant(self, username: str, password: str, lifetime_seconds: int) -> tuple[bytes, GrantedAccount]:
        """Check a password and give a grant: 32 random bytes, of which only the hash is kept.

        Raises Refused: WRONG_CREDENTIALS, in the same words and time for a user who does not exist; LOGIN_THROTTLED.
        """
        self._throttle.require_patience(username)
        known = await self._database.read(lambda connection: _credential(connection, username))
        if not await self._passwords.matches(password, known.password_hash if known else None) or known is None:
            self._throttle.failed(username)
            raise Refused(Reason.WRONG_CREDENTIALS)
        self._throttle.succeeded(username)
        grant = self._entropy(GRANT_BYTES)
        lifetime = max(1, min(lifetime_seconds, MAX_LIFETIME_SECONDS))

        def give(connection: Connection) -> GrantedAccount:
            self._standing.require_open()
            if _credential(connection, username) != known:
                raise Refused(Reason.WRONG_CREDENTIALS)  # it was changed, or the account closed, meanwhile
            book = load_book(connection, self._settings, self._clock.now_us())
            book.act("GRANT_OPENED", account=known.account, username=username, actor=username)
            store(connection, book)
            ends_at = book.now + lifetime * 1_000_000
            insert_rows(connection, grants, [(grant_hash(grant), known.account, username, book.now, ends_at, None)])
            return GrantedAccount(known.account, username, known.currency)

        return grant, await self._database.write(give)

    async def revoke_grant(self, grant: bytes) -> None:
        """End a grant at once. One that is not known, or over, is no error."""

        def revoke(connection: Connection) -> None:
            found = self._valid(connection, grant)
            if found is not None:
                self._end(
                    connection, "GRANT_ENDED", found.account, found.username, grants.c.grant_hash == grant_hash(grant)
                )

        await self._database.write(revoke)

    async def holder(self, grant: bytes) -> GrantedAccount:
        """Whose grant it is. Raises Refused(GRANT_ENDED)."""
        found = await self._database.read(lambda connection: self._valid(connection, grant))
        if found is None:
            raise Refused(Reason.GRANT_ENDED)
        return found

    async def change_password(self, grant: bytes, old: str, new: str) -> None:
        """Replace a customer's own password; his other grants end.

        Raises Refused with GRANT_ENDED, WRONG_CREDENTIALS, LOGIN_THROTTLED, PASSWORD_TOO_SHORT or PASSWORD_TOO_LONG.
        """
        check_password(new, "new_password")
        holder = await self.holder(grant)
        self._throttle.require_patience(holder.username)
        known = await self._database.read(lambda connection: _credential(connection, holder.username))
        if not await self._passwords.matches(old, known.password_hash if known else None):
            self._throttle.failed(holder.username)
            raise Refused(Reason.WRONG_CREDENTIALS)
        hashed = await self._passwords.hash(new)
        others = (grants.c.account == holder.account) & (grants.c.grant_hash != grant_hash(grant))

        def replace(connection: Connection) -> None:
            if _credential(connection, holder.username) != known:
                raise Refused(Reason.WRONG_CREDENTIALS)  # it was set anew meanwhile
            self._replace(connection, "PASSWORD_CHANGED", holder, hashed, holder.username, others)

        await self._database.write(replace)

    async def set_password(self, account: int, password: str, operator: str) -> None:
        """Set a customer's password without the old one, on the operator's word; all his grants end.

        Raises Refused with OPERATOR_NOT_ADMITTED, ACCOUNT_NOT_FOUND, PASSWORD_TOO_SHORT or PASSWORD_TOO_LONG.
        """
        if not self._settings.operator_admitted:
            raise Refused(Reason.OPERATOR_NOT_ADMITTED)
        check_password(password)
        hashed = await self._passwords.hash(password)

        def replace(connection: Connection) -> None:
            row = connection.execute(
                select(accounts.c.username, accounts.c.currency).where(
                    accounts.c.account == account, accounts.c.account > 0, accounts.c.status != "CLOSED"
                )
            ).first()
            if row is None:
                raise Refused(Reason.ACCOUNT_NOT_FOUND, field="account")
            holder = GrantedAccount(account, row.username, row.currency)
            self._replace(connection, "PASSWORD_SET", holder, hashed, operator, grants.c.account == account)

        await self._database.write(replace)

    def _valid(self, connection: Connection, grant: bytes) -> GrantedAccount | None:
        """Whose grant it is, by the time of the books, which never goes back."""
        return _valid(connection, grant, load_book(connection, self._settings, self._clock.now_us()).now)

    def _replace(
        self, connection: Connection, act: str, holder: GrantedAccount, hashed: str, actor: str, ending: object
    ) -> None:
        now = self._end(connection, act, holder.account, holder.username, ending, actor=actor)
        connection.execute(delete(credentials).where(credentials.c.account == holder.account))
        connection.execute(insert(credentials).values(account=holder.account, password_hash=hashed, changed_at=now))

    def _end(
        self, connection: Connection, act: str, account: int, username: str, ending: object, *, actor: str | None = None
    ) -> int:
        """Write the act, end the grants that it ends; returns the act's time."""
        self._standing.require_open()
        book = load_book(connection, self._settings, self._clock.now_us())
        book.act(act, account=account, username=username, actor=actor or username)
        store(connection, book)
        connection.execute(update(grants).where(grants.c.ended_at.is_(None), ending).values(ended_at=book.now))  # type: ignore[arg-type]
        return book.now


@value
class _Credential:
    account: int
    currency: str
    password_hash: str


_CREDENTIAL = Statement(
    select(accounts.c.account, accounts.c.currency, credentials.c.password_hash)
    .select_from(accounts.join(credentials, credentials.c.account == accounts.c.account))
    .where(accounts.c.username == bindparam("username"), accounts.c.status != "CLOSED")
)
_VALID = Statement(
    select(grants.c.account, grants.c.username, accounts.c.currency)
    .select_from(grants.join(accounts, accounts.c.account == grants.c.account))
    .where(grants.c.grant_hash == bindparam("hashed"), grants.c.ended_at.is_(None), grants.c.ends_at > bindparam("now"))
)


def _credential(connection: Connection, username: str) -> _Credential | None:
    rows = _CREDENTIAL.rows(connection, username=username)
    return _Credential(*rows[0]) if rows else None


def _valid(connection: Connection, grant: bytes, now: int) -> GrantedAccount | None:
    rows = _VALID.rows(connection, hashed=grant_hash(grant), now=now)
    return GrantedAccount(*rows[0]) if rows else None
