"""Cash in and out: an act is saved with its key before it is sent, so that doing it again cannot book it twice."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import click

from clients.cli import errors
from clients.cli.desk import Desk
from clients.cli.options import not_empty
from clients.cli.output import Ended, print_one, say
from clients.cli.rows import cash_row
from clients.cli.transfer_words import duration
from clients.sdk import Unanswered
from clients.sdk.records import CashResult
from clients.state.orders import SENT, SavedOrder
from interbank.money import Money
from interbank.orders import Order, Purpose, check_key, fingerprint, transfer_id
from interbank.refusals import EXIT_CODES, Kind, Refused

_Command = TypeVar("_Command", bound=Callable[..., Any])

CASH_COLUMNS = ("bank", "account", "amount", "currency", "balance", "entry_id", "transfer_id", "replayed")
_DONE = {
    Purpose.DEPOSIT: "deposited {amount} into {place}",
    Purpose.WITHDRAWAL: "withdrew {amount} from {place}",
    Purpose.MONEY_ADDED: "added {amount} to {place}",
}


@dataclass(frozen=True, slots=True)
class Act:
    """Cash to move at one account. An empty `key` lets us make one."""

    purpose: Purpose
    bank: str
    account: int
    amount: Money
    key: str = ""


def idempotency_key(command: _Command) -> _Command:
    """The option for the customer's own key."""
    return click.option(
        "--idempotency-key",
        "key",
        callback=not_empty,
        metavar="K",
        help="Your own name for this act, 1 to 128 characters: the same act under it is done once. Made if left out.",
    )(command)


def carry_out(desk: Desk, act: Act, send: Callable[[Act], CashResult]) -> None:
    """Do an act once, and print what became of it. `send` asks the gateway under the act's key."""
    if act.key:
        check_key(act.key)
    saved = _saved(desk, act)
    act = replace(act, key=saved.order.idempotency_key)
    desk.orders.note(saved, SENT, final=False)
    try:
        result = send(act)
    except Refused as refused:
        # An act that got no answer before may have been booked, whatever stops us from asking again now.
        if refused.reason.try_again or refused.reason.kind is Kind.UNAUTHENTICATED:
            desk.orders.note(saved, saved.state, final=False)
            if saved.state == SENT:
                raise _still_unknown(act, refused) from refused
        else:
            desk.orders.forget(saved)
        raise
    except Unanswered as unanswered:
        raise _unknown(act, unanswered) from unanswered
    desk.orders.note(saved, "BOOKED", final=True)
    _show(desk, act, result)


def _saved(desk: Desk, act: Act) -> SavedOrder:
    """The act on the disk: one of the same content that got no answer, with its key, or else a new one."""
    order = Order(
        act.bank, act.account, act.bank, act.account, desk.username, act.amount.minor_units, act.amount.currency, "",
        act.key or uuid.uuid4().hex,
    )  # fmt: skip
    if not act.key:
        for before in desk.orders.open(desk.principal, act.purpose):
            if before.same_payment(order):
                ago = duration(timedelta(seconds=before.age_seconds))
                say(f"the same was asked for {ago} ago without an end: asking under its key, so it is done once")
                return before
    name = transfer_id(desk.principal, order.idempotency_key, fingerprint(order, act.purpose)).hex()
    return desk.orders.save(name, desk.principal, order, act.purpose)


def _show(desk: Desk, act: Act, result: CashResult) -> None:
    if desk.context.output != "table":
        print_one(desk.context, cash_row(act.bank, result), CASH_COLUMNS)
        return
    place = f"{act.bank} {result.account}"
    done = _DONE[act.purpose].format(amount=result.amount, place=place)
    click.echo(f"{done}; balance {result.balance_after} after it (entry {result.entry_id})")
    if result.replayed:
        say("it had been booked before under this key; nothing moved this time")


def _still_unknown(act: Act, refused: Refused) -> Ended:
    lines = [
        errors.headline(errors.kind_of(refused.reason), refused.message, refused.reason),
        "This time it was not taken; what became of the first time is not known. The same command again asks.",
    ]
    body = errors.error_body(refused.reason.name, refused.message, hint=refused.hint, idempotency_key=act.key)
    return Ended(EXIT_CODES[refused.reason.kind], lines, body)


def _unknown(act: Act, unanswered: Unanswered) -> Ended:
    message = f"{unanswered}; the request had been sent"
    lines = [
        errors.headline("unknown", message),
        "It may have been booked, or not. The same command again asks, and cannot book it twice.",
    ]
    body = errors.error_body("UNANSWERED", message, idempotency_key=act.key, request_id=unanswered.request_id)
    return Ended(errors.NOT_FINAL, lines, body)
