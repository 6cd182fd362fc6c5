"""The one door: what is too large does not come in, what goes wrong does not get out, and every call has a name."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from interbank.refusals import Reason, Refused
from interbank.rpc.status import from_rpc_error
from interbank.telemetry import acceptable_request_id, one_line, request_id
from protos.v1 import gateway_pb2
from tests.contracts.doors import SERVICE, ask, standing, unary

SECRET = "correct horse battery staple"


async def echo(request: bytes, _: Any) -> bytes:
    return request


async def fault(_request: bytes, _: Any) -> bytes:
    raise RuntimeError(f"SELECT * FROM credentials: {SECRET}")


async def broken(_request: bytes, _: Any) -> bytes:
    raise Refused(Reason.DATABASE_DAMAGED, "page 7 cannot be read")


async def name_itself(_request: bytes, _: Any) -> bytes:
    return request_id.get().encode()


async def count(requests: AsyncIterator[bytes], _: Any) -> bytes:
    return b"%d" % sum([len(request) async for request in requests])


async def three_then_fault(_request: bytes, _: Any) -> AsyncIterator[bytes]:
    for part in (b"1", b"2", b"3"):
        yield part
    raise RuntimeError(SECRET)


async def echo_each(requests: AsyncIterator[bytes], context: Any) -> None:
    async for request in requests:
        if request == b"fault":
            raise RuntimeError(SECRET)
        if request == b"no":
            raise Refused(Reason.NOT_ALLOWED, field="request")
        await context.write(request_id.get().encode() if request == b"name" else request)


HANDLERS = {
    "Echo": unary(echo),
    "Large": unary(echo),
    "Fault": unary(fault),
    "Broken": unary(broken),
    "NameItself": unary(name_itself),
    "Count": grpc.stream_unary_rpc_method_handler(count, request_deserializer=bytes),
    "EchoEach": grpc.stream_stream_rpc_method_handler(echo_each, request_deserializer=bytes),
    "Stream": grpc.unary_stream_rpc_method_handler(three_then_fault, request_deserializer=bytes),
}


def limit(method: str) -> int:
    return 4000 if method.endswith("/Large") else 1000


@pytest.fixture(scope="module")
async def address() -> AsyncIterator[str]:
    async with standing(HANDLERS, max_bytes=limit) as found:
        yield found


async def refusal(address: str, method: str, request: bytes = b"", **options: Any) -> Refused:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(address, method, request, **options)
    return from_rpc_error(caught.value)


# --- size


@pytest.mark.parametrize(("method", "size"), [("Echo", 1000), ("Large", 4000)])
async def test_each_method_takes_as_much_as_it_may_and_not_one_byte_more(address: str, method: str, size: int) -> None:
    assert len(await ask(address, method, b"x" * size)) == size
    refused = await refusal(address, method, b"x" * (size + 1))
    assert refused.reason is Reason.REQUEST_TOO_LARGE
    assert str(size) in refused.message


async def test_what_is_too_large_is_not_even_read() -> None:
    parsed: list[bytes] = []

    def parse(raw: bytes) -> bytes:
        parsed.append(raw)
        return raw

    handler = grpc.unary_unary_rpc_method_handler(echo, request_deserializer=parse)
    async with standing({"Echo": handler}, max_bytes=limit) as address:
        await refusal(address, "Echo", b"x" * 1001)
        await ask(address, "Echo", b"small")
    assert parsed == [b"small"]


async def test_each_message_of_a_stream_has_the_limit(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        stream = channel.stream_unary(f"/{SERVICE}/Count")
        assert await stream(iter([b"x" * 1000] * 5), timeout=10) == b"5000"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream(iter([b"x" * 10, b"x" * 1001]), timeout=10)
    assert from_rpc_error(caught.value).reason is Reason.REQUEST_TOO_LARGE


async def test_what_is_larger_than_any_message_is_refused_before_it_arrives(address: str) -> None:
    refused = await refusal(address, "Echo", b"x" * (1024 * 1024 + 1))
    assert refused.reason is Reason.REQUEST_TOO_LARGE


# --- faults


async def test_a_fault_leaves_as_internal_with_the_request_id_and_nothing_else(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(address, "Fault", metadata=(("x-request-id", "look-here"),))
    error = caught.value
    assert error.code() is grpc.StatusCode.INTERNAL
    said = f"{error.details()} {error.trailing_metadata()} {error.debug_error_string()}"
    for secret in (SECRET, "SELECT", "RuntimeError", "Traceback", "test_interceptor"):
        assert secret not in said
    refused = from_rpc_error(error)
    assert (refused.reason, refused.message, refused.request_id) == (
        Reason.INTERNAL, Reason.INTERNAL.meaning, "look-here",
    )  # fmt: skip
    (logged,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "look-here" in logged.getMessage()
    assert logged.exc_info is not None


async def test_a_fault_in_the_middle_of_a_stream_ends_it_the_same_way(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        stream = channel.unary_stream(f"/{SERVICE}/Stream")(b"", timeout=10)
        assert [await stream.read() for _ in range(3)] == [b"1", b"2", b"3"]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.read()
    assert from_rpc_error(caught.value).reason is Reason.INTERNAL
    assert SECRET not in str(caught.value)


async def test_a_refusal_that_means_a_fault_of_the_disk_is_logged(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await refusal(address, "Broken")).reason is Reason.DATABASE_DAMAGED
    assert [r.levelno for r in caplog.records if "page 7" in r.getMessage()] == [logging.ERROR]


async def test_a_request_that_is_no_message_says_nothing_of_how_it_failed() -> None:
    """It ends as UNKNOWN with the exception's class and text, and without a request id."""

    async def never(_request: Any, _: Any) -> bytes:
        raise AssertionError("came in")

    handler = grpc.unary_unary_rpc_method_handler(
        never, request_deserializer=gateway_pb2.TransferRequest.FromString
    )  # fmt: skip
    async with standing({"Transfer": handler}) as address:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(address, "Transfer", b"\xff\xff\xff")
    assert "DecodeError" not in (caught.value.details() or "")
    assert from_rpc_error(caught.value).request_id


async def test_an_unknown_method_is_unimplemented_however_often_it_is_tried(address: str) -> None:
    for attempt in range(20):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(address, f"Guess{attempt}")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


# --- streams both ways


async def test_a_stream_is_answered_while_it_goes_on_and_every_message_has_the_limit(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.stream_stream(f"/{SERVICE}/EchoEach")(timeout=10, metadata=(("x-request-id", "both-ways"),))
        for request, answer in ((b"x" * 1000, b"x" * 1000), (b"name", b"both-ways")):
            await call.write(request)
            assert await call.read() == answer
        await call.write(b"x" * 1001)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
    refused = from_rpc_error(caught.value)
    assert (refused.reason, refused.request_id) == (Reason.REQUEST_TOO_LARGE, "both-ways")


@pytest.mark.parametrize(("request_", "reason"), [(b"fault", Reason.INTERNAL), (b"no", Reason.NOT_ALLOWED)])
async def test_what_ends_a_stream_both_ways_leaves_as_a_refusal(address: str, request_: bytes, reason: Reason) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.stream_stream(f"/{SERVICE}/EchoEach")(timeout=10)
        await call.write(request_)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
    assert from_rpc_error(caught.value).reason is reason
    assert SECRET not in f"{caught.value} {caught.value.trailing_metadata()}"


async def test_a_stream_both_ways_leaves_one_line_when_it_ends(address: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "interbank.rpc.interceptor"):
        async with grpc.aio.insecure_channel(address) as channel:
            call = channel.stream_stream(f"/{SERVICE}/EchoEach")(iter([b"1", b"2"]), timeout=10)
            assert [answer async for answer in call] == [b"1", b"2"]
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert re.match(r"EchoEach +[0-9a-f]{16} .* OK  [0-9.]+ ms$", line)


@pytest.mark.parametrize("writes", [False, True], ids=["while it waits", "while it writes"])
async def test_a_caller_that_leaves_a_stream_ends_it_wherever_it_is(writes: bool) -> None:
    entered, left = asyncio.Event(), asyncio.Event()

    async def go_on_for_ever(requests: AsyncIterator[bytes], context: Any) -> None:
        try:
            async for _ in requests:
                entered.set()
                while writes:
                    await context.write(b"x" * 100_000)
        finally:
            left.set()

    handler = grpc.stream_stream_rpc_method_handler(go_on_for_ever, request_deserializer=bytes)
    async with standing({"GoOn": handler}) as address, grpc.aio.insecure_channel(address) as channel:
        call = channel.stream_stream(f"/{SERVICE}/GoOn")(timeout=10)
        await call.write(b"begin")
        await entered.wait()
        call.cancel()
        await left.wait()


# --- who comes in


async def test_who_may_not_come_in_reaches_no_handler() -> None:
    asked: list[str] = []

    def nobody(_: Any, method: str) -> None:
        asked.append(method)
        raise Refused(Reason.CALLER_NOT_RECOGNISED)

    async def never(_request: bytes, _: Any) -> bytes:
        raise AssertionError("came in")

    stream = grpc.stream_stream_rpc_method_handler(never, request_deserializer=bytes)
    async with standing({"Echo": unary(never), "EchoEach": stream}, admit=nobody) as address:
        assert (await refusal(address, "Echo")).reason is Reason.CALLER_NOT_RECOGNISED
        async with grpc.aio.insecure_channel(address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.stream_stream(f"/{SERVICE}/EchoEach")(timeout=10).read()
        assert from_rpc_error(caught.value).reason is Reason.CALLER_NOT_RECOGNISED
    assert asked == [f"/{SERVICE}/Echo", f"/{SERVICE}/EchoEach"]


# --- the name of a call


async def test_a_callers_request_id_is_taken_over(address: str) -> None:
    assert await ask(address, "NameItself", metadata=(("x-request-id", "pay-2026.11_22"),)) == b"pay-2026.11_22"


@pytest.mark.parametrize("given", ["", "x" * 65, "two words", "semi;colon", "<b>", "a/b", "%0d%0a"])
async def test_a_request_id_that_could_forge_a_log_line_is_replaced(address: str, given: str) -> None:
    named = (await ask(address, "NameItself", metadata=(("x-request-id", given),))).decode()
    assert re.fullmatch("[0-9a-f]{16}", named)


@pytest.mark.parametrize("given", ["a\r\nb", "a\n", "\n", "a\tb", "a\x00", "a\x1b[2J", "é", "a\u2028b", "a b", ""])
def test_no_control_character_is_acceptable_in_a_request_id(given: str) -> None:
    assert not acceptable_request_id(given)
    assert "\n" not in one_line(f"line {given}")
    assert "\x1b" not in one_line(given)


@pytest.mark.parametrize("character", ["\u061c", "\u200e", "\u200f"])
def test_no_direction_mark_turns_a_log_line_around(character: str) -> None:
    assert character not in one_line(f"a{character}b")


async def test_a_call_without_an_id_gets_one_of_its_own(address: str) -> None:
    first, second = [await ask(address, "NameItself") for _ in range(2)]
    assert first != second
    assert re.fullmatch(b"[0-9a-f]{16}", first)


async def test_every_call_leaves_one_line(address: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "interbank.rpc.interceptor"):
        await ask(address, "Echo", b"x", metadata=(("x-request-id", "r-9"),))
        await refusal(address, "Broken")
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert len(lines) == 2
    assert re.match(r"Echo +r-9 .* OK  [0-9.]+ ms$", lines[0])
    assert "DATABASE_DAMAGED" in lines[1]


async def test_a_caller_that_hangs_up_takes_nobody_with_him() -> None:
    entered, left = asyncio.Event(), asyncio.Event()

    async def sit_still(_request: bytes, _: Any) -> bytes:
        entered.set()
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            left.set()

    async with standing({"Echo": unary(echo), "SitStill": unary(sit_still)}) as address:
        gone = asyncio.create_task(ask(address, "SitStill"))
        await entered.wait()
        gone.cancel()
        await left.wait()
        assert await ask(address, "Echo", b"still here") == b"still here"
