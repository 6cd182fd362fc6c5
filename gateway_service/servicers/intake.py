"""How orders come in with a call, whichever call it is: on whose authority, how many at once, and a line in the log for
each."""

import asyncio
from collections.abc import Sequence
from typing import Any

from gateway_service.sessions import Session, Sessions
from gateway_service.submission import Orderer, Submission, bank_by_operator, customer
from gateway_service.underway import Known, Underway
from interbank.clock import Clock
from interbank.instruction_log import InstructionLog, milliseconds
from interbank.money import amount_text
from interbank.orders import MAX_ORDERS, Order
from interbank.refusals import Reason, Refused
from interbank.rpc.interceptor import Context
from interbank.rpc.translate import order_from
from interbank.telemetry import request_id
from protos.v1 import gateway_pb2, order_pb2

_WITH_ORDERS = (gateway_pb2.SubmitTransfersRequest, gateway_pb2.StreamTransfersRequest)


class Intake:
    """Takes the orders of a request in."""

    def __init__(self, sessions: Sessions, submission: Submission, clock: Clock, log: InstructionLog) -> None:
        self._sessions = sessions
        self._submission = submission
        self._clock = clock
        self._log = log
        self._taking: set[asyncio.Task[list[Known | Refused]]] = set()

    async def take(
        self, context: Context, messages: Sequence[order_pb2.Order], *, on_authority_of_bank: str = "", patient: bool
    ) -> list[Known | Refused]:
        """For each order, in order, what it became or why it was not accepted; the caller's session is looked at anew.
        Raises Refused for the whole request: NOT_LOGGED_IN, SESSION_EXPIRED, NOT_ALLOWED. A caller who goes away
        changes nothing of what is taken, nor of what the log says of it."""
        orderer = orderer_of(await self._sessions.require(context), on_authority_of_bank)
        orders = list(map(order_from, messages))
        taking = asyncio.create_task(self._take(orderer, orders, context.peer(), patient=patient))
        self._taking.add(taking)
        taking.add_done_callback(self._taking.discard)
        return await asyncio.shield(taking)

    async def _take(
        self, orderer: Orderer, orders: Sequence[Order], peer: str, *, patient: bool
    ) -> list[Known | Refused]:
        begun = self._clock.monotonic()
        answers = await self._submission.submit(orderer, orders, patient=patient)
        spent = milliseconds(self._clock.monotonic() - begun, len(orders))
        self._log.write(_lines(orderer, answers, peer, spent))
        return answers


def require_few_orders(message: Any) -> None:
    """See interbank.rpc.interceptor.Inspect. Raises Refused(TOO_MANY_ITEMS) unless a request for orders has 1 to
    MAX_ORDERS of them."""
    if isinstance(message, _WITH_ORDERS) and not 1 <= len(message.orders) <= MAX_ORDERS:
        raise Refused(Reason.TOO_MANY_ITEMS, f"{len(message.orders)} orders: 1 to {MAX_ORDERS} are allowed",
                      field="orders")  # fmt: skip


def orderer_of(session: Session, bank: str) -> Orderer:
    """Who orders: the session's customer, or this bank by the operator's hand. Raises Refused(NOT_ALLOWED)."""
    if not bank:
        return customer(session.username, session.access)
    if not session.is_operator:
        raise Refused(Reason.NOT_ALLOWED, "only the network's operator may order on a bank's authority")
    return bank_by_operator(bank, session.username)


def _lines(orderer: Orderer, answers: Sequence[Known | Refused], peer: str, spent: str) -> list[str]:
    end = f"{orderer.principal} {peer}  {spent}  {request_id.get()}"
    return [f"Submit        {_line(answer)}  {end}" for answer in answers]


def _line(answer: Known | Refused) -> str:
    if isinstance(answer, Refused):
        return f"-         -  not accepted {answer.reason.name}"
    transfer = answer.transfer if isinstance(answer, Underway) else answer
    amount = amount_text(transfer.order.minor_units, transfer.order.currency)
    return f"{transfer.transfer_id[:4].hex()}  {amount}  {transfer.state._name_}"
