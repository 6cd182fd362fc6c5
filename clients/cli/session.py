"""Who you are: register, login, logout, sessions, whoami, password."""

import contextlib
import platform
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click

from clients.cli.desk import OPERATOR, Desk, at_desk, logged_in
from clients.cli.options import Context, common
from clients.cli.output import print_list, print_one, say
from clients.cli.prompts import password_file, read_password
from clients.cli.rows import SESSION_COLUMNS, account_row, session_row, utc
from clients.cli.transfer_words import duration
from clients.sdk.records import Login, Session
from clients.state.sessions import SavedSession
from interbank.orders import check_account, check_bank_id, check_password, check_username
from interbank.refusals import Reason, Refused


@click.command()
@common
@click.option("--username", required=True, metavar="U", help="Your name in the network, which your bank knows you by.")
@click.option("--bank", required=True, metavar="B", help="The bank at which you have an account under that name.")
@click.option("--account", required=True, type=int, metavar="N", help="Its number.")
@password_file(what="the account's password")
def register(context: Context, username: str, bank: str, account: int, password_file: str | None) -> None:
    """Bind a bank account to your name in the network.

    The bank checks the account's password, which it gave you when it opened the account. To add a second account, log
    in with the first one before.

    \b
      interbank register --username alice --bank NORTH --account 1001
    """
    check_username(username)
    check_bank_id(bank)
    check_account(account)
    password = read_password(password_file, f"Password of {bank} {account}")
    with at_desk(context) as desk:
        if desk.session is not None and desk.session.username != username:
            desk.client.token = ""
        with _advised(
            "bank, number, user name and password must all be as the bank gave them; it can set the password anew"
        ):
            row = account_row(desk.client.sessions.register(username, bank, account, password))
        if context.output != "table":
            print_one(context, row, ("bank", "account", "username", "status"))
            return
        click.echo(f"registered: {bank} {account} is {username}'s in this network")
        if desk.session is None:
            say(f"interbank login --username {username}")


@click.command()
@common
@click.option("--username", required=True, metavar="U", help='Your name in the network; "admin" is the operator.')
@click.option("--bank", default="", metavar="B", help="The bank that checks the password; by default your first one.")
@password_file(what="your password at that bank")
def login(context: Context, username: str, bank: str, password_file: str | None) -> None:
    """Open a session that lasts across commands.

    With accounts at several banks log in at each of them; it stays one session.

    \b
      interbank login --username alice
      interbank login --username alice --bank SOUTH
      interbank login --username admin --password-file admin.txt
    """
    check_username(username)
    if bank:
        check_bank_id(bank)
    at = "the gateway" if username == OPERATOR else bank or "your bank"
    password = read_password(password_file, f"Password of {username} at {at}")
    with at_desk(context) as desk:
        with _advised("it is the network's own, 1234 until it is changed" if username == OPERATOR else ""):
            session = _log_in(desk, username, password, bank)
        row = session_row(session)
        if context.output != "table":
            print_one(context, row, SESSION_COLUMNS)
            return
        where = f" at {', '.join(session.banks)}" if session.banks else ""
        idle = duration(session.idle_end_at - session.used_at)
        click.echo(f"{username} is logged in{where} until {session.end_at:%F}, or until unused for {idle}")


@click.command()
@common
def logout(context: Context) -> None:
    """End the session, here and at the gateway.

    \b
      interbank logout
    """
    with logged_in(context) as desk:
        try:
            desk.client.sessions.logout()
        except Refused as refused:
            # A session that is over already needs no end.
            if refused.reason not in (Reason.NOT_LOGGED_IN, Reason.SESSION_EXPIRED):
                raise
        desk.sessions.forget()
        say(f"{desk.username} is logged out")


@click.command()
@common
@click.option("--revoke", metavar="ID", help="End this one, for example that of a lost laptop.")
def sessions(context: Context, revoke: str | None) -> None:
    """List your sessions, or end one of them.

    \b
      interbank sessions
      interbank sessions --revoke 5f0c2a9be1d74c03
    """
    with logged_in(context) as desk:
        if revoke:
            desk.client.sessions.revoke(revoke)
            say(f"session {revoke} has ended")
        print_list(context, list(map(session_row, desk.client.sessions.mine())), SESSION_COLUMNS)


@click.command()
@common
def whoami(context: Context) -> None:
    """Say who is logged in, where, until when.

    \b
      interbank whoami
    """
    with logged_in(context) as desk:
        who = desk.client.sessions.who_am_i()
        row: dict[str, Any] = {**session_row(who.session), "operator": who.operator, "gateway": desk.network.address}
        print_one(context, row, ("username", "operator", "banks", "idle_end_at", "end_at", "device", "gateway"))


@click.command()
@common
@click.option("--bank", default="", metavar="B", help="At which bank; by default your only one.")
@password_file(what="the present password")
@password_file("--new-password-file", what="the new password")
def password(context: Context, bank: str, password_file: str | None, new_password_file: str | None) -> None:
    """Change your password at a bank.

    Your other sessions lose their access there.

    \b
      interbank password
      interbank password --bank SOUTH --password-file old.txt --new-password-file new.txt
    """
    with logged_in(context) as desk:
        bank = bank or ("" if desk.username == OPERATOR else desk.account_at("").bank)
        change_password(desk, bank, password_file, new_password_file)


def change_password(desk: Desk, bank: str, old_file: str | None, new_file: str | None) -> None:
    """Change a password at a bank, or with an empty `bank` the operator's at the gateway."""
    at = bank or "the gateway"
    old = read_password(old_file, f"Present password of {desk.username} at {at}")
    new = read_password(new_file, "New password", flag="--new-password-file", twice=True)
    check_password(new)
    desk.client.sessions.change_password(old, new, bank=bank)
    say(f"the password of {desk.username} at {at} is changed; your other sessions have lost their access there")


@contextlib.contextmanager
def _advised(advice: str) -> Iterator[None]:
    """Say what to do about wrong credentials, if we know better than the network, which tells everybody the same."""
    try:
        yield
    except Refused as refused:
        if refused.reason is Reason.WRONG_CREDENTIALS:
            refused.hint = advice or refused.hint
        raise


def _log_in(desk: Desk, username: str, password: str, bank: str) -> Session:
    if desk.session is None or desk.session.username != username:
        desk.client.token = ""
    try:
        answer = desk.client.sessions.login(username, password, bank=bank, device=platform.node())
    except Refused as refused:
        # Our session is over, so nothing can be added to it: open another.
        if refused.reason not in (Reason.NOT_LOGGED_IN, Reason.SESSION_EXPIRED) or not desk.client.token:
            raise
        desk.client.token = ""
        answer = desk.client.sessions.login(username, password, bank=bank, device=platform.node())
    _keep(desk, username, answer)
    return answer.session


def _keep(desk: Desk, username: str, answer: Login) -> None:
    saved = SavedSession(username, answer.token, desk.network.fingerprint, utc(answer.session.end_at) or "")
    if desk.session is not None and desk.session.username == username:
        saved = replace(saved, accounts=desk.session.accounts)
    desk.keep(saved)
    if username != OPERATOR:
        desk.learn_accounts()
