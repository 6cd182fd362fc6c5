"""Whatever a request holds in whichever field, it is answered or refused with a reason; nothing breaks."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor

from certs.credentials import peer_credentials
from certs.names import GATEWAY_NAME, bank_name
from interbank.refusals import Reason
from interbank.rpc.channel import open_peer_channel
from interbank.rpc.status import from_rpc_error
from protos.v1 import (
    bank_pb2,
    bank_pb2_grpc,
    gateway_pb2,
    gateway_pb2_grpc,
    money_pb2,
    network_pb2,
    network_pb2_grpc,
    order_pb2,
)
from tests import books
from tests.world import PASSWORD, Caller, World

SERVICES = ("PaymentService", "SessionService", "AccountService", "AdminService")
ENDS_THE_SESSION = {"Logout", "RevokeSession", "ChangePassword"}

ODD: dict[int, list[Any]] = {
    FieldDescriptor.TYPE_INT64: [0, -1, 1, 2**31, 2**63 - 1, -(2**63)],
    FieldDescriptor.TYPE_INT32: [0, -1, 2**31 - 1, -(2**31)],
    FieldDescriptor.TYPE_ENUM: [0, 99, -1],
    FieldDescriptor.TYPE_BOOL: [True],
    FieldDescriptor.TYPE_BYTES: [b"", b"\x00", b"\xff" * 16, b"x" * 5000],
    FieldDescriptor.TYPE_STRING: [
        "", "x" * 5000, "\x00", "\r\nset-cookie: x", "\u202e", "é" * 40, "../../etc", "'; DROP TABLE accounts; --",
        "%s{0}", "9" * 30, "-", "NORTH", "admin",
    ],
}  # fmt: skip

LIKELY: dict[str, Any] = {
    "bank": "NORTH",
    "payer_bank": "NORTH",
    "payee_bank": "SOUTH",
    "account": 1001,
    "payer_account": 1001,
    "payee_account": 1001,
    "username": "alice1",
    "payee_name": "bob2",
    "password": PASSWORD,
    "old_password": PASSWORD,
    "new_password": PASSWORD,
    "minor_units": 1,
    "currency": "EUR",
    "idempotency_key": "odd",
    "principal": "user:alice1",
    "operator": "admin",
    "page_size": 10,
    "address": "localhost:1",
    "transfer_id": bytes(16),
    "fingerprint": bytes(32),
    "kind": 1,
}


def likely(descriptor: Any, message: Any) -> Any:
    """A request as a client might send it."""
    for field in descriptor.fields:
        if field.message_type is not None:
            target = getattr(message, field.name)
            likely(field.message_type, target.add() if field.is_repeated else target)
        elif field.name in LIKELY and not field.is_repeated:
            setattr(message, field.name, LIKELY[field.name])
    return message


def odd_ones(descriptor: Any, message_class: Any) -> Iterator[Any]:
    """The same request with one field odd at a time, at any depth."""
    yield message_class()
    for path, field in _paths(descriptor):
        for value in ODD[field.type]:
            request = likely(descriptor, message_class())
            _set(request, path, field, value)
            yield request


def _paths(descriptor: Any, prefix: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    for field in descriptor.fields:
        if field.message_type is not None:
            yield from _paths(field.message_type, (*prefix, field))
        else:
            yield prefix, field


def _set(message: Any, path: tuple[Any, ...], field: Any, value: Any) -> None:
    for step in path:
        message = getattr(message, step.name)
        message = message[0] if step.is_repeated else message
    if field.is_repeated:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


def message_class(descriptor: Any) -> Any:
    modules = (gateway_pb2, bank_pb2, network_pb2, order_pb2, money_pb2)
    return next(getattr(module, descriptor.name) for module in modules if hasattr(module, descriptor.name))


REFUSED_BEFORE_IT_WAS_SENT = 'Internal error from Core Failed "execute_batch"'
"""What grpc.aio makes of a stream that its server ended before the client had sent its message."""


async def breaks(stub: Any, method: MethodDescriptor, request: Any, token: str = "") -> str:
    """Empty if the request is answered, or refused with a reason that its sender can read; else what went wrong."""
    metadata = (("authorization", f"Bearer {token}"),) if token else ()

    async def once() -> AsyncIterator[Any]:
        yield request

    call = getattr(stub, method.name)(once() if method.client_streaming else request, timeout=10, metadata=metadata)
    try:
        await (call.read() if method.server_streaming else call)
    except grpc.aio.AioRpcError as error:
        if (error.details() or "").startswith(REFUSED_BEFORE_IT_WAS_SENT):
            return await breaks(stub, method, request, token)
        if len(error.details() or "") > 1000:
            return f"too long an answer: {error.details()[:60]}"
        try:
            reason = from_rpc_error(error).reason
        except ValueError as unreadable:
            return f"not to be read: {unreadable}"
        return "INTERNAL" if reason is Reason.INTERNAL else ""
    return ""


async def what_breaks(stub: Any, method: MethodDescriptor, token: str = "") -> list[str]:
    """Every odd request of a method that breaks something, and how."""
    requests = odd_ones(method.input_type, message_class(method.input_type))
    found = [(await breaks(stub, method, request, token), str(request)) for request in requests]
    return [f"{how}: {request}" for how, request in found if how]


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with World(tmp_path_factory.mktemp("network")).running("NORTH", "SOUTH") as world:
        yield world
        await world.quiet()
        books.check(world.home)


@pytest.fixture(scope="module")
async def callers(world: World) -> dict[str, Caller]:
    alice = await world.customer("alice", "NORTH", "SOUTH", cents=10_00)
    await world.customer("bob", "SOUTH", cents=10_00)
    return {"a customer": alice, "the operator": await world.operator(), "nobody": Caller(world)}


METHODS = [method for service in SERVICES for method in gateway_pb2.DESCRIPTOR.services_by_name[service].methods]


@pytest.mark.parametrize("who", ["nobody", "a customer", "the operator"])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name.removeprefix("interbank.v1."))
async def test_no_request_of_a_customer_breaks_the_gateway(
    world: World, callers: dict[str, Caller], method: MethodDescriptor, who: str
) -> None:
    stub = getattr(gateway_pb2_grpc, f"{method.containing_service.name}Stub")(world.channel)
    token = "" if method.name in ENDS_THE_SESSION else callers[who].token
    assert not await what_breaks(stub, method, token)


BANK_METHODS = list(bank_pb2.DESCRIPTOR.services_by_name["BankService"].methods)


@pytest.mark.parametrize("method", BANK_METHODS, ids=lambda method: method.name)
@pytest.mark.usefixtures("callers")
async def test_no_request_of_a_gateway_breaks_a_bank(world: World, method: MethodDescriptor) -> None:
    credentials = peer_credentials(world.gateway_identity)
    async with open_peer_channel(world.banks["NORTH"].address, credentials, name=bank_name("NORTH")) as channel:
        stub = bank_pb2_grpc.BankServiceStub(channel)
        assert not await what_breaks(stub, method)


async def test_no_request_of_a_bank_breaks_the_gateway(world: World) -> None:
    (method,) = network_pb2.DESCRIPTOR.services_by_name["NetworkService"].methods
    credentials = peer_credentials(world.bank_identity("SOUTH"))
    async with open_peer_channel(world.banks_port, credentials, name=GATEWAY_NAME) as channel:
        stub = network_pb2_grpc.NetworkServiceStub(channel)
        assert not await what_breaks(stub, method)
