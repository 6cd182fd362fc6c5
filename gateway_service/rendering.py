"""Transfers and sessions as customers see them."""

from gateway_service.banks import LinkStatus
from gateway_service.directory import Directory
from gateway_service.sessions import Session, Sessions
from gateway_service.transfer import State, Transfer, next_step
from gateway_service.underway import Known, Underway
from interbank.clock import Clock
from interbank.instructions import InstructionKind
from interbank.refusals import Refused
from interbank.rpc.translate import write_order
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
        """A transfer as it is now, as a message of its own."""
        message = order_pb2.Transfer()
        self.write(known, message)
        return message

    def write(self, known: Known, message: order_pb2.Transfer) -> None:
        """Write a transfer as it is now into its message. A final state shows only once it is durable."""
        if isinstance(known, Transfer):
            _write(known, known.state, known.final, message)
            return
        transfer = known.transfer
        if transfer.final and not known.finished:
            _write(transfer, known.before, False, message)
            return
        _write(transfer, transfer.state, known.finished, message)
        if not known.finished:
            self._add_doubt(message, known)

    def write_submission(self, answer: Known | Refused, message: gateway_pb2.Submission) -> None:
        """Write what became of one order of many into its message."""
        if not isinstance(answer, Refused):
            self.write(answer, message.transfer)
            return
        message.not_accepted.reason = answer.reason.name
        message.not_accepted.message = answer.message
        message.not_accepted.field = answer.field
        message.not_accepted.try_again = answer.reason.try_again

    def _add_doubt(self, message: order_pb2.Transfer, underway: Underway) -> None:
        step = next_step(underway.transfer)
        if step is None:
            return
        bank = underway.unheard or step.bank
        link = self._directory.link_for_driving(bank)
        if underway.silent(self._clock.monotonic()) or link.status is not LinkStatus.CONNECTED:
            message.in_doubt.since_us = underway.asked_since_us or underway.transfer.accepted_at
            message.in_doubt.waiting_for = bank
            message.in_doubt.cause = link.cause or "no answer in time"
            message.in_doubt.attempts = underway.attempts
            message.in_doubt.next_action = _ACTIONS[step.kind]
            message.in_doubt.next_attempt_at_us = max(link.next_attempt_us, self._clock.now_us())


def _write(transfer: Transfer, state: State, final: bool, message: order_pb2.Transfer) -> None:
    message.transfer_id = transfer.transfer_id
    write_order(transfer.order, message.order)
    message.state = _STATES[state]
    message.final = final
    message.principal = transfer.principal
    message.accepted_at_us = transfer.accepted_at
    if final:
        message.reason = transfer.reason
        message.finished_at_us = transfer.finished_at or 0
    message.suspended = bool(transfer.suspended)


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
