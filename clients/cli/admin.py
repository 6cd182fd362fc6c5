"""The operator's acts: open accounts, add money, freeze, and look after payments. Needs a login as admin."""

from pathlib import Path

import click

from clients.account_files import parse_accounts
from clients.cli.accounts import print_banks
from clients.cli.admin_payments import resume, transfers
from clients.cli.cash import Act, carry_out, idempotency_key
from clients.cli.desk import Desk, logged_in
from clients.cli.options import Context, common
from clients.cli.output import print_list, print_one, say
from clients.cli.pay_file import Wishes, file_options, pay_standing_orders, read_file
from clients.cli.prompts import password_file, read_password
from clients.cli.rows import ACCOUNT_COLUMNS, account_row
from clients.cli.session import change_password
from clients.sdk.records import NewAccount, Opened
from interbank.money import parse_decimal, parse_money
from interbank.orders import Purpose, check_account, check_bank_id, check_password, check_username
from interbank.refusals import Reason, Refused

_bank = click.option("--bank", required=True, metavar="B", help="At which bank.")
_account = click.option("--account", required=True, type=int, metavar="N", help="The account's number.")
_amount = click.option("--amount", required=True, metavar="A", help="How much, for example 12.34.")


@click.group()
def admin() -> None:
    """The operator's acts: open accounts, add money, look after payments. Needs a login as admin.

    \b
      interbank login --username admin
      interbank admin open-account --bank NORTH --username alice --deposit 100.00
    """


admin.add_command(transfers)
admin.add_command(resume)


@admin.command("password")
@common
@password_file(what="the present password")
@password_file("--new-password-file", what="the new password")
def password(context: Context, password_file: str | None, new_password_file: str | None) -> None:
    """Change admin's own password. The first one, 1234, works on this computer only.

    \b
      interbank admin password
    """
    with logged_in(context) as desk:
        change_password(desk, "", password_file, new_password_file)


@admin.command("open-account")
@common
@_bank
@click.option("--username", required=True, metavar="U", help="The customer's name, one in the whole network.")
@click.option("--account", default=0, type=int, metavar="N", help="The wanted number; by default the next free one.")
@click.option("--deposit", default="0", metavar="A", help="Opening deposit, for example 100.00; by default none.")
@password_file(what="the customer's first password")
def open_account(
    context: Context, bank: str, username: str, account: int, deposit: str, password_file: str | None
) -> None:
    """Open an account for a customer, who then registers it and logs in.

    \b
      interbank admin open-account --bank NORTH --username alice --deposit 100.00
      interbank admin open-account --bank NORTH --username alice --password-file alice.txt
    """
    check_bank_id(bank)
    check_username(username)
    check_account(account)
    with logged_in(context) as desk:
        money = parse_decimal(deposit, _currency(desk, bank), field="deposit")
        if money.minor_units < 0:
            raise Refused(Reason.AMOUNT_NOT_POSITIVE, f"{money} is less than zero", field="deposit")
        password = read_password(password_file, f"First password of {username}", twice=True)
        check_password(password)
        new = NewAccount(username, account, money.minor_units, password)
        opened = desk.client.admin.open_accounts(bank, [new])
        row = account_row(opened.accounts[0])
        if context.output != "table":
            print_one(context, row, ACCOUNT_COLUMNS)
        else:
            click.echo(f"opened {bank} {row['account']} for {username} with {row['balance']} {row['currency']}")
        if not opened.opened:
            say("it existed already, with the same user and deposit; nothing was changed")
        say(f"{username}: interbank register --username {username} --bank {bank} --account {row['account']}")


@admin.command("open-accounts")
@common
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE.csv")
@_bank
def open_accounts(context: Context, file: Path, bank: str) -> None:
    """Open the accounts of a CSV file, all or none; again changes nothing.

    Columns: account,username,deposit, where a deposit of 0.00 is none. Nobody can log in to them until
    `interbank admin set-password`.

    \b
      interbank admin open-accounts members.csv --bank NORTH
    """
    check_bank_id(bank)
    with logged_in(context) as desk:
        currency = _currency(desk, bank)
        remedy = f"{click.get_current_context().command_path} --help"
        accounts = read_file(file, lambda content: parse_accounts(content, currency), nothing="opened", remedy=remedy)
        opened = desk.client.admin.open_accounts(bank, accounts) if accounts else Opened((), 0, 0)
        row = {"bank": bank, "file": file.name, "opened": opened.opened, "existing": opened.existing}
        if context.output != "table":
            print_one(context, row)
        else:
            click.echo(f"{bank}: {opened.opened:,} accounts opened, {opened.existing:,} existed already")


@admin.command("pay-file")
@common
@file_options
@_bank
def pay_file(
    context: Context, bank: str, file: Path, run: str, check: bool, wait: int, again_refused: bool, yes: bool
) -> None:
    """Pay a bank's standing orders from a CSV file, on the bank's own authority, each line once.

    Columns: from_account,to_bank,to_account,to_name,amount,reference and, if you like, key. All else as in
    `interbank pay-file`.

    \b
      interbank admin pay-file standing.csv --bank NORTH --run 2026-12
    """
    check_bank_id(bank)
    with logged_in(context) as desk:
        wishes = Wishes(file, run or file.stem, check, wait, again_refused, yes)
        pay_standing_orders(desk, wishes, bank, _currency(desk, bank))


@admin.command("set-password")
@common
@_bank
@_account
@password_file(what="the new password")
def set_password(context: Context, bank: str, account: int, password_file: str | None) -> None:
    """Set a customer's password. His sessions lose their access at the bank.

    \b
      interbank admin set-password --bank NORTH --account 1001
    """
    check_bank_id(bank)
    password = read_password(password_file, f"New password of {bank} {account}", twice=True)
    check_password(password)
    with logged_in(context) as desk:
        desk.client.admin.set_password(bank, account, password)
        say(f"the password of {bank} {account} is set")


@admin.command("add-money")
@common
@_bank
@_account
@_amount
@idempotency_key
def add_money(context: Context, bank: str, account: int, amount: str, key: str) -> None:
    """Put money from a bank's cash into an account.

    \b
      interbank admin add-money --bank NORTH --account 1001 --amount 50.00
    """
    with logged_in(context) as desk:
        act = _act(desk, Purpose.MONEY_ADDED, bank, account, amount, key)
        carry_out(desk, act, lambda act: desk.client.admin.add_money(act.bank, act.account, act.amount, act.key))


@admin.command("withdraw")
@common
@_bank
@_account
@_amount
@idempotency_key
def withdraw(context: Context, bank: str, account: int, amount: str, key: str) -> None:
    """Pay cash out of an account, at the teller's.

    \b
      interbank admin withdraw --bank NORTH --account 1001 --amount 20.00
    """
    with logged_in(context) as desk:
        act = _act(desk, Purpose.WITHDRAWAL, bank, account, amount, key)
        carry_out(desk, act, lambda act: desk.client.admin.withdraw(act.bank, act.account, act.amount, act.key))


@admin.command("freeze")
@common
@_bank
@_account
def freeze(context: Context, bank: str, account: int) -> None:
    """Let an account neither pay nor be paid. Money on its way back to it still arrives.

    \b
      interbank admin freeze --bank NORTH --account 1001
    """
    _set_status(context, bank, account, "FROZEN")


@admin.command("unfreeze")
@common
@_bank
@_account
def unfreeze(context: Context, bank: str, account: int) -> None:
    """Let a frozen account pay and be paid again.

    \b
      interbank admin unfreeze --bank NORTH --account 1001
    """
    _set_status(context, bank, account, "OPEN")


@admin.command("close-account")
@common
@_bank
@_account
def close_account(context: Context, bank: str, account: int) -> None:
    """Close an account for ever. It must hold nothing, and none of its money may be on its way.

    \b
      interbank admin close-account --bank NORTH --account 1001
    """
    _set_status(context, bank, account, "CLOSED")


@admin.command("accounts")
@common
@_bank
def accounts(context: Context, bank: str) -> None:
    """List all accounts of a bank, its own included.

    \b
      interbank admin accounts --bank NORTH -o csv > accounts.csv
    """
    check_bank_id(bank)
    with logged_in(context) as desk:
        print_list(context, list(map(account_row, desk.client.admin.accounts(bank))), ACCOUNT_COLUMNS)


@admin.command("banks")
@common
def banks(context: Context) -> None:
    """List the banks of the network.

    \b
      interbank admin banks
    """
    print_banks(context)


def _set_status(context: Context, bank: str, account: int, status: str) -> None:
    check_bank_id(bank)
    with logged_in(context) as desk:
        row = account_row(desk.client.admin.set_status(bank, account, status))
        if context.output != "table":
            print_one(context, row, ACCOUNT_COLUMNS)
        else:
            click.echo(f"{bank} {account} of {row['username']} is {row['status']}")


def _act(desk: Desk, purpose: Purpose, bank: str, account: int, amount: str, key: str) -> Act:
    check_bank_id(bank)
    return Act(purpose, bank, account, parse_money(amount, _currency(desk, bank)), key)


def _currency(desk: Desk, bank: str) -> str:
    """The currency of a bank's accounts. Raises Refused(UNKNOWN_BANK)."""
    known = {found.bank: found.currency for found in desk.client.accounts.banks()}
    if bank not in known:
        raise Refused(Reason.UNKNOWN_BANK, f"no bank {bank} in this network", field="bank")
    return known[bank]
