"""Where a payment's money is, why, what happens next, how it can end, and what to do. No input or output."""

from dataclasses import dataclass
from datetime import datetime

from clients.cli.transfer_words import clock, headline, reason_code, short_id, what_happened
from clients.sdk.records import InDoubt, Transfer
from interbank.orders import Order

_WIDTH = 13


@dataclass(frozen=True, slots=True)
class _Prose:
    money: str
    now: str
    ends: str


def prose(transfer: Transfer, now: datetime, *, left_at: datetime | None = None) -> list[str]:
    """The answer to "where is my money", for people. `left_at` is when the money left the payer's account, if his bank
    has said so."""
    if transfer.suspended:
        told = _suspended(transfer.order)
    elif left_at is not None and transfer.state in _PROSE_OF_DEBITED:
        told = _PROSE_OF_DEBITED[transfer.state](transfer, now, clock(left_at, now))
    else:
        told = _PROSE[transfer.state](transfer, now)
    lines = [headline(transfer, now), _line("Your money", told.money)]
    if why := _why(transfer, now):
        lines.append(_line("Why", why))
    if transfer.final:
        return lines
    lines += [_line("What now", told.now), _line("How it ends", told.ends)]
    name = short_id(transfer.transfer_id)
    if transfer.suspended:
        lines.append(_line("You", f"tell the operator that {name} is suspended. A new order is a second payment."))
        looks = f"interbank audit trail {name}, and then interbank admin resume {name}"
        return [*lines, _line("Operator", f"{looks}: docs/operate.md, A payment is suspended")]
    lines.append(_line("You", "nothing to do. The same key again is safe; a new order is a second payment."))
    watch = f"interbank watch {name}"
    lines.append(_line("", f"{watch}      exit 0 completed, 3 returned, 130 stopped watching (the payment goes on)"))
    return lines


def _accepted(transfer: Transfer, now: datetime) -> _Prose:
    order = transfer.order
    return _Prose(
        f"may still be in your account, or {order.payer_bank} has taken it already; its answer is missing.",
        f"{order.payer_bank} is asked to take it from your account{_next_time(transfer, now)}",
        f"COMPLETED ({order.payee_name} has it), REFUSED or CANCELLED (it never left), or RETURNED (you have it back).",
    )


def _accepted_and_debited(transfer: Transfer, now: datetime, left_at: str) -> _Prose:
    told = _accepted(transfer, now)
    return _Prose(_in_clearing(transfer.order, left_at), told.now, _decided_by(transfer.order))


def _debited(transfer: Transfer, now: datetime, left_at: str = "") -> _Prose:
    order = transfer.order
    asked = f"{order.payee_bank} is asked to credit {order.payee_name}{_next_time(transfer, now)}"
    return _Prose(_in_clearing(order, left_at), asked, _decided_by(order))


def _cancelling(transfer: Transfer, now: datetime) -> _Prose:
    order = transfer.order
    return _Prose(
        f"has left your account, unless {order.payer_bank} never got to take it; {order.payee_name} may have it "
        "already, or not yet.",
        f"CANCELLING: {order.payee_bank} is asked to cancel or to say that it paid{_next_time(transfer, now)}",
        f"COMPLETED ({order.payee_name} has it), RETURNED (you have it back) or CANCELLED (it never left). "
        f"{order.payee_bank}'s ledger decides, no clock does.",
    )


def _cancelling_and_debited(transfer: Transfer, now: datetime, left_at: str) -> _Prose:
    told = _cancelling(transfer, now)
    return _Prose(_in_clearing(transfer.order, left_at), told.now, _decided_by(transfer.order))


def _returning(transfer: Transfer, now: datetime, left_at: str = "") -> _Prose:
    order = transfer.order
    left = f"left your account at {left_at} and " if left_at else ""
    return _Prose(
        f"{left}is on its way back: {order.payee_bank} did not take it, and never will.",
        f"{order.payer_bank} is asked to put it back into your account{_next_time(transfer, now)}",
        f"RETURNED (you have it back in {order.payer_bank} {order.payer_account}).",
    )


def _completed(transfer: Transfer, now: datetime) -> _Prose:
    order = transfer.order
    since = f" since {clock(transfer.finished_at, now)}" if transfer.finished_at else ""
    return _final(f"left your account; {order.payee_name} has it{since}.")


def _refused(_transfer: Transfer, _now: datetime) -> _Prose:
    return _final("never left your account.")


def _returned(transfer: Transfer, now: datetime) -> _Prose:
    order = transfer.order
    since = f" since {clock(transfer.finished_at, now)}" if transfer.finished_at else ""
    return _final(f"left your account and is back in {order.payer_bank} {order.payer_account}{since}.")


def _cancelled(_transfer: Transfer, _now: datetime) -> _Prose:
    return _final("never left your account, and never will for this order.")


def _suspended(order: Order) -> _Prose:
    return _Prose(
        f"is not lost: {order.payer_bank} and {order.payee_bank} say different things about this payment.",
        "nothing is moved by itself any more; the operator looks at both records and lets it go on.",
        "as the banks' ledgers say, once it goes on.",
    )


def _final(money: str) -> _Prose:
    return _Prose(money, "", "")


_PROSE = {
    "ACCEPTED": _accepted,
    "DEBITED": _debited,
    "CANCELLING": _cancelling,
    "RETURNING": _returning,
    "COMPLETED": _completed,
    "REFUSED": _refused,
    "RETURNED": _returned,
    "CANCELLED": _cancelled,
}

_PROSE_OF_DEBITED = {
    "ACCEPTED": _accepted_and_debited,
    "DEBITED": _debited,
    "CANCELLING": _cancelling_and_debited,
    "RETURNING": _returning,
}


def _why(transfer: Transfer, now: datetime) -> str:
    if transfer.reason:
        return f"{what_happened(transfer)}. {reason_code(transfer.reason)}"
    doubt = transfer.in_doubt
    if doubt is None:
        return "" if transfer.final or transfer.suspended else "nothing is late: it is being carried out."
    cause = f": {doubt.cause}" if doubt.cause else ""
    return f"{doubt.waiting_for} does not answer{cause}{_asked(doubt)} since {clock(doubt.since, now)}."


def _asked(doubt: InDoubt) -> str:
    if doubt.attempts == 0:
        return ","
    return ", asked once" if doubt.attempts == 1 else f", asked {doubt.attempts} times"


def _next_time(transfer: Transfer, now: datetime) -> str:
    doubt = transfer.in_doubt
    if doubt is None:
        return "."
    if doubt.next_attempt_at is None:
        return "; again and again until it answers."
    return f"; next at {clock(doubt.next_attempt_at, now)}, then until it answers."


def _in_clearing(order: Order, left_at: str) -> str:
    at = f" at {left_at}" if left_at else ""
    return (
        f"left your account{at}; {order.payer_bank} keeps it in clearing. {order.payee_name} may have it already, or "
        "not yet."
    )


def _decided_by(order: Order) -> str:
    return (
        f"COMPLETED ({order.payee_name} has it) or RETURNED (you have it back). {order.payee_bank}'s ledger decides, "
        "no clock does."
    )


def _line(name: str, text: str) -> str:
    return f"  {name:<{_WIDTH}}{text}"
