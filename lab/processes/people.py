"""Everybody who pays through the proxies: customers one by one, the operator in runs, all at the same time, and each
under one key until he is told an end."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

from certs.credentials import peer_credentials
from certs.names import bank_name
from gateway_service.sessions import OPERATOR
from interbank.refusals import Reason, Refused
from interbank.rpc.channel import open_peer_channel
from lab.home import GATEWAY
from lab.processes.line import PASSWORD, Line, may_change
from lab.processes.network import BANKS, Network
from lab.processes.wishes import RICH, Person, Wish, Wishes
from protos.v1 import bank_pb2, bank_pb2_grpc, gateway_pb2, order_pb2

WORKERS = 8
"""Accounts at each bank that are paid and do not pay."""

_RUNS = (1, 10, 50, 200, 999)
"""Orders in one call of the operator, or one more; 1,000 are the limit."""

_STATES = {value: name.removeprefix("TRANSFER_STATE_") for name, value in order_pb2.TransferState.items()}


class People:
    """At each bank a customer who pays, a treasury from which the operator pays, workers, and a frozen account.
    `not_now` counts answers after which somebody asked again, by their reason."""

    def __init__(self, network: Network, seed: int) -> None:
        self._network = network
        self._seed = seed
        self._operator = Line(network)
        self._lines = [self._operator]
        self._enough = asyncio.Event()
        self._working: list[asyncio.Task[None]] = []
        self.wishes = Wishes(())
        self.not_now: Counter[str] = Counter()
        self.reads = 0

    @property
    def deposits(self) -> int:
        """Minor units that were brought in all."""
        return 2 * RICH * len(BANKS)

    @property
    def ended(self) -> int:
        """Orders of which an end was told."""
        return sum(wish.settled for wish in self.wishes.made)

    async def settle_in(self) -> None:
        """Open the accounts, register and log in. Raises Refused."""
        await self._operator.log_in(OPERATOR, "")
        await self.until_connected()
        everybody = [person for bank in BANKS for person in await self._open(bank)]
        self.wishes = Wishes([one for one in everybody if one.name.startswith(("worker", "frozen"))])
        for bank in BANKS:
            customer, treasury, *_ = (one for one in everybody if one.bank == bank)
            line = Line(self._network)
            self._lines.append(line)
            while not line.token:
                await line.come_back(customer.name, bank, customer.account, "")
            self._start(self._pay_one_by_one(customer, line))
            self._start(self._pay_in_runs(treasury))

    async def finish(self) -> None:
        """Want nothing new, and wait until everybody was told an end of all that he wanted."""
        self._enough.set()
        await asyncio.gather(*self._working)

    async def close(self) -> None:
        """Leave, whatever is not told."""
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
        for line in self._lines:
            await line.hang_up()

    async def until_connected(self) -> None:
        """Wait until the gateway serves and holds a session with every bank."""
        while not await self._connected():  # noqa: ASYNC110  what is waited for is in other processes
            await asyncio.sleep(0.05)

    async def until_ended(self, orders: int) -> None:
        """Wait until so many orders have been told an end."""
        while self.ended < orders:  # noqa: ASYNC110  what is waited for is in other processes
            await asyncio.sleep(0.05)

    async def _connected(self) -> bool:
        try:
            answer = await self._operator.call("AccountService", "ListBanks", gateway_pb2.ListBanksRequest())
        except Refused:
            return False
        links = [bank.link for bank in answer.banks]
        return len(links) == len(BANKS) and set(links) == {gateway_pb2.BANK_LINK_CONNECTED}

    def _start(self, work: Any) -> None:
        self._working.append(asyncio.create_task(work))

    async def _open(self, bank: str) -> list[Person]:
        low = bank.lower()
        names = [f"customer-{low}", f"treasury-{low}", f"frozen-{low}"]
        new = [bank_pb2.NewAccount(username=name, deposit_minor_units=RICH) for name in names[:2]]
        new += [bank_pb2.NewAccount(username=names[2])]
        new += [bank_pb2.NewAccount(username=f"worker-{low}-{number}") for number in range(WORKERS)]
        new[0].password = PASSWORD
        request = gateway_pb2.AdminServiceOpenAccountsRequest(bank=bank, accounts=new)
        opened = (await self._operator.call("AdminService", "OpenAccounts", _once(request))).accounts
        people = [Person(one.username, bank, one.account, one.username == names[2]) for one in opened]
        await self._freeze(next(one for one in people if one.frozen))
        return people

    async def _freeze(self, person: Person) -> None:
        """At his bank, so that the gateway does not know."""
        request = bank_pb2.SetAccountStatusRequest(
            operator=OPERATOR, account=person.account, status=bank_pb2.ACCOUNT_STATUS_FROZEN
        )
        address = self._network.proxies[GATEWAY, person.bank].address
        credentials = peer_credentials(self._network.home.identity(GATEWAY))
        async with open_peer_channel(address, credentials, name=bank_name(person.bank)) as channel:
            await bank_pb2_grpc.BankServiceStub(channel).SetAccountStatus(request, timeout=5.0)

    # Work

    async def _pay_one_by_one(self, customer: Person, line: Line) -> None:
        chance = random.Random(f"{self._seed} {customer.name}")  # noqa: S311  the same for the same seed
        while not self._enough.is_set():
            drawn = self.wishes.of_customer(customer, chance)
            await asyncio.gather(*(self._pay(customer, line, wish, chance) for wish in drawn))

    async def _pay(self, customer: Person, line: Line, wish: Wish, chance: random.Random) -> None:
        answers = 2 if chance.random() < 0.1 else 1
        while len(wish.told) < answers and not wish.refused:
            token = line.token
            try:
                answer = await line.call("PaymentService", "Transfer", gateway_pb2.TransferRequest(order=wish.order))
            except Refused as refused:
                if not may_change(refused):
                    wish.refused = refused.reason.name
                    return
                self.not_now[refused.reason.name] += 1
                wish.unheard += refused.reason is Reason.GATEWAY_UNREACHABLE
                await asyncio.sleep(chance.uniform(0.05, 0.5))
                if refused.reason is Reason.NOT_LOGGED_IN:
                    await line.come_back(customer.name, customer.bank, customer.account, token)
            else:
                _take(wish, answer.transfer)
        if chance.random() < 0.3:
            await self._read(line, wish, answer.transfer.transfer_id)

    async def _read(self, line: Line, wish: Wish, transfer_id: bytes) -> None:
        """Look at the payer's statement."""
        request = gateway_pb2.GetMyStatementRequest(bank=wish.order.payer_bank, page_size=200)
        try:
            statement = await line.call("AccountService", "GetMyStatement", request)
        except Refused:
            return  # it cannot be read now
        self.reads += 1
        wish.read = [shown.kind for shown in statement.lines if shown.transfer_id == transfer_id]

    async def _pay_in_runs(self, treasury: Person) -> None:
        chance = random.Random(f"{self._seed} {treasury.name}")  # noqa: S311  the same for the same seed
        line = Line(self._network)
        self._lines.append(line)
        while not self._enough.is_set():
            run = self.wishes.of_bank(treasury, chance.choice(_RUNS), chance)
            patient = chance.random() < 0.7
            while left := [wish for wish in run if not wish.settled]:
                await self._submit(line, treasury.bank, left, chance, patient=patient)
            if chance.random() < 0.1:
                await self._submit(line, treasury.bank, run, chance, patient=patient)

    async def _submit(
        self, line: Line, bank: str, wishes: Sequence[Wish], chance: random.Random, *, patient: bool
    ) -> None:
        orders = [wish.order for wish in wishes]
        request = gateway_pb2.SubmitTransfersRequest(
            orders=orders, on_authority_of_bank=bank, patient=patient, wait_seconds=5
        )
        try:
            if not line.token:
                await line.log_in(OPERATOR, "")
            answer = await line.call("PaymentService", "SubmitTransfers", request)
        except Refused as refused:
            self.not_now[refused.reason.name] += 1
            if refused.reason is Reason.NOT_LOGGED_IN:
                line.token = ""
            for wish in wishes:
                self.not_now[refused.reason.name] += 1
                wish.unheard += refused.reason is Reason.GATEWAY_UNREACHABLE
            await asyncio.sleep(chance.uniform(0.05, 0.5))
            return
        refused_for_now = [
            self._take_in(wish, submission) for wish, submission in zip(wishes, answer.submissions, strict=True)
        ]
        if any(refused_for_now):  # asked again at once, a thousand refusals are all that the gateway has time for
            await asyncio.sleep(chance.uniform(0.05, 0.5))

    def _take_in(self, wish: Wish, submission: gateway_pb2.Submission) -> bool:
        """Note an answer; whether it is that the order was not accepted and may be later."""
        if submission.HasField("transfer"):
            _take(wish, submission.transfer)
        elif may_change(Refused(Reason[submission.not_accepted.reason])):
            self.not_now[submission.not_accepted.reason] += 1
            return True
        else:
            wish.refused = submission.not_accepted.reason
        return False


def _take(wish: Wish, shown: order_pb2.Transfer) -> None:
    if shown.final:
        wish.told.append((_STATES[shown.state], shown.reason))


async def _once(request: Any) -> AsyncIterator[Any]:
    yield request
