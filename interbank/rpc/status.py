"""Refusals across the wire, both ways. The only place that knows how a Refused looks as a gRPC status."""

from typing import cast

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from interbank.refusals import Kind, Reason, Refused

DOMAIN = "interbank"
"""ErrorInfo.domain of every error of ours."""

MAX_WORDS = 450
"""Bytes of a message on the wire: all details of a status travel in metadata, which is small."""

_CODES = {kind: getattr(grpc.StatusCode, kind.value) for kind in Kind}
_UNEXPLAINED = {
    grpc.StatusCode.UNAVAILABLE: Reason.GATEWAY_UNREACHABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: Reason.GATEWAY_UNREACHABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Reason.GATEWAY_OVERLOADED,
}


def to_status(refused: Refused, request_id: str) -> status_pb2.Status:
    """A refusal as google.rpc.Status: ErrorInfo and RequestInfo, BadRequest for a field, RetryInfo for "not now"."""
    code: grpc.StatusCode = _CODES[refused.reason.kind]
    info = error_details_pb2.ErrorInfo(reason=refused.reason.name, domain=DOMAIN)
    if refused.hint:
        info.metadata["hint"] = _cut(refused.hint)
    details = [info, error_details_pb2.RequestInfo(request_id=request_id)]
    if refused.field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=refused.field, description=_cut(refused.message))
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if refused.reason.try_again:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(refused.retry_after_ms or 1000)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    status = status_pb2.Status(code=code.value[0], message=_cut(refused.message))
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _cut(words: str) -> str:
    return words.encode()[:MAX_WORDS].decode(errors="ignore")


def from_rpc_error(error: grpc.RpcError) -> Refused:
    """The refusal that a failed call brought; one made from the status code where the other side was not ours."""
    if not isinstance(error, grpc.Call | grpc.aio.AioRpcError):
        return _without_details(error)
    try:
        status = rpc_status.from_call(cast(grpc.Call, error))
        return _without_details(error) if status is None else _from_status(status, error)
    except (ValueError, DecodeError):  # somebody between changed the code, so that the details contradict it, or them
        return _without_details(error)


def _from_status(status: status_pb2.Status, error: grpc.RpcError) -> Refused:
    info, request, bad, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.RequestInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    for packed in status.details:
        for detail in (info, request, bad, retry):
            if packed.Is(detail.DESCRIPTOR):
                packed.Unpack(detail)
    if info.domain != DOMAIN or info.reason not in Reason.__members__:
        return _without_details(error)
    field = bad.field_violations[0].field if bad.field_violations else ""
    refused = Refused(
        Reason[info.reason],
        status.message,
        field=field,
        hint=info.metadata.get("hint", ""),
        retry_after_ms=retry.retry_delay.ToMilliseconds(),
    )
    refused.request_id = request.request_id
    return refused


def _without_details(error: grpc.RpcError) -> Refused:
    code = error.code() if isinstance(error, grpc.Call | grpc.aio.AioRpcError) else grpc.StatusCode.UNKNOWN
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in (error.details() or ""):
        return Refused(Reason.REQUEST_TOO_LARGE, hint="send fewer items at once")
    return Refused(_UNEXPLAINED.get(code, Reason.INTERNAL), cause(error))


def cause(error: grpc.RpcError) -> str:
    """Why a call failed, in a few words for people, without addresses or internals."""
    details = (error.details() or "") if isinstance(error, grpc.Call | grpc.aio.AioRpcError) else ""
    known = {
        "Connection refused": "connection refused",
        "Deadline Exceeded": "no answer in time",
        "Socket closed": "connection lost",
        "Connection reset": "connection lost",
        "handshake failed": "the TLS handshake failed",
        "address lookup failed": "the name is not known",
        "errors resolving": "the name is not known",
        "Name resolution": "the name is not known",
        "DNS resolution": "the name is not known",
    }
    return next((words for text, words in known.items() if text.lower() in details.lower()), "no answer")
