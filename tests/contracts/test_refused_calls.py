"""A refused call leaves nothing behind: a bank that refuses batch after batch on a full disk must not keep them."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest

from interbank.refusals import Reason, Refused
from tests.contracts.doors import SERVICE, standing


class Batch:
    """What a call holds: its request, and what the handler makes of it."""


class Batches:
    """All that were made, and when each was let go."""

    def __init__(self) -> None:
        self.let_go: list[asyncio.Event] = []

    def another(self, _raw: bytes = b"") -> Batch:
        batch, event = Batch(), asyncio.Event()
        weakref.finalize(batch, event.set)
        self.let_go.append(event)
        return batch

    async def refuse(self) -> None:
        batch = self.another()
        await asyncio.sleep(0)
        raise Refused(Reason.STORAGE_FULL, type(batch).__name__) from OSError(28, "No space left on device")


@pytest.fixture
def without_collector() -> Iterator[None]:
    """What is held in a circle stays."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    ("method", "kind", "request_"),
    [("One", "unary_unary", b""), ("Several", "unary_stream", b""), ("OneAfterAnother", "stream_stream", [b""])],
)
@pytest.mark.usefixtures("without_collector")
async def test_a_refused_call_holds_nothing_when_it_has_ended(method: str, kind: str, request_: Any) -> None:
    batches = Batches()

    async def one(_request: Any, _context: Any) -> bytes:
        await batches.refuse()
        return b""

    async def several(_request: Any, _context: Any) -> AsyncIterator[bytes]:
        await batches.refuse()
        yield b""

    async def one_after_another(requests: AsyncIterator[Any], _context: Any) -> None:
        async for _request in requests:
            await batches.refuse()

    handlers = {
        "One": grpc.unary_unary_rpc_method_handler(one, batches.another),
        "Several": grpc.unary_stream_rpc_method_handler(several, batches.another),
        "OneAfterAnother": grpc.stream_stream_rpc_method_handler(one_after_another, batches.another),
    }
    async with standing(handlers) as address, grpc.aio.insecure_channel(address) as channel:
        for _ in range(5):
            call = getattr(channel, kind)(f"/{SERVICE}/{method}")(request_)
            assert await call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert len(batches.let_go) == 10
        async with asyncio.timeout(5):
            for event in batches.let_go:
                await event.wait()
