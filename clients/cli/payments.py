"""Paying: transfer, retry; and the list of your payments: transfers."""

import contextlib
import uuid
from datetime import UTC, datetime

import click

from clients.cli import errors
from clients.cli.desk import Desk, logged_in
from clients.cli.find_transfer import found_here
from clients.cli.options import Context, common, not_empty
from clients.cli.output import Ended, print_list, print_one, say
from clients.cli.paying import drop, pay, prepare, stop_if_repeated
from clients.cli.rows import TRANSFER_COLUMNS, shown_transfer, transfer_row
from clients.cli.transfer_words import exit_code, headline, pending, short_id, unhappy_end, what_happened
from clients.cli.whereabouts import coloured
from clients.sdk.records import Transfer
from clients.state.orders import SavedOrder
from interbank.money import Money, parse_money
from interbank.orders import Order, check_bank_id, check_order
from interbank.refusals import Reason, Refused


@click.command()
@common
@click.option("--from", "payer_bank", default="", metavar="B", help="Your bank; may be left out if you have one.")
@click.option("--to-bank", "payee_bank", required=True, metavar="B", help="The payee's bank.")
@click.option("--to-account", "payee_account", required=True, type=int, metavar="N", help="The payee's account number.")
@click.option("--to-name", "payee_name", required=True, metavar="U", help="The payee's user name, which is checked.")
@click.option("--amount", required=True, metavar="A", help="How much, for example 12.34.")
@click.option("--reference", default="", metavar="T", help="For the payee: up to 140 characters.")
@click.option(
    "--idempotency-key",
    "key",
    callback=not_empty,
    metavar="K",
    help="Your own name for this order: under it the order is paid once, however often it is sent. Made if left out.",
)
@click.option("--again", is_flag=True, help="Pay a second time what is on its way already.")
def transfer(
    context: Context,
    payer_bank: str,
    payee_bank: str,
    payee_account: int,
    payee_name: str,
    amount: str,
    reference: str,
    key: str,
    again: bool,
) -> None:
    """Pay someone (also: interbank pay).

    Waits up to 10 s for the end. A payment that takes longer goes on by itself: exit code 6, and `interbank watch`.

    \b
      interbank pay --from NORTH --to-bank SOUTH --to-account 1001 --to-name bob --amount 12.34 --reference rent

    Exit codes: 0 paid, 2 malformed, 3 refused or returned, 4 not logged in, 5 not accepted, 6 not known yet.
    """
    if payer_bank:
        check_bank_id(payer_bank, "payer_bank")
    with logged_in(context) as desk:
        payer = desk.account_at(payer_bank)
        money = parse_money(amount, payer.currency)
        order = Order(
            payer.bank, payer.account, payee_bank, payee_account, payee_name, money.minor_units, money.currency,
            reference, key or uuid.uuid4().hex,
        )  # fmt: skip
        check_order(order)
        saved = prepare(desk, order, own_key=bool(key))
        if not key and not again:
            stop_if_repeated(desk, saved)
        _show_end(desk, pay(desk, saved), own_key=bool(key))


@click.command()
@common
@click.argument("transfer_id", metavar="ID")
@click.option("--drop", "dropped", is_flag=True, help="Do not send it but forget it: only what was not accepted.")
def retry(context: Context, transfer_id: str, dropped: bool) -> None:
    """Send exactly a saved order once more. It cannot pay twice: it carries the key that it had.

    \b
      interbank retry 39f2ddad
      interbank retry 39f2ddad --drop
    """
    with logged_in(context) as desk:
        saved = _saved(desk, transfer_id)
        if dropped:
            drop(desk, saved)
            say(f"order {short_id(saved.transfer_id)} is dropped. It was not accepted, and it never will be")
        else:
            _show_end(desk, pay(desk, saved))


def _saved(desk: Desk, start: str) -> SavedOrder:
    """The caller's saved order whose id begins so."""
    saved = found_here(desk, start)
    if saved is None:
        message = f"no order that begins with {start} is saved here"
        raise Refused(Reason.TRANSFER_NOT_FOUND, message, hint=f"interbank status {start}")
    if saved.principal != desk.principal:
        raise Refused(Reason.NOT_ALLOWED, f"that order is of {saved.principal}, and you are {desk.principal}")
    return saved


@click.command()
@common
@click.option("--unfinished", is_flag=True, help="Only those that are not final.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
def transfers(context: Context, unfinished: bool, limit: int) -> None:
    """List your payments, newest first.

    \b
      interbank transfers
      interbank transfers --limit 1000 -o csv > payments.csv
    """
    with logged_in(context) as desk:
        rows = [transfer_row(found) for found in desk.client.payments.mine(unfinished=unfinished, limit=limit)]
        print_list(context, rows, TRANSFER_COLUMNS, shown=shown_transfer)
        if not rows:
            say("no payments under way" if unfinished else "no payments yet")


def _show_end(desk: Desk, transfer: Transfer, *, own_key: bool = False) -> None:
    """Print a transfer that was just sent, and end with what its state means."""
    if desk.context.output != "table":
        print_one(desk.context, transfer_row(transfer), (*TRANSFER_COLUMNS, "balance"))
    elif transfer.state == "COMPLETED":
        click.echo(coloured(headline(transfer, datetime.now(UTC)), transfer))
        if transfer.balance_after:
            click.echo(f"  {transfer.balance_after} left in {transfer.order.payer_bank} {transfer.order.payer_account}")
    if transfer.state == "COMPLETED":
        return
    if transfer.final:
        lines = unhappy_end(transfer, balance=_balance(desk, transfer), own_key=own_key)
    else:
        lines = pending(transfer)
    raise Ended(exit_code(transfer), lines, _error(transfer, lines))


def _error(transfer: Transfer, lines: list[str]) -> dict[str, object]:
    """A transfer that did not complete, under "error". No money is gone for good in any final state but COMPLETED."""
    return errors.error_body(
        transfer.reason if transfer.final else "PENDING",
        what_happened(transfer) if transfer.final else lines[0].partition(": ")[2],
        hint=lines[-1],
        moved=False if transfer.final else None,
        transfer_id=transfer.transfer_id,
        idempotency_key=transfer.order.idempotency_key,
        request_id=transfer.request_id,
    )


def _balance(desk: Desk, transfer: Transfer) -> Money | None:
    """What the payer's account holds, to say why it was too little; not worth an error of its own."""
    if transfer.reason != Reason.INSUFFICIENT_FUNDS.name:
        return None
    with contextlib.suppress(Refused):
        for account in desk.client.accounts.mine():
            if account.bank == transfer.order.payer_bank:
                return account.balance
    return None
