"""A refusal crosses the wire as it was said: reason, words, field, hint, when to ask again. Nothing else crosses."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from interbank.refusals import Kind, Reason, Refused
from interbank.rpc.status import DOMAIN, cause, from_rpc_error, to_status
from tests.contracts.doors import SERVICE, ask, standing, unary

WORDS = "NORTH 1001 „Miete“ 家賃 cannot"
HINT = "interbank status 1f3a, or: grüß Gott"


async def refuse(request: bytes, _: Any) -> bytes:
    name, field, retry = request.decode().split("|")
    raise Refused(Reason[name], WORDS, field=field, hint=HINT, retry_after_ms=int(retry))


@pytest.fixture(scope="module")
async def address() -> AsyncIterator[str]:
    async with standing({"Refuse": unary(refuse)}) as found:
        yield found


async def refused_with(address: str, request: bytes) -> Refused:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(address, "Refuse", request, metadata=(("x-request-id", "r-1"),))
    return from_rpc_error(caught.value)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
async def test_every_reason_crosses_the_wire_intact(address: str, reason: Reason) -> None:
    refused = await refused_with(address, f"{reason.name}|payee_name|1500".encode())
    assert refused.reason is reason
    assert (refused.message, refused.field, refused.hint) == (WORDS, "payee_name", HINT)
    assert refused.retry_after_ms == (1500 if reason.try_again else 0)
    assert refused.request_id == "r-1"


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)
async def test_the_status_code_is_that_of_the_kind(address: str, kind: Kind) -> None:
    reason = next(reason for reason in Reason if reason.kind is kind)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(address, "Refuse", f"{reason.name}||0".encode())
    assert caught.value.code().name == kind.value
    assert caught.value.details() == WORDS


async def test_a_refusal_without_a_field_names_none(address: str) -> None:
    assert (await refused_with(address, b"ACCOUNT_FROZEN||0")).field == ""


async def test_not_now_always_says_when_to_ask_again(address: str) -> None:
    assert (await refused_with(address, b"BANK_BUSY||0")).retry_after_ms == 1000
    assert (await refused_with(address, b"BANK_BUSY||1")).retry_after_ms == 1


async def test_a_client_that_does_not_wait_for_the_loop_reads_the_same(address: str) -> None:
    def call() -> Refused:
        with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(f"/{SERVICE}/Refuse")(b"ORDER_IN_PROGRESS|idempotency_key|200", timeout=10)
        return from_rpc_error(caught.value)

    refused = await asyncio.get_running_loop().run_in_executor(None, call)
    assert (refused.reason, refused.field, refused.retry_after_ms) == (Reason.ORDER_IN_PROGRESS, "idempotency_key", 200)


def test_the_details_are_those_of_google_rpc() -> None:
    """What a client in another language finds, without any code of ours."""
    status = to_status(Refused(Reason.BANK_BUSY, "busy", field="bank", hint="wait", retry_after_ms=200), "r-7")
    info, request, bad, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.RequestInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    for packed, detail in zip(status.details, (info, request, bad, retry), strict=True):
        assert packed.Unpack(detail)
    assert (status.code, status.message) == (code_pb2.RESOURCE_EXHAUSTED, "busy")
    assert (info.reason, info.domain, dict(info.metadata)) == ("BANK_BUSY", "interbank", {"hint": "wait"})
    assert request.request_id == "r-7"
    assert [(v.field, v.description) for v in bad.field_violations] == [("bank", "busy")]
    assert retry.retry_delay.ToMilliseconds() == 200


@pytest.mark.parametrize("length", [500, 6_000, 20_000])
async def test_words_that_are_too_long_are_cut_and_not_what_they_say(length: int) -> None:
    """All of a status travels in metadata, of which a client takes little."""

    async def answer(_: bytes, __: Any) -> bytes:
        raise Refused(Reason.UNKNOWN_BANK, "B" * length, field="bank", hint="H" * length)

    async with standing({"Refuse": unary(answer)}) as address:
        refused = await refused_with(address, b"")
    assert (refused.reason, refused.field) == (Reason.UNKNOWN_BANK, "bank")
    assert (refused.message[:400], refused.hint[:400]) == ("B" * 400, "H" * 400)


@pytest.mark.parametrize("character", ["家", "🏦"])
async def test_words_in_any_script_are_cut_short_enough(character: str) -> None:
    """Each is sent in bytes, the message once with a percent sign for each. What is a little too large for a client is
    refused by it now and then, so once proves nothing."""

    async def answer(_: bytes, __: Any) -> bytes:
        raise Refused(Reason.UNKNOWN_BANK, character * 500, field="bank", hint=character * 500)

    async with standing({"Refuse": unary(answer)}) as address:
        for _ in range(40):
            refused = await refused_with(address, b"")
            assert (refused.reason, refused.message[:100]) == (Reason.UNKNOWN_BANK, character * 100)


# --- what is not ours


async def status_from(status: status_pb2.Status) -> Refused:
    async def answer(_: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        await context.abort_with_status(rpc_status.to_status(status))

    async with standing({"Strange": unary(answer)}) as address:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(address, "Strange")
        return from_rpc_error(caught.value)


def strange(reason: str, domain: str) -> status_pb2.Status:
    status = status_pb2.Status(code=code_pb2.UNAVAILABLE, message="connect to 10.0.0.7:443: Connection refused")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain=domain))
    return status


@pytest.mark.parametrize(("reason", "domain"), [("BANK_BUSY", "example.org"), ("A_NEWER_REASON", DOMAIN), ("", "")])
async def test_a_reason_that_is_not_ours_is_no_answer(reason: str, domain: str) -> None:
    refused = await status_from(strange(reason, domain))
    assert refused.reason is Reason.GATEWAY_UNREACHABLE
    assert refused.message == "connection refused"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.UNAVAILABLE, Reason.GATEWAY_UNREACHABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Reason.GATEWAY_UNREACHABLE),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.GATEWAY_OVERLOADED),
        (grpc.StatusCode.UNIMPLEMENTED, Reason.INTERNAL),
        (grpc.StatusCode.UNKNOWN, Reason.INTERNAL),
        (grpc.StatusCode.FAILED_PRECONDITION, Reason.INTERNAL),
    ],
)
def test_a_bare_status_says_no_more_than_that_nobody_answered(code: grpc.StatusCode, reason: Reason) -> None:
    error = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details="secret at 10.0.0.7")
    refused = from_rpc_error(error)
    assert refused.reason is reason
    assert "10.0.0.7" not in refused.message + refused.hint


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ("failed to connect to all addresses; last error: ipv4:10.0.0.7:443: Connection refused", "connection refused"),
        ("Deadline Exceeded", "no answer in time"),
        ("recvmsg:Connection reset by peer", "connection lost"),
        ("Ssl handshake failed: SSL_ERROR_SSL: certificate verify failed", "the TLS handshake failed"),
        ("DNS resolution failed for north.invalid", "the name is not known"),
        ("File /root/secret.py line 3", "no answer"),
        ("", "no answer"),
    ],
)
def test_why_nobody_answered_is_said_without_addresses(details: str, words: str) -> None:
    none = grpc.aio.Metadata()
    assert cause(grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, none, none, details=details)) == words


def test_a_status_that_contradicts_its_details_is_some_refusal_too() -> None:
    """Whoever stands between may change the code; from_rpc_error always returns a refusal."""
    packed = (("grpc-status-details-bin", b"\x08\x05"),)  # google.rpc.Status{code: NOT_FOUND}
    error = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(*packed))
    assert from_rpc_error(error).reason is Reason.GATEWAY_UNREACHABLE


def test_every_failed_call_is_some_refusal() -> None:
    assert from_rpc_error(grpc.RpcError()).reason is Reason.INTERNAL


async def test_a_port_where_nobody_listens_is_a_refused_connection() -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask("localhost:1", "Refuse")
    refused = from_rpc_error(caught.value)
    assert (refused.reason, refused.message) == (Reason.GATEWAY_UNREACHABLE, "connection refused")


async def test_a_method_that_does_not_exist_is_a_fault_and_not_a_refusal_of_the_books(address: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(address, "Missing")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert from_rpc_error(caught.value).reason is Reason.INTERNAL


def test_details_that_nobody_can_read_are_none() -> None:
    packed = (("grpc-status-details-bin", b"\xff\xff\xff"),)
    error = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(*packed))
    assert from_rpc_error(error).reason is Reason.GATEWAY_UNREACHABLE
