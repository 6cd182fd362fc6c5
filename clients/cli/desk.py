"""Where a command meets the network: the connection, the session that a profile keeps, and its saved orders."""

import atexit
import contextlib
import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import click

from clients.cli import errors
from clients.cli.options import Context, state_directory
from clients.cli.output import Ended
from clients.sdk import Client, Unanswered
from clients.sdk.records import Account
from clients.state.orders import OrderFiles
from clients.state.places import Network, client_directory, find_network
from clients.state.sessions import KnownAccount, SavedSession, SessionFile
from interbank.orders import user_principal
from interbank.refusals import Reason, Refused

OPERATOR = "admin"
"""The operator's name in every network; he has no account of his own."""


@dataclass(slots=True)
class Desk:
    """One profile at one network. `session` is None before login."""

    context: Context
    network: Network
    client: Client
    sessions: SessionFile
    orders: OrderFiles
    session: SavedSession | None

    @property
    def username(self) -> str:
        """Who is logged in. Raises Refused(NOT_LOGGED_IN)."""
        return self._session().username

    @property
    def principal(self) -> str:
        """On whose authority orders go out. Raises Refused(NOT_LOGGED_IN)."""
        return user_principal(self.username)

    def account_at(self, bank: str) -> KnownAccount:
        """The user's account at a bank; an empty `bank` means his only one. Raises Refused(ACCOUNT_NOT_FOUND)."""
        known = self._account_at(bank)
        if known is None:
            self.learn_accounts()
            known = self._account_at(bank)
        if known is not None:
            return known
        banks = ", ".join(account.bank for account in self._session().accounts)
        if not bank and banks:
            raise Refused(Reason.FIELD_REQUIRED, f"{self.username} has several accounts, at {banks}; which one?")
        what = f"{self.username} has no registered account at {bank}" if bank else f"{self.username} has no account"
        self._check_bank(bank)
        raise Refused(Reason.ACCOUNT_NOT_FOUND, what, field="bank")

    def learn_accounts(self) -> list[Account]:
        """Ask the network for the user's accounts, and keep what never changes of them."""
        accounts = self.client.accounts.mine()
        currencies = {found.bank: found.balance.currency for found in accounts if found.balance}
        if len(currencies) < len(accounts):  # a bank that could not be asked has a currency all the same
            currencies |= {bank.bank: bank.currency for bank in self.client.accounts.banks()}
        known = tuple(KnownAccount(found.bank, found.account, currencies[found.bank]) for found in accounts)
        self.keep(replace(self._session(), accounts=known))
        return accounts

    def keep(self, session: SavedSession) -> None:
        """Make a session this profile's."""
        self.sessions.write(session)
        self.session = session

    def _session(self) -> SavedSession:
        if self.session is None:
            raise Refused(Reason.NOT_LOGGED_IN, "nobody is logged in here")
        return self.session

    def _check_bank(self, bank: str) -> None:
        """Refuse a bank that the network does not have: UNKNOWN_BANK. Its name was mistyped."""
        known = [found.bank for found in self.client.accounts.banks()] if bank else []
        if bank and bank not in known:
            near = difflib.get_close_matches(bank, known, n=1)
            hint = f"did you mean {near[0]}?" if near else ""
            raise Refused(Reason.UNKNOWN_BANK, f"no bank {bank} in this network", field="bank", hint=hint)

    def _account_at(self, bank: str) -> KnownAccount | None:
        accounts = self._session().accounts
        if not bank:
            return accounts[0] if len(accounts) == 1 else None
        return next((account for account in accounts if account.bank == bank), None)


@contextlib.contextmanager
def at_desk(context: Context) -> Iterator[Desk]:
    """A desk for anybody, logged in or not. What fails inside is explained with what is known here."""
    network = find_network(context.home_directory, gateway=context.gateway, ca=context.ca)
    directory = client_directory(context.home, state_directory(), context.profile)
    sessions = SessionFile(directory)
    session = sessions.read(network.fingerprint)
    client = _client(network.address, network.authority, context.profile)
    client.token = session.token if session else ""
    desk = Desk(context, network, client, sessions, OrderFiles(directory), session)
    try:
        yield desk
    except Refused as refused:
        raise _explained(refused, desk) from refused
    except Unanswered as unanswered:
        raise _unknown(unanswered) from unanswered


@contextlib.contextmanager
def logged_in(context: Context) -> Iterator[Desk]:
    """A desk for whoever is logged in. Raises Refused(NOT_LOGGED_IN)."""
    with at_desk(context) as desk:
        if desk.session is None:
            raise Refused(Reason.NOT_LOGGED_IN, "nobody is logged in here")
        yield desk


def close_connections() -> None:
    """Close what commands of this process have left open for those that follow."""
    while _clients:
        _clients.popitem()[1].close()


_clients: dict[tuple[str, bytes, str], Client] = {}
atexit.register(close_connections)


def _client(address: str, authority: bytes, profile: str) -> Client:
    """One client for the process: the menu runs many commands, and a connection takes longer than most of them."""
    named = (address, authority, profile)
    if named not in _clients:
        _clients[named] = Client(address, authority)
    return _clients[named]


# Where the operator finds what a customer would find among what is his own.
_FOR_THE_OPERATOR = {
    Reason.TRANSFER_NOT_FOUND: "interbank admin transfers",
    Reason.ACCOUNT_NOT_FOUND: "interbank admin accounts --bank BANK",
}


def _explained(refused: Refused, desk: Desk) -> Ended:
    name = desk.session.username if desk.session else "NAME"
    command = _FOR_THE_OPERATOR.get(refused.reason, "") if name == OPERATOR and not refused.hint else ""
    if refused.reason in (Reason.NOT_LOGGED_IN, Reason.SESSION_EXPIRED):
        command = f"interbank login --username {name}"
    elif refused.reason is Reason.NOT_LOGGED_IN_AT_BANK:
        bank = refused.hint.partition("--bank ")[2] or "BANK"
        command = f"interbank login --username {name} --bank {bank}"
    elif refused.reason is Reason.GATEWAY_FOREIGN:
        refused = Refused(
            refused.reason,
            f"{refused.message} (it was not certified by {desk.network.authority_file})",
            hint="nothing was sent, not even your name",
        )
        command = "export INTERBANK_HOME=DIR of that network, or --ca FILE"
    return errors.ended(refused, moves_money=_moves_money(), command=command)


def _unknown(unanswered: Unanswered) -> Ended:
    message = f"{unanswered}; the request had been sent"
    return Ended(
        errors.NOT_FINAL,
        [errors.headline("unknown", message), "It may have been carried out, or not. The same command again is safe."],
        errors.error_body("UNANSWERED", message, request_id=unanswered.request_id),
    )


def _moves_money() -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and context.info_name in errors.MOVES_MONEY
