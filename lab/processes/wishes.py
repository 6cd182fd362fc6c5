"""What people want to pay: most of it good, some of it too large, to nobody, to a frozen account, or under a used key.

Every amount is another one, so that every entry in any book names the payment that it belongs to.
"""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from interbank.orders import bank_principal, user_principal
from lab.home import CURRENCY
from protos.v1 import order_pb2

RICH = 10**12
"""Minor units that everybody who pays has at the beginning; nobody can pay ten times that."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account; `frozen`: behind the gateway's back, his bank credits him nothing."""

    name: str
    bank: str
    account: int
    frozen: bool = False


@dataclass(slots=True)
class Wish:
    """One order of a customer, or of the operator for a bank, and everything that was told of it: (state, reason) of
    every answer that was final; `refused`: why it was not accepted, for good; `read`: see lab.promises; `unheard`: how
    many calls had no answer."""

    principal: str
    order: order_pb2.Order
    told: list[tuple[str, str]] = field(default_factory=list)
    refused: str = ""
    read: list[str] | None = None
    unheard: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """Principal and idempotency key."""
        return self.principal, self.order.idempotency_key

    @property
    def settled(self) -> bool:
        """Whether an end was told."""
        return bool(self.told or self.refused)

    @property
    def end(self) -> str:
        """What it came to, as far as was told."""
        return self.told[0][0] if self.told else f"not accepted {self.refused}" if self.refused else "unknown"


class Wishes:
    """All of them, in the order in which they were made. `payees` are paid by anybody."""

    def __init__(self, payees: Sequence[Person]) -> None:
        self.made: list[Wish] = []
        self._payees = payees
        self._numbers = itertools.count(1)

    def of_customer(self, payer: Person, chance: random.Random) -> list[Wish]:
        """What a customer wants next: one order, or two that get in each other's way."""
        return self._draw(payer, user_principal(payer.name), chance)

    def of_bank(self, payer: Person, count: int, chance: random.Random) -> list[Wish]:
        """A run of so many orders on a bank's own authority, or a few more."""
        principal = bank_principal(payer.bank)
        drawn: list[Wish] = []
        while len(drawn) < count:
            drawn += self._draw(payer, principal, chance)
        return drawn

    def _draw(self, payer: Person, principal: str, chance: random.Random) -> list[Wish]:
        fate = chance.random()
        payee = self._payee(payer, chance, frozen=fate > 0.98)
        order = self._order(payer, payee)
        if fate < 0.01:
            order.payee_name = "nobody"
        elif fate < 0.03:
            order.minor_units += 10 * RICH
        drawn = [Wish(principal, order)]
        if 0.03 <= fate < 0.05:  # the same key for another order: one of the two is refused
            other = self._order(payer, payee)
            other.idempotency_key = order.idempotency_key
            drawn.append(Wish(principal, other))
        elif 0.05 <= fate < 0.07:  # the same order from two places at once
            drawn.append(Wish(principal, order))
        self.made += drawn
        return drawn

    def _payee(self, payer: Person, chance: random.Random, *, frozen: bool) -> Person:
        return chance.choice([one for one in self._payees if one.frozen is frozen and one != payer])

    def _order(self, payer: Person, payee: Person) -> order_pb2.Order:
        number = next(self._numbers)
        return order_pb2.Order(
            payer_bank=payer.bank,
            payer_account=payer.account,
            payee_bank=payee.bank,
            payee_account=payee.account,
            payee_name=payee.name,
            minor_units=number,
            currency=CURRENCY,
            reference=f"order {number}",
            idempotency_key=f"key-{number}",
        )
