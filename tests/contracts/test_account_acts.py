"""What the operator does to a bank's accounts: all or none, again without effect, and never against the books."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection

from bank_service.account_acts import NewAccount
from interbank.instructions import InstructionKind as I
from interbank.instructions import OutcomeKind as O
from interbank.money import MAX_MINOR_UNITS
from interbank.orders import MAX_ACCOUNT
from interbank.refusals import Reason
from tests.contracts.one_bank import OneBank
from tests.instructing import cash, debit, evidence, instruct, withdrawal
from tests.refusing import refused


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[OneBank]:
    started = await OneBank(tmp_path / "bank.db").start({"alice": 100, "carol": 0})
    yield started
    started.stop()


def new(account: int, username: str, deposit: int = 0, password_hash: str | None = None) -> NewAccount:
    return NewAccount(account, username, deposit, password_hash)


async def open_accounts(bank: OneBank, *wanted: NewAccount) -> tuple[list[int], int]:
    rows, opened = await bank.acts.open_accounts(wanted, "admin")
    return [row.account for row in rows], opened


# --- opening


async def test_the_bank_assigns_numbers_from_1001_on(tmp_path: Path) -> None:
    bank = await OneBank(tmp_path / "bank.db").start()
    assert await open_accounts(bank, new(0, "alice"), new(0, "bob")) == ([1001, 1002], 2)
    assert await open_accounts(bank, new(5, "carol"), new(0, "dave")) == ([5, 1003], 2)
    assert await open_accounts(bank, new(2000, "erin"), new(0, "frank")) == ([2000, 2001], 2)
    bank.stop()


async def test_an_opening_deposit_comes_from_cash_as_an_entry_of_its_own(bank: OneBank) -> None:
    await open_accounts(bank, new(7, "dave", 250), new(8, "erin"))
    assert (bank.balances()[7], bank.balances()[8], bank.balances()[-1]) == (250, 0, -350)
    assert bank.sql(
        "SELECT kind, debit_account, credit_account, amount, actor, reference FROM v_entries WHERE credit_account = '7'"
    ) == [("MONEY_ADDED", "cash", "7", "2.50", "admin", "opening deposit")]


async def test_opening_the_same_accounts_again_changes_nothing(bank: OneBank) -> None:
    wanted = [new(7, "dave", 250), new(8, "erin"), new(7, "dave", 250)]
    assert await open_accounts(bank, *wanted) == ([7, 8, 7], 2)
    before = bank.sql("SELECT count(*) FROM records"), bank.balances()
    assert await open_accounts(bank, *wanted) == ([7, 8, 7], 0)
    assert (bank.sql("SELECT count(*) FROM records"), bank.balances()) == before


async def test_opening_again_after_money_has_moved_changes_nothing_either(bank: OneBank) -> None:
    await bank.post(withdrawal(60))
    assert await open_accounts(bank, new(1001, "alice", 100)) == ([1001], 0)
    assert bank.balances()[1001] == 40


BREACHES = [
    ("number of another user", [new(1001, "bob")], Reason.ACCOUNT_NUMBER_TAKEN, "account"),
    ("user has another number", [new(7, "alice")], Reason.USER_HAS_ACCOUNT, "username"),
    ("user has an account, number left open", [new(0, "alice")], Reason.USER_HAS_ACCOUNT, "username"),
    ("same user twice", [new(7, "dave"), new(8, "dave")], Reason.USER_HAS_ACCOUNT, "username"),
    ("same number twice", [new(7, "dave"), new(7, "erin")], Reason.ACCOUNT_NUMBER_TAKEN, "account"),
    ("another deposit", [new(1001, "alice", 99)], Reason.OPENING_DIFFERS, "deposit"),
    ("a deposit where there was none", [new(1002, "carol", 1)], Reason.OPENING_DIFFERS, "deposit"),
    ("no deposit where there was one", [new(1001, "alice")], Reason.OPENING_DIFFERS, "deposit"),
    ("the operator's name", [new(0, "admin")], Reason.USER_HAS_ACCOUNT, "username"),
    ("name malformed", [new(7, "Dave")], Reason.USERNAME_MALFORMED, "username"),
    ("name missing", [new(7, "")], Reason.FIELD_REQUIRED, "username"),
    ("number negative", [new(-1, "dave")], Reason.ACCOUNT_NUMBER_MALFORMED, "account"),
    ("number too large", [new(10**15, "dave")], Reason.ACCOUNT_NUMBER_MALFORMED, "account"),
    ("deposit too large", [new(7, "dave", MAX_MINOR_UNITS + 1)], Reason.AMOUNT_TOO_LARGE, "deposit"),
]


@pytest.mark.parametrize(("wanted", "reason", "field"), [row[1:] for row in BREACHES], ids=[row[0] for row in BREACHES])
async def test_one_breach_opens_none(bank: OneBank, wanted: Sequence[NewAccount], reason: Reason, field: str) -> None:
    before = bank.sql("SELECT count(*) FROM records"), bank.balances()
    with refused(reason, field=field):
        await open_accounts(bank, new(50, "zoe", 5), *wanted, new(51, "yan"))
    assert (bank.sql("SELECT count(*) FROM records"), bank.balances()) == before


async def test_a_large_file_of_users_at_other_numbers_is_refused_for_what_is_wrong(bank: OneBank) -> None:
    """Fifty thousand lines, more questions than SQLite takes values in one statement."""

    def fifty_thousand_open_accounts(connection: Connection) -> None:
        connection.exec_driver_sql(
            "INSERT INTO accounts WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
            "SELECT 2000 + i, 'customer', 'user' || i, 'EUR', 'OPEN', 0 FROM n"
        )

    await bank.database.write(fifty_thousand_open_accounts)
    with refused(Reason.USER_HAS_ACCOUNT):
        await bank.acts.open_accounts([new(900_000 + n, f"user{n}", 5) for n in range(1, 50_001)], "admin")


async def test_a_deposit_below_zero_is_refused(bank: OneBank) -> None:
    with refused(Reason.AMOUNT_NOT_POSITIVE, field="deposit"):
        await open_accounts(bank, new(7, "dave", -1))


async def test_a_user_whose_account_was_closed_may_have_another(bank: OneBank) -> None:
    await bank.acts.set_status(1002, "CLOSED", "admin")
    assert await open_accounts(bank, new(0, "carol")) == ([1003], 1)


async def test_a_first_password_is_an_act_too(bank: OneBank) -> None:
    await open_accounts(bank, new(7, "dave", 0, await bank.passwords.hash("correct horse battery")), new(8, "erin"))
    assert bank.sql("SELECT act, account, actor FROM acts WHERE account IN (7, 8) ORDER BY record_id") == [
        ("ACCOUNT_OPENED", 7, "admin"), ("PASSWORD_SET", 7, "admin"), ("ACCOUNT_OPENED", 8, "admin"),
    ]  # fmt: skip
    assert bank.sql("SELECT account FROM credentials") == [(7,)]


@pytest.mark.parametrize("number", [1003, 0])
async def test_an_account_is_not_opened_without_its_deposit(bank: OneBank, number: int) -> None:
    """The operator has used the key that the bank would use for it."""
    await bank.post(cash(I.ADD_MONEY, 5, key="opening-deposit-1003"))
    with refused(Reason.OPENING_DIFFERS, field="deposit"):
        await open_accounts(bank, new(number, "dave", 250))
    assert bank.sql("SELECT balance FROM accounts WHERE username = 'dave'") == []


async def test_the_same_account_twice_with_a_password_is_opened_once(bank: OneBank) -> None:
    hashed = await bank.passwords.hash("correct horse battery")
    assert await open_accounts(bank, *[new(7, "dave", 0, hashed)] * 2) == ([7, 7], 1)


async def test_the_bank_assigns_no_number_that_no_order_may_name(bank: OneBank) -> None:
    assert await open_accounts(bank, new(MAX_ACCOUNT, "last"), new(0, "next")) == ([MAX_ACCOUNT, 1003], 2)
    assert await open_accounts(bank, new(0, "after")) == ([1004], 1)


async def test_only_an_admitted_operator_acts(tmp_path: Path) -> None:
    bank = await OneBank(tmp_path / "bank.db", operator_admitted=False).start()
    for act in (
        bank.acts.open_accounts([new(0, "alice")], "admin"),
        bank.acts.set_status(1001, "FROZEN", "admin"),
        bank.credentials.set_password(1001, "correct horse battery", "admin"),
    ):
        with refused(Reason.OPERATOR_NOT_ADMITTED):
            await act
    bank.stop()


# --- freezing, unfreezing, closing


async def test_a_frozen_account_neither_pays_nor_is_paid_until_it_is_unfrozen(bank: OneBank) -> None:
    assert (await bank.acts.set_status(1001, "FROZEN", "admin")).status == "FROZEN"
    outcomes = await bank.post(debit(1, "a"), cash(I.ADD_MONEY, 1, key="b"))
    assert [o.reason for o in outcomes] == ["ACCOUNT_FROZEN", "PAYEE_ACCOUNT_FROZEN"]
    await bank.acts.set_status(1001, "OPEN", "admin")
    assert [o.kind for o in await bank.post(debit(1, "c"))] == [O.DEBITED]
    assert bank.sql("SELECT act, account, username, actor FROM acts ORDER BY record_id DESC LIMIT 2") == [
        ("ACCOUNT_UNFROZEN", 1001, "alice", "admin"), ("ACCOUNT_FROZEN", 1001, "alice", "admin"),
    ]  # fmt: skip


async def test_money_on_its_way_back_reaches_a_frozen_account(bank: OneBank) -> None:
    sent = debit(60, "k")
    await bank.post(sent)
    await bank.acts.set_status(1001, "FROZEN", "admin")
    assert [o.kind for o in await bank.post(instruct(I.RETURN_DEBIT, sent.order))] == [O.RETURNED]
    assert bank.balances()[1001] == 100


async def test_the_status_that_an_account_has_already_is_no_act(bank: OneBank) -> None:
    before = bank.sql("SELECT count(*) FROM records")
    for status in ("FROZEN", "FROZEN", "OPEN", "OPEN"):
        await bank.acts.set_status(1001, status, "admin")
    assert bank.sql("SELECT count(*) FROM records") == [(before[0][0] + 2,)]


@pytest.mark.parametrize("account", [0, -1, -2, 4711])
async def test_only_customers_accounts_have_a_status_to_set(bank: OneBank, account: int) -> None:
    with refused(Reason.ACCOUNT_NOT_FOUND, field="account"):
        await bank.acts.set_status(account, "FROZEN", "admin")


async def test_an_account_with_money_in_it_is_not_closed(bank: OneBank) -> None:
    with refused(Reason.ACCOUNT_HAS_BALANCE):
        await bank.acts.set_status(1001, "CLOSED", "admin")
    await bank.post(withdrawal(100))
    assert (await bank.acts.set_status(1001, "CLOSED", "admin")).status == "CLOSED"


async def test_an_account_with_money_on_its_way_is_not_closed(bank: OneBank) -> None:
    sent = debit(100, "k")
    await bank.post(sent)
    with refused(Reason.ACCOUNT_HAS_OPEN_DEBITS):
        await bank.acts.set_status(1001, "CLOSED", "admin")
    await bank.post(instruct(I.SETTLE, sent.order, evidence=evidence("SOUTH", O.CREDITED)))
    assert (await bank.acts.set_status(1001, "CLOSED", "admin")).status == "CLOSED"


async def test_a_closed_account_is_closed_for_ever(bank: OneBank) -> None:
    await bank.acts.set_status(1002, "CLOSED", "admin")
    for status in ("OPEN", "FROZEN"):
        with refused(Reason.ACCOUNT_CLOSED, field="account"):
            await bank.acts.set_status(1002, status, "admin")
    assert [o.reason for o in await bank.post(cash(I.ADD_MONEY, 1, 1002))] == ["PAYEE_ACCOUNT_CLOSED"]


async def test_closing_an_account_ends_its_grants(bank: OneBank) -> None:
    await bank.acts.set_status(1002, "CLOSED", "admin")
    assert bank.sql("SELECT username FROM grants WHERE ended_at IS NULL") == [("alice",)]


async def test_an_account_is_not_opened_with_a_deposit_that_the_books_cannot_take(bank: OneBank) -> None:
    """Cash that was put in has its limit too; everything of the call is undone with it."""
    fill = "UPDATE accounts SET balance = balance + CASE account WHEN -1 THEN -1 ELSE 1 END * 8999999999999999000"
    await bank.database.write(lambda c: c.exec_driver_sql(f"{fill} WHERE account IN (-1, 1001)").close())
    before = bank.balances()
    with refused(Reason.BALANCE_LIMIT_EXCEEDED, field="deposit"):
        await open_accounts(bank, new(7, "dave"), new(8, "erin", 10_000))
    assert bank.balances() == before
