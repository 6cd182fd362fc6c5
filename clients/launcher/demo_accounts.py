"""Two customers to try a network with. Their passwords stand in the documents, so they are for demonstrations alone."""

from dataclasses import dataclass

from certs.credentials import read_authority
from clients.launcher.home import Home
from clients.launcher.network import Member, Network
from clients.sdk import Client
from clients.sdk.records import NewAccount
from interbank.currencies import scale
from interbank.refusals import Reason, Refused

FIRST_ADMIN_PASSWORD = "1234"  # noqa: S105 (the documented first password, good on this computer only)


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody with an account at one bank, opened with `deposit` whole units of its currency."""

    username: str
    password: str
    deposit: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A customer's account: where it is and which number it got."""

    customer: Customer
    bank: str
    account: int


ALICE = Customer("alice", "demo-password-alice", 100)
BOB = Customer("bob", "demo-password-bob", 5)


def open_demo_accounts(home: Home, network: Network) -> list[Opened]:
    """Open an account for alice at the network's first bank and for bob at its second, and register both. Doing it
    again changes nothing. Raises Refused."""
    authority = read_authority(home.authority_certificate)
    wanted = [(ALICE, network.banks[0]), (BOB, network.banks[min(1, len(network.banks) - 1)])]
    with Client(network.customers_address, authority) as customer:
        found = [_find(customer, who, member.bank) for who, member in wanted]
        opened = [one for one in found if one is not None]
        if len(opened) == len(wanted):
            return opened
        with Client(network.customers_address, authority) as operator:
            _log_operator_in(operator)
            opened = [_open(operator, who, member) for who, member in wanted]
            operator.sessions.logout()
        for one in opened:
            _register(customer, one)
    return opened


def _find(client: Client, customer: Customer, bank: str) -> Opened | None:
    """The account of a customer who can log in already."""
    try:
        client.sessions.login(customer.username, customer.password, bank=bank)
    except Refused as refused:
        if refused.reason is Reason.WRONG_CREDENTIALS:
            return None
        raise
    number = next(account.account for account in client.accounts.mine() if account.bank == bank)
    client.sessions.logout()
    return Opened(customer, bank, number)


def _log_operator_in(client: Client) -> None:
    try:
        client.sessions.login("admin", FIRST_ADMIN_PASSWORD, device="interbank up --demo")
    except Refused as refused:
        if refused.reason is not Reason.WRONG_CREDENTIALS:
            raise
        raise Refused(
            Reason.NOT_ALLOWED,
            "demo accounts are opened under admin's first password, which was changed",
            hint="the network runs; to open accounts: interbank admin open-account --help",
        ) from refused


def _open(operator: Client, customer: Customer, member: Member) -> Opened:
    deposit = customer.deposit * scale(member.currency)
    account = NewAccount(customer.username, deposit_minor_units=deposit, password=customer.password)
    try:
        number = operator.admin.open_accounts(member.bank, [account]).accounts[0].account
    except Refused as refused:
        if refused.reason is not Reason.USER_HAS_ACCOUNT:
            raise
        held = (one.account for one in operator.admin.accounts(member.bank) if one.username == customer.username)
        number = next(held)
    return Opened(customer, member.bank, number)


def _register(client: Client, opened: Opened) -> None:
    who = opened.customer
    try:
        client.sessions.register(who.username, opened.bank, opened.account, who.password)
    except Refused as refused:
        if refused.reason is not Reason.ALREADY_REGISTERED:
            raise
