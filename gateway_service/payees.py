"""Payees, checked before any money moves: out of what banks have confirmed, else by a question to the payee's bank.

While one question to a bank is on its way the next one gathers, so that many orders at once ask few questions. What was
confirmed may have changed since: the payee's bank looks once more when it credits.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from interbank.orders import MAX_ORDERS, Order
from interbank.refusals import Reason, Refused
from interbank.values import value
from protos.v1 import bank_pb2

log = logging.getLogger(__name__)

MAX_CONFIRMED = 100_000
"""Payees that are remembered; beyond them the one that was confirmed first is forgotten."""


class Bank(Protocol):
    """Whom payees are asked of: a Link, for one."""

    async def call(self, method: str, request: Any) -> Any:
        """An rpc of BankService. Raises Refused."""
        ...


@value
class Payee:
    """Who is to be paid, as an order names him."""

    bank: str
    account: int
    name: str
    currency: str


@dataclass(slots=True)
class _Gathering:
    """Payees of one bank that stand in line for its next question, and those who wait for the answer."""

    waiting: dict[Payee, asyncio.Future[Reason | Refused | None]]
    asking: asyncio.Task[None] | None = None


class Payees:
    """Who may be paid."""

    def __init__(self, link: Callable[[str], Bank]) -> None:
        self._link = link
        self._confirmed: dict[tuple[str, int], tuple[str, str]] = {}
        self._gathering: dict[str, _Gathering] = {}

    def forget(self, bank: str, account: int) -> None:
        """What was confirmed of this account may have changed: ask its bank again."""
        self._confirmed.pop((bank, account), None)

    async def check(self, orders: Sequence[Order]) -> list[Refused | None]:
        """For each order why its payee would not be credited, or None."""
        refusals: list[Refused | None] = [None] * len(orders)
        asked: list[tuple[int, Payee, asyncio.Future[Reason | Refused | None]]] = []
        for position, order in enumerate(orders):
            confirmed = self._confirmed.get((order.payee_bank, order.payee_account))
            if confirmed != (order.payee_name, order.currency):
                payee = Payee(order.payee_bank, order.payee_account, order.payee_name, order.currency)
                asked.append((position, payee, self._ask(payee)))
        for position, payee, answer in asked:
            refusals[position] = _refused(payee, await asyncio.shield(answer))  # others may wait for the same
        return refusals

    def _ask(self, payee: Payee) -> "asyncio.Future[Reason | Refused | None]":
        gathering = self._gathering.setdefault(payee.bank, _Gathering({}))
        answer = gathering.waiting.get(payee)
        if answer is None:
            answer = gathering.waiting[payee] = asyncio.get_running_loop().create_future()
        if gathering.asking is None:
            gathering.asking = asyncio.create_task(self._ask_all(payee.bank, gathering), name=f"payees of {payee.bank}")
        return answer

    async def _ask_all(self, bank: str, gathering: _Gathering) -> None:
        while gathering.waiting:
            payees = list(islice(gathering.waiting, MAX_ORDERS))
            answers = [gathering.waiting.pop(payee) for payee in payees]
            for payee, answer, reason in zip(payees, answers, await self._reasons(bank, payees), strict=True):
                if reason is None:
                    self._confirm(payee)
                answer.set_result(reason)
        gathering.asking = None

    async def _reasons(self, bank: str, payees: Sequence[Payee]) -> Sequence[Reason | Refused | None]:
        request = bank_pb2.CheckPayeesRequest(
            payees=[bank_pb2.Payee(account=p.account, name=p.name, currency=p.currency) for p in payees]
        )
        try:
            answer: bank_pb2.CheckPayeesResponse = await self._link(bank).call("CheckPayees", request)
        except Refused as refused:
            return [refused] * len(payees)
        except Exception:  # whatever it is, those who wait for this answer must not wait for ever
            log.exception("%s cannot be asked for payees", bank)
            return [Refused(Reason.BANK_UNAVAILABLE, f"{bank} cannot be asked")] * len(payees)
        if len(answer.reasons) != len(payees) or not _KNOWN.issuperset(answer.reasons):
            strange = Refused(Reason.BANK_UNAVAILABLE, f"{bank} gives answers that do not fit the question")
            return [strange] * len(payees)
        return [Reason[name] if name else None for name in answer.reasons]

    def _confirm(self, payee: Payee) -> None:
        self._confirmed[payee.bank, payee.account] = (payee.name, payee.currency)
        if len(self._confirmed) > MAX_CONFIRMED:
            del self._confirmed[next(iter(self._confirmed))]


_KNOWN = {"", *Reason.__members__}
_HINT = "ask the payee for bank, account and user name as the bank writes them"


def _refused(payee: Payee, reason: Reason | Refused | None) -> Refused | None:
    account = f"{payee.bank} {payee.account}"
    match reason:
        case None:
            return None
        case Refused():
            return Refused(Reason.PAYEE_BANK_UNAVAILABLE, reason.message)
        case Reason.PAYEE_NAME_MISMATCH:
            return Refused(reason, f'{account} is not in the name of "{payee.name}"', field="payee_name", hint=_HINT)
        case Reason.PAYEE_ACCOUNT_NOT_FOUND:
            words = f"{payee.bank} has no account {payee.account}"
            return Refused(reason, words, field="payee_account", hint=_HINT)
        case Reason.CURRENCY_MISMATCH:
            return Refused(reason, f"{account} is not an account in {payee.currency}", field="currency")
        case Reason.PAYEE_ACCOUNT_FROZEN:
            return Refused(reason, f"{account} is frozen", field="payee_account")
        case Reason.PAYEE_ACCOUNT_CLOSED:
            return Refused(reason, f"{account} is closed", field="payee_account")
        case _:
            return Refused(reason, field="payee_account")
