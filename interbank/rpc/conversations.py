"""Calls that stay open from one request to the next, and how they end when their server stops."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

T = TypeVar("T")


class Conversations:
    """The calls of a server whose callers send request after request. One that waits for its caller would keep a server
    that stops waiting, too; nothing is lost when it ends."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Task[object]] = set()
        self._ended = asyncio.Event()

    async def requests(self, requests: AsyncIterator[T]) -> AsyncIterator[T]:
        """The requests of the call that this task serves, until its caller ends it or the server stops."""
        serving = asyncio.current_task()
        assert serving is not None  # noqa: S101  a handler is a task
        while not self._ended.is_set():
            self._waiting.add(serving)
            try:
                request = await anext(requests)
            except StopAsyncIteration:
                return
            except asyncio.CancelledError:
                if not self._ended.is_set():
                    raise
                serving.uncancel()  # by `end`: the call ends as if its caller had ended it
                return
            finally:
                self._waiting.discard(serving)
            yield request

    def end(self) -> None:
        """End every call that waits for its caller; one that serves a request ends after its answer."""
        self._ended.set()
        for serving in self._waiting:
            serving.cancel()
