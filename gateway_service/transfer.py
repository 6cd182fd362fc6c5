"""The life of a transfer: which step comes next, and what an outcome makes of it. No input or output.

The states of `docs/protocol.md`. Only a bank's outcome moves a transfer on; the one thing that time does is to begin
asking for a way back (`give_up`).
"""

import enum
from dataclasses import replace
from typing import NamedTuple

from interbank.instructions import Evidence, Instruction, InstructionKind, Outcome, OutcomeKind
from interbank.orders import Order
from interbank.refusals import Reason
from interbank.values import value


class State(enum.Enum):
    """Where a transfer stands; names are those of the wire and of the column."""

    ACCEPTED = "ACCEPTED"
    DEBITED = "DEBITED"
    CANCELLING = "CANCELLING"
    RETURNING = "RETURNING"
    COMPLETED = "COMPLETED"
    REFUSED = "REFUSED"
    RETURNED = "RETURNED"
    CANCELLED = "CANCELLED"

    # Enum's own is written in Python, and states are looked up at every step. So is `name`: see interbank.instructions.
    __hash__ = object.__hash__


FINAL = frozenset({State.COMPLETED, State.REFUSED, State.RETURNED, State.CANCELLED})

BEFORE_THE_NEXT_STEP = FINAL | {State.CANCELLING, State.RETURNING}
"""States that must be durable before anything follows from them: before a client is told, and before money is sent
back. The others ride in a later commit, since the bank gives the same answer again."""


@value
class Transfer:
    """An accepted order and how far it has come.

    `debit` is the payer's bank's DEBITED; `credit` the payee's bank's decision, or the one bank's BOOKED;
    `ending` the payer's bank's last word where it was none of these: REFUSED, NOT_DEBITED or RETURNED. `access` is
    the customer's grant, `actor` the operator's name; `patient` orders are never given up; `request_id` names the
    call that it came with, until the gateway is started again. Times in microseconds.
    """

    transfer_id: bytes
    fingerprint: bytes
    order: Order
    principal: str
    access: bytes
    actor: str
    patient: bool
    accepted_at: int
    state: State = State.ACCEPTED
    reason: str = ""
    debit: Evidence | None = None
    credit: Evidence | None = None
    finished_at: int | None = None
    suspended: str = ""
    request_id: str = ""
    ending: Evidence | None = None

    @property
    def final(self) -> bool:
        """Whether the state can never change again."""
        return self.state in FINAL

    @property
    def within_one_bank(self) -> bool:
        """Whether both accounts are at one bank, so that one entry does it."""
        return self.order.payer_bank == self.order.payee_bank


class Step(NamedTuple):
    """Ask `bank` to do `kind`."""

    bank: str
    kind: InstructionKind


def next_step(transfer: Transfer) -> Step | None:
    """What to ask next, or None if there is nothing to do, for now or for ever."""
    if transfer.suspended:
        return None
    order = transfer.order
    match transfer.state:
        case State.ACCEPTED:
            kind = InstructionKind.BOOK_TRANSFER if transfer.within_one_bank else InstructionKind.DEBIT
            return Step(order.payer_bank, kind)
        case State.DEBITED:
            return Step(order.payee_bank, InstructionKind.CREDIT)
        case State.CANCELLING:
            return Step(order.payee_bank, InstructionKind.CANCEL_CREDIT)
        case State.RETURNING:
            return Step(order.payer_bank, InstructionKind.RETURN_DEBIT)
        case _:
            return None


_EVIDENCE_SENT = {
    InstructionKind.CREDIT: "debit",
    InstructionKind.CANCEL_CREDIT: "debit",
    InstructionKind.RETURN_DEBIT: "credit",
    InstructionKind.SETTLE: "credit",
}
_ON_AUTHORITY = {InstructionKind.DEBIT, InstructionKind.BOOK_TRANSFER}


def instruction(transfer: Transfer, kind: InstructionKind, attempt: int = 1) -> Instruction:
    """The instruction of a step, with the other bank's outcome as evidence where the step rests on one."""
    evidence = getattr(transfer, _EVIDENCE_SENT[kind]) if kind in _EVIDENCE_SENT else None
    return Instruction(
        kind,
        transfer.transfer_id,
        transfer.fingerprint,
        transfer.order,
        transfer.principal,
        transfer.access if kind in _ON_AUTHORITY else b"",
        transfer.actor,
        evidence,
        transfer.request_id,
        attempt,
    )


def after(transfer: Transfer, kind: InstructionKind, outcome: Outcome, now: int) -> Transfer:
    """The transfer once a bank has answered `kind`. An answer that comes when it no longer matters changes nothing; two
    outcomes that contradict each other suspend the transfer: a human must look."""
    if outcome.kind is OutcomeKind.CONTRADICTION:
        return replace(transfer, suspended=f"{kind.name} contradicts an outcome of the bank")
    match kind:
        case InstructionKind.DEBIT:
            return _after_debit(transfer, outcome, now)
        case InstructionKind.BOOK_TRANSFER:
            return _after_book_transfer(transfer, outcome, now)
        case InstructionKind.CREDIT | InstructionKind.CANCEL_CREDIT:
            return _after_credit(transfer, outcome, now)
        case InstructionKind.RETURN_DEBIT:
            return _after_return(transfer, outcome, now)
        case _:
            return transfer


def give_up(transfer: Transfer) -> Transfer:
    """The order's patience has ended: ask for a way back, beginning at the payee's bank, which alone knows whether it
    paid. A transfer within one bank has no way back; it is asked for until it is answered."""
    if transfer.patient or transfer.suspended or transfer.within_one_bank:
        return transfer
    if transfer.state in (State.ACCEPTED, State.DEBITED):
        return _come_to(transfer, State.CANCELLING)
    return transfer


def _come_to(
    transfer: Transfer,
    state: State,
    *,
    reason: str | None = None,
    debit: Evidence | None = None,
    credit: Evidence | None = None,
    ending: Evidence | None = None,
    finished_at: int | None = None,
) -> Transfer:
    """The transfer in another state, with what is given and else as it was. dataclasses.replace takes three times as
    long, and every payment comes here twice."""
    return Transfer(
        transfer.transfer_id,
        transfer.fingerprint,
        transfer.order,
        transfer.principal,
        transfer.access,
        transfer.actor,
        transfer.patient,
        transfer.accepted_at,
        state,
        transfer.reason if reason is None else reason,
        debit or transfer.debit,
        credit or transfer.credit,
        finished_at or transfer.finished_at,
        transfer.suspended,
        transfer.request_id,
        ending or transfer.ending,
    )


_REFUSED_BY_PAYERS_BANK = {OutcomeKind.REFUSED, OutcomeKind.KEY_REUSED, OutcomeKind.FINGERPRINT_MISMATCH}
_REFUSED_BY_PAYEES_BANK = {OutcomeKind.REFUSED, OutcomeKind.CANCELLED, OutcomeKind.FINGERPRINT_MISMATCH}


def _after_debit(transfer: Transfer, outcome: Outcome, now: int) -> Transfer:
    if outcome.kind is OutcomeKind.DEBITED:
        debit = Evidence(transfer.order.payer_bank, outcome.kind, outcome.head)
        state = State.DEBITED if transfer.state is State.ACCEPTED else transfer.state
        return transfer if transfer.final else _come_to(transfer, state, debit=debit)
    if transfer.state is not State.ACCEPTED:
        return transfer  # ReturnDebit is on its way, and will hear the same
    if outcome.kind in _REFUSED_BY_PAYERS_BANK:
        return _refused(transfer, outcome, now)
    if outcome.kind in (OutcomeKind.NOT_DEBITED, OutcomeKind.RETURNED):
        # The journal forgot that it had gone back. It goes again, so that both banks' words are known: every bank gives
        # the answer that it gave then, and without the payee's bank's this one could not be repaired.
        return _come_to(transfer, State.CANCELLING)
    return _contradicted(transfer, outcome)


def _after_book_transfer(transfer: Transfer, outcome: Outcome, now: int) -> Transfer:
    if transfer.state is not State.ACCEPTED:
        return transfer
    if outcome.kind is OutcomeKind.BOOKED:
        booked = Evidence(transfer.order.payer_bank, outcome.kind, outcome.head)
        return _come_to(transfer, State.COMPLETED, credit=booked, finished_at=now)
    if outcome.kind in _REFUSED_BY_PAYERS_BANK:
        return _refused(transfer, outcome, now)
    return _contradicted(transfer, outcome)


def _after_credit(transfer: Transfer, outcome: Outcome, now: int) -> Transfer:
    decision = Evidence(transfer.order.payee_bank, outcome.kind, outcome.head)
    if transfer.state in (State.DEBITED, State.CANCELLING):
        if outcome.kind is OutcomeKind.CREDITED:
            return _come_to(transfer, State.COMPLETED, credit=decision, reason="", finished_at=now)
        if outcome.kind in _REFUSED_BY_PAYEES_BANK:
            return _come_to(transfer, State.RETURNING, credit=decision, reason=_refusal(outcome))
        return _contradicted(transfer, outcome)
    credited = outcome.kind is OutcomeKind.CREDITED
    if credited != (transfer.state is State.COMPLETED):
        return _contradicted(transfer, outcome)
    return transfer


def _after_return(transfer: Transfer, outcome: Outcome, now: int) -> Transfer:
    if transfer.state is not State.RETURNING:
        return transfer
    ending = Evidence(transfer.order.payer_bank, outcome.kind, outcome.head)
    if outcome.kind is OutcomeKind.RETURNED:
        return _come_to(transfer, State.RETURNED, ending=ending, finished_at=now)
    if transfer.debit is not None:
        return _contradicted(transfer, outcome)  # it said DEBITED
    if outcome.kind is OutcomeKind.NOT_DEBITED:
        return _come_to(transfer, State.CANCELLED, ending=ending, finished_at=now)
    if outcome.kind in _REFUSED_BY_PAYERS_BANK:
        return _refused(transfer, outcome, now)
    return _contradicted(transfer, outcome)


def _refused(transfer: Transfer, outcome: Outcome, now: int) -> Transfer:
    """The payer's bank refused; a clash with another order is written down nowhere."""
    stored = outcome.kind is OutcomeKind.REFUSED
    ending = Evidence(transfer.order.payer_bank, outcome.kind, outcome.head) if stored else None
    return _come_to(transfer, State.REFUSED, reason=_refusal(outcome), ending=ending, finished_at=now)


def _refusal(outcome: Outcome) -> str:
    """The reason that people are given. A bank that knows the id or the key from another order refuses this one."""
    if outcome.kind in (OutcomeKind.KEY_REUSED, OutcomeKind.FINGERPRINT_MISMATCH):
        return Reason.IDEMPOTENCY_KEY_REUSED.name
    if outcome.kind is OutcomeKind.CANCELLED:
        return Reason.CANCELLED_BY_PATIENCE.name
    return outcome.reason


def _contradicted(transfer: Transfer, outcome: Outcome) -> Transfer:
    return replace(transfer, suspended=f"{outcome.kind.name} while {transfer.state.value}")
