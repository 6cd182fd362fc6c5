"""One connection to the gateway, kept for the process. Says of a failed call whether it may have been carried out."""

import threading
import uuid
from collections.abc import Iterator
from typing import Protocol, TypeVar

import grpc

from certs.credentials import customer_credentials
from interbank.refusals import Reason, Refused
from interbank.rpc.channel import open_customer_channel
from interbank.rpc.status import cause, from_rpc_error
from interbank.telemetry import REQUEST_ID_KEY

CONNECT_SECONDS = 5.0
"""How long to wait for a connection before saying that there is none."""

_HEALTH_CHECK = "/grpc.health.v1.Health/Check"
_SAY_NOTHING = (Reason.GATEWAY_UNREACHABLE, Reason.OUTCOME_UNKNOWN, Reason.INTERNAL)
"""What a call can fail with, once the connection stood, without saying what became of the request."""

_Request = TypeVar("_Request", contravariant=True)
_Response = TypeVar("_Response", covariant=True)
_Metadata = tuple[tuple[str, str], ...]


class Unanswered(Exception):
    """A request that changes something was sent and nobody can say what became of it: it may have been done, or not.

    The same request under the same idempotency key is safe.
    """

    def __init__(self, message: str, request_id: str) -> None:
        super().__init__(message)
        self.request_id = request_id


class Unary(Protocol[_Request, _Response]):
    """A method of a stub that answers once; the request is a message, or an iterator of them."""

    def __call__(
        self, request: _Request, /, timeout: float | None = None, metadata: _Metadata | None = None
    ) -> _Response: ...


class Streaming(Protocol[_Request, _Response]):
    """A method of a stub that answers many times."""

    def __call__(
        self, request: _Request, /, timeout: float | None = None, metadata: _Metadata | None = None
    ) -> Iterator[_Response]: ...


class _Answers(Protocol[_Response]):
    def __iter__(self) -> Iterator[_Response]: ...

    def __next__(self) -> _Response: ...

    def cancel(self) -> bool: ...


class Conversation(Protocol[_Request, _Response]):
    """A method of a stub that takes many requests and answers many times, each side in its own time."""

    def __call__(
        self, requests: Iterator[_Request], /, timeout: float | None = None, metadata: _Metadata | None = None
    ) -> _Answers[_Response]: ...


class Connection:
    """A TLS connection to the gateway at "host:port", which must prove itself by the network's CA (PEM).

    `token` is the session's; empty for none. It is sent only after the gateway has proved itself.
    """

    def __init__(self, address: str, authority: bytes, token: str = "") -> None:
        self.address = address
        self.token = token
        self.channel = open_customer_channel(address, customer_credentials(authority))
        self._health = self.channel.unary_unary(_HEALTH_CHECK, request_serializer=bytes, response_deserializer=bytes)

    def close(self) -> None:
        """Close the connection; calls that run are given up."""
        self.channel.close()

    def read(self, method: Unary[_Request, _Response], request: _Request, *, timeout: float) -> _Response:
        """Ask for something that changes nothing. Raises Refused."""
        request_id = new_request_id()
        try:
            return method(request, timeout=timeout, metadata=self._metadata(request_id))
        except grpc.RpcError as error:
            raise self._refused(error, request_id) from error

    def change(
        self, method: Unary[_Request, _Response], request: _Request, *, timeout: float, request_id: str = ""
    ) -> _Response:
        """Ask for something to be done, under a `request_id` if the caller wants to know it. Raises Refused when it
        certainly was not done, Unanswered when nobody can say."""
        self._come_up()
        request_id = request_id or new_request_id()
        try:
            return method(request, timeout=timeout, metadata=self._metadata(request_id))
        except grpc.RpcError as error:
            refused = self._refused(error, request_id)
            if refused.reason in _SAY_NOTHING:
                raise Unanswered(refused.message, refused.request_id) from error
            raise refused from error

    def follow(
        self, method: Streaming[_Request, _Response], request: _Request, *, timeout: float
    ) -> Iterator[_Response]:
        """Answers as they come, for `timeout` seconds at most. Raises Refused."""
        request_id = new_request_id()
        try:
            yield from method(request, timeout=timeout, metadata=self._metadata(request_id))
        except grpc.RpcError as error:
            raise self._refused(error, request_id) from error

    def converse(
        self,
        method: Conversation[_Request, _Response],
        requests: Iterator[_Request],
        *,
        timeout: float,
        silence: float,
    ) -> Iterator[_Response]:
        """Send requests as fast as the gateway takes them, from a thread of their own, and give its answers as they
        come, for `timeout` seconds at most, and waiting for none longer than `silence`. Raises Refused when the gateway
        has said so, Unanswered when it was cut short, and what `requests` raised, once all that was sent before is
        answered."""
        self._come_up()
        request_id = new_request_id()
        failures: list[Exception] = []
        call = method(_noting(failures, requests), timeout=timeout, metadata=self._metadata(request_id))
        try:
            while (answer := _next_within(silence, call)) is not None:
                yield answer
        except grpc.RpcError as error:
            refused = self._refused(error, request_id)
            # What the transport refuses is about one message, and says nothing of those before it.
            if refused.reason in _SAY_NOTHING or not from_rpc_error(error).request_id:
                raise Unanswered(refused.message, refused.request_id) from error
            raise refused from error
        finally:
            call.cancel()
        if failures:
            raise failures[0]

    def _metadata(self, request_id: str) -> _Metadata:
        bearer = (("authorization", f"Bearer {self.token}"),) if self.token else ()
        return (*bearer, (REQUEST_ID_KEY, request_id))

    def _refused(self, error: grpc.RpcError, request_id: str) -> Refused:
        refused = from_rpc_error(error)
        if refused.reason is Reason.GATEWAY_UNREACHABLE:
            refused = no_connection(self.address, str(error), cause(error))
        refused.request_id = refused.request_id or request_id
        return refused

    def _come_up(self) -> None:
        """Ask for the gateway's health, which tells it nothing about us. What fails here was never sent; what fails
        afterwards may have arrived. Raises Refused: GATEWAY_UNREACHABLE, or what is wrong with its certificate."""
        try:
            self._health(b"", timeout=CONNECT_SECONDS)
        except grpc.RpcError as error:
            if from_rpc_error(error).reason is Reason.GATEWAY_UNREACHABLE:
                raise no_connection(self.address, str(error), cause(error)) from error


def _next_within(seconds: float, call: _Answers[_Response]) -> _Response | None:
    """The next answer, or None after the last. The call is given up if none comes in time."""
    giving_up = threading.Timer(seconds, call.cancel)
    giving_up.daemon = True
    giving_up.start()
    try:
        return next(call, None)
    finally:
        giving_up.cancel()


def _noting(failures: list[Exception], requests: Iterator[_Request]) -> Iterator[_Request]:
    """The requests up to the first that cannot be had. gRPC would end the call at once and say only that."""
    try:
        yield from requests
    except Exception as error:
        failures.append(error)


def new_request_id() -> str:
    """Names one call in the logs of everybody who works on it."""
    return uuid.uuid4().hex


def no_connection(address: str, details: str, why: str) -> Refused:
    """Why a connection to `address` did not come up, told from gRPC's own words. Nothing was sent."""
    if "CERTIFICATE_VERIFY_FAILED: certificate has expired" in details or "not yet valid" in details:
        return Refused(
            Reason.CERTIFICATE_UNUSABLE,
            f"the certificate of the gateway at {address} is out of date",
            hint="its operator renews it; is this computer's clock right?",
        )
    if "Hostname Verification" in details:
        host = address.rpartition(":")[0]
        return Refused(
            Reason.CERTIFICATE_UNUSABLE,
            f"the gateway at {address} has no certificate for the name {host}",
            hint=f"use a name that it has, or let its operator add this one: interbank up --name {host}",
        )
    if "CERTIFICATE_VERIFY_FAILED" in details:
        return Refused(Reason.GATEWAY_FOREIGN, f"the gateway at {address} belongs to another network")
    if "WRONG_VERSION_NUMBER" in details:
        return Refused(Reason.GATEWAY_UNREACHABLE, f"what listens at {address} is no gateway: it does not speak TLS")
    if "errors resolving" in details:
        why = "the name is not known"
    return _no_answer(address, why)


def _no_answer(address: str, why: str) -> Refused:
    known = f" ({why})" if why != "no answer" else ""
    return Refused(Reason.GATEWAY_UNREACHABLE, f"no answer from the gateway at {address}{known}")
