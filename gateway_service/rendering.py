"""Transfers and sessions as customers see them."""

from gateway_service.banks import LinkStatus
from gateway_service.directory import Directory
from gateway_service.sessions import Session, Sessions
from gateway_service.transfer import State, Transfer, next_step
from gateway_service.underway import Known, Underway
from interbank.clock import Clock
from interbank.instructions import InstructionKind
from interbank.rpc.translate import order_message
from protos.v1 import gateway_pb2, order_pb2

_ACTIONS = {
    InstructionKind.DEBIT: "Debit",
    InstructionKind.CREDIT: "Credit",
    InstructionKind.BOOK_TRANSFER: "BookTransfer",
    InstructionKind.CANCEL_CREDIT: "CancelCredit",
    InstructionKind.RETURN_DEBIT: "ReturnDebit",
}


class Rendering:
    """Writes what clients are told of transfers."""

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock

    def transfer(self, known: Known) -> order_pb2.Transfer:
        """A transfer as it is now. A final state shows only once it is durable."""
        if isinstance(known, Transfer):
            return _message(known, known.state, final=known.final)
        transfer = known.transfer
        if transfer.final and not known.finished:
            return _message(transfer, State.DEBITED if transfer.debit else State.ACCEPTED, final=False)
        message = _message(transfer, transfer.state, final=known.finished)
        if not known.finished:
            self._add_doubt(message, known)
        return message

    def _add_doubt(self, message: order_pb2.Transfer, underway: Underway) -> None:
        step = next_step(underway.transfer)
        if step is None:
            return
        link = self._directory.link_for_driving(step.bank)
        if underway.silent(self._clock.monotonic()) or link.status is not LinkStatus.CONNECTED:
            message.in_doubt.since_us = underway.asked_since_us or underway.transfer.accepted_at
            message.in_doubt.waiting_for = step.bank
            message.in_doubt.cause = link.cause or "no answer in time"
            message.in_doubt.attempts = underway.attempts
            message.in_doubt.next_action = _ACTIONS[step.kind]
            message.in_doubt.next_attempt_at_us = max(link.next_attempt_us, self._clock.now_us())


def _message(transfer: Transfer, state: State, *, final: bool) -> order_pb2.Transfer:
    return order_pb2.Transfer(
        transfer_id=transfer.transfer_id,
        order=order_message(transfer.order),
        state=_STATES[state],
        final=final,
        reason=transfer.reason if final else "",
        principal=transfer.principal,
        accepted_at_us=transfer.accepted_at,
        finished_at_us=(transfer.finished_at or 0) if final else 0,
        suspended=bool(transfer.suspended),
    )


_STATES = {state: getattr(order_pb2, f"TRANSFER_STATE_{state.name}") for state in State}


def session_message(sessions: Sessions, session: Session, current: Session) -> gateway_pb2.Session:
    """A session as its user sees it."""
    return gateway_pb2.Session(
        session_id=session.session_id,
        username=session.username,
        device=session.device,
        banks=sorted(session.access),
        opened_at_us=session.opened_at,
        used_at_us=session.used_at,
        idle_end_at_us=sessions.idle_end(session),
        end_at_us=session.ends_at,
        current=session.session_id == current.session_id,
    )
