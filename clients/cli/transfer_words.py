"""A transfer in words, a line or a few; the whole answer to "where is my money" is in `status_words`. No input or
output."""

from datetime import datetime, timedelta

from clients.sdk.records import Transfer
from interbank.money import Money
from interbank.orders import Order, principal_username
from interbank.refusals import Reason

SHORT_ID = 8
"""Digits of a transfer id that people read and type; commands take any start that is unique."""

_NOT_FINAL = 6
_REFUSED = 3


def exit_code(transfer: Transfer) -> int:
    """What a command about one transfer ends with: 0 completed, 3 refused or returned, 6 not final."""
    if not transfer.final:
        return _NOT_FINAL
    return 0 if transfer.state == "COMPLETED" else _REFUSED


def short_id(transfer_id: str) -> str:
    """The digits of an id that people read."""
    return transfer_id[:SHORT_ID]


def label(transfer: Transfer, now: datetime) -> str:
    """Where it stands, in capitals: a final state, SUSPENDED, IN DOUBT for so long, or ON ITS WAY."""
    if transfer.final:
        return transfer.state
    if transfer.suspended:
        return "SUSPENDED"
    if transfer.in_doubt is not None:
        return f"IN DOUBT for {duration(now - transfer.in_doubt.since)}"
    return "ON ITS WAY"


def parties(order: Order, payer: str = "") -> str:
    """Who pays whom: `NORTH 1001 alice → SOUTH 1001 bob`."""
    sender = f"{order.payer_bank} {order.payer_account}" + (f" {payer}" if payer else "")
    return f"{sender} → {order.payee_bank} {order.payee_account} {order.payee_name}"


def headline(transfer: Transfer, now: datetime) -> str:
    """One line that says everything that fits into one."""
    order = transfer.order
    parts = [label(transfer, now), str(order.amount), parties(order, principal_username(transfer.principal))]
    if order.reference:
        parts.append(f'"{order.reference}"')
    return "    ".join([*parts[:2], "   ".join([*parts[2:], transfer.transfer_id])])


def pending(transfer: Transfer) -> list[str]:
    """What to say when a payment did not end while we waited."""
    doubt = transfer.in_doubt
    why = f"; {doubt.waiting_for} was asked and has not answered ({doubt.cause})" if doubt and doubt.cause else ""
    name = short_id(transfer.transfer_id)
    if transfer.suspended:
        told = "Nothing is moved by itself any more: the operator has to look. Do not pay again."
    else:
        told = "It goes on by itself: COMPLETED or RETURNED. Do not pay again."
    return [f"pending: {name} is accepted and not finished{why}.", told, f"interbank watch {name}"]


def unhappy_end(transfer: Transfer, *, balance: Money | None = None, own_key: bool = False) -> list[str]:
    """What to say of a payment that ended without paying: line 1 what happened, line 2 whether money moved.

    `balance` is the payer's, where it is known; `own_key`: the customer chose the key himself and may use it again.
    """
    order = transfer.order
    payer = f"{order.payer_bank} {order.payer_account}"
    code = reason_code(transfer.reason)
    if transfer.state == "RETURNED":
        moved = f"{order.amount} left {payer} and is back in it."
        return [f"returned: {what_happened(transfer, balance)}. {code}", moved]
    if transfer.state == "CANCELLED":
        moved = "Nothing moved, and nothing will for this order: a late answer is refused for ever."
        return [f"cancelled: {what_happened(transfer, balance)}. {code}", moved]
    again = "after a deposit, pay again" if transfer.reason == "INSUFFICIENT_FUNDS" else "to pay again"
    moved = f"Nothing moved. This key stays refused; {again} with a new one." if own_key else "Nothing moved."
    if not own_key and transfer.reason == "INSUFFICIENT_FUNDS":
        moved = "Nothing moved. After a deposit, pay again."
    return [f"refused: {what_happened(transfer, balance)}. {code}", moved]


def differences(order: Order, other: Order) -> list[str]:
    """In what two orders differ, in words: their keys apart."""
    words = {
        "payer": (order.payer_bank, order.payer_account) != (other.payer_bank, other.payer_account),
        "payee": (order.payee_bank, order.payee_account) != (other.payee_bank, other.payee_account),
        "payee's name": order.payee_name != other.payee_name,
        "amount": order.amount != other.amount,
        "reference": order.reference != other.reference,
    }
    return [word for word, differ in words.items() if differ]


def what_happened(transfer: Transfer, balance: Money | None = None) -> str:
    """A reason as a statement about this order."""
    order = transfer.order
    payer, payee = f"{order.payer_bank} {order.payer_account}", f"{order.payee_bank} {order.payee_account}"
    silent = order.payer_bank if transfer.state == "CANCELLED" else order.payee_bank
    held = f"more than the {balance} in {payer}" if balance else f"more than {payer} holds"
    told = {
        "INSUFFICIENT_FUNDS": f"{order.amount} is {held}",
        "ACCOUNT_FROZEN": f"{payer} is frozen and pays nothing",
        "ACCOUNT_CLOSED": f"{payer} is closed",
        "PAYEE_ACCOUNT_NOT_FOUND": f"{order.payee_bank} has no account {order.payee_account}",
        "PAYEE_NAME_MISMATCH": f'{payee} is not in the name of "{order.payee_name}"',
        "PAYEE_ACCOUNT_FROZEN": f"{order.payee_bank} froze account {order.payee_account} before the money arrived",
        "PAYEE_ACCOUNT_CLOSED": f"{order.payee_bank} closed account {order.payee_account} before the money arrived",
        "CURRENCY_MISMATCH": f"{payee} is not in {order.currency}",
        "GRANT_ENDED": f"your access at {order.payer_bank} had ended before the order reached it",
        "CANCELLED_BY_PATIENCE": f"{silent} did not answer in time, so the order was given up",
        "IDEMPOTENCY_KEY_REUSED": f"the key belongs to another order at {order.payer_bank}",
    }
    if transfer.reason in told:
        return told[transfer.reason]
    known = Reason.__members__.get(transfer.reason)
    return known.meaning if known else f"the bank gave the reason {transfer.reason}"


def reason_code(reason: str) -> str:
    """A reason with its ISO 20022 code: `INSUFFICIENT_FUNDS (AM04)`. One that this version does not know stays as it
    is."""
    iso = Reason[reason].iso_code if reason in Reason.__members__ else ""
    return f"{reason} ({iso})" if iso else reason


def duration(span: timedelta) -> str:
    """A span of time in the one unit that says enough: `47 s`, `12 min`, `3 h`, `2 days`."""
    seconds = max(0, int(span.total_seconds()))
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds // unit} {name}"
    return f"{seconds // 86_400} days"


def clock(moment: datetime, now: datetime) -> str:
    """A time as people here read it: `14:03:02`, and the date before it unless it is that of `now`."""
    local = moment.astimezone()
    return local.strftime("%H:%M:%S" if local.date() == now.astimezone().date() else "%F %H:%M:%S")


def moment(at: datetime) -> str:
    """A day and a time as people here read it: `2026-11-22 14:02`."""
    return at.astimezone().strftime("%F %H:%M")
