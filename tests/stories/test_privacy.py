"""What is another customer's is as good as absent: the same words, the same bytes."""

import contextlib
from typing import Any

import grpc
import pytest

from interbank.refusals import Reason
from interbank.rpc.status import from_rpc_error
from interbank.storage.sqlite import driver
from protos.v1 import bank_pb2, gateway_pb2, gateway_pb2_grpc, order_pb2
from tests.refusing import refused
from tests.world import Caller, World, an_order, money


async def told(caller: Caller, service: str, method: str, request: Any) -> tuple[object, ...]:
    """All that the caller is told of a refusal, but for the request's id."""
    stub = getattr(gateway_pb2_grpc, f"{service}Stub")(caller.world.channel)
    metadata = (("authorization", f"Bearer {caller.token}"),)
    call = getattr(stub, method)(request, timeout=10, metadata=metadata)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await (call.read() if method == "Watch" else call)
    error, refusal = caught.value, from_rpc_error(caught.value)
    return error.code(), error.details(), refusal.reason, refusal.hint, refusal.field, refusal.retry_after_ms


async def test_the_journal_keeps_no_grant_of_a_payment_that_is_final(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")

    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "grant")

    query = f"SELECT state, access FROM transfers WHERE transfer_id = x'{paid.transfer.transfer_id.hex()}'"
    with contextlib.closing(driver().connect(f"file:{world.gateway.path}?mode=ro", uri=True)) as journal:
        assert journal.execute(query).fetchall() == [("COMPLETED", b"")]


async def test_another_customers_account_cannot_be_told_from_none(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    mallory = await world.customer("mallory", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    absent = 5_000_000

    answers = []
    for account in (alice.accounts["NORTH"], absent, 0):
        order = an_order(("NORTH", account), bob.named_at("SOUTH"), 1_00, "steal")
        answer = await told(mallory, "PaymentService", "Transfer", gateway_pb2.TransferRequest(order=order))
        answers.append((answer[0], str(answer[1]).replace(str(account), "N"), *answer[2:]))

    assert answers[0] == answers[1] == answers[2]
    assert answers[0][2] is Reason.ACCOUNT_NOT_FOUND
    assert await alice.balance("NORTH") == 10_00


async def test_another_customers_transfer_cannot_be_told_from_none(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    mallory = await world.customer("mallory", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    hers = (await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "hers")).transfer.transfer_id

    watched = [
        await told(mallory, "PaymentService", "Watch", gateway_pb2.WatchRequest(transfer_id=one))
        for one in (hers, bytes(16))
    ]

    assert watched[0] == watched[1]
    assert watched[0][2] is Reason.TRANSFER_NOT_FOUND
    for request in (
        gateway_pb2.GetTransfersRequest(transfer_ids=[hers]),
        gateway_pb2.GetTransfersRequest(idempotency_keys=["hers"]),
        gateway_pb2.GetTransfersRequest(id_prefix=hers.hex()[:8]),
    ):
        answer = await mallory.call("PaymentService", "GetTransfers", request)
        assert answer == gateway_pb2.GetTransfersResponse()
    listed = await mallory.call("PaymentService", "ListTransfers", gateway_pb2.ListTransfersRequest())
    assert not listed.transfers


async def test_the_payee_of_a_transfer_is_not_its_owner(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    paid = (await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")).transfer
    answer = await bob.call(
        "PaymentService", "GetTransfers", gateway_pb2.GetTransfersRequest(transfer_ids=[paid.transfer_id])
    )
    assert not answer.transfers


async def test_another_users_session_cannot_be_told_from_none(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    mallory = await world.customer("mallory", "NORTH")
    shown = await alice.call("SessionService", "ListSessions", gateway_pb2.ListSessionsRequest())

    answers = [
        await told(mallory, "SessionService", "RevokeSession", gateway_pb2.RevokeSessionRequest(session_id=one))
        for one in (shown.sessions[0].session_id, "0" * 16)
    ]

    assert answers[0] == answers[1]
    assert answers[0][2] is Reason.SESSION_NOT_FOUND
    assert await alice.balance("NORTH") == 0


async def test_another_users_key_tells_nothing(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    mallory = await world.customer("mallory", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "rent")

    paid = await mallory.pay(mallory.at("NORTH"), bob.named_at("SOUTH"), 2_00, "rent")

    assert paid.transfer.state == order_pb2.TRANSFER_STATE_COMPLETED


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("SetPassword", {"bank": "NORTH", "account": 1001, "password": "a password of my own"}),
        ("SetAccountStatus", {"bank": "NORTH", "account": 1001, "status": bank_pb2.ACCOUNT_STATUS_FROZEN}),
        ("AddMoney", {"bank": "NORTH", "account": 1001, "amount": money(1), "idempotency_key": "k"}),
        ("Withdraw", {"bank": "NORTH", "account": 1001, "amount": money(1), "idempotency_key": "k"}),
        ("ListAccounts", {"bank": "NORTH"}),
        ("ListTransfers", {}),
    ],
)
async def test_customers_do_none_of_the_operators_acts(world: World, method: str, fields: dict[str, object]) -> None:
    mallory = await world.customer("mallory", "NORTH")
    names = {"AddMoney": "AddMoneyRequest"}
    request = getattr(gateway_pb2, names.get(method, f"AdminService{method}Request"))(**fields)
    with refused(Reason.NOT_ALLOWED):
        await mallory.call("AdminService", method, request)
    with refused(Reason.NOT_LOGGED_IN):
        await Caller(world).call("AdminService", method, request)


async def test_customers_open_no_accounts(world: World) -> None:
    mallory = await world.customer("mallory", "NORTH")
    with refused(Reason.NOT_ALLOWED):
        await mallory.open_account("NORTH", "made-by-mallory", 1_000_000_00)
    assert world.sql("NORTH", "SELECT count(*) FROM accounts WHERE username = 'made-by-mallory'") == [(0,)]


async def test_nobody_who_is_a_customer_can_be_called_admin(world: World) -> None:
    operator = await world.operator()
    with refused(Reason.USER_HAS_ACCOUNT):
        await operator.open_account("NORTH", "admin")
    with refused(Reason.USERNAME_TAKEN):
        await Caller(world).register("admin", "NORTH", 0)


async def test_what_breaks_inside_is_told_to_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = await world.customer("alice", "NORTH")

    def breaks(*_: object, **__: object) -> None:
        raise ZeroDivisionError("SELECT secret FROM everything")

    monkeypatch.setattr("gateway_service.servicers.sessions.session_message", breaks)
    answer = await told(alice, "SessionService", "WhoAmI", gateway_pb2.WhoAmIRequest())
    assert answer == (
        grpc.StatusCode.INTERNAL,
        "a fault of this program; its log has the request id",
        Reason.INTERNAL,
        "",
        "",
        0,
    )
