"""Opens the accounts that pay and are paid, and logs their owners in."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.network import Running
from benchmarks.orders import Payee, Payees
from benchmarks.plan import DEPOSIT, Plan
from clients.launcher.demo_accounts import FIRST_ADMIN_PASSWORD
from clients.sdk import Client
from clients.sdk.records import NewAccount

_PASSWORD = "correct-horse-battery-staple"  # noqa: S105 (of accounts that live for minutes)
_LOGINS_AT_A_TIME, _BANKS_AT_A_TIME = 4, 4


@dataclass(frozen=True, slots=True)
class Payer:
    """A customer's session, and the one account that he pays from."""

    username: str
    bank: str
    account: int
    token: str


@dataclass(frozen=True, slots=True)
class Customers:
    """Everybody: who pays by himself, whom anybody may pay, and the operator who pays for banks."""

    payers: tuple[Payer, ...]
    payees: dict[str, Payees]
    operator_token: str
    password: str
    """Of every payer."""


def open_customers(running: Running, plan: Plan) -> Customers:
    """Open the plan's accounts at every bank, those of the first few with a password; register and log these in. Raises
    Refused."""
    banks = running.banks
    payees = {bank: Payees(bank, plan.accounts_per_bank) for bank in banks}
    users = [(banks[n % len(banks)], n // len(banks)) for n in range(plan.users)]
    with Client(running.address, running.authority) as operator:
        operator.sessions.login("admin", FIRST_ADMIN_PASSWORD)
        with ThreadPoolExecutor(_BANKS_AT_A_TIME) as pool:
            jobs = [
                pool.submit(
                    operator.admin.open_accounts, bank, new_accounts(payees[bank], sum(bank == b for b, _ in users))
                )
                for bank in banks
            ]
            for job in jobs:
                job.result()
    with ThreadPoolExecutor(_LOGINS_AT_A_TIME) as pool:
        payers = tuple(pool.map(lambda user: _log_in(running, user[0], payees[user[0]][user[1]]), users))
    return Customers(payers, payees, operator.token, _PASSWORD)


def new_accounts(payees: Sequence[Payee], with_password: int = 0) -> list[NewAccount]:
    """As an operator opens them: all with the same deposit, so many of them with a password."""
    return [
        NewAccount(payee.name, payee.account, DEPOSIT, _PASSWORD if n < with_password else "")
        for n, payee in enumerate(payees)
    ]


def _log_in(running: Running, bank: str, user: Payee) -> Payer:
    with Client(running.address, running.authority) as client:
        client.sessions.register(user.name, bank, user.account, _PASSWORD)
        token = client.sessions.login(user.name, _PASSWORD, bank=bank, device="benchmark").token
    return Payer(user.name, bank, user.account, token)
