"""One bank on a real database, without a network: what it is asked comes from the test."""

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, update

from bank_service.account_acts import AccountActs, NewAccount
from bank_service.credentials import Credentials
from bank_service.ledger import grant_hash
from bank_service.operations import Bank
from bank_service.repair import Repair
from bank_service.schema import SCHEMA
from bank_service.settings import BankSettings
from bank_service.standing import Standing
from bank_service.tables import grants
from interbank.instructions import Head, Instruction, Outcome
from interbank.passwords import BcryptPasswords, Passwords
from interbank.storage.database import ThreadedDatabase
from interbank.storage.sqlite import driver
from tests.databases import make_database
from tests.instructing import HOUR, NOW, grant_of

INSTANCE = b"i" * 16
"""The process of the gateway that asks."""


class Watch:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = NOW

    def now_us(self) -> int:
        """See Clock."""
        return self.now

    def monotonic(self) -> float:
        """See Clock."""
        return self.now / 1_000_000


class OneBank:
    """NORTH, or the bank that the settings name, as its server puts it together."""

    def __init__(self, path: Path, *, passwords: Passwords | None = None, **settings: Any) -> None:
        chosen = {"bank": "NORTH", "currency": "EUR", "counter_open": True, "operator_admitted": True} | settings
        self.settings = BankSettings(**chosen)
        self.path = path
        self.broken: list[Exception] = []
        self.clock = Watch()
        self.passwords = passwords or BcryptPasswords(cost=4)
        self.session = b""
        if not path.exists():
            make_database(path, SCHEMA)
        self.database = ThreadedDatabase(path, broken=self.broken.append)
        standing = Standing()
        self.bank = Bank(self.settings, self.database, self.clock, os.urandom, standing)
        self.repair = Repair(self.settings, self.database, self.clock, standing)
        self.acts = AccountActs(self.settings, self.database, self.clock, standing)
        self.credentials = Credentials(self.settings, self.database, self.passwords, self.clock, os.urandom, standing)

    async def start(self, deposits: dict[str, int] | None = None) -> "OneBank":
        """Found the bank, open a session, open accounts from 1001 on with these deposits and grants."""
        await self.bank.found()
        wanted = [NewAccount(1001 + n, name, cents, None) for n, (name, cents) in enumerate((deposits or {}).items())]
        await self.open_session()
        if wanted:
            await self.acts.open_accounts(wanted, "admin")
            await self.grant(deposits or {})
        return self

    async def grant(self, usernames: Iterable[str]) -> None:
        """Give each of these customers the grant that tests' instructions carry."""

        def give(connection: Connection) -> None:
            for row in connection.exec_driver_sql("SELECT account, username FROM accounts WHERE account > 0").all():
                if row.username in usernames:
                    hashed = grant_hash(grant_of(row.username))
                    values = {"opened_at": NOW, "ends_at": NOW + HOUR}
                    connection.execute(
                        insert(grants).values(
                            grant_hash=hashed, account=row.account, username=row.username, **values
                        )
                    )  # fmt: skip

        await self.database.write(give)

    async def end_grant(self, username: str) -> None:
        """End a customer's grant."""
        ended = update(grants).where(grants.c.username == username).values(ended_at=NOW)
        await self.database.write(lambda connection: connection.execute(ended).close())

    async def open_session(self, epoch: int = 1, instance: bytes = INSTANCE, heads: Sequence[Head] = ()) -> Head:
        """A session for the gateway that the test plays; returns the bank's head."""
        self.session, head = await self.bank.open_session(epoch, instance, heads)
        return head

    async def post(self, *instructions: Instruction) -> list[Outcome]:
        """A batch in the present session."""
        return await self.bank.post(self.session, instructions)

    def sql(self, query: str) -> list[Any]:
        """What another program reads in the file."""
        with contextlib.closing(driver().connect(f"file:{self.path}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()

    def value(self, query: str) -> Any:
        """The one value of a question."""
        ((found,),) = self.sql(query)
        return found

    def balances(self) -> dict[int, int]:
        """What each account holds."""
        return dict(self.sql("SELECT account, balance FROM accounts"))

    def stop(self) -> None:
        """Let go of the file; nothing must have broken."""
        self.database.close()
        if isinstance(self.passwords, BcryptPasswords):
            self.passwords.close()
        assert self.broken == []
