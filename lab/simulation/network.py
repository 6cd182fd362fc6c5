"""The simulated network: bytes from process to process, late, lost, twice or cut off, as the weather is."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.rpc import status_pb2
from grpc.aio import AioRpcError, Metadata
from grpc_status import rpc_status

from certs.names import bank_name
from interbank.refusals import Reason, Refused
from interbank.rpc.status import to_status
from interbank.telemetry import REQUEST_ID_KEY, request_id
from lab.simulation.process import Process, Trace

_CODES = {code.value[0]: code for code in grpc.StatusCode}
CUSTOMER = "customer"
LOCAL = 0.0005
"""Seconds that a message takes in fine weather."""

_CONVERSATION = 3600.0
"""Seconds that a call may last in which its caller watches the time of each answer himself."""


@dataclass
class Weather:
    """What may happen to a message: probabilities, seconds, and routes (from, to) that are cut."""

    loss: float = 0.0
    repeat: float = 0.0
    slow: float = 0.0
    longest: float = 0.0
    cuts: set[tuple[str, str]] = field(default_factory=set)

    def clear(self) -> None:
        """Fine weather."""
        self.loss = self.repeat = self.slow = 0.0
        self.cuts.clear()


class Served:
    """The methods of a process, as the generated code registers them with a server."""

    def __init__(self) -> None:
        self.methods: dict[str, Any] = {}

    def add_generic_rpc_handlers(self, _handlers: Iterable[Any]) -> None:
        """Not needed: the registered ones are the same."""

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        """Called by the generated code."""
        self.methods |= {f"/{service}/{name}": handler for name, handler in handlers.items()}


class Network:
    """Everybody reaches everybody by name. `faults` are defects that servers showed, `repeated` are messages of
    customers that came twice."""

    def __init__(self, chance: random.Random, trace: Trace) -> None:
        self.weather = Weather()
        self.faults: list[str] = []
        self.repeated: list[bytes] = []
        self._chance = chance
        self._trace = trace
        self._served: dict[str, tuple[Process, Served]] = {}
        self.known_as: dict[str, str] = {}
        """Who answers, at present, to a name that is not a process' own."""

    def serve(self, name: str, process: Process, served: Served) -> None:
        """This process answers at this name from now on."""
        self._served[name] = process, served

    def reachable(self, source: str, target: str) -> bool:
        """Whether a connection stands."""
        target = self.known_as.get(target, target)
        found = self._served.get(target)
        cuts = self.weather.cuts
        return found is not None and found[0].alive and (source, target) not in cuts and (target, source) not in cuts

    async def call(
        self, source: Process | None, target: str, path: str, payload: bytes, seconds: float, metadata: dict[str, str]
    ) -> bytes:
        """Send, and wait for the answer. Raises AioRpcError."""
        name, target = source.name if source else CUSTOMER, self.known_as.get(target, target)
        if source is not None and not source.step(f"before sending {path.rpartition('/')[2]} to {target}"):
            await asyncio.get_running_loop().create_future()  # it is dead: nothing goes on
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[bytes] = loop.create_future()
        self._send(name, target, path, payload, metadata, reply)
        overdue = loop.call_later(seconds, _overdue, reply)
        try:
            return await reply
        finally:
            overdue.cancel()

    def _send(
        self,
        source: str,
        target: str,
        path: str,
        payload: bytes,
        metadata: dict[str, str],
        reply: "asyncio.Future[bytes]",
    ) -> None:
        loop, weather = asyncio.get_running_loop(), self.weather

        def deliver(answer: "asyncio.Future[bytes] | None") -> None:
            if (source, target) in weather.cuts:
                return
            self._deliver(source, target, path, payload, metadata, answer)

        method = path.rpartition("/")[2]
        if self._chance.random() >= weather.loss:
            loop.call_later(self._delay(), deliver, reply)
        else:
            self._trace(source, f"{method} to {target} is lost")
        if self._chance.random() < weather.repeat:
            self._trace(source, f"{method} to {target} comes twice")
            if source == CUSTOMER:
                self.repeated.append(payload)
            loop.call_later(self._delay() + self._chance.uniform(0, weather.longest), deliver, None)

    def _deliver(
        self,
        source: str,
        target: str,
        path: str,
        payload: bytes,
        metadata: dict[str, str],
        reply: "asyncio.Future[bytes] | None",
    ) -> None:
        found = self._served.get(target)
        if found is None or not found[0].alive:
            if reply is not None and not reply.done():
                reply.set_exception(failure(grpc.StatusCode.UNAVAILABLE, "Connection refused"))
            return
        process, served = found
        if not process.step(f"taking {path.rpartition('/')[2]} from {source}"):
            return

        async def serve() -> None:
            result = await self._answer(served, source, path, payload, metadata)
            if reply is None or not process.step(f"before answering {path.rpartition('/')[2]}"):
                return
            if self._chance.random() < self.weather.loss or (target, source) in self.weather.cuts:
                self._trace(target, f"the answer to {path.rpartition('/')[2]} of {source} is lost")
                return
            asyncio.get_running_loop().call_later(self._delay(), _tell, reply, result)

        process.spawn(serve())

    async def _answer(
        self, served: Served, source: str, path: str, payload: bytes, metadata: dict[str, str]
    ) -> bytes | AioRpcError:
        handler = served.methods[path]
        identity = metadata.get(REQUEST_ID_KEY) or "-"
        request_id.set(identity)
        context = Context(source, metadata)
        try:
            response = await _served(handler, handler.request_deserializer(payload), context)
        except Refused as refused:
            return _refusal(to_status(refused, identity))
        except Exception as error:
            self.faults.append(f"{path}: {type(error).__name__}: {error}")
            return _refusal(to_status(Refused(Reason.INTERNAL), identity))
        answer: bytes = handler.response_serializer(response)
        return answer

    def _delay(self) -> float:
        if self._chance.random() < self.weather.slow:
            return self._chance.uniform(0, self.weather.longest)
        return self._chance.uniform(LOCAL / 2, LOCAL * 4)


async def _served(handler: Any, request: Any, context: "Context") -> Any:
    """The answer of a handler that answers one request, or each of a stream."""
    if handler.unary_unary:
        return await handler.unary_unary(request, context)

    async def requests() -> AsyncIterator[Any]:
        yield request

    await handler.stream_stream(requests(), context)
    (answer,) = context.written
    return answer


def _tell(reply: "asyncio.Future[bytes]", result: bytes | AioRpcError) -> None:
    if reply.done():
        return
    if isinstance(result, AioRpcError):
        reply.set_exception(result)
    else:
        reply.set_result(result)


def _overdue(reply: "asyncio.Future[bytes]") -> None:
    _tell(reply, failure(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded"))


def failure(code: grpc.StatusCode, details: str, trailing: Metadata | None = None) -> AioRpcError:
    """A call that failed, as gRPC says it."""
    return AioRpcError(code, Metadata(), trailing or Metadata(), details)


def _refusal(status: status_pb2.Status) -> AioRpcError:
    packed = rpc_status.to_status(status)
    return failure(_CODES[status.code], status.message, Metadata(*packed.trailing_metadata))


@dataclass(frozen=True, slots=True)
class Context:
    """What a servicer may ask of a call: who calls, with which metadata."""

    source: str
    metadata: dict[str, str]
    written: list[Any] = field(default_factory=list)
    """What a handler of a stream has answered."""

    async def write(self, message: Any) -> None:
        """See grpc.ServicerContext."""
        self.written.append(message)

    def invocation_metadata(self) -> Sequence[tuple[str, str]]:
        """See grpc.ServicerContext."""
        return tuple(self.metadata.items())

    def auth_context(self) -> dict[str, Sequence[bytes]]:
        """The names in the caller's certificate: a process is who it is called."""
        return {"peer_dns": [bank_name(self.source).encode()]} if self.source.isupper() else {}

    def peer(self) -> str:
        """See grpc.ServicerContext."""
        return self.source

    def time_remaining(self) -> float | None:
        """See grpc.ServicerContext."""
        return None


class Conversation:
    """A call in which each request is answered before the next is sent: every one of them meets the weather as a call
    of its own would."""

    def __init__(self, ask: Callable[[Any], Awaitable[Any]]) -> None:
        self._ask = ask
        self._request: Any = None

    async def write(self, request: Any) -> None:
        """See grpc.aio.StreamStreamCall."""
        self._request = request

    async def read(self) -> Any:
        """See grpc.aio.StreamStreamCall."""
        return await self._ask(self._request)

    def cancel(self) -> None:
        """See grpc.aio.StreamStreamCall."""


class Channel:
    """A gRPC channel over this network, for the generated stubs."""

    def __init__(self, network: Network, source: Process | None, target: str) -> None:
        self._network = network
        self._source = source
        self._target = target

    def unary_unary(
        self, path: str, request_serializer: Any, response_deserializer: Any, **_: Any
    ) -> Callable[..., Awaitable[Any]]:
        """Called by the generated stubs."""

        async def call(request: Any, *, timeout: float = 10.0, metadata: Any = (), **_: Any) -> Any:  # noqa: ASYNC109
            payload = request_serializer(request)
            answer = await self._network.call(self._source, self._target, path, payload, timeout, dict(metadata))
            return response_deserializer(answer)

        return call

    def unary_stream(self, *_: Any, **__: Any) -> None:
        """No stream is simulated."""

    def stream_unary(self, *_: Any, **__: Any) -> None:
        """No stream is simulated."""

    def stream_stream(
        self, path: str, request_serializer: Any, response_deserializer: Any, **_: Any
    ) -> Callable[..., "Conversation"]:
        """Called by the generated stubs."""

        def begin(*, metadata: Any = (), **_: Any) -> Conversation:
            async def ask(request: Any) -> Any:
                payload = request_serializer(request)
                answer = await self._network.call(
                    self._source, self._target, path, payload, _CONVERSATION, dict(metadata)
                )
                return response_deserializer(answer)

            return Conversation(ask)

        return begin

    def get_state(self) -> grpc.ChannelConnectivity:
        """See grpc.aio.Channel."""
        source = self._source.name if self._source else CUSTOMER
        stands = self._network.reachable(source, self._target)
        return grpc.ChannelConnectivity.READY if stands else grpc.ChannelConnectivity.TRANSIENT_FAILURE

    async def close(self) -> None:
        """See grpc.aio.Channel."""
