"""What the network's operator does to a bank's accounts: open, freeze, unfreeze, close. One transaction each."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update

from bank_service.books import BANK_ACCOUNT, Account, Book
from bank_service.ledger import post
from bank_service.queries import AccountRow, account_by_username, find_account
from bank_service.settings import BankSettings
from bank_service.standing import Standing
from bank_service.storage import load_accounts, load_book, load_keys, store
from bank_service.tables import accounts, credentials, grants, open_debits
from interbank.clock import Clock
from interbank.instructions import Instruction, InstructionKind, OutcomeKind
from interbank.money import MAX_MINOR_UNITS
from interbank.orders import (
    MAX_ACCOUNT,
    Order,
    Purpose,
    bank_principal,
    check_account,
    check_username,
    fingerprint,
    transfer_id,
)
from interbank.refusals import Reason, Refused
from interbank.storage.database import Database

FIRST_ASSIGNED_ACCOUNT = 1001
"""The lowest number that a bank assigns by itself."""

_ACTS = {"FROZEN": "ACCOUNT_FROZEN", "OPEN": "ACCOUNT_UNFROZEN", "CLOSED": "ACCOUNT_CLOSED"}


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to open. `account` 0 lets the bank assign a number; `password_hash` None means no login yet."""

    account: int
    username: str
    deposit: int
    password_hash: str | None


class AccountActs:
    """The operator's acts on accounts."""

    def __init__(self, settings: BankSettings, database: Database, clock: Clock, standing: Standing) -> None:
        self._settings = settings
        self._standing = standing
        self._database = database
        self._clock = clock

    async def open_accounts(self, wanted: Sequence[NewAccount], operator: str) -> tuple[list[AccountRow], int]:
        """Open accounts, all or none, each with its deposit from cash; returns them and how many are new.

        An account that exists with the same number, user and opening deposit is left as it is. Raises Refused with
        ACCOUNT_NUMBER_TAKEN, USER_HAS_ACCOUNT, OPENING_DIFFERS, BALANCE_LIMIT_EXCEEDED or a malformed field.
        """
        self._require_operator()
        for new in wanted:
            _check(new)
        return await self._database.write(lambda connection: self._open(connection, wanted, operator))

    async def set_status(self, account: int, status: str, operator: str) -> AccountRow:
        """Freeze, unfreeze or close an account; the status that it has already is no error.

        Raises Refused with ACCOUNT_NOT_FOUND, ACCOUNT_CLOSED, ACCOUNT_HAS_BALANCE or ACCOUNT_HAS_OPEN_DEBITS.
        """
        self._require_operator()
        return await self._database.write(lambda connection: self._set_status(connection, account, status, operator))

    def _require_operator(self) -> None:
        if not self._settings.operator_admitted:
            raise Refused(Reason.OPERATOR_NOT_ADMITTED)

    def _open(
        self, connection: Connection, wanted: Sequence[NewAccount], operator: str
    ) -> tuple[list[AccountRow], int]:
        self._standing.require_open()
        book = load_book(connection, self._settings, self._clock.now_us())
        opening = _Opening(connection, book, wanted, operator)
        numbers = [opening.open(new) for new in wanted]
        store(connection, book)
        first = dict(reversed(list(zip(numbers, wanted, strict=True))))
        for number, new in first.items():
            if new.password_hash and number in opening.opened:
                connection.execute(
                    insert(credentials).values(account=number, password_hash=new.password_hash, changed_at=book.now)
                )
        return [_row(book.accounts[number]) for number in numbers], len(opening.opened)

    def _set_status(self, connection: Connection, account: int, status: str, operator: str) -> AccountRow:
        self._standing.require_open()
        found = find_account(connection, account)
        if found is None or account <= BANK_ACCOUNT:
            raise Refused(Reason.ACCOUNT_NOT_FOUND, f"{self._settings.bank} has no account {account}", field="account")
        if found.status == status:
            return found
        if found.status == "CLOSED":
            raise Refused(Reason.ACCOUNT_CLOSED, f"account {account} is closed, for ever", field="account")
        if status == "CLOSED":
            _require_empty(connection, found)
        book = load_book(connection, self._settings, self._clock.now_us())
        book.act(_ACTS[status], account=account, username=found.username, actor=operator)
        store(connection, book)
        connection.execute(update(accounts).where(accounts.c.account == account).values(status=status))
        if status == "CLOSED":
            connection.execute(
                update(grants).where(grants.c.account == account, grants.c.ended_at.is_(None)).values(ended_at=book.now)
            )
        return AccountRow(account, found.kind, found.username, found.currency, status, found.balance)


class _Opening:
    """Opens the accounts of one call, one after the other, each seeing those before it."""

    def __init__(self, connection: Connection, book: Book, wanted: Sequence[NewAccount], operator: str) -> None:
        self._book = book
        self._operator = operator
        self._by_user = account_by_username(connection, [new.username for new in wanted])
        numbers = {new.account for new in wanted if new.account} | set(self._by_user.values())
        load_accounts(connection, book, numbers)
        principal = bank_principal(book.bank)
        assignable = accounts.c.account < MAX_ACCOUNT
        highest = connection.execute(select(func.max(accounts.c.account)).where(assignable)).scalar() or 0
        self._next = max(highest + 1, FIRST_ASSIGNED_ACCOUNT)
        assigned = range(self._next, self._next + len(wanted))
        load_keys(connection, book, [(principal, _opening_key(number)) for number in (*numbers, *assigned)])
        self.opened: set[int] = set()

    def open(self, new: NewAccount) -> int:
        """Open it, or find that it is there already; returns its number."""
        existing = self._book.accounts.get(new.account) if new.account else None
        if existing is not None:
            self._require_same(new, existing)
            return new.account
        held = self._by_user.get(new.username)
        if held is not None:
            raise Refused(
                Reason.USER_HAS_ACCOUNT,
                f'"{new.username}" has account {held} at {self._book.bank} already',
                field="username",
            )
        return self._open(new)

    def _open(self, new: NewAccount) -> int:
        number = new.account or self._next
        self._next = max(self._next, number + 1 if number < MAX_ACCOUNT else 0)
        account = Account(number, "customer", new.username, self._book.currency, "OPEN", 0)
        self._book.open_account(account, actor=self._operator)
        if new.password_hash:
            self._book.act("PASSWORD_SET", account=number, username=new.username, actor=self._operator)
        self._by_user[new.username] = number
        self.opened.add(number)
        if new.deposit:
            (outcome,) = post(self._book, [self._deposit(number, new.username, new.deposit)])
            if outcome.kind is not OutcomeKind.BOOKED:
                # A key that was used says no more than that; any other refusal is the books'.
                reason = Reason.OPENING_DIFFERS if outcome.kind is OutcomeKind.KEY_REUSED else Reason[outcome.reason]
                raise Refused(reason, f"the deposit of account {number} was not booked", field="deposit")
        return number

    def _require_same(self, new: NewAccount, existing: Account) -> None:
        if existing.username != new.username:
            raise Refused(
                Reason.ACCOUNT_NUMBER_TAKEN,
                f"account {new.account} at {self._book.bank} belongs to another user",
                field="account",
            )
        booked = self._book.keys.get((bank_principal(self._book.bank), _opening_key(new.account)))
        asked = self._deposit(new.account, new.username, new.deposit).transfer_id if new.deposit else None
        if booked != asked:
            raise Refused(
                Reason.OPENING_DIFFERS,
                f"account {new.account} at {self._book.bank} was opened with another deposit",
                field="deposit",
                hint="to add money to an account that exists: interbank admin add-money",
            )

    def _deposit(self, number: int, username: str, minor_units: int) -> Instruction:
        bank = self._book.bank
        order = Order(
            bank, -1, bank, number, username, minor_units, self._book.currency, "opening deposit", _opening_key(number)
        )
        principal, digest = bank_principal(bank), fingerprint(order, Purpose.MONEY_ADDED)
        identity = transfer_id(principal, order.idempotency_key, digest)
        return Instruction(InstructionKind.ADD_MONEY, identity, digest, order, principal, actor=self._operator)


def _opening_key(number: int) -> str:
    return f"opening-deposit-{number}"


def _check(new: NewAccount) -> None:
    check_username(new.username)
    check_account(new.account)
    if new.deposit < 0:
        raise Refused(Reason.AMOUNT_NOT_POSITIVE, f"the deposit of {new.username} is below zero", field="deposit")
    if new.deposit > MAX_MINOR_UNITS:
        raise Refused(Reason.AMOUNT_TOO_LARGE, f"the deposit of {new.username} is too large", field="deposit")


def _require_empty(connection: Connection, account: AccountRow) -> None:
    underway = connection.execute(
        select(func.count()).select_from(open_debits).where(open_debits.c.account == account.account)
    ).scalar()
    if underway:
        raise Refused(
            Reason.ACCOUNT_HAS_OPEN_DEBITS,
            f"{underway} payments of account {account.account} are on their way",
            hint="close it when they are final",
        )
    if account.balance:
        raise Refused(Reason.ACCOUNT_HAS_BALANCE, f"account {account.account} still holds money", field="account")


def _row(account: Account) -> AccountRow:
    return AccountRow(account.number, account.kind, account.username, account.currency, account.status, account.balance)
