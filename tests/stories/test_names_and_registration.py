"""Accounts are opened by the operator, then bound to network users: one per user and bank."""

import asyncio

import pytest

from interbank.refusals import Reason
from protos.v1 import bank_pb2, gateway_pb2
from tests.refusing import refused
from tests.world import PASSWORD, Caller, World


async def open_accounts(
    operator: Caller, bank: str, *accounts: bank_pb2.NewAccount
) -> gateway_pb2.AdminServiceOpenAccountsResponse:
    async def once():
        yield gateway_pb2.AdminServiceOpenAccountsRequest(bank=bank, accounts=accounts)

    return await operator.call("AdminService", "OpenAccounts", once())


async def test_a_bank_assigns_numbers_from_1001_on_and_never_one_twice(world: World) -> None:
    operator = await world.operator()
    numbers = [await operator.open_account("SOUTH", f"numbered-{n}") for n in range(3)]
    assert numbers[0] >= 1001
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]


async def test_an_account_can_be_opened_under_a_wanted_number(world: World) -> None:
    operator = await world.operator()
    answer = await open_accounts(operator, "NORTH", bank_pb2.NewAccount(account=77, username="wanted"))
    assert answer.accounts[0].account == 77


async def test_opening_the_same_accounts_again_changes_nothing(world: World) -> None:
    operator = await world.operator()
    wanted = [
        bank_pb2.NewAccount(account=501, username="again-1", deposit_minor_units=5_00),
        bank_pb2.NewAccount(account=502, username="again-2"),
    ]
    first = await open_accounts(operator, "NORTH", *wanted)
    assert (first.opened, first.existing) == (2, 0)

    again = await open_accounts(operator, "NORTH", *wanted)

    assert (again.opened, again.existing) == (0, 2)
    assert [account.balance.minor_units for account in again.accounts] == [5_00, 0]


async def test_an_account_that_was_opened_with_another_deposit_is_not_topped_up_by_opening_it_again(
    world: World,
) -> None:
    operator = await world.operator()
    await open_accounts(operator, "NORTH", bank_pb2.NewAccount(account=511, username="topped", deposit_minor_units=1))
    for other in (2, 0):
        with refused(Reason.OPENING_DIFFERS, field="deposit"):
            await open_accounts(
                operator, "NORTH", bank_pb2.NewAccount(account=511, username="topped", deposit_minor_units=other)
            )


async def test_a_list_of_accounts_is_opened_whole_or_not_at_all(world: World) -> None:
    operator = await world.operator()
    await open_accounts(operator, "NORTH", bank_pb2.NewAccount(account=521, username="first-here"))

    with refused(Reason.ACCOUNT_NUMBER_TAKEN, field="account"):
        await open_accounts(
            operator,
            "NORTH",
            bank_pb2.NewAccount(account=522, username="never-opened", deposit_minor_units=1_00),
            bank_pb2.NewAccount(account=521, username="somebody-else"),
        )

    assert world.sql("NORTH", "SELECT count(*) FROM accounts WHERE username = 'never-opened'") == [(0,)]


async def test_one_call_opens_accounts_at_one_bank_and_not_without_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = await world.operator()

    async def messages(*requests: tuple[str, int]):
        for bank, count in requests:
            accounts = [bank_pb2.NewAccount(username=f"endless-{n}") for n in range(count)]
            yield gateway_pb2.AdminServiceOpenAccountsRequest(bank=bank, accounts=accounts)

    monkeypatch.setattr("gateway_service.servicers.admin.MAX_NEW_ACCOUNTS", 10)
    with refused(Reason.FILE_MALFORMED, field="bank"):
        await operator.call("AdminService", "OpenAccounts", messages(("NORTH", 1), ("SOUTH", 1)))
    with refused(Reason.TOO_MANY_ITEMS, field="accounts"):
        await operator.call("AdminService", "OpenAccounts", messages(("NORTH", 6), ("NORTH", 5)))
    with refused(Reason.FIELD_REQUIRED, field="accounts"):
        await operator.call("AdminService", "OpenAccounts", messages(("NORTH", 0)))
    assert world.sql("NORTH", "SELECT count(*) FROM accounts WHERE username LIKE 'endless%'") == [(0,)]


async def test_a_user_has_one_account_at_a_bank(world: World) -> None:
    operator = await world.operator()
    await operator.open_account("NORTH", "single")
    with refused(Reason.USER_HAS_ACCOUNT, field="username"):
        await operator.open_account("NORTH", "single")


async def test_a_deposit_beyond_all_bounds_opens_nothing(world: World) -> None:
    operator = await world.operator()
    for deposit, reason in ((-1, Reason.AMOUNT_NOT_POSITIVE), (10**15, Reason.AMOUNT_TOO_LARGE)):
        with refused(reason, field="deposit"):
            await open_accounts(operator, "NORTH", bank_pb2.NewAccount(username="rich", deposit_minor_units=deposit))


async def test_names_that_could_be_mistaken_are_refused(world: World) -> None:
    operator = await world.operator()
    for name in ("a", "Alice", "al ice", "-alice", "a" * 33, "alicе"):  # noqa: RUF001  the last e is Cyrillic
        with refused(Reason.USERNAME_MALFORMED, field="username"):
            await operator.open_account("NORTH", name)
    with refused(Reason.FIELD_REQUIRED, field="username"):
        await operator.open_account("NORTH", "")


async def test_an_account_is_registered_after_it_was_opened_and_shows_what_is_bound(world: World) -> None:
    operator = await world.operator()
    account = await operator.open_account("NORTH", "regina", 12_00)
    request = gateway_pb2.RegisterRequest(username="regina", bank="NORTH", account=account, password=PASSWORD)

    bound = await Caller(world).call("SessionService", "Register", request)

    assert (bound.account.bank, bound.account.account, bound.account.username) == ("NORTH", account, "regina")
    assert bound.account.balance.minor_units == 12_00


async def test_nobody_registers_what_is_not_his_or_does_not_exist(world: World) -> None:
    operator = await world.operator()
    account = await operator.open_account("NORTH", "owner")
    stranger = Caller(world)

    with refused(Reason.WRONG_CREDENTIALS):
        await stranger.register("owner", "NORTH", account, "not the password at all")
    with refused(Reason.WRONG_CREDENTIALS):
        await stranger.register("nobody-of-that-name", "NORTH", account)
    with refused(Reason.ACCOUNT_NOT_FOUND, field="account"):
        await stranger.register("owner", "NORTH", account + 1)
    with refused(Reason.UNKNOWN_BANK, field="bank"):
        await stranger.register("owner", "WEST", account)
    with refused(Reason.BANK_ID_MALFORMED, field="bank"):
        await stranger.register("owner", "north", account)
    with refused(Reason.USERNAME_TAKEN, field="username"):
        await stranger.register("admin", "NORTH", 0, "1234")


async def test_an_account_is_registered_once(world: World) -> None:
    operator = await world.operator()
    account = await operator.open_account("NORTH", "twice")
    await Caller(world).register("twice", "NORTH", account)
    himself = await Caller(world).login("twice")
    with refused(Reason.ALREADY_REGISTERED, field="account"):
        await himself.register("twice", "NORTH", account)


async def test_a_registered_name_is_taken_until_its_own_user_binds_another_account_to_it(world: World) -> None:
    operator = await world.operator()
    at_north = await operator.open_account("NORTH", "unique")
    at_south = await operator.open_account("SOUTH", "unique", password="another password of hers")
    await Caller(world).register("unique", "NORTH", at_north)

    with refused(Reason.USERNAME_TAKEN, field="username"):
        await Caller(world).register("unique", "SOUTH", at_south, "another password of hers")

    herself = await Caller(world).login("unique")
    await herself.register("unique", "SOUTH", at_south, "another password of hers")
    mine = await herself.call("AccountService", "ListMyAccounts", gateway_pb2.ListMyAccountsRequest())
    assert [(one.account.bank, one.no_balance_reason) for one in mine.accounts] == [
        ("NORTH", ""),
        ("SOUTH", "NOT_LOGGED_IN_AT_BANK"),
    ]


async def test_of_two_who_register_one_name_at_once_one_gets_it(world: World) -> None:
    operator = await world.operator()
    at_north = await operator.open_account("NORTH", "racing")
    at_south = await operator.open_account("SOUTH", "racing")

    outcomes = await asyncio.gather(
        Caller(world).register("racing", "NORTH", at_north),
        Caller(world).register("racing", "SOUTH", at_south),
        return_exceptions=True,
    )

    lost = [outcome for outcome in outcomes if outcome is not None]
    assert [outcome.reason for outcome in lost] == [Reason.USERNAME_TAKEN]
    assert world.sql("gateway", "SELECT count(*) FROM registrations WHERE username = 'racing'") == [(1,)]


async def test_a_new_account_after_a_closed_one_can_be_registered_and_used(world: World) -> None:
    operator = await world.operator()
    alice = await world.customer("alice", "NORTH")
    await operator.set_status("NORTH", alice.accounts["NORTH"], "CLOSED")
    second = await operator.open_account("NORTH", alice.username, 5_00)
    await alice.register(alice.username, "NORTH", second)
    await alice.login(alice.username)
    assert await alice.balance("NORTH") == 5_00


async def test_who_is_given_a_name_that_became_free_at_a_bank_is_not_taken_for_who_had_it(world: World) -> None:
    """The first alice closed her account at NORTH, and NORTH opens one for another alice: her word is not enough."""
    operator = await world.operator()
    first, bob = await world.customer("alice", "NORTH", cents=5_00), await world.customer("bob", "SOUTH")
    await first.pay(first.at("NORTH"), bob.named_at("SOUTH"), 5_00, "private")
    await world.quiet()
    await operator.set_status("NORTH", first.accounts["NORTH"], "CLOSED")
    second = await operator.open_account("NORTH", first.username, password="the password of somebody else")

    stranger = Caller(world)
    with refused(Reason.USERNAME_TAKEN, field="username"):
        await stranger.register(first.username, "NORTH", second, "the password of somebody else")
    with refused(Reason.WRONG_CREDENTIALS):
        await stranger.login(first.username, "the password of somebody else")
