"""Whatever instructions come, in whatever order and however often, a bank's books hold and its word stands.

A failure prints the shortest history that shows it, and how to run that one again.
"""

from collections import Counter
from itertools import chain
from random import Random

from hypothesis import given, settings

from bank_service.admission import admit
from bank_service.books import CLEARING
from bank_service.ledger import post
from interbank.instructions import InstructionKind as I
from interbank.instructions import Outcome
from interbank.instructions import OutcomeKind as O
from tests.histories import (
    CASH_MOVED,
    IN,
    OUT,
    UNSTORED,
    Batches,
    History,
    assert_books_hold,
    befall,
    histories,
    random_history,
)
from tests.instructing import without_replay


def test_sequences_are_made_of_instructions_that_a_bank_admits() -> None:
    for instruction in chain.from_iterable([*OUT, *IN, *CASH_MOVED]):
        admit(instruction, "NORTH")


def test_sequences_meet_every_answer_and_every_refusal() -> None:
    """A generator that never meets a rule proves nothing about it."""
    met: Counter[tuple[I, O, str]] = Counter()
    chance = Random(20261122)
    for _ in range(500):
        met.update((i.kind, o.kind, o.reason) for i, o in History().run(random_history(chance)).asked)
    answers = Counter[tuple[I, O]]()
    for (kind, outcome, _), times in met.items():
        answers[kind, outcome] += times
    for kind, outcomes in {
        I.DEBIT: (O.DEBITED, O.REFUSED, O.NOT_DEBITED, O.RETURNED, O.KEY_REUSED),
        I.RETURN_DEBIT: (O.NOT_DEBITED, O.RETURNED, O.REFUSED, O.CONTRADICTION),
        I.SETTLE: (O.SETTLED, O.CONTRADICTION, O.FINGERPRINT_MISMATCH),
        I.CREDIT: (O.CREDITED, O.REFUSED, O.CANCELLED),
        I.CANCEL_CREDIT: (O.CREDITED, O.REFUSED, O.CANCELLED),
        I.BOOK_TRANSFER: (O.BOOKED, O.REFUSED, O.KEY_REUSED),
        I.WITHDRAW: (O.BOOKED, O.REFUSED, O.KEY_REUSED),
    }.items():
        for outcome in outcomes:
            assert answers[kind, outcome] >= 10, (kind.name, outcome.name, answers[kind, outcome])
    assert {reason for _, outcome, reason in met if outcome is O.REFUSED} >= {
        "ACCOUNT_FROZEN", "CASH_EXHAUSTED", "GRANT_ENDED", "INSUFFICIENT_FUNDS", "OPERATOR_NOT_ADMITTED",
        "PAYEE_ACCOUNT_FROZEN", "PAYEE_ACCOUNT_NOT_FOUND", "PAYEE_NAME_MISMATCH",
    }  # fmt: skip


# --- the laws of a finished history


def every_book_holds(history: History) -> None:
    assert_books_hold(history.book)


def balances_are_the_replay_of_the_entries(history: History) -> None:
    replayed = dict(history.opening)
    for number, entry in enumerate(history.entries, start=1):
        entry_id, _, _, debited, credited, amount, debited_after, credited_after = entry
        replayed[debited] -= amount
        replayed[credited] += amount
        assert (entry_id, debited_after, credited_after) == (number, replayed[debited], replayed[credited])
    assert replayed == {number: account.balance for number, account in history.book.accounts.items()}


def an_id_has_one_decision_and_at_most_one_conclusion(history: History) -> None:
    decided = Counter(row[1] for row in history.outcomes)
    concluded = Counter(row[1] for row in history.conclusions)
    assert set(decided.values()) | set(concluded.values()) <= {1}
    assert concluded.keys() <= {row[1] for row in history.outcomes if row[3] == "DEBITED"}


def an_order_moves_money_once_and_at_most_once_back(history: History) -> None:
    moves = {row[1]: row[3] in ("DEBITED", "CREDITED", "BOOKED") for row in history.outcomes}
    back = {row[1] for row in history.conclusions if row[2] == "RETURNED"}
    entries = Counter(row[2] for row in history.entries)
    assert {identity: entries[identity] for identity in moves} == {
        identity: moved + (identity in back) for identity, moved in moves.items()
    }


def a_principals_key_belongs_to_one_order(history: History) -> None:
    holding = ("DEBIT", "BOOK_TRANSFER", "DEPOSIT", "WITHDRAW", "ADD_MONEY")
    held = Counter((row[6], row[7]) for row in history.outcomes if row[2] in holding)
    assert set(held.values()) <= {1}


def clearing_holds_what_was_debited_and_not_returned_less_what_was_credited(history: History) -> None:
    returned = {row[1] for row in history.conclusions if row[2] == "RETURNED"}
    out = sum(row[13] for row in history.outcomes if row[3] == "DEBITED" and row[1] not in returned)
    into = sum(row[13] for row in history.outcomes if row[3] == "CREDITED")
    assert history.book.accounts[CLEARING].balance == history.opening[CLEARING] + out - into


def open_debits_are_those_that_nothing_concluded(history: History) -> None:
    debited = {row[0]: row[1] for row in history.outcomes if row[3] == "DEBITED"}
    concluded = {row[1] for row in history.conclusions}
    assert history.open_debits == {record: i for record, i in debited.items() if i not in concluded}


LATER = {
    (I.DEBIT, O.DEBITED): {O.RETURNED},
    (I.DEBIT, O.KEY_REUSED): {O.NOT_DEBITED},
    (I.SETTLE, O.CONTRADICTION): {O.SETTLED, O.FINGERPRINT_MISMATCH},
}
"""The only answers that may ever become another one: a debit that was returned since; an order whose key is another's
and that was then given up; a Settle that came before its debit."""


def the_same_instruction_gets_the_same_answer_for_ever(history: History) -> None:
    said: dict[tuple[I, bytes, bytes], Outcome] = {}
    for instruction, outcome in history.asked:
        name = (instruction.kind, instruction.transfer_id, instruction.fingerprint)
        before = said.get(name)
        if before is not None and outcome.kind not in LATER.get((instruction.kind, before.kind), ()):
            assert outcome.kind is before.kind
            if outcome.kind not in UNSTORED:
                assert (without_replay(outcome), outcome.replayed) == (without_replay(before), True)
        said[name] = outcome


def answers_to_the_two_ends_of_a_debit_never_disagree(history: History) -> None:
    said: dict[bytes, set[O]] = {}
    for _, outcome in history.asked:
        said.setdefault(outcome.transfer_id, set()).add(outcome.kind)
    for kinds in said.values():
        assert not {O.SETTLED, O.RETURNED} <= kinds
        assert not {O.DEBITED, O.NOT_DEBITED} <= kinds
        assert not {O.CREDITED, O.CANCELLED} <= kinds
        assert not (O.REFUSED in kinds and kinds & {O.DEBITED, O.CREDITED, O.BOOKED, O.RETURNED, O.NOT_DEBITED})


LAWS = [
    every_book_holds,
    balances_are_the_replay_of_the_entries,
    an_id_has_one_decision_and_at_most_one_conclusion,
    an_order_moves_money_once_and_at_most_once_back,
    a_principals_key_belongs_to_one_order,
    clearing_holds_what_was_debited_and_not_returned_less_what_was_credited,
    open_debits_are_those_that_nothing_concluded,
    the_same_instruction_gets_the_same_answer_for_ever,
    answers_to_the_two_ends_of_a_debit_never_disagree,
]


@given(histories())
@settings(max_examples=150, deadline=None, print_blob=True)
def test_every_law_holds_whatever_is_asked(steps: Batches) -> None:
    history = History().run(steps)
    for law in LAWS:
        law(history)


thoroughly = settings(max_examples=50, deadline=None, print_blob=True)


@given(histories())
@thoroughly
def test_a_batch_is_its_instructions_one_after_the_other(steps: Batches) -> None:
    apart, whole = History().run(steps), History()
    answers: list[Outcome] = []
    for step in steps:
        if isinstance(step, str):
            befall(whole.book, step)
        else:
            answers += post(whole.book, step)
    assert answers == [outcome for _, outcome in apart.asked]
    assert (whole.book.head, whole.book.accounts) == (apart.book.head, apart.book.accounts)


@given(histories())
@thoroughly
def test_asking_everything_again_writes_nothing(steps: Batches) -> None:
    everything = [instruction for step in steps if not isinstance(step, str) for instruction in step]
    history = History().run([everything, everything])
    head, held = history.book.head, dict(history.book.accounts)
    history.run([everything])
    assert (history.book.head, history.book.accounts) == (head, held)
