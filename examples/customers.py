"""People of an example: each with an account, a profile of the command line, and a program of his own."""

import itertools
from dataclasses import dataclass

from clients.sdk import Client
from clients.state.places import find_network
from examples.checks import CheckFailed, check
from examples.terminal import Terminal
from interbank.money import Money, parse_money
from interbank.orders import Order

_GIVEN = ("--password-file", "-")


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody with one account; `client` is his own connection, logged in, beside his profile's session."""

    name: str
    bank: str
    account: int
    client: Client

    @property
    def balance(self) -> Money:
        """What his bank says that he has. Raises CheckFailed if it does not answer."""
        (account,) = self.client.accounts.mine()
        if account.balance is None:
            raise CheckFailed(f"balance of {self.name}", "an amount", account.no_balance_reason)
        return account.balance

    def words_to_pay(
        self, payee: "Customer", amount: str, reference: str, key: str, *, payee_name: str = ""
    ) -> list[str]:
        """The command that he types to pay under this key, perhaps with a wrong name for the payee."""
        words = {
            "--profile": self.name,
            "--from": self.bank,
            "--to-bank": payee.bank,
            "--to-account": str(payee.account),
            "--to-name": payee_name or payee.name,
            "--amount": amount,
            "--reference": reference,
            "--idempotency-key": key,
        }
        return ["transfer", *itertools.chain.from_iterable(words.items())]

    def order(self, payee: "Customer", amount: Money, reference: str, key: str) -> Order:
        """The same for a program."""
        return Order(
            self.bank,
            self.account,
            payee.bank,
            payee.account,
            payee.name,
            amount.minor_units,
            amount.currency,
            reference,
            key,
        )


def welcome(terminal: Terminal, name: str, bank: str, deposit: str, currency: str) -> Customer:
    """Open an account, by the profile "admin", which must be logged in; then register, and log in twice: by the
    command line, and by a program, whose connection is to be closed. Raises CheckFailed."""
    password = f"{name} has a long password"
    opening = ("--bank", bank, "--username", name, "--deposit", deposit, "--profile", "admin", "-o", "json")
    opened = terminal.must("admin", "open-account", *opening, *_GIVEN, given=password).json
    account = int(opened["account"])
    owner = ("--username", name, "--profile", name, *_GIVEN)
    terminal.must("register", *owner, "--bank", bank, "--account", str(account), given=password)
    terminal.must("login", *owner, given=password)
    network = find_network(terminal.home.directory)
    client = Client(network.address, network.authority)
    client.sessions.login(name, password)
    customer = Customer(name, bank, account, client)
    check(f"balance of {name}", parse_money(deposit, currency), customer.balance, terminal.home.bank(bank).log)
    return customer
