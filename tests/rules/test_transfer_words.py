"""A transfer in words: for every state where the money is, what happens next, how it can end, and the exit code."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from clients.cli.status_words import prose
from clients.cli.transfer_words import (
    differences,
    duration,
    exit_code,
    headline,
    pending,
    unhappy_end,
)
from clients.sdk.records import FINAL_STATES, InDoubt, Transfer
from interbank.money import Money
from interbank.orders import Order

NOW = datetime(2026, 11, 22, 14, 3, 49, tzinfo=UTC)
ID = "39f2ddad7cda168097352375df4de119"
ORDER = Order("NORTH", 1001, "SOUTH", 1001, "bob", 100, "EUR", "bread", "k")
DOUBT = InDoubt(
    since=NOW - timedelta(seconds=47),
    waiting_for="SOUTH",
    cause="connection refused",
    attempts=9,
    next_action="Credit",
    next_attempt_at=NOW + timedelta(seconds=4),
)


def a_transfer(state: str, reason: str = "", *, doubt: InDoubt | None = None, suspended: bool = False) -> Transfer:
    final = state in FINAL_STATES
    return Transfer(
        transfer_id=ID,
        order=ORDER,
        state=state,
        final=final,
        reason=reason,
        principal="user:alice",
        accepted_at=NOW - timedelta(seconds=47),
        finished_at=NOW if final else None,
        suspended=suspended,
        in_doubt=doubt,
    )


@pytest.mark.parametrize("state", ["ACCEPTED", "DEBITED", "CANCELLING"])
def test_money_of_which_the_bank_says_when_it_left_may_not_be_still_there(state: str) -> None:
    left_at = NOW - timedelta(seconds=40)

    told = "\n".join(prose(a_transfer(state, doubt=DOUBT), NOW, left_at=left_at))

    when = left_at.astimezone().strftime("%H:%M:%S")
    assert f"Your money   left your account at {when}; NORTH keeps it in clearing. bob may have it already" in told
    assert "COMPLETED (bob has it) or RETURNED (you have it back)" in told
    assert "CANCELLED" not in told


def test_a_payment_in_doubt_is_explained_line_by_line() -> None:
    told = prose(a_transfer("DEBITED", doubt=DOUBT), NOW)
    since, again = DOUBT.since.astimezone(), (NOW + timedelta(seconds=4)).astimezone()
    assert [line.strip() for line in told] == [
        f'IN DOUBT for 47 s    1.00 EUR    NORTH 1001 alice → SOUTH 1001 bob   "bread"   {ID}',
        "Your money   left your account; NORTH keeps it in clearing. bob may have it already, or not yet.",
        f"Why          SOUTH does not answer: connection refused, asked 9 times since {since:%H:%M:%S}.",
        f"What now     SOUTH is asked to credit bob; next at {again:%H:%M:%S}, then until it answers.",
        "How it ends  COMPLETED (bob has it) or RETURNED (you have it back). SOUTH's ledger decides, no clock does.",
        "You          nothing to do. The same key again is safe; a new order is a second payment.",
        "interbank watch 39f2ddad      exit 0 completed, 3 returned, 130 stopped watching (the payment goes on)",
    ]


@pytest.mark.parametrize(
    ("state", "label", "money", "ends"),
    [
        ("ACCEPTED", "ON ITS WAY", "may still be in your account", "REFUSED or CANCELLED"),
        ("DEBITED", "ON ITS WAY", "left your account; NORTH keeps it in clearing", "no clock does"),
        ("CANCELLING", "ON ITS WAY", "unless NORTH never got to take it", "or CANCELLED (it never left)"),
        ("RETURNING", "ON ITS WAY", "is on its way back", "RETURNED (you have it back in NORTH 1001)"),
        ("COMPLETED", "COMPLETED", "left your account; bob has it since", ""),
        ("REFUSED", "REFUSED", "never left your account", ""),
        ("RETURNED", "RETURNED", "left your account and is back in NORTH 1001", ""),
        ("CANCELLED", "CANCELLED", "never left your account, and never will", ""),
    ],
)
def test_every_state_says_where_the_money_is_and_how_it_can_end(state: str, label: str, money: str, ends: str) -> None:
    told = "\n".join(prose(a_transfer(state), NOW))
    assert told.startswith(label)
    assert money in told
    assert ends in told
    assert ("How it ends" in told) == (state not in FINAL_STATES)


def test_a_suspended_payment_waits_for_a_human() -> None:
    told = "\n".join(prose(a_transfer("DEBITED", suspended=True, doubt=DOUBT), NOW))
    assert told.startswith("SUSPENDED")
    assert "NORTH and SOUTH say different things about this payment" in told
    assert "nothing is moved by itself any more" in told
    assert "interbank audit trail 39f2ddad, and then interbank admin resume 39f2ddad" in told
    assert "Do not pay again" in " ".join(pending(a_transfer("DEBITED", suspended=True)))


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("ACCEPTED", 6),
        ("DEBITED", 6),
        ("CANCELLING", 6),
        ("RETURNING", 6),
        ("COMPLETED", 0),
        ("REFUSED", 3),
        ("RETURNED", 3),
        ("CANCELLED", 3),
    ],
)
def test_a_state_is_an_exit_code(state: str, code: int) -> None:
    assert exit_code(a_transfer(state)) == code


@pytest.mark.parametrize(
    ("transfer", "lines"),
    [
        (
            a_transfer("REFUSED", "INSUFFICIENT_FUNDS"),
            [
                "refused: 1.00 EUR is more than the 0.66 EUR in NORTH 1001. INSUFFICIENT_FUNDS (AM04)",
                "Nothing moved. After a deposit, pay again.",
            ],
        ),
        (
            a_transfer("RETURNED", "PAYEE_ACCOUNT_CLOSED"),
            [
                "returned: SOUTH closed account 1001 before the money arrived. PAYEE_ACCOUNT_CLOSED (AC04)",
                "1.00 EUR left NORTH 1001 and is back in it.",
            ],
        ),
        (
            a_transfer("RETURNED", "CANCELLED_BY_PATIENCE"),
            [
                "returned: SOUTH did not answer in time, so the order was given up. CANCELLED_BY_PATIENCE (AB05)",
                "1.00 EUR left NORTH 1001 and is back in it.",
            ],
        ),
        (
            a_transfer("CANCELLED", "CANCELLED_BY_PATIENCE"),
            [
                "cancelled: NORTH did not answer in time, so the order was given up. CANCELLED_BY_PATIENCE (AB05)",
                "Nothing moved, and nothing will for this order: a late answer is refused for ever.",
            ],
        ),
        (
            a_transfer("REFUSED", "A_REASON_OF_TOMORROW"),
            ["refused: the bank gave the reason A_REASON_OF_TOMORROW. A_REASON_OF_TOMORROW", "Nothing moved."],
        ),
    ],
)
def test_an_unhappy_end_says_what_happened_and_whether_money_moved(transfer: Transfer, lines: list[str]) -> None:
    assert unhappy_end(transfer, balance=Money(66, "EUR")) == lines


def test_a_key_of_the_customers_own_is_said_to_stay_refused() -> None:
    lines = unhappy_end(a_transfer("REFUSED", "INSUFFICIENT_FUNDS"), own_key=True)
    assert lines[1] == "Nothing moved. This key stays refused; after a deposit, pay again with a new one."


def test_a_banks_own_payment_has_no_user_before_the_arrow() -> None:
    assert "NORTH 1001 → SOUTH" in headline(replace(a_transfer("COMPLETED"), principal="bank:NORTH"), NOW)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (200_000, "2 days")],
)
def test_a_span_of_time_is_said_in_one_unit(seconds: int, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words


def test_two_orders_are_told_apart_in_words() -> None:
    other = replace(ORDER, minor_units=101, payee_name="rob", idempotency_key="other")
    assert differences(ORDER, other) == ["payee's name", "amount"]
    assert differences(ORDER, replace(ORDER, idempotency_key="other")) == []
