"""The banks of the network, the links to them and the payees there; who registered what."""

import asyncio
import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update

from gateway_service.banks import Link, LinkStatus
from gateway_service.fencing import Fence
from gateway_service.payees import Payees
from gateway_service.tables import banks, currencies, registrations, users
from interbank.addresses import check_address
from interbank.clock import Clock
from interbank.currencies import scale
from interbank.refusals import Reason, Refused
from interbank.storage.database import Database
from interbank.storage.rows import insert_rows
from interbank.storage.statements import Statement

_CURRENCY = Statement(select(banks.c.currency).where(banks.c.bank == bindparam("id")))
_MOVE = Statement(
    update(banks).where(banks.c.bank == bindparam("id")).values(address=bindparam("to"), joined_at=bindparam("now"))
)

_BANKS = Statement(select(banks.c.bank, banks.c.currency, banks.c.address))
_SCALE = Statement(select(currencies.c.scale).where(currencies.c.currency == bindparam("id")))
_USER = Statement(select(users.c.username).where(users.c.username == bindparam("id")))
_REGISTERED = Statement(
    select(registrations.c.bank, registrations.c.account)
    .where(registrations.c.username == bindparam("username"))
    .order_by(registrations.c.registration_id)
)
_BOUND = Statement(
    select(registrations.c.account).where(
        registrations.c.username == bindparam("username"), registrations.c.bank == bindparam("bank")
    )
)
_BOUND_BY_OTHERS = Statement(
    select(registrations.c.account).where(
        registrations.c.bank == bindparam("bank"), registrations.c.account == bindparam("account")
    )
)


@dataclass(frozen=True, slots=True)
class Registration:
    """A bank account that belongs to a network user."""

    bank: str
    account: int


class Directory:
    """Who is in the network."""

    def __init__(self, database: Database, fence: Fence, clock: Clock, new_link: Callable[[str], Link]) -> None:
        self._database = database
        self._fence = fence
        self._clock = clock
        self._new_link = new_link
        self._links: dict[str, Link] = {}
        self._currencies: dict[str, str] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self.payees = Payees(self.link)

    @property
    def links(self) -> dict[str, Link]:
        """Every bank that ever joined, by id."""
        return {bank: self._links[bank] for bank in self._currencies}

    async def load(self) -> None:
        """Recall the banks that are known; nothing is sent yet."""
        rows = await self._database.read(_BANKS.rows)
        for bank, currency, address in rows:
            self._currencies[bank] = currency
            self._link(bank).moved_to(address)

    async def start(self) -> None:
        """Fence every known bank that can be reached, and only then let transfers go. Banks may join afterwards."""
        if self.links:
            await self._fence.epoch_above(await self._reported_epochs())
        for link in self.links.values():
            self._run(link)
        await asyncio.gather(*(link.first_try.wait() for link in self.links.values()))
        self._fence.driving.set()

    async def stop(self) -> None:
        """Let the links end."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def join(self, bank: str, currency: str, address: str) -> None:
        """A bank announces itself. Raises Refused(ADDRESS_MALFORMED, CURRENCY_CHANGED or CURRENCY_UNKNOWN)."""
        check_address(address)
        units = scale(currency)
        await self._database.write(lambda connection: self._joined(connection, bank, currency, address, units))
        self._currencies[bank] = currency
        link = self._link(bank)
        link.moved_to(address)
        self._run(link)

    def link(self, bank: str, field: str = "bank") -> Link:
        """The link to a bank. Raises Refused(UNKNOWN_BANK), with the id that may have been meant."""
        if bank not in self._currencies:
            meant = _closest(bank, self._currencies)
            raise Refused(
                Reason.UNKNOWN_BANK,
                f"no bank {bank} in this network",
                field=field,
                hint=f"did you mean {meant}?" if meant else "interbank banks",
            )
        return self._links[bank]

    def link_for_driving(self, bank: str) -> Link:
        """The link that a transfer waits at. After a lost journal its bank may have yet to join."""
        return self._link(bank)

    def currency(self, bank: str) -> str:
        """The currency of a known bank's accounts."""
        return self._currencies[bank]

    async def registrations_of(self, username: str) -> list[Registration]:
        """The accounts that a user has registered, in that order."""
        rows = await self._database.read(lambda connection: _REGISTERED.rows(connection, username=username))
        return [Registration(bank, account) for bank, account in rows]

    async def register(self, username: str, bank: str, account: int, *, known_user: bool) -> None:
        """Bind an account to a user; his bank has checked the password. Raises Refused(ALREADY_REGISTERED or
        USERNAME_TAKEN)."""
        now = self._clock.now_us()

        def bind(connection: Connection) -> None:
            bound = _account_at(connection, username, bank)
            if account in (bound, *_account_of_others(connection, bank, account)):
                raise Refused(Reason.ALREADY_REGISTERED, f"{bank} {account} is registered already", field="account")
            if not _USER.rows(connection, id=username):
                insert_rows(connection, users, [(username, now)])
            elif not known_user:
                # Even at a bank where the name was his: it may have given a name that became free to another person.
                raise Refused(Reason.USERNAME_TAKEN, field="username", hint=f"interbank login --username {username}")
            if bound is not None:
                # A bank keeps one open account per user: the one that was bound is closed, and this one follows it.
                connection.execute(
                    update(registrations)
                    .where(registrations.c.username == username, registrations.c.bank == bank)
                    .values(account=account, registered_at=now)
                )
                return
            insert_rows(connection, registrations, [(None, username, bank, account, now)])

        await self._database.write(bind)

    def _link(self, bank: str) -> Link:
        if bank not in self._links:
            self._links[bank] = self._new_link(bank)
        return self._links[bank]

    def _run(self, link: Link) -> None:
        if link.bank not in self._running:
            self._running[link.bank] = asyncio.create_task(link.run(), name=f"link {link.bank}")

    async def _reported_epochs(self) -> list[int]:
        descriptions = await asyncio.gather(*(link.describe() for link in self.links.values()))
        return [description.epoch for description in descriptions if description is not None]

    def _joined(self, connection: Connection, bank: str, currency: str, address: str, units: int) -> None:
        now = self._clock.now_us()
        known = _CURRENCY.rows(connection, id=bank)
        if known and known != [(currency,)]:
            raise Refused(Reason.CURRENCY_CHANGED, f"{bank} joined with {known[0][0]} before, now with {currency}")
        if known:
            _MOVE.rows(connection, id=bank, to=address, now=now)
            return
        if not _SCALE.rows(connection, id=currency):
            connection.execute(insert(currencies).values(currency=currency, scale=units))
        connection.execute(
            insert(banks).values(
                bank=bank, currency=currency, address=address, joined_at=now, head_record_id=0, head_chain_hash=b""
            )
        )


def _account_at(connection: Connection, username: str, bank: str) -> int | None:
    bound = _BOUND.rows(connection, username=username, bank=bank)
    return bound[0][0] if bound else None


def _account_of_others(connection: Connection, bank: str, account: int) -> list[int]:
    return [bound for (bound,) in _BOUND_BY_OTHERS.rows(connection, bank=bank, account=account)]


def connected(link: Link) -> bool:
    """Whether payments flow over this link."""
    return link.status is LinkStatus.CONNECTED


def _closest(bank: str, known: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(bank, list(known), n=1, cutoff=0.6)), "")
