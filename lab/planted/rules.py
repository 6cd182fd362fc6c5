"""Defects of the rules, and of who keeps them.

Each is what a plausible mistake would make of the rules; histories in virtual time show every one.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import bank_service.ledger as ledger
import bank_service.operations as operations
import bank_service.repair as bank_repair
import gateway_service.bank_port as bank_port
import gateway_service.pipeline as pipeline
import gateway_service.repair as repair
import gateway_service.transfer as transfer
from bank_service import queries, restoration
from bank_service.books import CLEARING, Book, Decision
from bank_service.standing import Standing
from gateway_service.bank_port import Unknown
from gateway_service.transfer import State, Transfer
from interbank.instructions import Evidence, Head, Instruction, InstructionKind, Outcome, OutcomeKind
from interbank.orders import fingerprint, transfer_id
from interbank.refusals import Reason
from lab.planted.patches import Patch

_A_HEAD = Head(1, bytes(32))


# At the bank


def _unstored(kind: OutcomeKind, reason: str = "") -> Callable[[Book, Instruction], Decision]:
    """An answer that the bank forgets."""

    def answer(_book: Book, instruction: Instruction) -> Decision:
        return Decision(kind, reason, instruction.fingerprint, _A_HEAD, 0, 0, 0, instruction.order.payee_bank)

    return answer


def _first_without_tombstone(forgotten: InstructionKind, kind: OutcomeKind) -> Callable[[], list[Patch]]:
    def patches() -> list[Patch]:
        right = ledger._first

        def first(book: Book, instruction: Instruction) -> Outcome:
            if instruction.kind is forgotten:
                return _unstored(kind)(book, instruction).answer(instruction.transfer_id, replayed=False)
            return right(book, instruction)

        return [(ledger, "_first", first)]

    return patches


def _refusal_not_stored(of: InstructionKind) -> Callable[[], list[Patch]]:
    def patches() -> list[Patch]:
        right = ledger._move_or_refuse

        def move_or_refuse(book: Book, instruction: Instruction) -> Decision:
            debit, credit, _ = ledger._MOVEMENTS[instruction.kind](instruction)
            reason = ledger._refusal(book, instruction, debit, credit)
            if instruction.kind is of and reason is not None:
                return _unstored(OutcomeKind.REFUSED, reason.name)(book, instruction)
            return right(book, instruction)

        return [(ledger, "_move_or_refuse", move_or_refuse)]

    return patches


def _again(change: Callable[[Book, Instruction, Decision], Outcome | None]) -> Callable[[], list[Patch]]:
    """Another answer to what is asked again; None leaves the right one."""

    def patches() -> list[Patch]:
        right = ledger._again

        def again(book: Book, instruction: Instruction, known: Decision) -> Outcome:
            return change(book, instruction, known) or right(book, instruction, known)

        return [(ledger, "_again", again)]

    return patches


def _cancel_beats_credit(_book: Book, instruction: Instruction, known: Decision) -> Outcome | None:
    if instruction.kind is InstructionKind.CANCEL_CREDIT and known.kind is OutcomeKind.CREDITED:
        return Outcome(instruction.transfer_id, OutcomeKind.CANCELLED, "", known.head)
    return None


def _credit_after_cancel(book: Book, instruction: Instruction, known: Decision) -> Outcome | None:
    if instruction.kind is InstructionKind.CREDIT and known.kind is OutcomeKind.CANCELLED:
        book.move(CLEARING, instruction.order.payee_account, instruction.order.minor_units)
        return Outcome(instruction.transfer_id, OutcomeKind.CREDITED, "", known.head)
    return None


def _validity_before_idempotence(book: Book, instruction: Instruction, known: Decision) -> Outcome | None:
    if instruction.kind not in (InstructionKind.DEBIT, InstructionKind.CREDIT):
        return None
    debit, credit, _ = ledger._MOVEMENTS[instruction.kind](instruction)
    reason = ledger._refusal(book, instruction, debit, credit)
    return Outcome(instruction.transfer_id, OutcomeKind.REFUSED, reason.name, known.head) if reason else None


def _booked_again(book: Book, instruction: Instruction, known: Decision) -> Outcome | None:
    if instruction.kind is InstructionKind.CREDIT and known.kind is OutcomeKind.CREDITED:
        book.move(CLEARING, instruction.order.payee_account, instruction.order.minor_units)
    return None


def _return_without_entry() -> list[Patch]:
    right = ledger._return_debit

    def return_debit(book: Book, instruction: Instruction, latest: Decision) -> Outcome:
        if latest.kind is OutcomeKind.DEBITED:
            concluded = book.conclude(instruction, OutcomeKind.RETURNED, latest)
            return concluded.answer(instruction.transfer_id, replayed=False)
        return right(book, instruction, latest)

    return [(ledger, "_return_debit", return_debit)]


def _no_funds_check() -> list[Patch]:
    right = ledger._payer_refusal

    def payer_refusal(account: Any, currency: str, minor_units: int) -> Reason | None:
        reason = right(account, currency, minor_units)
        return None if reason is Reason.INSUFFICIENT_FUNDS else reason

    return [(ledger, "_payer_refusal", payer_refusal)]


def _skipped_leg() -> list[Patch]:
    right = Book.move

    def move(self: Book, debit_account: int, credit_account: int, minor_units: int) -> Any:
        entry = right(self, debit_account, credit_account, minor_units)
        if debit_account == CLEARING:  # the customer is not given what the clearing account gave
            self.accounts[credit_account] = self.accounts[credit_account].moved(-minor_units)
        return entry

    return [(Book, "move", move)]


def _head_not_compared() -> list[Patch]:
    return [(operations, "has_record", lambda _connection, _head: True)]


def _repair_writes_nothing() -> list[Patch]:
    right = restoration.restore
    return [(bank_repair, "restore", lambda book, _known, lost, numbers: right(book, [], lost, numbers))]


# At the gateway


def _post(change: Callable[[Sequence[Instruction]], list[Outcome]]) -> Callable[[], list[Patch]]:
    """What a link makes of no answer."""

    def patches() -> list[Patch]:
        right = bank_port.GrpcBankPort.post

        async def post(self: Any, session_id: bytes, instructions: Sequence[Instruction]) -> list[Outcome]:
            try:
                return await right(self, session_id, instructions)
            except Unknown:
                return change(instructions)

        return [(bank_port.GrpcBankPort, "post", post)]

    return patches


def _only(
    kind: InstructionKind, answer: OutcomeKind, reason: str = ""
) -> Callable[[Sequence[Instruction]], list[Outcome]]:
    def change(instructions: Sequence[Instruction]) -> list[Outcome]:
        if any(instruction.kind is not kind for instruction in instructions):
            raise Unknown("no answer in time")
        return [Outcome(i.transfer_id, answer, reason, _A_HEAD) for i in instructions]

    return change


def _new_id_on_retry() -> list[Patch]:
    right = bank_port.GrpcBankPort.post

    async def post(self: Any, session_id: bytes, instructions: Sequence[Instruction]) -> list[Outcome]:
        try:
            return await right(self, session_id, instructions)
        except Unknown:
            if any(instruction.kind is not InstructionKind.CREDIT for instruction in instructions):
                raise
            outcomes = await right(self, session_id, [_renamed(instruction) for instruction in instructions])
            return [replace(o, transfer_id=i.transfer_id) for i, o in zip(instructions, outcomes, strict=True)]

    return [(bank_port.GrpcBankPort, "post", post)]


def _renamed(instruction: Instruction) -> Instruction:
    order = replace(instruction.order, idempotency_key=f"{instruction.order.idempotency_key}-2")
    digest = fingerprint(order)
    identity = transfer_id(instruction.principal, order.idempotency_key, digest)
    return replace(instruction, order=order, fingerprint=digest, transfer_id=identity)


def _refund_on_timeout() -> list[Patch]:
    def give_up(known: Transfer) -> Transfer:
        if known.patient or known.within_one_bank or known.state is not State.DEBITED:
            return known
        forged = Evidence(known.order.payee_bank, OutcomeKind.CANCELLED, _A_HEAD)
        return replace(known, state=State.RETURNING, credit=forged, reason="CANCELLED_BY_PATIENCE")

    return [(pipeline, "give_up", give_up)]


def _banks_never_asked() -> list[Patch]:
    async def open_debits(_self: Any, _bank: str, _debits: Any) -> None:
        return

    return [(pipeline.Pipeline, "open_debits", open_debits)]


def _changed_payload_accepted() -> list[Patch]:
    def known(self: Any, _candidate: Transfer, found: Transfer) -> Any:
        return self._underway.get(found.transfer_id) or found

    return [(pipeline.Pipeline, "known", known)]


def _refused_is_paid() -> list[Patch]:
    right = transfer._after_credit

    def after_credit(known: Transfer, outcome: Outcome, now: int) -> Transfer:
        lie = replace(outcome, kind=OutcomeKind.CREDITED) if outcome.kind is OutcomeKind.REFUSED else outcome
        return right(known, lie, now)

    return [(transfer, "_after_credit", after_credit)]


def _never_sent_again() -> list[Patch]:
    from gateway_service.line import Line

    def put_back(_self: Any, _batch: Any, *, stumbled: bool) -> None:  # noqa: ARG001
        return

    return [(Line, "put_back", put_back)]


def _nothing_resumed() -> list[Patch]:
    async def resume(_self: Any) -> int:
        return 0

    return [(pipeline.Pipeline, "resume", resume)]


def _repair_from_nobody_else() -> list[Patch]:
    async def witnessed(_other: Any, _bank: str, _above: int) -> list[Any]:
        return []

    def heads(*_: Any) -> list[Any]:
        return []

    return [(repair, "_witnessed", witnessed), (repair, "list_concerning", lambda *_, **__: []),
            (repair, "heads_in_journal", heads)]  # fmt: skip


def _statement_lags() -> list[Patch]:
    right = queries.statement
    return [(queries, "statement", lambda *about, **page: right(*about, **page)[1:])]


def _never_forgotten() -> list[Patch]:
    right = pipeline.Pipeline._saved

    def saved(self: Any, underways: Sequence[Any], saved: Sequence[Transfer]) -> None:
        right(self, underways, saved)
        self._underway.update((underway.transfer.transfer_id, underway) for underway in underways)

    return [(pipeline.Pipeline, "_saved", saved)]


BUGS: dict[str, Callable[[], list[Patch]]] = {
    "refund on timeout": _refund_on_timeout,
    "a debit that is not answered counts as refused": _post(
        _only(InstructionKind.DEBIT, OutcomeKind.REFUSED, "INTERNAL")
    ),
    "a credit that is not answered counts as paid": _post(_only(InstructionKind.CREDIT, OutcomeKind.CREDITED)),
    "a credit that is not answered counts as refused": _post(
        _only(InstructionKind.CREDIT, OutcomeKind.REFUSED, "PAYEE_ACCOUNT_FROZEN")
    ),
    "a new id on every retry": _new_id_on_retry,
    "nothing is sent again": _never_sent_again,
    "nothing is taken up after a crash": _nothing_resumed,
    "banks are not asked for open debits": _banks_never_asked,
    "a changed order is accepted under its key": _changed_payload_accepted,
    "a refusal of the payee's bank counts as paid": _refused_is_paid,
    "no tombstone of a cancelled credit": _first_without_tombstone(
        InstructionKind.CANCEL_CREDIT, OutcomeKind.CANCELLED
    ),
    "no tombstone of a debit that never was": _first_without_tombstone(
        InstructionKind.RETURN_DEBIT, OutcomeKind.NOT_DEBITED
    ),
    "a refused debit is not stored": _refusal_not_stored(InstructionKind.DEBIT),
    "a refused credit is not stored": _refusal_not_stored(InstructionKind.CREDIT),
    "cancel beats credit": _again(_cancel_beats_credit),
    "older sessions are served, and a credit after its cancellation": lambda: [
        (Standing, "require", lambda _self, _session_id: None),
        *_again(_credit_after_cancel)(),
    ],
    "validity before idempotence": _again(_validity_before_idempotence),
    "a credit that is asked for again is booked again": _again(_booked_again),
    "money is returned without an entry": _return_without_entry,
    "no funds check": _no_funds_check,
    "a skipped leg": _skipped_leg,
    "a statement lags behind": _statement_lags,
    "what is final is never forgotten": _never_forgotten,
    "heads are not compared": _head_not_compared,
    "a repair that writes nothing": _repair_writes_nothing,
    "a repair that asks nobody": _repair_from_nobody_else,
}
"""Defects by what they are."""
