"""Passwords are the bank's; changing one ends what was opened with the old one."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from interbank.refusals import Reason
from protos.v1 import gateway_pb2
from tests.refusing import refused
from tests.world import PASSWORD, Caller, World

NEW_PASSWORD = "another horse and another staple"


async def change(caller: Caller, old: str, new: str, bank: str = "") -> None:
    request = gateway_pb2.SessionServiceChangePasswordRequest(bank=bank, old_password=old, new_password=new)
    await caller.call("SessionService", "ChangePassword", request)


async def set_password(operator: Caller, bank: str, account: int, password: str) -> None:
    request = gateway_pb2.AdminServiceSetPasswordRequest(bank=bank, account=account, password=password)
    await operator.call("AdminService", "SetPassword", request)


async def asks(caller: Caller) -> None:
    await caller.call("SessionService", "WhoAmI", gateway_pb2.WhoAmIRequest())


async def test_a_changed_password_ends_the_other_sessions_and_keeps_this_one(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    elsewhere = await Caller(world).login(alice.username)

    await change(alice, PASSWORD, NEW_PASSWORD)

    assert await alice.balance("NORTH") == 0
    with refused(Reason.NOT_LOGGED_IN):
        await asks(elsewhere)
    with refused(Reason.WRONG_CREDENTIALS):
        await Caller(world).login(alice.username, PASSWORD, "NORTH")
    await Caller(world).login(alice.username, NEW_PASSWORD, "NORTH")


async def test_a_session_that_a_changed_password_ends_leaves_no_grant_at_any_bank(world: World) -> None:
    alice = await world.customer("alice", "NORTH", "SOUTH")
    elsewhere = await Caller(world).login(alice.username, bank="NORTH")
    await elsewhere.login(alice.username, bank="SOUTH")
    assert world.grants_of(alice.username) == {"NORTH": 2, "SOUTH": 2}

    await change(alice, PASSWORD, NEW_PASSWORD, bank="NORTH")

    assert world.grants_of(alice.username) == {"NORTH": 1, "SOUTH": 1}


async def test_a_password_is_changed_only_by_who_knows_the_old_one(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    with refused(Reason.WRONG_CREDENTIALS):
        await change(alice, "not the old password", NEW_PASSWORD)
    await Caller(world).login(alice.username, PASSWORD)


async def test_an_old_password_cannot_be_guessed_without_end_from_a_session(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    for _ in range(5):
        with refused(Reason.WRONG_CREDENTIALS):
            await change(alice, "a wrong guess of it", NEW_PASSWORD)
    with refused(Reason.LOGIN_THROTTLED):
        await change(alice, PASSWORD, NEW_PASSWORD)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("fourteen chars", Reason.PASSWORD_TOO_SHORT),
        ("", Reason.PASSWORD_TOO_SHORT),
        ("x" * 73, Reason.PASSWORD_TOO_LONG),
        ("ä" * 37, Reason.PASSWORD_TOO_LONG),
    ],
)
async def test_a_new_password_has_fifteen_characters_and_at_most_72_bytes(
    world: World, password: str, reason: Reason
) -> None:
    alice = await world.customer("alice", "NORTH")
    operator = await world.operator()
    with refused(reason, field="new_password"):
        await change(alice, PASSWORD, password)
    with refused(reason, field="password"):
        await set_password(operator, "NORTH", alice.accounts["NORTH"], password)
    if password:
        with refused(reason, field="password"):
            await operator.open_account("NORTH", "never-opened", password=password)


async def test_a_password_may_be_a_sentence_in_any_script(world: World) -> None:
    alice = await world.customer("alice", "NORTH")
    await change(alice, PASSWORD, "ключ под ковриком")
    await Caller(world).login(alice.username, "ключ под ковриком")


async def test_a_password_of_one_bank_is_changed_at_that_bank_alone(world: World) -> None:
    alice = await world.customer("alice", "NORTH", "SOUTH")
    await change(alice, PASSWORD, NEW_PASSWORD, bank="SOUTH")
    await Caller(world).login(alice.username, PASSWORD, bank="NORTH")
    await Caller(world).login(alice.username, NEW_PASSWORD, bank="SOUTH")
    with refused(Reason.WRONG_CREDENTIALS):
        await Caller(world).login(alice.username, PASSWORD, bank="SOUTH")


async def test_without_a_password_there_is_no_login_until_the_operator_sets_one(world: World) -> None:
    operator = await world.operator()
    account = await operator.open_account("NORTH", "silent", password="")
    with refused(Reason.WRONG_CREDENTIALS):
        await Caller(world).register("silent", "NORTH", account, "")

    await set_password(operator, "NORTH", account, NEW_PASSWORD)

    await Caller(world).register("silent", "NORTH", account, NEW_PASSWORD)
    await Caller(world).login("silent", NEW_PASSWORD)


async def test_a_password_that_the_operator_sets_ends_every_grant_of_the_customer(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=5_00)
    bob = await world.customer("bob", "SOUTH")

    await set_password(await world.operator(), "NORTH", alice.accounts["NORTH"], NEW_PASSWORD)

    late = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "with-the-old-grant")
    assert late.transfer.reason == "GRANT_ENDED"
    with refused(Reason.GRANT_ENDED):
        await alice.call("AccountService", "GetMyStatement", gateway_pb2.GetMyStatementRequest())
    shown = await alice.call("AccountService", "ListMyAccounts", gateway_pb2.ListMyAccountsRequest())
    assert shown.accounts[0].no_balance_reason == "GRANT_ENDED"
    with refused(Reason.WRONG_CREDENTIALS):
        await Caller(world).login(alice.username, PASSWORD, "NORTH")
    await alice.login(alice.username, NEW_PASSWORD)
    assert await alice.balance("NORTH") == 5_00


async def test_a_password_is_set_for_an_account_that_there_is(world: World) -> None:
    operator = await world.operator()
    for account in (0, -1, 987_654):
        with refused(Reason.ACCOUNT_NOT_FOUND):
            await set_password(operator, "NORTH", account, NEW_PASSWORD)


@pytest.fixture
async def fresh_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A network whose operator still has his first password."""
    async with World(tmp_path_factory.mktemp("network")).running() as world:
        yield world


async def test_the_operators_new_password_replaces_1234_and_ends_his_other_sessions(fresh_world: World) -> None:
    operator = await fresh_world.operator()
    elsewhere = await fresh_world.operator()
    with refused(Reason.WRONG_CREDENTIALS):
        await change(operator, "12345", NEW_PASSWORD)
    with refused(Reason.PASSWORD_TOO_SHORT):
        await change(operator, "1234", "4321")

    await change(operator, "1234", NEW_PASSWORD)

    await asks(operator)
    with refused(Reason.NOT_LOGGED_IN):
        await asks(elsewhere)
    with refused(Reason.WRONG_CREDENTIALS):
        await fresh_world.operator()
    await fresh_world.stop_gateway()
    await fresh_world.start_gateway()
    await Caller(fresh_world).login("admin", NEW_PASSWORD)


async def test_no_password_stands_in_a_log_or_in_a_file(world: World) -> None:
    secret = "a canary that sings in no log"
    operator = await world.operator()
    account = await operator.open_account("NORTH", "canary", password=secret)
    await Caller(world).register("canary", "NORTH", account, secret)
    await Caller(world).login("canary", secret)

    written = [path for path in world.home.rglob("*") if path.is_file()]
    assert len(written) > 8
    assert not [path for path in written if secret.encode() in path.read_bytes()]
    assert secret not in world.log.getvalue()


async def test_a_login_with_the_old_password_beside_its_change_does_not_outlive_it(
    fresh_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = fresh_world
    operator = await world.operator()
    sessions = world.gateway.server.gateway.sessions
    matches, checked, changed = sessions.operator_matches, asyncio.Event(), asyncio.Event()

    async def slow(password: str) -> bool:
        right = await matches(password)
        checked.set()
        await changed.wait()
        return right

    with monkeypatch.context() as patch:
        patch.setattr(sessions, "operator_matches", slow)
        login = asyncio.ensure_future(Caller(world).login("admin", "1234"))
        await checked.wait()
    new = "the new password of the operator"
    request = gateway_pb2.SessionServiceChangePasswordRequest(old_password="1234", new_password=new)
    await operator.call("SessionService", "ChangePassword", request)
    changed.set()
    with refused(Reason.WRONG_CREDENTIALS):
        await login
