"""One payment with some points armed: it must come to its end, and the books must be right."""

import asyncio
import itertools
from collections import Counter
from dataclasses import dataclass, field

from interbank.refusals import Kind, Reason, Refused
from lab.books import CLEARING, findings, read_bank, read_journal
from lab.crashpoints.customers import DEPOSIT, People
from lab.crashpoints.points import arm, passed, still_armed
from lab.crashpoints.site import BANKS, Site, until
from lab.home import GATEWAY
from protos.v1 import order_pb2

FINAL_WITHIN = 30.0
"""Seconds in which everything must be final."""

OUTCOMES = ("COMPLETED", "REFUSED", "RETURNED")
_STATES = {value: name.removeprefix("TRANSFER_STATE_") for name, value in order_pb2.TransferState.items()}
_NOT_ACCEPTED = "not accepted"
_OURS = ("ListBanks", "GetTransfers", "SetAccountStatus")
"""What the tester asks to know how a trial goes."""

_PAYEE_CHECK = "CheckPayees"


@dataclass(frozen=True, slots=True)
class Trial:
    """Which points are armed, how the payment ends where nothing is, and whether its customer asks again until he is
    told an end, or asks once and only looks it up later."""

    points: tuple[str, ...]
    outcome: str
    retry: bool


@dataclass(slots=True)
class Ended:
    """What came of it: which armed points were passed, what the customer was told, how many seconds it took until all
    was final, and what is wrong."""

    trial: Trial
    fired: tuple[str, ...] = ()
    told: set[str] = field(default_factory=set)
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)


class Tester:
    """Makes trials on one network, one after the other."""

    def __init__(self, site: Site, people: People) -> None:
        self._site = site
        self._people = people
        self._numbers = itertools.count(1)
        self._paid = 0

    async def make(self, trial: Trial) -> Ended:
        """Arm, pay, wait, look into the books."""
        ended, clock = Ended(trial), asyncio.get_running_loop().time
        order = await self._order(trial)
        deaths, begun = self._site.deaths, clock()
        arm(self._site.home.folder, trial.points)

        async def buried() -> bool:
            """Nobody died but at an armed point, and whoever did is there again."""
            return self._site.deaths - deaths == len(ended.fired) and await self._at_rest()

        try:
            async with asyncio.timeout(FINAL_WITHIN):
                await self._ask(trial, order, ended)
                await until(self._at_rest)
                await self._look_up(order, ended)
                self._disarm(ended)
                await until(buried)
        except TimeoutError:
            died = f"{self._site.deaths - deaths} processes died, {len(ended.fired)} points were passed"
            ended.wrong.append(f"not final after {FINAL_WITHIN:.0f} s: {self._unfinished()}; {died}")
        ended.seconds = clock() - begun
        self._judge(order, ended)
        return ended

    def _disarm(self, ended: Ended) -> None:
        folder = self._site.home.folder
        ended.fired = tuple((Counter(ended.trial.points) - Counter(still_armed(folder))).elements())
        ended.passed = [point for point in passed(folder) if not point.endswith(_OURS)]
        arm(folder, ())

    async def _order(self, trial: Trial) -> order_pb2.Order:
        number = next(self._numbers)
        if trial.outcome == "RETURNED":
            await self._people.freeze_fred_once_confirmed()
        elif not trial.points or any(_PAYEE_CHECK in point for point in trial.points):
            await self._people.have_bob_forgotten()
        amount = DEPOSIT * 10 + number if trial.outcome == "REFUSED" else number
        return self._people.order("fred" if trial.outcome == "RETURNED" else "bob", amount, f"trial-{number}")

    async def _ask(self, trial: Trial, order: order_pb2.Order, ended: Ended) -> None:
        while True:
            try:
                shown = await self._people.pay(order)
            except Refused as refused:
                if not _may_change(refused):
                    ended.told.add(_NOT_ACCEPTED)
                    return
            else:
                if shown.final:
                    ended.told.add(_STATES[shown.state])
                    return
            if not trial.retry:
                return
            await asyncio.sleep(0.005)

    async def _at_rest(self) -> bool:
        """Whether all are up and connected, every transfer is final and every debit concluded."""
        return self._site.up and not self._unfinished() and await self._people.connected()

    def _unfinished(self) -> list[str]:
        states = self._site.rows(GATEWAY, "SELECT state FROM transfers WHERE finished_at IS NULL")
        debits = self._site.rows("NORTH", "SELECT transfer_id FROM open_debits")
        return [row["state"] for row in states] + [f"open debit {row['transfer_id'].hex()}" for row in debits]

    async def _look_up(self, order: order_pb2.Order, ended: Ended) -> None:
        """What a customer is shown who asks by his key."""
        while True:
            try:
                shown = await self._people.look_up(order.idempotency_key)
            except Refused:
                await asyncio.sleep(0.005)
            else:
                ended.told.add(_STATES[shown.state] if shown is not None else _NOT_ACCEPTED)
                return

    def _judge(self, order: order_pb2.Order, ended: Ended) -> None:
        banks = {bank: read_bank(lambda query, bank=bank: self._site.rows(bank, query)) for bank in BANKS}  # type: ignore[misc]
        journal = read_journal(lambda query: self._site.rows(GATEWAY, query))
        ended.wrong += findings(banks, journal)
        times = sum(
            entry["debit_account"] == CLEARING
            and entry["amount"] == order.minor_units
            and entry["credit_account"] == order.payee_account
            for entry in banks["SOUTH"].entries
        )
        completed = ended.told == {"COMPLETED"}
        if len(ended.told) != 1 or not ended.told <= {ended.trial.outcome, _NOT_ACCEPTED}:
            ended.wrong.append(f"the customer was told {sorted(ended.told)}")
        if times != completed:
            ended.wrong.append(f"told {sorted(ended.told)}, and paid {times} times")
        self._paid += order.minor_units * completed
        left = banks["NORTH"].accounts[self._people.accounts["alice"]]["balance"]
        if left != DEPOSIT - self._paid:
            ended.wrong.append(f"the payer has {left}, and should have {DEPOSIT - self._paid}")


def _may_change(refused: Refused) -> bool:
    """Whether a later call may be answered otherwise."""
    reason = refused.reason
    return reason.try_again or reason.kind in (Kind.UNKNOWN, Kind.BROKEN) or reason is Reason.GATEWAY_UNREACHABLE
