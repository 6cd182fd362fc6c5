"""Where your money is: status and watch."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import click

from clients.cli import errors
from clients.cli.desk import Desk, logged_in
from clients.cli.find_transfer import found_here, one_transfer
from clients.cli.options import Context, common, not_empty
from clients.cli.output import Ended, harmless, paint, print_list, print_one, say
from clients.cli.rows import TRANSFER_COLUMNS, transfer_row
from clients.cli.status_words import prose
from clients.cli.transfer_words import clock, exit_code, headline, parties, short_id
from clients.sdk.records import Transfer
from clients.state.orders import NOT_ACCEPTED, SavedOrder
from interbank.refusals import EXIT_CODES, Kind, Reason, Refused

_COLOURS = {"COMPLETED": "green", "REFUSED": "red"}
_MOST_SHOWN = 200
_ASK_AGAIN_SECONDS = 1.0


@click.command()
@common
@click.argument("transfer_id", metavar="[ID]", required=False, callback=not_empty)
def status(context: Context, transfer_id: str) -> None:
    """Say where your money is, why, and what happens next. Without ID: of all payments that are not final.

    ID is any start of a transfer id that is yours alone.

    \b
      interbank status
      interbank status 39f2ddad -o json

    Exit codes: 0 completed, 3 refused or returned, 6 not final.
    """
    with logged_in(context) as desk:
        if transfer_id:
            _status_of_one(desk, transfer_id)
        else:
            _status_of_all(desk)


@click.command()
@common
@click.argument("transfer_id", metavar="ID")
def watch(context: Context, transfer_id: str) -> None:
    """Follow a payment until it is final. To stop watching does not stop the payment.

    \b
      interbank watch 39f2ddad

    Exit codes: 0 completed, 3 refused or returned, 130 you stopped watching.
    """
    with logged_in(context) as desk:
        first = last = _known(desk, transfer_id)
        try:
            for last in _changes(desk, first):
                if context.output == "table":
                    _echo_now(last)
        except KeyboardInterrupt:
            raise _stopped_watching(last) from None
        _note(desk, last)
        if context.output != "table":
            print_one(context, transfer_row(last), TRANSFER_COLUMNS)
    click.get_current_context().exit(exit_code(last))


def _known(desk: Desk, start: str) -> Transfer:
    """The transfer whose id begins so. Raises Ended for an order that is saved here and that the gateway does not
    know; else Refused."""
    try:
        return one_transfer(desk, start)
    except Refused as refused:
        saved = found_here(desk, start)
        if refused.reason is not Reason.TRANSFER_NOT_FOUND or saved is None:
            raise
        raise _never_arrived(saved) from None


def _status_of_one(desk: Desk, start: str) -> None:
    found = _known(desk, start)
    _note(desk, found)
    if desk.context.output == "table":
        _print_prose(desk, [found])
    else:
        print_one(desk.context, transfer_row(found), TRANSFER_COLUMNS)
    click.get_current_context().exit(exit_code(found))


def _status_of_all(desk: Desk) -> None:
    unfinished = list(desk.client.payments.mine(unfinished=True, limit=_MOST_SHOWN))
    lost = _news_of_saved(desk)
    if desk.context.output != "table":
        print_list(desk.context, list(map(transfer_row, unfinished)), TRANSFER_COLUMNS)
    else:
        _print_prose(desk, unfinished)
    for saved in lost:
        say("\n".join(_never_arrived(saved).lines))
    if not unfinished and not lost:
        say("nothing of yours is under way: every payment is final")
    unknown = [saved for saved in lost if saved.state != NOT_ACCEPTED]
    click.get_current_context().exit(errors.NOT_FINAL if unfinished or unknown else 0)


def _news_of_saved(desk: Desk) -> list[SavedOrder]:
    """Tell the ends of saved orders whose answers never came; return those that the gateway does not know."""
    saved = {order.transfer_id: order for order in desk.orders.open(desk.principal)}
    for found in desk.client.payments.find(ids=list(saved)):
        if found.final:
            say(headline(found, datetime.now(UTC)))
        _note(desk, found)
        del saved[found.transfer_id]
    return list(saved.values())


def _note(desk: Desk, found: Transfer) -> None:
    for saved in desk.orders.find(found.transfer_id):
        desk.orders.note(saved, found.state, final=found.final)


def _never_arrived(saved: SavedOrder) -> Ended:
    """What to say of a saved order that the gateway does not know."""
    name, order = short_id(saved.transfer_id), saved.order
    what = f"order {name} ({order.amount}, {parties(order)})"
    if saved.state == NOT_ACCEPTED:
        message, code = f"{what} is saved here and was not accepted", EXIT_CODES[Kind.UNAVAILABLE]
    else:
        message, code = f"{what} was sent, no answer came, and the gateway does not know it", errors.NOT_FINAL
    lines = [f"not accepted: {message}.", "Nothing moved so far. To send exactly this one:", f"interbank retry {name}"]
    if saved.state == NOT_ACCEPTED:
        lines[1:] = [
            "Nothing moved. Send exactly this one, or drop it:",
            f"interbank retry {name}, or interbank retry {name} --drop",
        ]
    body = errors.error_body(
        saved.state, message, hint=lines[-1], moved=False, transfer_id=saved.transfer_id,
        idempotency_key=order.idempotency_key,
    )  # fmt: skip
    return Ended(code, lines, body)


def _changes(desk: Desk, known: Transfer) -> Iterator[Transfer]:
    """The transfer now and whenever something about it changes, whatever becomes of the connection."""
    yield known
    lost = False
    while not known.final:
        try:
            for now in desk.client.payments.watch(known.transfer_id):
                lost = False
                if _standing(now) != _standing(known) or now.final:
                    known = now
                    yield known
        except Refused as refused:
            if refused.reason is not Reason.GATEWAY_UNREACHABLE:
                raise
            if not lost:
                say(f"{refused.message}; the payment goes on without us, asking again until it answers")
            lost = True
            time.sleep(_ASK_AGAIN_SECONDS)


def _standing(transfer: Transfer) -> tuple[str, bool, bool]:
    return transfer.state, transfer.in_doubt is None, transfer.suspended


def _echo_now(found: Transfer) -> None:
    now = datetime.now(UTC)
    click.echo(f"{clock(now, now)}  {coloured(headline(found, now), found)}")


def _stopped_watching(last: Transfer) -> Ended:
    name = short_id(last.transfer_id)
    message = f"stopped watching {name}; the payment goes on"
    body = errors.error_body("INTERRUPTED", message, hint=f"interbank status {name}", transfer_id=last.transfer_id)
    return Ended(errors.INTERRUPTED, [f"{message}.", f"interbank status {name}"], body)


def _print_prose(desk: Desk, transfers: Sequence[Transfer]) -> None:
    left_at = _when_they_left(desk, transfers)
    for found in transfers:
        first, *rest = prose(found, datetime.now(UTC), left_at=left_at.get(found.transfer_id))
        click.echo("\n".join([coloured(first, found), *map(harmless, rest)]))


def _when_they_left(desk: Desk, transfers: Sequence[Transfer]) -> dict[str, datetime]:
    """When the money of payments under way left our accounts, as far as our banks tell: a bank that owes an answer
    already is not asked for this too."""
    waiting = [found for found in transfers if not found.final and found.principal == desk.principal]
    silent = {found.in_doubt.waiting_for for found in waiting if found.in_doubt}
    left_at: dict[str, datetime] = {}
    for bank in {found.order.payer_bank for found in waiting} - silent:
        with contextlib.suppress(Refused):
            for page in desk.client.accounts.statement(bank, limit=_MOST_SHOWN):
                left_at |= {line.transfer_id: line.recorded_at for line in page.lines if line.amount.minor_units < 0}
    return left_at


def coloured(line: str, transfer: Transfer) -> str:
    """The line with its first word, the state, in its colour."""
    state, space, rest = harmless(line).partition("  ")
    return paint(state, _COLOURS.get(transfer.state, "yellow")) + space + rest
