"""Passwords and grants at a bank: who a customer is, for how long, and who may change that."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bank_service.credentials import MAX_LIFETIME_SECONDS
from bank_service.ledger import grant_hash
from interbank.instructions import InstructionKind as I
from interbank.passwords import BcryptPasswords
from interbank.refusals import Reason
from interbank.throttle import FREE_FAILURES
from tests.contracts.one_bank import OneBank
from tests.instructing import NOW, cash, debit
from tests.refusing import refused

OLD, NEW = "correct horse battery staple", "Tr0ub4dor & three more words"
RESET = "a password of the operator"
DAY = 24 * 3600


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[OneBank]:
    started = await OneBank(tmp_path / "bank.db").start({"alice": 100, "carol": 100})
    await started.credentials.set_password(1001, OLD, "admin")
    yield started
    started.stop()


async def login(bank: OneBank, password: str = OLD, username: str = "alice", seconds: int = DAY) -> bytes:
    grant, _ = await bank.credentials.open_grant(username, password, seconds)
    return grant


async def pays(bank: OneBank, grant: bytes, key: str) -> str:
    """What becomes of a debit with this grant: DEBITED, or why not."""
    (outcome,) = await bank.post(replace(debit(1, key), grant=grant))
    return outcome.reason or outcome.kind.name


# --- opening


async def test_the_right_password_gives_a_grant_that_pays(bank: OneBank) -> None:
    grant, holder = await bank.credentials.open_grant("alice", OLD, DAY)
    assert len(grant) == 32
    assert (holder.account, holder.username, holder.currency) == (1001, "alice", "EUR")
    assert await bank.credentials.holder(grant) == holder
    assert await pays(bank, grant, "k") == "DEBITED"


async def test_a_bank_keeps_no_grant_and_no_password(bank: OneBank) -> None:
    grant = await login(bank)
    assert bank.sql(f"SELECT username FROM grants WHERE grant_hash = x'{grant_hash(grant).hex()}'") == [("alice",)]
    bank.database.close()
    for file in bank.path.parent.iterdir():
        content = file.read_bytes()
        assert grant not in content
        assert OLD.encode() not in content
    bank.database = type(bank.database)(bank.path, broken=bank.broken.append)


@pytest.mark.parametrize(
    ("username", "password"),
    [("alice", NEW), ("alice", ""), ("alice", OLD + "x"), ("alice", "x" * 5000), ("carol", OLD), ("nobody", OLD),
     ("admin", "1234"), ("", OLD), ("Alice", OLD)],
)  # fmt: skip
async def test_everybody_else_is_refused_in_the_same_words(bank: OneBank, username: str, password: str) -> None:
    before = bank.sql("SELECT count(*) FROM records")
    with refused(Reason.WRONG_CREDENTIALS) as caught:
        await login(bank, password, username)
    assert (caught.value.message, caught.value.field, caught.value.hint) == (Reason.WRONG_CREDENTIALS.meaning, "", "")
    assert bank.sql("SELECT count(*) FROM records") == before


@pytest.mark.parametrize(
    ("asked", "given"), [(-5, 1), (0, 1), (1, 1), (DAY, DAY), (10**12, MAX_LIFETIME_SECONDS)]
)  # fmt: skip
async def test_a_grant_lives_as_long_as_was_asked_within_bounds(bank: OneBank, asked: int, given: int) -> None:
    grant = await login(bank, seconds=asked)
    bank.clock.now = NOW + given * 1_000_000 - 1
    await bank.credentials.holder(grant)
    bank.clock.now += 1
    with refused(Reason.GRANT_ENDED):
        await bank.credentials.holder(grant)


async def test_a_closed_account_has_no_login(bank: OneBank) -> None:
    await bank.credentials.set_password(1002, OLD, "admin")
    await bank.post(cash(I.WITHDRAW, 100, 1002))
    await bank.acts.set_status(1002, "CLOSED", "admin")
    with refused(Reason.WRONG_CREDENTIALS):
        await login(bank, OLD, "carol")


# --- guessing


async def test_after_some_wrong_passwords_guessing_takes_longer_and_longer(bank: OneBank) -> None:
    for _ in range(FREE_FAILURES):
        with refused(Reason.WRONG_CREDENTIALS):
            await login(bank, "a wrong password")
    with refused(Reason.LOGIN_THROTTLED) as caught:
        await login(bank)
    assert 0 < caught.value.retry_after_ms <= 1001

    bank.clock.now += 1_000_000
    with refused(Reason.WRONG_CREDENTIALS):
        await login(bank, "a wrong password")
    with refused(Reason.LOGIN_THROTTLED) as caught:
        await login(bank)
    assert 1000 < caught.value.retry_after_ms <= 2001

    bank.clock.now += 2_000_000
    await login(bank)
    with refused(Reason.WRONG_CREDENTIALS):
        await login(bank, "a wrong password")
    await login(bank)


async def test_an_owner_is_never_kept_out_for_more_than_a_minute(bank: OneBank) -> None:
    for _ in range(40):
        with refused(Reason.WRONG_CREDENTIALS):
            await login(bank, "a wrong password")
        bank.clock.now += 60_000_000
    await login(bank)


async def test_guesses_at_one_name_do_not_slow_another(bank: OneBank) -> None:
    for _ in range(FREE_FAILURES):
        with refused(Reason.WRONG_CREDENTIALS):
            await login(bank, "a wrong password", "carol")
    await login(bank)


# --- ending


async def test_a_grant_that_was_revoked_pays_nothing(bank: OneBank) -> None:
    kept, ended = await login(bank), await login(bank)
    await bank.credentials.revoke_grant(ended)
    with refused(Reason.GRANT_ENDED):
        await bank.credentials.holder(ended)
    assert await pays(bank, ended, "a") == "GRANT_ENDED"
    assert await pays(bank, kept, "b") == "DEBITED"


async def test_revoking_what_is_over_or_unknown_is_no_error_and_no_act(bank: OneBank) -> None:
    grant = await login(bank)
    await bank.credentials.revoke_grant(grant)
    before = bank.sql("SELECT count(*) FROM records")
    for over in (grant, b"", b"\0" * 32):
        await bank.credentials.revoke_grant(over)
    assert bank.sql("SELECT count(*) FROM records") == before


# --- passwords


async def test_a_new_password_ends_all_grants_but_the_one_that_changed_it(bank: OneBank) -> None:
    mine, other = await login(bank), await login(bank)
    await bank.credentials.change_password(mine, OLD, NEW)
    await bank.credentials.holder(mine)
    with refused(Reason.GRANT_ENDED):
        await bank.credentials.holder(other)
    with refused(Reason.WRONG_CREDENTIALS):
        await login(bank, OLD)
    await login(bank, NEW)


async def test_a_password_set_by_the_operator_ends_all_grants_of_that_customer_alone(bank: OneBank) -> None:
    grant = await login(bank)
    await bank.credentials.set_password(1001, NEW, "admin")
    with refused(Reason.GRANT_ENDED):
        await bank.credentials.holder(grant)
    await login(bank, NEW)
    assert bank.sql("SELECT DISTINCT username FROM grants WHERE ended_at IS NULL ORDER BY 1") == [
        ("alice",),
        ("carol",),
    ]


async def test_a_password_is_changed_only_by_who_knows_the_old_one_and_holds_a_grant(bank: OneBank) -> None:
    grant = await login(bank)
    with refused(Reason.WRONG_CREDENTIALS):
        await bank.credentials.change_password(grant, NEW, NEW)
    with refused(Reason.GRANT_ENDED):
        await bank.credentials.change_password(b"\0" * 32, OLD, NEW)
    with refused(Reason.PASSWORD_TOO_SHORT, field="new_password"):
        await bank.credentials.change_password(grant, OLD, "1234")
    await login(bank, OLD)


async def test_the_old_password_cannot_be_guessed_quickly_through_a_stolen_session(bank: OneBank) -> None:
    grant = await login(bank)
    for _ in range(FREE_FAILURES):
        with refused(Reason.WRONG_CREDENTIALS):
            await bank.credentials.change_password(grant, "a wrong password", NEW)
    with refused(Reason.LOGIN_THROTTLED):
        await bank.credentials.change_password(grant, OLD, NEW)


@pytest.mark.parametrize(
    ("account", "password", "reason"),
    [
        (0, NEW, Reason.ACCOUNT_NOT_FOUND),
        (-1, NEW, Reason.ACCOUNT_NOT_FOUND),
        (4711, NEW, Reason.ACCOUNT_NOT_FOUND),
        (1001, "1234", Reason.PASSWORD_TOO_SHORT),
        (1001, "é" * 40, Reason.PASSWORD_TOO_LONG),
    ],
)
async def test_the_operator_sets_no_password_where_there_is_no_customer(
    bank: OneBank, account: int, password: str, reason: Reason
) -> None:
    with refused(reason):
        await bank.credentials.set_password(account, password, "admin")


async def test_what_was_done_to_passwords_and_grants_is_on_record(bank: OneBank) -> None:
    grant = await login(bank)
    await bank.credentials.change_password(grant, OLD, NEW)
    await bank.credentials.revoke_grant(grant)
    assert bank.sql("SELECT act, account, username, actor FROM acts ORDER BY record_id DESC LIMIT 4") == [
        ("GRANT_ENDED", 1001, "alice", "alice"),
        ("PASSWORD_CHANGED", 1001, "alice", "alice"),
        ("GRANT_OPENED", 1001, "alice", "alice"),
        ("PASSWORD_SET", 1001, "alice", "admin"),
    ]


# --- what overtakes a password that is still being compared


class SlowToAnswer(BcryptPasswords):
    """Compares as ever, and then keeps the answer until it is let go."""

    def __init__(self) -> None:
        super().__init__(cost=4)
        self.compared, self.go = asyncio.Event(), asyncio.Event()

    async def matches(self, password: str, stored: str | None) -> bool:
        """See Passwords."""
        answer = await super().matches(password, stored)
        self.compared.set()
        await self.go.wait()
        return answer


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[tuple[OneBank, SlowToAnswer]]:
    passwords = SlowToAnswer()
    started = await OneBank(tmp_path / "bank.db", passwords=passwords).start({"alice": 100})
    await started.credentials.set_password(1001, OLD, "admin")
    yield started, passwords
    started.stop()


async def test_a_login_with_the_old_password_does_not_outlive_the_reset_that_overtook_it(
    slow: tuple[OneBank, SlowToAnswer],
) -> None:
    bank, passwords = slow
    login = asyncio.create_task(bank.credentials.open_grant("alice", OLD, 3600))
    await passwords.compared.wait()
    await bank.credentials.set_password(1001, RESET, "admin")
    passwords.go.set()
    with refused(Reason.WRONG_CREDENTIALS):
        await login
    assert bank.sql("SELECT count(*) FROM grants WHERE ended_at IS NULL") == [(0,)]


async def test_a_login_does_not_outlive_the_closing_of_its_account(slow: tuple[OneBank, SlowToAnswer]) -> None:
    bank, passwords = slow
    await bank.post(cash(I.WITHDRAW, 100))
    login = asyncio.create_task(bank.credentials.open_grant("alice", OLD, 3600))
    await passwords.compared.wait()
    await bank.acts.set_status(1001, "CLOSED", "admin")
    passwords.go.set()
    with refused(Reason.WRONG_CREDENTIALS):
        await login


async def test_a_change_of_password_does_not_undo_the_reset_that_overtook_it(
    slow: tuple[OneBank, SlowToAnswer],
) -> None:
    bank, passwords = slow
    passwords.go.set()
    grant, _ = await bank.credentials.open_grant("alice", OLD, 3600)
    passwords.go.clear()
    passwords.compared.clear()
    change = asyncio.create_task(bank.credentials.change_password(grant, OLD, NEW))
    await passwords.compared.wait()
    await bank.credentials.set_password(1001, RESET, "admin")
    passwords.go.set()
    await asyncio.gather(change, return_exceptions=True)
    await bank.credentials.open_grant("alice", RESET, 3600)


# --- time


async def test_a_clock_that_goes_back_wakes_no_grant_that_has_ended(bank: OneBank) -> None:
    grant = await login(bank, seconds=60)
    bank.clock.now += 61_000_000
    await bank.post(cash(I.ADD_MONEY, 1))
    bank.clock.now = NOW
    with refused(Reason.GRANT_ENDED):
        await bank.credentials.holder(grant)
