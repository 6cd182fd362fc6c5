"""What a bank shows: accounts, statements, open debits, records. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
)

from bank_service.tables import accounts, acts, conclusions, entries, open_debits, outcomes, records
from interbank.instructions import Head
from interbank.orders import Order
from interbank.storage.statements import VALUES, Lookup, Statement


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account as its bank shows it."""

    account: int
    kind: str
    username: str | None
    currency: str
    status: str
    balance: int


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One movement of an account; `minor_units` is signed, money in positive."""

    entry_id: int
    recorded_at: int
    kind: str
    transfer_id: bytes
    counterparty_bank: str
    counterparty_account: int
    counterparty_name: str
    minor_units: int
    balance_after: int
    reference: str


@dataclass(frozen=True, slots=True)
class OpenDebitRow:
    """A debit that is neither settled nor returned, with its whole order."""

    transfer_id: bytes
    fingerprint: bytes
    order: Order
    principal: str
    head: Head


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One row of the stream of everything durable that a bank did."""

    head: Head
    recorded_at: int
    kind: str
    transfer_id: bytes | None
    account: int | None
    reason: str
    entry_id: int
    actor: str


ACCOUNT_COLUMNS = (
    accounts.c.account,
    accounts.c.kind,
    accounts.c.username,
    accounts.c.currency,
    accounts.c.status,
    accounts.c.balance,
)


ORDER_COLUMNS = (
    outcomes.c.payer_bank,
    outcomes.c.payer_account,
    outcomes.c.payee_bank,
    outcomes.c.payee_account,
    outcomes.c.payee_name,
    outcomes.c.amount,
    outcomes.c.currency,
    outcomes.c.reference,
    outcomes.c.idempotency_key,
)
"""In the order of an Order's fields."""


def list_accounts(connection: Connection, *, after: int, limit: int) -> list[AccountRow]:
    """Accounts by number, those above `after`."""
    query = select(*ACCOUNT_COLUMNS).where(accounts.c.account > after).order_by(accounts.c.account).limit(limit)
    return [AccountRow(*row) for row in connection.execute(query)]


_ACCOUNT = Statement(select(*ACCOUNT_COLUMNS).where(accounts.c.account == bindparam("number")))


def find_account(connection: Connection, account: int) -> AccountRow | None:
    """One account by number."""
    rows = _ACCOUNT.rows(connection, number=account)
    return AccountRow(*rows[0]) if rows else None


def statement(connection: Connection, account: int, *, before: int, limit: int) -> list[StatementRow]:
    """An account's movements, newest first, those below entry number `before` (0 for all).

    Each side is read newest first through its own index and cut at `limit` before the two are merged, so the first
    page costs the same for an account with a hundred movements and with a hundred thousand.
    """
    rows = _MOVEMENTS.rows(connection, number=account, before=before or _ABOVE_ALL, most=limit)
    return [StatementRow(*row) for row in rows]


_ABOVE_ALL = 2**63 - 1
_MOST = bindparam("most", type_=Integer)


def _side_of(side: Column[int]) -> Select[Any]:
    debit = side is entries.c.debit_account
    return (
        select(
            entries.c.entry_id,
            entries.c.record_id,
            entries.c.transfer_id,
            (-entries.c.amount if debit else entries.c.amount).label("minor_units"),
            (entries.c.debit_balance_after if debit else entries.c.credit_balance_after).label("balance_after"),
        )
        .where(side == bindparam("number"), entries.c.entry_id < bindparam("before"))
        .order_by(entries.c.entry_id.desc())
        .limit(_MOST)
    )


def _movements() -> Select[Any]:
    sides = union_all(
        *(select(_side_of(side).subquery()) for side in (entries.c.debit_account, entries.c.credit_account))
    ).subquery()
    is_payer = sides.c.minor_units < 0
    out = or_(and_(is_payer, records.c.kind != "RETURNED"), records.c.kind == "RETURNED")
    return (
        select(
            sides.c.entry_id,
            records.c.recorded_at,
            case(
                (outcomes.c.instruction == "DEPOSIT", "DEPOSIT"),
                (outcomes.c.instruction == "WITHDRAW", "WITHDRAWAL"),
                (outcomes.c.instruction == "ADD_MONEY", "MONEY_ADDED"),
                (outcomes.c.instruction == "COVER_SHORTFALL", "SHORTFALL_COVERED"),
                else_=records.c.kind,
            ),
            outcomes.c.transfer_id,
            case((out, outcomes.c.payee_bank), else_=outcomes.c.payer_bank),
            case((out, outcomes.c.payee_account), else_=outcomes.c.payer_account),
            case(
                (out, outcomes.c.payee_name),
                (
                    and_(outcomes.c.payer_account >= 0, outcomes.c.principal.like("user:%")),
                    func.substr(outcomes.c.principal, 6),
                ),
                else_="",
            ),
            sides.c.minor_units,
            sides.c.balance_after,
            outcomes.c.reference,
        )
        .select_from(
            sides.join(records, records.c.record_id == sides.c.record_id).join(
                outcomes, outcomes.c.transfer_id == sides.c.transfer_id
            )
        )
        .order_by(sides.c.entry_id.desc())
        .limit(_MOST)
    )


_MOVEMENTS = Statement(_movements())
_KNOWN = Lookup(select(outcomes.c.transfer_id).where(outcomes.c.transfer_id.in_(VALUES)))
_OPEN = Statement(
    select(
        outcomes.c.transfer_id,
        outcomes.c.fingerprint,
        outcomes.c.principal,
        records.c.record_id,
        records.c.chain_hash,
        *ORDER_COLUMNS,
    )
    .select_from(
        open_debits.join(outcomes, outcomes.c.record_id == open_debits.c.record_id).join(
            records, records.c.record_id == open_debits.c.record_id
        )
    )
    .where(open_debits.c.record_id > bindparam("after"))
    .order_by(open_debits.c.record_id)
    .limit(bindparam("most", type_=Integer))
)


def find_outcomes(connection: Connection, ids: Sequence[bytes]) -> set[bytes]:
    """Which of these transfers there is an outcome of."""
    return {row[0] for row in _KNOWN.rows(connection, ids)}


def list_open(connection: Connection, *, after: int, limit: int) -> list[OpenDebitRow]:
    """Open debits, oldest first, those with a record number above `after`."""
    rows = _OPEN.rows(connection, after=after, most=limit)
    return [OpenDebitRow(row[0], row[1], Order(*row[5:]), row[2], Head(row[3], row[4])) for row in rows]


_debited = outcomes.alias("debited")
_PAYEES = outcomes.c.instruction.in_(("CREDIT", "CANCEL_CREDIT", "DEPOSIT", "ADD_MONEY", "COVER_SHORTFALL"))
"""Instructions that concern the payee's account here."""


def list_records(connection: Connection, *, since: int, limit: int) -> list[RecordRow]:
    """The stream from a record number on, in order."""
    query = (
        select(
            records.c.record_id,
            records.c.chain_hash,
            records.c.recorded_at,
            records.c.kind,
            func.coalesce(outcomes.c.transfer_id, conclusions.c.transfer_id),
            func.coalesce(
                acts.c.account,
                case((_PAYEES, outcomes.c.payee_account), else_=outcomes.c.payer_account),
                _debited.c.payer_account,
            ),
            func.coalesce(outcomes.c.reason, literal("")),
            func.coalesce(entries.c.entry_id, literal(0)),
            func.coalesce(acts.c.actor, outcomes.c.actor, literal("")),
        )
        .select_from(
            records.outerjoin(outcomes, outcomes.c.record_id == records.c.record_id)
            .outerjoin(conclusions, conclusions.c.record_id == records.c.record_id)
            .outerjoin(_debited, _debited.c.transfer_id == conclusions.c.transfer_id)
            .outerjoin(acts, acts.c.record_id == records.c.record_id)
            .outerjoin(entries, entries.c.record_id == records.c.record_id)
        )
        .where(records.c.record_id > since)
        .order_by(records.c.record_id)
        .limit(limit)
    )
    return [RecordRow(Head(row[0], row[1]), *row[2:]) for row in connection.execute(query)]


def account_by_username(connection: Connection, usernames: Sequence[str]) -> dict[str, int]:
    """The account of each of these users, closed ones left out."""
    query = select(accounts.c.username, accounts.c.account).where(
        accounts.c.username.in_(usernames), accounts.c.status != "CLOSED"
    )
    return {row.username: row.account for row in connection.execute(query)}
