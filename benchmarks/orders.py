"""Random payments between banks. No input or output."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, overload

from benchmarks.plan import CURRENCY
from protos.v1 import order_pb2

FIRST_ACCOUNT = 1001


@dataclass(frozen=True, slots=True)
class Payee:
    """An account and in whose name it stands."""

    account: int
    name: str


@dataclass(frozen=True)
class Payees(Sequence[Payee]):
    """The first `size` accounts that a bank has opened for a measurement: a million of them are as easily handed to
    another process as one."""

    bank: str
    size: int

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, number: int) -> Payee: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[Payee]: ...

    def __getitem__(self, number: int | slice) -> Payee | Sequence[Payee]:
        """The account with this number, from 0."""
        place = range(self.size)[number]
        if isinstance(place, range):
            return [self[one] for one in place]
        return Payee(FIRST_ACCOUNT + place, f"{self.bank.lower()}-{place:04}")


class Payment(NamedTuple):
    """What must stand in the books once for every order that was acknowledged."""

    transfer_id: bytes
    payer_bank: str
    payer_account: int
    payee_bank: str
    payee_account: int
    minor_units: int


class Orders:
    """Makes orders to a random payee at another bank (at its own if there is no other), or with `hot_bank` all to the
    first account of that one; each over an amount of its own: `first_amount` minor units, then one more each time. Keys
    begin with `label`, which no other source of orders may share."""

    def __init__(
        self, payees: Mapping[str, Sequence[Payee]], *, first_amount: int, label: str, hot_bank: str = ""
    ) -> None:
        self._payees = payees
        self._others = {bank: [other for other in payees if other != bank] or [bank] for bank in payees}
        self._amount = first_amount
        self._label = label
        self._hot_bank = hot_bank
        self._chance = random.Random(label)  # noqa: S311 (the same orders every time)
        self.paying_banks = tuple(bank for bank in payees if bank != hot_bank)
        """Banks whose customers pay: all but the one where the money goes, as every payment is between two."""

    def from_account(self, bank: str, account: int) -> order_pb2.Order:
        """The next order, paid from this account."""
        payee_bank, payee = self._next_payee(bank, account)
        amount, self._amount = self._amount, self._amount + 1
        return order_pb2.Order(
            payer_bank=bank,
            payer_account=account,
            payee_bank=payee_bank,
            payee_account=payee.account,
            payee_name=payee.name,
            minor_units=amount,
            currency=CURRENCY,
            reference="benchmark",
            idempotency_key=f"{self._label}-{amount}",
        )

    def from_any_account(self, bank: str) -> order_pb2.Order:
        """The next order, paid from a random account of this bank."""
        return self.from_account(bank, self._chance.choice(self._payees[bank]).account)

    def _next_payee(self, payer_bank: str, payer_account: int) -> tuple[str, Payee]:
        if self._hot_bank:
            return self._hot_bank, self._payees[self._hot_bank][0]
        bank = self._chance.choice(self._others[payer_bank])
        payee = self._chance.choice(self._payees[bank])
        while bank == payer_bank and payee.account == payer_account:  # nobody pays himself
            payee = self._chance.choice(self._payees[bank])
        return bank, payee


class Earlier:
    """Orders that were paid and may be sent a second time: the newest `kept` of those that were not yet."""

    def __init__(self, kept: int, label: str) -> None:
        self._orders: list[order_pb2.Order] = []
        self._kept = kept
        self._chance = random.Random(label)  # noqa: S311 (the same choice every time)

    def add(self, orders: Sequence[order_pb2.Order]) -> None:
        """Know of orders that were paid."""
        self._orders = [*self._orders, *orders][-self._kept :]

    def take(self, count: int) -> list[order_pb2.Order]:
        """So many of them at random, which are not given out again."""
        taken = set(self._chance.sample(range(len(self._orders)), count))
        old = [order for place, order in enumerate(self._orders) if place in taken]
        self._orders = [order for place, order in enumerate(self._orders) if place not in taken]
        return old


def payment(transfer_id: bytes, order: order_pb2.Order) -> Payment:
    """What an acknowledged order must have become."""
    return Payment(
        transfer_id, order.payer_bank, order.payer_account, order.payee_bank, order.payee_account, order.minor_units
    )
