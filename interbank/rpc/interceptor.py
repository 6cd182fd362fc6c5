"""The one door through which every call enters a server: request id, who calls, size, deadline, errors, log line."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeAlias, cast

import grpc
from google.protobuf.message import DecodeError
from grpc_status import rpc_status

from interbank.clock import Clock
from interbank.refusals import Kind, Reason, Refused, without_past
from interbank.rpc.status import to_status
from interbank.telemetry import REQUEST_ID_KEY, acceptable_request_id, request_id

log = logging.getLogger(__name__)

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler = Any
"""A grpc.RpcMethodHandler, whose type takes parameters that its class does not."""

Admit = Callable[[Context, str], None]
"""Looks at who calls which method ("/package.Service/Method") and raises Refused if he may not."""

Inspect = Callable[[Any], None]
"""Looks at a message as soon as it is read and raises Refused for one that nobody shall keep: what a caller sends in
one megabyte can take eighty in memory."""

_HEALTH = "/grpc.health.v1."
_QUIET = ("/interbank.v1.BankService/Post", _HEALTH)
"""Methods whose log lines are written elsewhere (one per instruction) or tell nothing."""


def admit_all(_context: Context, _method: str) -> None:
    """For servers whose callers are told apart by their session."""


def keep_all(_message: Any) -> None:
    """For servers whose callers are trusted with their memory."""


def peer_names(context: Context) -> list[str]:
    """The DNS names in the caller's certificate; empty without one."""
    return [name.decode(errors="replace") for name in context.auth_context().get("peer_dns", [])]


def peer_address(context: Context) -> str:
    """The caller's address, for servers whose callers show no certificate: to look for one takes longer than all else
    that makes a line."""
    return context.peer()


def peer_name(context: Context) -> str:
    """Who calls, for the log: the first name in his certificate, else his address."""
    names = peer_names(context)
    return names[0] if names else context.peer()


NameOf = Callable[[Context], str]
"""What the log calls a caller."""


class Door(grpc.aio.ServerInterceptor):
    """Wraps every handler. What a handler raises leaves as a refusal with a reason, or as INTERNAL with nothing but the
    request id: no exception's text ever reaches a caller. A handler that answers a stream with a stream is a coroutine
    that writes to its context, not a generator: so a caller who goes away ends it wherever it waits. The log
    calls him by `name_of`."""

    def __init__(
        self,
        clock: Clock,
        entropy: Callable[[int], bytes],
        *,
        admit: Admit = admit_all,
        max_bytes: Callable[[str], int] | None = None,
        inspect: Inspect = keep_all,
        name_of: NameOf = peer_name,
    ) -> None:
        self._clock = clock
        self._entropy = entropy
        self._admit = admit
        self._max_bytes = max_bytes
        self._inspect = inspect
        self._name_of = name_of
        self._wrapped: dict[str, Handler | None] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        details: grpc.HandlerCallDetails,
    ) -> Any:
        """Called by gRPC for each call; the wrapped handlers are made once per method."""
        method = details.method
        if method not in self._wrapped:
            handler = await continuation(details)
            if handler is None:
                return None  # an unknown method; gRPC answers UNIMPLEMENTED, and nothing of it is kept
            self._wrapped[method] = self._wrap(method, handler)
        return self._wrapped[method]

    def _wrap(self, method: str, handler: Any) -> Any:
        parse = self._limited(method, handler.request_deserializer)
        render = handler.response_serializer
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(self._answering(method, handler.unary_unary), parse, render)
        if handler.stream_unary:
            return grpc.stream_unary_rpc_method_handler(
                self._answering(method, _requiring_messages(handler.stream_unary)), parse, render
            )
        if handler.stream_stream:
            return grpc.stream_stream_rpc_method_handler(
                self._answering(method, _requiring_messages(handler.stream_stream)), parse, render
            )
        return grpc.unary_stream_rpc_method_handler(self._streaming(method, handler.unary_stream), parse, render)

    def _enter(self, method: str, context: Context) -> "_Call":
        given = next((value for key, value in context.invocation_metadata() or () if key == REQUEST_ID_KEY), "")
        identity = given if isinstance(given, str) and acceptable_request_id(given) else self._entropy(8).hex()
        request_id.set(identity)
        return _Call(method, context, identity, self._clock, self._name_of)

    def _limited(self, method: str, parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        limit = self._max_bytes(method) if self._max_bytes else None

        def inspected(raw: bytes) -> Any:
            if limit is not None and len(raw) > limit:
                raise Refused(
                    Reason.REQUEST_TOO_LARGE,
                    f"the request has more than {limit} bytes",
                    hint="send fewer items at once",
                )
            try:
                message = parse(raw)
            except DecodeError:
                raise Refused(Reason.REQUEST_MALFORMED) from None
            self._inspect(message)
            return message

        def message_or_refusal(raw: bytes) -> Any:
            try:
                return inspected(raw)
            except Refused as refused:
                return without_past(refused)

        return message_or_refusal

    def _answering(self, method: str, behaviour: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def answer(request: Any, context: Context) -> Any:
            call = self._enter(method, context)
            try:
                call.enter(self._admit, request)
                response = await behaviour(request, context)
            except Exception as error:
                return await call.refuse(error)
            except asyncio.CancelledError:
                call.done("CANCELLED")
                raise
            call.done("OK")
            return response

        return answer

    def _streaming(self, method: str, behaviour: Callable[..., AsyncIterator[Any]]) -> Callable[..., Any]:
        async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
            call = self._enter(method, context)
            try:
                call.enter(self._admit, request)
                async for response in behaviour(request, context):
                    yield response
            except Exception as error:
                await call.refuse(error)
                return
            except asyncio.CancelledError:
                call.done("CANCELLED")
                raise
            call.done("OK")

        return stream


def _require_message(request: Any) -> None:
    if isinstance(request, Refused):
        raise request


def _requiring_messages(behaviour: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """A handler of a stream of requests that ends at the first one that is refused where it is read. gRPC's generator
    is closed with it: it holds the last request, and belongs to an object that belongs to it."""

    async def required(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for request in requests:
            _require_message(request)
            yield request

    async def answer(requests: AsyncIterator[Any], context: Context) -> Any:
        received = cast("AsyncGenerator[Any, None]", aiter(requests))
        async with aclosing(received):
            return await behaviour(required(received), context)

    return answer


class _Call:
    """One call: its id, its time, its end."""

    def __init__(self, method: str, context: Context, identity: str, clock: Clock, name_of: NameOf) -> None:
        self._method = method
        self._context = context
        self._id = identity
        self._clock = clock
        self._name_of = name_of
        self._begun = clock.monotonic()

    def enter(self, admit: Admit, request: Any) -> None:
        if not self._method.startswith(_HEALTH):
            admit(self._context, self._method)
        _require_message(request)

    async def refuse(self, error: Exception) -> None:
        """End the call with this error, and hold nothing of it: gRPC keeps the AbortError with the call and raises it
        again."""
        if isinstance(error, grpc.aio.AbortError):
            raise error
        refused = self._told(error)
        self.done(refused.reason.name)
        try:
            await self._context.abort_with_status(rpc_status.to_status(to_status(refused, self._id)))
        except grpc.aio.AbortError as ended:
            without_past(ended)

    def _told(self, error: Exception) -> Refused:
        if not isinstance(error, Refused):
            log.error("%s %s failed", self._name, self._id, exc_info=error)
            without_past(error)
            return Refused(Reason.INTERNAL)
        if error.reason.kind is Kind.BROKEN:
            log.error("%s %s %s", self._name, self._id, error.message)
        return without_past(error)

    def done(self, answer: str) -> None:
        if not self._method.startswith(_QUIET):
            elapsed = (self._clock.monotonic() - self._begun) * 1000
            log.info("%-24s %s  %s  %s  %.1f ms", self._name, self._id, self._name_of(self._context), answer, elapsed)

    @property
    def _name(self) -> str:
        return self._method.rpartition("/")[2]
