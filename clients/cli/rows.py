"""Records as rows: the field names that scripts rely on. No input or output."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from clients.cli.output import group_digits
from clients.sdk.records import Account, Bank, CashResult, Session, StatementLine, Transfer

ACCOUNT_COLUMNS = ("bank", "account", "username", "balance", "currency", "status")
BANK_COLUMNS = ("bank", "currency", "status", "since", "waiting", "in_doubt", "last_entry_id", "cause")
SESSION_COLUMNS = ("session_id", "username", "device", "banks", "opened_at", "used_at", "end_at", "current")
STATEMENT_COLUMNS = (
    "recorded_at", "entry_id", "kind", "counterparty_bank", "counterparty_account", "counterparty_name", "amount",
    "balance", "currency", "reference", "transfer_id",
)  # fmt: skip
TRANSFER_COLUMNS = (
    "accepted_at", "transfer_id", "state", "amount", "currency", "payer_bank", "payer_account", "payee_bank",
    "payee_account", "payee_name", "reference", "reason",
)  # fmt: skip

_INTERNAL = {-1: "cash", -2: "clearing", -3: "recovery"}


def account_row(account: Account) -> dict[str, Any]:
    """An account; an internal one by name. `balance` is null where its bank could not be asked, `reason` says why."""
    return {
        "bank": account.bank,
        "account": str(account.account) if account.account >= 0 else account.name,
        "username": account.username,
        "name": account.name,
        "status": account.status,
        "balance": account.balance.decimal if account.balance else None,
        "currency": account.balance.currency if account.balance else None,
        "reason": account.no_balance_reason,
    }


def bank_row(bank: Bank) -> dict[str, Any]:
    """A bank; `waiting` counts transfers that wait for an answer of it, `in_doubt` those whose answer is overdue."""
    return {
        "bank": bank.bank,
        "currency": bank.currency,
        "status": bank.link,
        "since": utc(bank.since),
        "waiting": bank.waiting,
        "in_doubt": bank.in_doubt,
        "last_entry_id": bank.last_entry_id,
        "cause": bank.cause,
    }


def session_row(session: Session) -> dict[str, Any]:
    """A session."""
    return {
        "session_id": session.session_id,
        "username": session.username,
        "device": session.device,
        "banks": list(session.banks),
        "opened_at": utc(session.opened_at),
        "used_at": utc(session.used_at),
        "idle_end_at": utc(session.idle_end_at),
        "end_at": utc(session.end_at),
        "current": session.current,
    }


def statement_row(line: StatementLine) -> dict[str, Any]:
    """A movement: money in is positive, money out negative; `balance` is that after it."""
    return {
        "entry_id": line.entry_id,
        "recorded_at": utc(line.recorded_at),
        "kind": line.kind,
        "transfer_id": line.transfer_id,
        "counterparty_bank": line.counterparty_bank,
        "counterparty_account": _account(line.counterparty_account),
        "counterparty_name": line.counterparty_name,
        "amount": line.amount.decimal,
        "balance": line.balance_after.decimal,
        "currency": line.amount.currency,
        "reference": line.reference,
    }


def cash_row(bank: str, result: CashResult) -> dict[str, Any]:
    """Cash in or out; `balance` is that after it."""
    return {
        "bank": bank,
        "account": str(result.account),
        "amount": result.amount.decimal,
        "currency": result.amount.currency,
        "balance": result.balance_after.decimal,
        "entry_id": result.entry_id,
        "transfer_id": result.transfer_id,
        "replayed": result.replayed,
    }


def transfer_row(transfer: Transfer) -> dict[str, Any]:
    """A transfer; `balance` is the payer's after the debit, where this call made it; `in_doubt` is null if nobody owes
    an answer."""
    order = transfer.order
    return {
        "transfer_id": transfer.transfer_id,
        "state": transfer.state,
        "final": transfer.final,
        "amount": order.amount.decimal,
        "currency": order.currency,
        "reason": transfer.reason,
        "payer_bank": order.payer_bank,
        "payer_account": str(order.payer_account),
        "payee_bank": order.payee_bank,
        "payee_account": str(order.payee_account),
        "payee_name": order.payee_name,
        "reference": order.reference,
        "idempotency_key": order.idempotency_key,
        "principal": transfer.principal,
        "accepted_at": utc(transfer.accepted_at),
        "finished_at": utc(transfer.finished_at),
        "suspended": transfer.suspended,
        "balance": transfer.balance_after.decimal if transfer.balance_after else None,
        "in_doubt": _in_doubt(transfer),
    }


def shown_transfer(row: Mapping[str, Any]) -> dict[str, Any]:
    """A transfer's row as a table shows it."""
    return {
        "when": row["accepted_at"],
        "transfer": row["transfer_id"],
        "state": row["state"],
        "amount": f"{group_digits(row['amount'])} {row['currency']}",
        "from": f"{row['payer_bank']} {row['payer_account']}",
        "to": f"{row['payee_bank']} {row['payee_account']} {row['payee_name']}",
        "reference": row["reference"],
        "reason": row["reason"],
    }


def shown_movement(row: Mapping[str, Any]) -> dict[str, Any]:
    """A statement's row as a table shows it."""
    other = (row["counterparty_bank"], row["counterparty_account"], row["counterparty_name"])
    return {
        "when": row["recorded_at"],
        "entry": row["entry_id"],
        "kind": row["kind"],
        "amount": row["amount"],
        "balance": f"{group_digits(row['balance'])} {row['currency']}",
        "other side": " ".join(filter(None, other)),
        "reference": row["reference"],
        "transfer": row["transfer_id"],
    }


def utc(moment: datetime | None) -> str | None:
    """A time as programs read it: "2026-11-22T14:03:02.118Z"."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _account(number: int) -> str:
    """An account as text; a bank's internal ones by name, as in its books."""
    return str(number) if number >= 0 else _INTERNAL.get(number, str(number))


def _in_doubt(transfer: Transfer) -> dict[str, Any] | None:
    doubt = transfer.in_doubt
    if doubt is None:
        return None
    return {
        "since": utc(doubt.since),
        "waiting_for": doubt.waiting_for,
        "cause": doubt.cause,
        "attempts": doubt.attempts,
        "next_action": doubt.next_action,
        "next_attempt_at": utc(doubt.next_attempt_at),
    }
