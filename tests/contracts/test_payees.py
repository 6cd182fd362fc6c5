"""Payees are asked of their bank once, in company where there is some, and no answer of a bank holds anybody up."""

import asyncio
from typing import Any

import pytest

from gateway_service.payees import MAX_CONFIRMED, Payees
from interbank.orders import Order
from interbank.refusals import Reason, Refused
from protos.v1 import bank_pb2


class South:
    """A bank where bob has account 2001 and everybody else has none, as long as it says the truth."""

    def __init__(self) -> None:
        self.questions: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()
        self.says: list[str] | Refused | None = None

    async def call(self, method: str, request: Any) -> Any:
        """See payees.Bank."""
        assert method == "CheckPayees"
        self.questions.append([payee.account for payee in request.payees])
        self.asked.set()
        await self.open.wait()
        if isinstance(self.says, Exception):
            raise self.says
        truth = ["" if p.account == 2001 else "PAYEE_ACCOUNT_NOT_FOUND" for p in request.payees]
        return bank_pb2.CheckPayeesResponse(reasons=truth if self.says is None else self.says)


def to(account: int, name: str = "bob") -> Order:
    return Order("NORTH", 1001, "SOUTH", account, name, 1, "EUR", "", "k")


@pytest.fixture
async def south() -> South:
    return South()


@pytest.fixture
def payees(south: South) -> Payees:
    return Payees(lambda _bank: south)


async def reasons(payees: Payees, *orders: Order) -> list[Reason | None]:
    return [refused.reason if refused else None for refused in await payees.check(orders)]


async def test_a_payee_is_asked_for_once_and_again_when_he_may_have_changed(payees: Payees, south: South) -> None:
    for _ in range(3):
        assert await reasons(payees, to(2001), to(2001)) == [None, None]
    assert south.questions == [[2001]]
    payees.forget("SOUTH", 2001)
    assert await reasons(payees, to(2001)) == [None]
    assert south.questions == [[2001], [2001]]


async def test_who_is_not_to_be_paid_is_asked_for_again_every_time(payees: Payees, south: South) -> None:
    for _ in range(2):
        assert await reasons(payees, to(7), to(2001)) == [Reason.PAYEE_ACCOUNT_NOT_FOUND, None]
    assert south.questions == [[7, 2001], [7]]


async def test_another_name_at_a_confirmed_account_is_another_payee(payees: Payees, south: South) -> None:
    await payees.check([to(2001)])
    await payees.check([to(2001, "mallory")])
    assert south.questions == [[2001], [2001]]


async def test_questions_of_many_orders_at_once_gather_while_one_is_on_its_way(payees: Payees, south: South) -> None:
    south.open.clear()
    asking = [asyncio.create_task(reasons(payees, to(account))) for account in range(50)]
    await south.asked.wait()
    asking += [asyncio.create_task(reasons(payees, to(account))) for account in range(30, 80)]
    await asyncio.sleep(0)
    south.open.set()
    assert await asyncio.gather(*asking) == [[Reason.PAYEE_ACCOUNT_NOT_FOUND]] * 100
    assert len(south.questions) <= 3
    assert len([account for question in south.questions for account in question]) <= 100


async def test_one_who_gives_up_takes_no_answer_from_the_others(payees: Payees, south: South) -> None:
    south.open.clear()
    first, second = (asyncio.create_task(reasons(payees, to(2001))) for _ in range(2))
    await south.asked.wait()
    first.cancel()
    south.open.set()
    assert await second == [None]


@pytest.mark.parametrize(
    "says",
    [[], ["", ""], ["NO_REASON_OF_OURS"], Refused(Reason.BANK_UNAVAILABLE)],
    ids=["none", "two", "strange", "no"],
)
async def test_an_answer_that_is_none_refuses_the_order_and_holds_up_nobody(
    payees: Payees, south: South, says: list[str] | Refused
) -> None:
    south.says = says
    assert await reasons(payees, to(2001)) == [Reason.PAYEE_BANK_UNAVAILABLE]
    south.says = None
    assert await reasons(payees, to(2001)) == [None]


async def test_no_more_are_remembered_than_there_is_room_for(south: South, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_CONFIRMED >= 10_000
    monkeypatch.setattr("gateway_service.payees.MAX_CONFIRMED", 1)
    payees = Payees(lambda _bank: south)
    south.says = [""]
    await payees.check([to(1)])
    await payees.check([to(2)])
    await payees.check([to(1)])
    assert south.questions == [[1], [2], [1]]


async def test_a_question_that_fails_in_a_strange_way_blocks_none_after_it(payees: Payees, south: South) -> None:
    south.says = RuntimeError("strange")  # type: ignore[assignment]
    assert await reasons(payees, to(2001)) == [Reason.PAYEE_BANK_UNAVAILABLE]
    south.says = None
    assert await reasons(payees, to(2001)) == [None]
