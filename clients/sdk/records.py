"""What the gateway answers, as plain values. Times are aware and UTC, ids hexadecimal text. No input or output."""

from dataclasses import dataclass
from datetime import datetime

from interbank.money import Money
from interbank.orders import Order

FINAL_STATES = frozenset({"COMPLETED", "REFUSED", "RETURNED", "CANCELLED"})
"""States of a transfer that never change again."""


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Why a transfer is not final yet: which bank owes an answer since when, and what is asked of it next."""

    since: datetime
    waiting_for: str
    cause: str
    attempts: int
    next_action: str
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class Transfer:
    """An accepted order and where it stands.

    `state` is a name of the wire without its prefix, for example "COMPLETED"; `reason` is empty unless the transfer
    ended as REFUSED, RETURNED or CANCELLED. `balance_after` is the payer's, known only to the call that made the debit;
    `request_id` names that call in the network's logs, and is empty for a transfer that was looked up.
    """

    transfer_id: str
    order: Order
    state: str
    final: bool
    reason: str
    principal: str
    accepted_at: datetime
    finished_at: datetime | None
    suspended: bool
    in_doubt: InDoubt | None
    balance_after: Money | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """Why an order was not accepted: nothing moved and its key is free. `try_again`: not now, rather than no."""

    reason: str
    message: str
    field: str
    try_again: bool


@dataclass(frozen=True, slots=True)
class Session:
    """An open session. It ends at `idle_end_at` unless it is used, and at `end_at` whatever happens."""

    session_id: str
    username: str
    device: str
    banks: tuple[str, ...]
    opened_at: datetime
    used_at: datetime
    idle_end_at: datetime
    end_at: datetime
    current: bool


@dataclass(frozen=True, slots=True)
class Login:
    """A session that was opened, and the token that is it. The token is a secret, and is never shown again."""

    token: str
    session: Session

    def __repr__(self) -> str:
        return f"Login(token=…, session={self.session!r})"


@dataclass(frozen=True, slots=True)
class WhoAmI:
    """The session that asks, and whether it is the operator's."""

    session: Session
    operator: bool


@dataclass(frozen=True, slots=True)
class Bank:
    """A bank of the network. `link` is "CONNECTED", "DOWN" or "QUARANTINED"; `waiting` transfers
    need an answer of it, and of `in_doubt` of them it is overdue."""

    bank: str
    currency: str
    link: str
    since: datetime | None
    waiting: int
    cause: str
    last_entry_id: int
    in_doubt: int


@dataclass(frozen=True, slots=True)
class Account:
    """An account as its bank shows it. `name` is "customer", or that of an internal account; `balance` is None where
    the bank could not be asked, and `no_balance_reason` then says why."""

    bank: str
    account: int
    username: str
    status: str
    balance: Money | None
    name: str = "customer"
    no_balance_reason: str = ""


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One movement of an account: money in is positive, money out negative."""

    entry_id: int
    recorded_at: datetime
    kind: str
    transfer_id: str
    counterparty_bank: str
    counterparty_account: int
    counterparty_name: str
    amount: Money
    balance_after: Money
    reference: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One page of an account's movements, newest first; `next_page` is empty on the last page."""

    account: Account
    lines: tuple[StatementLine, ...]
    next_page: str


@dataclass(frozen=True, slots=True)
class CashResult:
    """Cash in or out, as it was booked. `replayed`: this very act had been done before; nothing moved this time."""

    transfer_id: str
    account: int
    amount: Money
    balance_after: Money
    entry_id: int
    replayed: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """What opening accounts did. `accounts` is empty where more than 500 were asked for."""

    accounts: tuple[Account, ...]
    opened: int
    existing: int


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to open: number 0 lets the bank choose, an empty password allows no login until one is set."""

    username: str
    account: int = 0
    deposit_minor_units: int = 0
    password: str = ""

    def __repr__(self) -> str:
        return f"NewAccount({self.username!r}, account={self.account}, deposit={self.deposit_minor_units})"
