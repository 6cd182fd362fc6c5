"""Logging in, staying logged in, and ending it."""

import asyncio
import threading

import grpc
import pytest

from interbank.refusals import Reason, Refused
from interbank.rpc.status import from_rpc_error
from protos.v1 import gateway_pb2, gateway_pb2_grpc, order_pb2
from tests.refusing import refused
from tests.world import PASSWORD, Caller, World


async def sessions_of(caller: Caller) -> list[gateway_pb2.Session]:
    answer = await caller.call("SessionService", "ListSessions", gateway_pb2.ListSessionsRequest())
    return list(answer.sessions)


async def who_is(caller: Caller) -> gateway_pb2.WhoAmIResponse:
    return await caller.call("SessionService", "WhoAmI", gateway_pb2.WhoAmIRequest())


async def logout(caller: Caller) -> None:
    await caller.call("SessionService", "Logout", gateway_pb2.LogoutRequest())


def live_grants(world: World, caller: Caller, bank: str) -> int:
    (count,) = world.sql(
        bank, f"SELECT count(*) FROM grants WHERE username = '{caller.username}' AND ended_at IS NULL"
    )[0]
    return int(count)


async def told_of_failed_login(world: World, username: str, password: str, bank: str) -> tuple[object, ...]:
    """All that the caller is told, but for the request's id."""
    stub = gateway_pb2_grpc.SessionServiceStub(world.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Login(gateway_pb2.LoginRequest(username=username, password=password, bank=bank), timeout=10)
    error, refusal = caught.value, from_rpc_error(caught.value)
    return error.code(), error.details(), refusal.reason, refusal.hint, refusal.field, refusal.retry_after_ms


async def test_a_customer_logs_in_with_name_and_password_at_his_bank(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    told = await who_is(alice)
    assert told.session.username == alice.username
    assert list(told.session.banks) == ["NORTH"]
    assert not told.operator


async def test_the_operator_logs_in_with_his_first_password(world: World) -> None:
    operator = await Caller(world).login("admin", "1234")
    assert (await who_is(operator)).operator


async def test_a_wrong_password_and_an_unknown_user_are_told_the_same(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    wrong = await told_of_failed_login(world, alice.username, "not the right password", "NORTH")
    unknown = await told_of_failed_login(world, "nobody-at-all", "not the right password", "NORTH")
    elsewhere = await told_of_failed_login(world, alice.username, PASSWORD, "SOUTH")
    assert wrong == unknown == elsewhere
    assert wrong[2] is Reason.WRONG_CREDENTIALS


async def test_a_login_without_a_bank_tells_nobody_which_names_are_registered(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    wrong = await told_of_failed_login(world, alice.username, "not the right password", "")
    unknown = await told_of_failed_login(world, "nobody-at-all", "not the right password", "")
    assert wrong == unknown


async def test_a_password_is_compared_whole(world: World) -> None:
    operator = await world.operator()
    longest = "p" * 72
    account = await operator.open_account("NORTH", "exact", password=longest)
    await Caller(world).register("exact", "NORTH", account, longest)
    for wrong in ("p" * 71, "p" * 73, "P" + "p" * 71, longest + " ", "p" * 72 + "\0"):
        with refused(Reason.WRONG_CREDENTIALS):
            await Caller(world).login("exact", wrong, "NORTH")
        await Caller(world).login("exact", longest)  # or the throttle would answer


async def test_whoever_guesses_passwords_is_slowed_down_but_nobody_else_is(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    carol = await world.customer("carol", "NORTH")
    for _ in range(5):
        with refused(Reason.WRONG_CREDENTIALS):
            await Caller(world).login(alice.username, "a wrong password", "NORTH")
    with refused(Reason.LOGIN_THROTTLED) as caught:
        await Caller(world).login(alice.username, PASSWORD, "NORTH")
    assert 0 < caught.value.retry_after_ms <= 60_000
    assert await alice.balance("NORTH") == 0, "a session that is open goes on"
    await Caller(world).login(carol.username)


async def test_a_flood_of_logins_is_bounded_and_payments_go_on_beside_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await world.customer("alice", "NORTH", cents=1_00)
    carol = await world.customer("carol", "NORTH")
    monkeypatch.setattr("interbank.passwords._MAX_WAITING", 4)
    slow, matches = threading.Event(), world.passwords._matches
    monkeypatch.setattr(world.passwords, "_matches", lambda *words: slow.wait(20) and matches(*words))

    flood = [asyncio.ensure_future(Caller(world).login(alice.username)) for _ in range(40)]
    await world.until(lambda: sum(login.done() for login in flood) == 36)
    paid = await alice.pay(alice.at("NORTH"), carol.named_at("NORTH"), 1_00, "beside")
    slow.set()
    logins = await asyncio.gather(*flood, return_exceptions=True)

    assert paid.transfer.state == order_pb2.TRANSFER_STATE_COMPLETED
    turned_away = [one.reason for one in logins if isinstance(one, Refused)]
    assert turned_away == [Reason.BANK_BUSY] * 36


async def test_a_gateway_that_is_not_there_is_said_to_be_unreachable(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    await world.stop_gateway()
    world.channel = world.open_channel(world.gateway.address)
    try:
        with refused(Reason.GATEWAY_UNREACHABLE):
            await alice.balance("NORTH")
    finally:
        await world.channel.close()
        await world.start_gateway()
        await world.connected("NORTH", "SOUTH")
    assert await alice.balance("NORTH") == 0


async def test_without_a_session_nothing_is_shown_but_the_banks(world: World) -> None:
    nobody = Caller(world)
    banks = await nobody.call("AccountService", "ListBanks", gateway_pb2.ListBanksRequest())
    assert [(bank.bank, bank.currency, bank.link) for bank in banks.banks] == [
        ("NORTH", "EUR", gateway_pb2.BANK_LINK_CONNECTED),
        ("SOUTH", "EUR", gateway_pb2.BANK_LINK_CONNECTED),
    ]
    for token in ("", "A" * 43, "not a token at all"):
        nobody.token = token
        with refused(Reason.NOT_LOGGED_IN):
            await nobody.call("AccountService", "ListMyAccounts", gateway_pb2.ListMyAccountsRequest())


async def test_no_token_and_no_grant_is_kept_in_a_form_that_could_be_used(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    tokens = world.sql("gateway", f"SELECT token_hash FROM sessions WHERE username = '{alice.username}'")
    hashes = world.sql("NORTH", f"SELECT grant_hash FROM grants WHERE username = '{alice.username}'")
    access = world.sql("gateway", "SELECT access FROM session_grants")
    assert alice.token.encode() not in world.gateway.path.read_bytes()
    assert all(len(row[0]) == 32 for row in tokens)
    assert not {row[0] for row in hashes} & {row[0] for row in access}


async def test_another_bank_is_added_to_the_session(world: World) -> None:
    alice = await world.customer("alice", "NORTH", "SOUTH", cents=7_00)
    told = await who_is(alice)
    assert list(told.session.banks) == ["NORTH", "SOUTH"]
    assert len(await sessions_of(alice)) == 1
    assert (await alice.balance("NORTH"), await alice.balance("SOUTH")) == (7_00, 7_00)


async def test_a_session_without_access_at_a_bank_is_told_to_log_in_there(world: World) -> None:
    alice = await world.customer("alice", "NORTH", "SOUTH")
    elsewhere = await Caller(world).login(alice.username, bank="SOUTH")
    with refused(Reason.NOT_LOGGED_IN_AT_BANK, field="payer_bank"):
        await elsewhere.pay(alice.at("NORTH"), alice.named_at("SOUTH"), 1_00, "rent")
    with refused(Reason.NOT_LOGGED_IN_AT_BANK, field="bank"):
        await elsewhere.call("AccountService", "GetMyStatement", gateway_pb2.GetMyStatementRequest(bank="NORTH"))


async def test_logging_in_again_on_one_session_leaves_no_grant_behind(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    await alice.login(alice.username)
    assert live_grants(world, alice, "NORTH") == 1
    await logout(alice)
    assert live_grants(world, alice, "NORTH") == 0


async def test_logout_ends_the_session_and_the_grants_at_all_its_banks(world: World) -> None:
    alice = await world.customer("alice", "NORTH", "SOUTH")
    assert (live_grants(world, alice, "NORTH"), live_grants(world, alice, "SOUTH")) == (1, 1)

    await logout(alice)

    assert (live_grants(world, alice, "NORTH"), live_grants(world, alice, "SOUTH")) == (0, 0)
    with refused(Reason.NOT_LOGGED_IN):
        await alice.balance("NORTH")


async def test_a_user_sees_his_sessions_and_can_end_another_one(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    lost = Caller(world)
    answer = await lost.call(
        "SessionService",
        "Login",
        gateway_pb2.LoginRequest(username=alice.username, password=PASSWORD, device="a lost telephone"),
    )
    lost.token = answer.token
    assert [(one.device, one.current) for one in await sessions_of(alice)] == [
        ("a lost telephone", False),
        ("", True),
    ]

    await alice.call(
        "SessionService",
        "RevokeSession",
        gateway_pb2.RevokeSessionRequest(session_id=answer.session.session_id),
    )

    with refused(Reason.NOT_LOGGED_IN):
        await lost.balance("NORTH")
    assert live_grants(world, alice, "NORTH") == 1, "the grant of the revoked session has ended too"
    assert [one.current for one in await sessions_of(alice)] == [True]


async def test_sessions_last_over_a_restart_of_the_gateway_and_of_the_bank_until_logout(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=5_00)

    await world.stop_gateway()
    await world.start_gateway()
    await world.connected("NORTH", "SOUTH")
    assert await alice.balance("NORTH") == 5_00

    await world.stop_bank("NORTH")
    await world.start_bank("NORTH")
    await world.connected("NORTH", "SOUTH")
    assert await alice.balance("NORTH") == 5_00

    await logout(alice)
    await world.stop_gateway()
    await world.start_gateway()
    await world.connected("NORTH", "SOUTH")
    with refused(Reason.NOT_LOGGED_IN):
        await alice.balance("NORTH")


async def test_a_name_that_nobody_has_is_slowed_down_like_one_that_somebody_has(world: World) -> None:
    """Else whoever tries six passwords learns who is registered here."""
    alice = await world.customer("alice", "NORTH")
    for name in (alice.username, "nobody-has-this"):
        for _ in range(5):
            with refused(Reason.WRONG_CREDENTIALS):
                await Caller(world).login(name, "not the password of anybody")
        with refused(Reason.LOGIN_THROTTLED):
            await Caller(world).login(name, "not the password of anybody")
