"""A stream of orders in a test's hand: what is sent and what is read, one message at a time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc

from interbank.rpc.status import from_rpc_error
from protos.v1 import gateway_pb2, gateway_pb2_grpc, order_pb2
from tests.world import Caller

Answers = list[tuple[int, gateway_pb2.Submission]]


class Stream:
    """One call of StreamTransfers. What ends it is raised as Refused where answers are read."""

    def __init__(self, call: Any) -> None:
        self.call = call

    async def send(self, orders: Sequence[order_pb2.Order], **terms: Any) -> None:
        """One request."""
        await self.call.write(gateway_pb2.StreamTransfersRequest(orders=orders, **terms))

    async def read(self) -> Answers:
        """The next message of answers; empty at the end."""
        try:
            message = await self.call.read()
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        if message is grpc.aio.EOF:
            return []
        return [(answer.order_number, answer.submission) for answer in message.submissions]

    async def rest(self, *, count: int | None = None) -> Answers:
        """All answers to the end of the stream, or to the first so many."""
        answers: Answers = []
        while (count is None or len(answers) < count) and (more := await self.read()):
            answers += more
        return answers


@contextlib.asynccontextmanager
async def streaming(
    caller: Caller, *, timeout: float = 30.0, channel: grpc.aio.Channel | None = None
) -> AsyncIterator[Stream]:
    """A stream of this customer; it is broken off if the test leaves it before its end."""
    stub = gateway_pb2_grpc.PaymentServiceStub(channel or caller.world.channel)
    call = stub.StreamTransfers(timeout=timeout, metadata=(("authorization", f"Bearer {caller.token}"),))
    try:
        yield Stream(call)
    finally:
        call.cancel()


async def stream_of(caller: Caller, *requests: Sequence[order_pb2.Order], **terms: Any) -> Answers:
    """All answers to these requests, the terms in the first."""
    async with streaming(caller) as stream:
        sending = asyncio.create_task(_send(stream, requests, terms))
        answers = await stream.rest()
        await sending
        return answers


async def _send(stream: Stream, requests: Sequence[Sequence[order_pb2.Order]], terms: dict[str, Any]) -> None:
    for orders in requests:
        await stream.send(orders, **terms)
        terms = {}
    await stream.call.done_writing()
