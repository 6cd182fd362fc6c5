"""Where the points lie: around what a server is handed at its start. The servers know nothing of them."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

import grpc
from sqlalchemy import Connection

from gateway_service.bank_port import DEADLINE, BankDescription, BankPort, OpenDebit
from interbank.instructions import Head, Instruction, InstructionKind, Outcome
from interbank.storage.database import Database
from interbank.storage.groups import Work
from interbank.storage.statements import run
from lab.crashpoints.points import Points
from protos.v1 import bank_pb2

T = TypeVar("T")

NEWEST_RECORD = "SELECT record_id, kind FROM records ORDER BY record_id DESC LIMIT 1"
NEWEST_TRANSFER = "SELECT journal_id, state FROM transfers ORDER BY journal_id DESC LIMIT 1"
"""What a commit is named after, if it changes that: one payment is made at a time."""

_OTHER_COMMITS = {
    "_next_epoch": "its epoch",
    "Fence.epoch_above": "its epoch",
    "Bank.open_session": "a session",
    "Directory.joined": "a bank that joins",
}
"""Commits of a start, by the function that asks for them."""


class PointedDatabase:
    """A Database whose commits are points: before is when all is written and nothing committed, after is when it is
    synced and nobody was told."""

    def __init__(self, inner: Database, points: Points, newest: str) -> None:
        self._inner = inner
        self._points = points
        self._newest = newest

    def write(self, work: Work[T]) -> "asyncio.Future[T]":
        """See Database."""
        told: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        commits = [""]

        @functools.wraps(work)
        def pointed(connection: Connection) -> T:
            before = run(connection, self._newest)
            result = work(connection)
            newest = run(connection, self._newest)
            commits[0] = str(newest[0][1]) if newest != before else _function(work)
            if commits[0]:
                self._points.passes(f"before the commit of {commits[0]}")
            return result

        def committed(done: "asyncio.Future[T]") -> None:
            if commits[0] and done.exception() is None:
                self._points.passes(f"after the commit of {commits[0]}")
            _pass_on(done, told)

        self._inner.write(pointed).add_done_callback(committed)
        return told

    def read(self, work: Work[T]) -> "asyncio.Future[T]":
        """See Database."""
        return self._inner.read(work)


def _function(work: Callable[..., Any]) -> str:
    return _OTHER_COMMITS.get(work.__qualname__.partition(".<locals>")[0], "")


def _pass_on(done: "asyncio.Future[T]", told: "asyncio.Future[T]") -> None:
    error = done.exception()
    if told.done():
        return
    if error is not None:
        told.set_exception(error)
    else:
        told.set_result(done.result())


class PointedPort:
    """A BankPort whose messages are points: before one is sent, and when its answer has come."""

    def __init__(self, bank: str, inner: BankPort, points: Points) -> None:
        self._bank = bank
        self._inner = inner
        self._points = points

    @property
    def reachable(self) -> bool:
        """See BankPort."""
        return self._inner.reachable

    async def describe(self) -> BankDescription:
        """See BankPort."""
        return await self._asked("Describe", self._inner.describe)

    async def open_session(self, epoch: int, instance: bytes, known_heads: Sequence[Head]) -> bytes:
        """See BankPort."""
        return await self._asked("OpenSession", lambda: self._inner.open_session(epoch, instance, known_heads))

    async def post(self, session_id: bytes, instructions: Sequence[Instruction]) -> list[Outcome]:
        """See BankPort."""
        what = _kinds(instruction.kind for instruction in instructions)
        return await self._asked(what, lambda: self._inner.post(session_id, instructions))

    async def list_open(self, after_record_id: int, session_id: bytes = b"") -> tuple[list[OpenDebit], bool]:
        """See BankPort."""
        return await self._asked("ListOpen", lambda: self._inner.list_open(after_record_id, session_id))

    async def call(self, method: str, request: Any, *, deadline: float = DEADLINE) -> Any:
        """See BankPort."""
        return await self._asked(method, lambda: self._inner.call(method, request, deadline=deadline))

    async def close(self) -> None:
        """See BankPort."""
        await self._inner.close()

    async def _asked(self, what: str, ask: Callable[[], Awaitable[T]]) -> T:
        self._points.passes(f"before sending {what} to {self._bank}")
        answer = await ask()
        self._points.passes(f"when {self._bank} has answered {what}")
        return answer


class PointedCalls(grpc.aio.ServerInterceptor):
    """Calls that a server takes: a point before it does anything for one, and one before it answers."""

    def __init__(self, points: Points) -> None:
        self._points = points

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        details: grpc.HandlerCallDetails,
    ) -> Any:
        """Called by gRPC, once per method (see interbank.rpc.interceptor.Door)."""
        handler: Any = await continuation(details)
        if handler is None:
            return None
        method, parse, render = (
            details.method.rpartition("/")[2],
            handler.request_deserializer,
            handler.response_serializer,
        )
        if method == "Post":
            return grpc.stream_stream_rpc_method_handler(self._posting(handler.stream_stream), parse, render)
        if handler.unary_unary is None:
            return handler

        async def answer(request: Any, context: Any) -> Any:
            self._points.passes(f"taking {method}")
            response = await handler.unary_unary(request, context)
            self._points.passes(f"before answering {method}")
            return response

        return grpc.unary_unary_rpc_method_handler(answer, parse, render)

    def _posting(self, behaviour: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def post(requests: AsyncIterator[bank_pb2.PostRequest], context: Any) -> None:
            answering = _PointedAnswers(self._points, context)

            async def taken() -> AsyncIterator[bank_pb2.PostRequest]:
                async for request in requests:
                    answering.what = _kinds(InstructionKind(instruction.kind) for instruction in request.instructions)
                    self._points.passes(f"taking {answering.what}")
                    yield request

            await behaviour(taken(), answering)

        return post


class _PointedAnswers:
    """The context of a call of Post, with a point before each answer."""

    def __init__(self, points: Points, context: Any) -> None:
        self._points = points
        self._context = context
        self.what = ""

    async def write(self, response: bank_pb2.PostResponse) -> None:
        self._points.passes(f"before answering {self.what}")
        await self._context.write(response)


def _kinds(kinds: Any) -> str:
    return " and ".join(sorted({InstructionKind(kind).name for kind in kinds}))
