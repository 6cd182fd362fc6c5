"""StreamTransfers: orders as fast as the gateway takes them, answers as soon as there are any."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from gateway_service.open_orders import Answer, OpenOrders
from gateway_service.rendering import Rendering
from gateway_service.servicers.intake import Intake
from gateway_service.sessions import Sessions
from gateway_service.underway import MAX_WAIT
from interbank.refusals import Reason, Refused
from interbank.rpc.interceptor import Context
from protos.v1 import gateway_pb2

MAX_STREAMS = 16
"""Streams that one user may have open."""

LOOK_EVERY = 30.0
"""Seconds between two looks whether the session still lives; also at every request."""

Requests = AsyncIterator[gateway_pb2.StreamTransfersRequest]


class Streams:
    """Serves streams of orders. What is accepted belongs to the pipeline: a stream that ends takes nothing back."""

    def __init__(self, sessions: Sessions, intake: Intake, rendering: Rendering) -> None:
        self._sessions = sessions
        self._intake = intake
        self._rendering = rendering
        self._open: Counter[str] = Counter()

    async def serve(self, requests: Requests, context: Context) -> None:
        """One stream to its end. Raises Refused for what it cannot take, once all that it took is answered, and
        OUTCOME_UNKNOWN when the session has ended though no request came to be refused."""
        session = await self._sessions.require(context)
        with self._counted(session.username):
            serving = asyncio.create_task(self._converse(requests, context))
            try:
                while not (await asyncio.wait({serving}, timeout=LOOK_EVERY))[0]:
                    await self._require_still(context)
                await serving
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)

    async def _require_still(self, context: Context) -> None:
        """A stream that is silent, or whose answers nobody reads, ends with its session all the same."""
        try:
            await self._sessions.require(context)
        except Refused as refused:
            raise Refused(Reason.OUTCOME_UNKNOWN, "the session has ended; after a new login the same keys ask again, "
                          "safely", hint=refused.hint) from None  # fmt: skip

    async def _converse(self, requests: Requests, context: Context) -> None:
        orders = OpenOrders()
        taking = asyncio.create_task(self._take(requests, orders, context))
        taking.add_done_callback(lambda _: orders.no_more())
        try:
            while answers := await orders.next_answers():
                await context.write(self._response(answers))
                orders.answered(len(answers))
            await taking
        finally:
            orders.leave()
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)

    async def _take(self, requests: Requests, orders: OpenOrders, context: Context) -> None:
        """Take one request after the other, each when there is room for its orders."""
        terms: _Terms | None = None
        async for request in requests:
            terms = _Terms.of_first(request) if terms is None else terms.of_later(request)
            await orders.room_for(len(request.orders))
            became = await self._intake.take(
                context, request.orders, on_authority_of_bank=terms.on_authority_of_bank, patient=terms.patient
            )
            orders.take(became, min(MAX_WAIT, max(0, terms.wait_seconds)))

    def _response(self, answers: Sequence[Answer]) -> gateway_pb2.StreamTransfersResponse:
        response = gateway_pb2.StreamTransfersResponse()
        for number, answer in answers:
            said = response.submissions.add(order_number=number)
            self._rendering.write_submission(answer, said.submission)
        return response

    @contextlib.contextmanager
    def _counted(self, username: str) -> Iterator[None]:
        """Raises Refused(GATEWAY_OVERLOADED) when this user has as many open as he may."""
        if self._open[username] >= MAX_STREAMS:
            raise Refused(Reason.GATEWAY_OVERLOADED, f"{MAX_STREAMS} streams of {username} are open")
        self._open[username] += 1
        try:
            yield
        finally:
            self._open[username] -= 1
            if not self._open[username]:
                del self._open[username]


@dataclass(frozen=True, slots=True)
class _Terms:
    """What the first request says for the whole stream."""

    on_authority_of_bank: str = ""
    patient: bool = False
    wait_seconds: int = MAX_WAIT

    @classmethod
    def of_first(cls, request: gateway_pb2.StreamTransfersRequest) -> Self:
        return cls(**_said(request))

    def of_later(self, request: gateway_pb2.StreamTransfersRequest) -> Self:
        """The same. Raises Refused(REQUEST_MALFORMED) with the field that says otherwise."""
        for name, value in _said(request).items():
            if value != getattr(self, name):
                raise Refused(Reason.REQUEST_MALFORMED, f"{name} is not what the first request of the stream said",
                              field=name)  # fmt: skip
        return self


def _said(request: gateway_pb2.StreamTransfersRequest) -> dict[str, Any]:
    return {field.name: value for field, value in request.ListFields() if field.name != "orders"}
