"""What you have and where: balance, accounts, statement, banks; and cash at the counter: deposit, withdraw."""

import click

from clients.cli.cash import Act, carry_out, idempotency_key
from clients.cli.desk import Desk, at_desk, logged_in
from clients.cli.options import Context, common
from clients.cli.output import print_list, print_one, say
from clients.cli.rows import (
    ACCOUNT_COLUMNS,
    BANK_COLUMNS,
    STATEMENT_COLUMNS,
    account_row,
    bank_row,
    shown_movement,
    statement_row,
)
from clients.sdk.records import Account
from interbank.money import parse_money
from interbank.orders import Purpose
from interbank.refusals import Reason, Refused

BALANCE_COLUMNS = ("bank", "account", "balance", "currency", "status")


@click.command()
@common
@click.option("--bank", default="", metavar="B", help="Of your account at this bank only.")
def balance(context: Context, bank: str) -> None:
    """Show your money.

    \b
      interbank balance
      interbank balance --bank NORTH -o json
    """
    with logged_in(context) as desk:
        found = _accounts(desk, bank)
        if bank:
            print_one(context, account_row(found[0]), BALANCE_COLUMNS)
        else:
            print_list(context, list(map(account_row, found)), BALANCE_COLUMNS)


@click.command()
@common
def accounts(context: Context) -> None:
    """List your accounts.

    \b
      interbank accounts
    """
    with logged_in(context) as desk:
        print_list(context, list(map(account_row, _accounts(desk, ""))), ACCOUNT_COLUMNS)


@click.command()
@common
@click.option("--bank", default="", metavar="B", help="Of your account at this bank; by default the first one.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many movements.")
def statement(context: Context, bank: str, limit: int) -> None:
    """List the movements of your account, newest first.

    \b
      interbank statement
      interbank statement --bank NORTH --limit 1000 -o csv > north.csv
    """
    with logged_in(context) as desk:
        pages = desk.client.accounts.statement(bank, limit=limit)
        rows = [statement_row(line) for page in pages for line in page.lines]
        print_list(context, rows, STATEMENT_COLUMNS, shown=shown_movement)
        if not rows:
            say("no movements yet")


@click.command()
@common
def banks(context: Context) -> None:
    """List the banks of the network. Needs no login.

    \b
      interbank banks
    """
    print_banks(context)


def print_banks(context: Context) -> None:
    """The banks of the network, and whether payments flow to them."""
    with at_desk(context) as desk:
        print_list(context, list(map(bank_row, desk.client.accounts.banks())), BANK_COLUMNS)


@click.command()
@common
@click.option("--bank", default="", metavar="B", help="Into your account at this bank; by default your only one.")
@click.option("--amount", required=True, metavar="A", help="How much, for example 12.34.")
@idempotency_key
def deposit(context: Context, bank: str, amount: str, key: str) -> None:
    """Put cash into your account at the counter, where your bank has one.

    \b
      interbank deposit --bank NORTH --amount 50.00
    """
    with logged_in(context) as desk:
        act = _act(desk, Purpose.DEPOSIT, bank, amount, key)
        carry_out(desk, act, lambda act: desk.client.accounts.deposit(act.bank, act.amount, act.key))


@click.command()
@common
@click.option("--bank", default="", metavar="B", help="Out of your account at this bank; by default your only one.")
@click.option("--amount", required=True, metavar="A", help="How much, for example 12.34.")
@idempotency_key
def withdraw(context: Context, bank: str, amount: str, key: str) -> None:
    """Take cash out of your account at the counter, where your bank has one.

    \b
      interbank withdraw --bank NORTH --amount 20.00
    """
    with logged_in(context) as desk:
        act = _act(desk, Purpose.WITHDRAWAL, bank, amount, key)
        carry_out(desk, act, lambda act: desk.client.accounts.withdraw(act.bank, act.amount, act.key))


def _act(desk: Desk, purpose: Purpose, bank: str, amount: str, key: str) -> Act:
    account = desk.account_at(bank)
    return Act(purpose, account.bank, account.account, parse_money(amount, account.currency), key)


def _accounts(desk: Desk, bank: str) -> list[Account]:
    """The user's accounts, or the one at a bank. Says where a balance is missing, and why."""
    found = [account for account in desk.learn_accounts() if bank in ("", account.bank)]
    if not found:
        where = f" at {bank}" if bank else ""
        raise Refused(Reason.ACCOUNT_NOT_FOUND, f"{desk.username} has no registered account{where}", field="bank")
    for account in found:
        if account.no_balance_reason == Reason.NOT_LOGGED_IN_AT_BANK.name:
            say(f"{account.bank}: interbank login --username {desk.username} --bank {account.bank} shows its balance")
        elif account.no_balance_reason:
            say(f"{account.bank} cannot be asked now ({account.no_balance_reason})")
    return found
