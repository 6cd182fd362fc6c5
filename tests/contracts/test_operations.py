"""A bank towards its gateway: who may command it, and that a batch is done once or not at all."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import copyfile

import pytest

from bank_service.operations import PayeeToCheck
from interbank.instructions import Head
from interbank.instructions import InstructionKind as I
from interbank.instructions import OutcomeKind as O
from interbank.refusals import Reason, Refused
from tests.contracts.one_bank import INSTANCE, OneBank
from tests.instructing import HOUR, NOW, WITHIN_NORTH, cash, credit_to_north, debit, deposit, instruct, withdrawal
from tests.refusing import refused

OTHER = b"o" * 16
"""Another gateway, or the same one started again."""


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[OneBank]:
    started = await OneBank(tmp_path / "bank.db").start({"alice": 100, "carol": 100})
    yield started
    started.stop()


def records(bank: OneBank) -> int:
    found: int = bank.value("SELECT count(*) FROM records")
    return found


# --- founding


async def test_a_new_bank_has_its_internal_accounts_and_its_own(tmp_path: Path) -> None:
    bank = OneBank(tmp_path / "bank.db")
    await bank.bank.found()
    assert bank.sql("SELECT account, kind, username, currency, status, balance FROM accounts ORDER BY account") == [
        (-3, "recovery", None, "EUR", "OPEN", 0),
        (-2, "clearing", None, "EUR", "OPEN", 0),
        (-1, "cash", None, "EUR", "OPEN", 0),
        (0, "customer", "admin", "EUR", "OPEN", 0),
    ]
    assert bank.sql("SELECT act, account, actor FROM acts") == [
        ("ACCOUNT_OPENED", account, "founding") for account in (-1, -2, -3, 0)
    ]
    bank.stop()


async def test_a_bank_is_founded_once(bank: OneBank) -> None:
    before = records(bank)
    await bank.bank.found()
    assert records(bank) == before


@pytest.mark.parametrize("changed", [{"bank": "SOUTH"}, {"currency": "USD"}])
async def test_a_bank_does_not_take_over_another_ones_books(tmp_path: Path, changed: dict[str, str]) -> None:
    (await OneBank(tmp_path / "bank.db").start()).stop()
    other = OneBank(tmp_path / "bank.db", **changed)
    with refused(Reason.DATABASE_FOREIGN) as caught:
        await other.bank.found()
    assert "NORTH in EUR" in caught.value.message
    other.stop()


# --- sessions: who may command


async def test_a_bank_starts_closed_and_executes_nothing(tmp_path: Path) -> None:
    (await OneBank(tmp_path / "bank.db").start({"alice": 100})).stop()
    again = OneBank(tmp_path / "bank.db")
    await again.bank.found()
    before = records(again)
    for session in (b"", b"\0" * 16):
        with refused(Reason.SESSION_SUPERSEDED):
            await again.bank.post(session, [debit(1, "k")])
    assert (await again.bank.describe()).mode == "CLOSED"
    assert records(again) == before
    again.stop()


async def test_a_session_of_before_a_restart_is_over(tmp_path: Path) -> None:
    first = await OneBank(tmp_path / "bank.db").start({"alice": 100})
    first.stop()
    again = OneBank(tmp_path / "bank.db")
    await again.open_session()
    with refused(Reason.SESSION_SUPERSEDED):
        await again.bank.post(first.session, [debit(1, "k")])
    again.stop()


async def test_a_new_session_ends_the_one_before(bank: OneBank) -> None:
    old = bank.session
    await bank.open_session()
    before = records(bank)
    with refused(Reason.SESSION_SUPERSEDED):
        await bank.bank.post(old, [debit(1, "k")])
    assert records(bank) == before
    assert [outcome.kind for outcome in await bank.post(debit(1, "k"))] == [O.DEBITED]


async def test_a_batch_that_comes_after_the_session_that_replaced_its_own_does_nothing(bank: OneBank) -> None:
    """Both are sent before either is answered."""
    opening = asyncio.ensure_future(bank.bank.open_session(2, OTHER, []))
    await asyncio.sleep(0)
    late = bank.bank.post(bank.session, [debit(1, "k")])
    await opening
    with refused(Reason.SESSION_SUPERSEDED):
        await late
    assert bank.value("SELECT count(*) FROM outcomes WHERE instruction = 'DEBIT'") == 0


@pytest.mark.parametrize(
    ("epoch", "instance", "let_in"),
    [
        (4, INSTANCE, False),
        (1, OTHER, False),
        (5, OTHER, False),
        (5, INSTANCE, True),
        (6, INSTANCE, True),
        (6, OTHER, True),
        (2**40, OTHER, True),
    ],
)
async def test_an_older_gateway_is_fenced_out(bank: OneBank, epoch: int, instance: bytes, let_in: bool) -> None:
    await bank.open_session(5)
    present = bank.session
    if let_in:
        await bank.open_session(epoch, instance)
        assert (await bank.bank.describe()).epoch == epoch
        return
    with refused(Reason.EPOCH_SUPERSEDED) as caught:
        await bank.open_session(epoch, instance)
    assert "epoch 5" in caught.value.message
    assert (await bank.bank.describe()).epoch == 5
    assert [o.kind for o in await bank.bank.post(present, [debit(1, "k")])] == [O.DEBITED]


async def test_an_epoch_belongs_to_the_process_that_took_it(bank: OneBank) -> None:
    await bank.open_session(6, OTHER)
    with refused(Reason.EPOCH_SUPERSEDED):
        await bank.open_session(6, INSTANCE)
    await bank.open_session(6, OTHER)


async def test_the_fence_outlives_a_restart_of_the_bank(tmp_path: Path) -> None:
    first = OneBank(tmp_path / "bank.db")
    await first.bank.found()
    await first.open_session(7, OTHER)
    first.stop()
    again = OneBank(tmp_path / "bank.db")
    for epoch, instance in ((6, OTHER), (7, INSTANCE)):
        with refused(Reason.EPOCH_SUPERSEDED):
            await again.open_session(epoch, instance)
    await again.open_session(7, OTHER)
    again.stop()


# --- heads: a bank that was restored


async def test_a_bank_that_has_every_record_that_others_saw_is_open(bank: OneBank) -> None:
    first, second = await bank.post(debit(1, "a"), debit(1, "b"))
    assert await bank.open_session(heads=[first.head, second.head, Head(0, b"")]) == second.head
    assert (await bank.bank.describe()).mode == "OPEN"


async def test_a_bank_that_was_restored_from_an_old_copy_is_quarantined_and_executes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bank.db"
    lived = await OneBank(path).start({"alice": 100})
    lived.stop()
    copyfile(path, tmp_path / "old.db")
    lived = OneBank(path)
    await lived.open_session(2)
    (lost,) = await lived.post(debit(1, "lost"))
    lived.stop()

    restored = OneBank(tmp_path / "old.db")
    with refused(Reason.BANK_QUARANTINED):
        await restored.open_session(2, heads=[lost.head])
    before = records(restored)
    assert (await restored.bank.describe()).mode == "QUARANTINED"
    for session in (restored.session, lived.session, b""):
        with refused(Reason.SESSION_SUPERSEDED):
            await restored.bank.post(session, [debit(1, "lost")])
    for act in (
        restored.acts.open_accounts([], "admin"),
        restored.acts.set_status(1001, "FROZEN", "admin"),
        restored.credentials.set_password(1001, "correct horse battery", "admin"),
    ):
        with refused(Reason.BANK_QUARANTINED):
            await act
    assert records(restored) == before
    restored.stop()


async def test_a_bank_with_another_record_of_that_number_is_quarantined_and_its_session_is_over(bank: OneBank) -> None:
    (outcome,) = await bank.post(debit(1, "a"))
    with refused(Reason.BANK_QUARANTINED):
        await bank.open_session(heads=[Head(outcome.head.record_id, b"\0" * 32)])
    with refused(Reason.SESSION_SUPERSEDED):
        await bank.post(debit(1, "b"))


async def test_a_quarantined_bank_still_fences_and_opens_when_the_right_file_is_back(bank: OneBank) -> None:
    (outcome,) = await bank.post(debit(1, "a"))
    with refused(Reason.BANK_QUARANTINED):
        await bank.open_session(9, heads=[Head(10_000, b"\0" * 32)])
    with refused(Reason.EPOCH_SUPERSEDED):
        await bank.open_session(8)
    await bank.open_session(9, heads=[outcome.head])
    assert (await bank.bank.describe()).mode == "OPEN"


async def test_two_gateways_at_once_each_hear_of_their_own_session(bank: OneBank) -> None:
    """The first is shown a record that the bank lacks, the second is not; neither may hear the other's answer."""
    missing = Head(10_000, b"\0" * 32)
    first, second = await asyncio.gather(
        bank.bank.open_session(2, INSTANCE, [missing]),
        bank.bank.open_session(3, OTHER, []),
        return_exceptions=True,
    )
    assert isinstance(first, Refused)
    assert first.reason is Reason.BANK_QUARANTINED
    assert not isinstance(second, BaseException)
    assert [o.kind for o in await bank.bank.post(second[0], [debit(1, "k")])] == [O.DEBITED]


# --- posting


async def test_a_batch_with_one_malformed_instruction_does_nothing(bank: OneBank) -> None:
    before = records(bank)
    with refused(Reason.INSTRUCTION_MALFORMED):
        await bank.post(debit(1, "a"), instruct(I.DEBIT, transfer_id=b"\0" * 16), debit(1, "b"))
    assert records(bank) == before


async def test_batches_that_come_together_are_done_one_after_the_other(bank: OneBank) -> None:
    """Fifty at once for the whole balance, each under a key of its own: one succeeds."""
    answers = await asyncio.gather(*(bank.post(debit(100, f"k-{n}")) for n in range(50)))
    kinds = [outcome.kind for (outcome,) in answers]
    assert sorted(kinds) == [O.DEBITED] + [O.REFUSED] * 49
    assert bank.balances()[1001] == 0


async def test_the_same_order_fifty_times_at_once_moves_money_once(bank: OneBank) -> None:
    answers = await asyncio.gather(*(bank.post(debit(30, "same")) for _ in range(50)))
    assert {(o.kind, o.entry_id, o.head) for (o,) in answers} == {(answers[0][0].kind, answers[0][0].entry_id,
                                                                  answers[0][0].head)}  # fmt: skip
    assert [o.replayed for (o,) in answers].count(False) == 1
    assert bank.balances()[1001] == 70


async def test_a_caller_that_goes_away_does_not_undo_a_batch(bank: OneBank) -> None:
    async def call() -> None:
        await bank.post(debit(30, "k"))

    gone = asyncio.ensure_future(call())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    (outcome,) = await bank.post(debit(30, "k"))
    assert (outcome.kind, outcome.replayed) == (O.DEBITED, True)
    assert bank.balances()[1001] == 70


# --- grants, as instructions meet them


async def test_a_debit_needs_a_grant_that_lives(bank: OneBank) -> None:
    assert [o.kind for o in await bank.post(debit(1, "a"))] == [O.DEBITED]
    await bank.end_grant("alice")
    assert [o.reason for o in await bank.post(debit(1, "b"))] == ["GRANT_ENDED"]
    assert [o.kind for o in await bank.post(debit(1, "a"))] == [O.DEBITED]


async def test_a_grant_ends_by_the_banks_own_clock(bank: OneBank) -> None:
    bank.clock.now = NOW + HOUR
    assert [o.reason for o in await bank.post(debit(1, "a"))] == ["GRANT_ENDED"]


async def test_a_grant_opens_no_account_but_its_own(bank: OneBank) -> None:
    carols = instruct(I.DEBIT, debit(1, "k").order, grant=withdrawal(1, 1002).grant)
    assert [o.reason for o in await bank.post(carols)] == ["GRANT_ENDED"]
    not_hers = instruct(I.BOOK_TRANSFER, WITHIN_NORTH, principal="user:carol")
    assert [o.reason for o in await bank.post(not_hers)] == ["ACCOUNT_NOT_FOUND"]


@pytest.mark.parametrize("counter", [True, False])
async def test_the_counter_is_a_setting(tmp_path: Path, counter: bool) -> None:
    bank = await OneBank(tmp_path / "bank.db", counter_open=counter).start({"alice": 100})
    outcomes = await bank.post(deposit(5), withdrawal(5), cash(I.WITHDRAW, 5))
    assert [o.reason for o in outcomes] == (["", "", ""] if counter else ["COUNTER_CLOSED", "COUNTER_CLOSED", ""])
    bank.stop()


async def test_a_withdrawal_that_the_counter_cannot_pay_fails_alone(bank: OneBank) -> None:
    """The money came from another bank; what was brought in as cash is 200."""
    await bank.post(credit_to_north(500))
    brought_in, paid_out = await bank.post(deposit(1, 1002), withdrawal(202))
    assert (brought_in.kind, paid_out.kind, paid_out.reason) == (O.BOOKED, O.REFUSED, "CASH_EXHAUSTED")


# --- what it says of itself


async def test_a_bank_says_who_it_is_and_where_it_stands(bank: OneBank) -> None:
    (outcome,) = await bank.post(credit_to_north(5))
    described = await bank.bank.describe()
    assert (described.epoch, described.mode) == (1, "OPEN")
    assert (described.head, described.last_entry_id) == (outcome.head, outcome.entry_id)
    assert set(described.counterpart_heads) == {"SOUTH"}


async def test_payees_are_judged_one_by_one_and_nothing_changes(bank: OneBank) -> None:
    await bank.acts.set_status(1002, "FROZEN", "admin")
    before = records(bank)
    asked = [
        (PayeeToCheck(1001, "alice", "EUR"), None),
        (PayeeToCheck(1001, "alicia", "EUR"), Reason.PAYEE_NAME_MISMATCH),
        (PayeeToCheck(1001, "alice", "USD"), Reason.CURRENCY_MISMATCH),
        (PayeeToCheck(1002, "carol", "EUR"), Reason.PAYEE_ACCOUNT_FROZEN),
        (PayeeToCheck(4711, "nobody", "EUR"), Reason.PAYEE_ACCOUNT_NOT_FOUND),
        (PayeeToCheck(-1, "cash", "EUR"), Reason.PAYEE_ACCOUNT_NOT_FOUND),
        (PayeeToCheck(0, "admin", "EUR"), None),
    ]
    assert await bank.bank.check_payees([payee for payee, _ in asked]) == [reason for _, reason in asked]
    assert records(bank) == before
