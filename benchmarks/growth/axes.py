"""What grows: banks, accounts, ledgers, customers at once. One curve each, its points in order."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from benchmarks import workloads as w
from benchmarks.customers import new_accounts
from benchmarks.figures import Run
from benchmarks.growth.points import Point, measure_beside_small, open_network
from benchmarks.growth.sizes import Sizes
from benchmarks.ledgers import grow
from benchmarks.orders import Payee, Payees
from benchmarks.payments import Payments, Say
from benchmarks.plan import BANKS, DEPOSIT
from clients.launcher.demo_accounts import FIRST_ADMIN_PASSWORD
from clients.sdk import Client

_OPENED_AT_A_TIME = 10_000


def over_banks(sizes: Sizes, directory: Path, say: Say) -> Iterator[Point]:
    """More banks, and as many payments under way as before. A network of one bank has payments within it."""
    for count in sizes.banks:
        banks = tuple(f"BANK{number:02}" for number in range(1, count + 1))
        place = directory / str(count)
        with open_network(place / "grown", say, banks) as payments:
            yield measure_beside_small(sizes, payments, count, "banks", place / "small", say)


def over_accounts(sizes: Sizes, directory: Path, say: Say) -> Iterator[Point]:
    """More accounts at three banks, each as likely as any other to pay and to be paid."""
    first, *_ = sizes.accounts
    with open_network(directory / "grown", say, accounts_per_bank=_per_bank(first)) as payments:
        for total in sizes.accounts:
            _open_more(payments, _per_bank(total), say)
            yield measure_beside_small(sizes, payments, total, "accounts", directory / f"small-{total}", say)


def over_entries(sizes: Sizes, directory: Path, say: Say) -> Iterator[Point]:
    """Longer ledgers at three banks. The entries are additions of money, written while the banks are stopped; the first
    point is what the opening of the accounts wrote."""
    with open_network(directory / "grown", say) as payments:
        written = 0
        for total in sizes.entries:
            if (wanted := _per_bank(total)) > written:
                payments.running.stop()
                grow(payments, range(written, wanted), every=wanted)
                payments.running.start()
                written = wanted
            there = payments.books.entries()
            yield measure_beside_small(sizes, payments, there, "entries", directory / f"small-{total}", say)


def over_clients(sizes: Sizes, directory: Path, say: Say) -> Iterator[Point]:
    """More customers at once, one by one; all points in turn, so that they need no other network beside them."""
    with open_network(directory / "grown", say) as payments:
        payments.one_by_one("warm-up", max(sizes.clients), sizes.warm_up)
        runs: dict[int, list[Run]] = defaultdict(list)
        for number in range(1, sizes.repeats + 1):
            for count in sizes.clients:
                name = f"{count:,} clients, {number} of {sizes.repeats}"
                runs[count].append(payments.one_by_one(name, count, sizes.seconds))
    for count, found in runs.items():
        yield Point(count, {w.ONE_BY_ONE: tuple(found)})


AXES: dict[str, Callable[[Sizes, Path, Say], Iterator[Point]]] = {
    "banks": over_banks,
    "accounts": over_accounts,
    "entries": over_entries,
    "clients": over_clients,
}
"""By what grows, as it stands in curves.json."""


def _per_bank(total: int) -> int:
    return -(-total // len(BANKS))


def _open_more(payments: Payments, per_bank: int, say: Say) -> None:
    """Open accounts until every bank has so many, as an operator does."""
    running = payments.running
    with Client(running.address, running.authority) as operator:
        operator.sessions.login("admin", FIRST_ADMIN_PASSWORD)

        def open_at(bank: str) -> int:
            some: Sequence[Payee] = Payees(bank, per_bank)[len(payments.customers.payees[bank]) :]
            for first in range(0, len(some), _OPENED_AT_A_TIME):
                part = some[first : first + _OPENED_AT_A_TIME]
                operator.admin.open_accounts(bank, new_accounts(part))
                say(f"{bank}: {part[-1].account:,} is open")
            return len(some)

        with ThreadPoolExecutor(len(running.banks)) as pool:
            opened = sum(pool.map(open_at, running.banks))
    payees = {bank: Payees(bank, per_bank) for bank in running.banks}
    payments.customers = replace(payments.customers, payees=payees)
    payments.books.add(opened * DEPOSIT)
