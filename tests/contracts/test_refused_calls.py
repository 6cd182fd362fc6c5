"""A refused call leaves nothing behind: a bank that refuses batch after batch on a full disk must not keep them."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import grpc
import pytest
from google.protobuf.message import DecodeError

from interbank.refusals import Reason, Refused
from interbank.rpc import interceptor
from tests.contracts.doors import SERVICE, standing

T = TypeVar("T")


class Batch:
    """What a call holds: its request, and what the handler makes of it."""


class Fault(Exception):
    """One of ours, that nobody is told of."""


class Held:
    """What calls hold, and when each of it was let go."""

    def __init__(self, error: Callable[[], Exception]) -> None:
        self.let_go: list[asyncio.Event] = []
        self._error = error

    def batch(self, _raw: bytes = b"") -> Batch:
        return self._noted(Batch())

    async def refuse(self) -> None:
        batch, error = self.batch(), self._noted(self._error())
        await asyncio.sleep(0)
        assert batch is not None  # it is still held here when the error is raised
        raise error from OSError(28, "No space left on device")

    def unreadable(self, _raw: bytes) -> Batch:
        batch = self.batch()
        raise DecodeError(f"half of {type(batch).__name__}")

    async def all_let_go(self) -> None:
        async with asyncio.timeout(5):
            for event in self.let_go:
                await event.wait()

    def _noted(self, held: T) -> T:
        event = asyncio.Event()
        weakref.finalize(held, event.set)
        self.let_go.append(event)
        return held


@pytest.fixture
def without_collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is held in a circle stays. Nothing is logged, because pytest keeps that, and with it the error."""
    monkeypatch.setattr(interceptor.log, "disabled", True)
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    ("method", "kind", "request_"),
    [("One", "unary_unary", b""), ("Several", "unary_stream", b""), ("OneAfterAnother", "stream_stream", [b""])],
)
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (partial(Refused, Reason.STORAGE_FULL), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (Fault, grpc.StatusCode.INTERNAL),
    ],
    ids=["refusal", "fault"],
)
@pytest.mark.usefixtures("without_collector")
async def test_a_refused_call_holds_nothing_when_it_has_ended(
    method: str, kind: str, request_: Any, error: Callable[[], Exception], status: grpc.StatusCode
) -> None:
    held = Held(error)

    async def one(_request: Any, _context: Any) -> bytes:
        await held.refuse()
        return b""

    async def several(_request: Any, _context: Any) -> AsyncIterator[bytes]:
        await held.refuse()
        yield b""

    async def one_after_another(requests: AsyncIterator[Any], _context: Any) -> None:
        async for _request in requests:
            await held.refuse()

    handlers = {
        "One": grpc.unary_unary_rpc_method_handler(one, held.batch),
        "Several": grpc.unary_stream_rpc_method_handler(several, held.batch),
        "OneAfterAnother": grpc.stream_stream_rpc_method_handler(one_after_another, held.batch),
    }
    async with standing(handlers) as address, grpc.aio.insecure_channel(address) as channel:
        for _ in range(5):
            call = getattr(channel, kind)(f"/{SERVICE}/{method}")(request_)
            assert await call.code() is status
        assert len(held.let_go) == 5 * 3  # request, what became of it, and the error
        await held.all_let_go()


@pytest.mark.usefixtures("without_collector")
async def test_a_message_that_cannot_be_read_is_not_held_when_its_call_has_ended() -> None:
    held = Held(Fault)
    unread = grpc.unary_unary_rpc_method_handler(lambda *_: pytest.fail("handled"), held.unreadable)
    async with standing({"One": unread}) as address, grpc.aio.insecure_channel(address) as channel:
        for _ in range(5):
            assert await channel.unary_unary(f"/{SERVICE}/One")(b"").code() is grpc.StatusCode.INVALID_ARGUMENT
        assert len(held.let_go) == 5
        await held.all_let_go()
