"""Sends many payments so that each is paid once: in a stream, and asked again until it has an end.

Nothing is kept here between runs. What was paid before is known by the keys, which follow from the file.
"""

import contextlib
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from clients.payment_files import PaymentLine
from clients.sdk import Unanswered
from clients.sdk.payments import Payments
from clients.sdk.records import NotAccepted, Transfer
from interbank.orders import Order
from interbank.refusals import Reason, Refused

_WAIT_SECONDS = 1  # what takes longer is asked for in rounds, and keeps no room in the stream
_SILENCE = 40.0
"""Seconds without an answer after which a stream is given up: the gateway answers each order after _WAIT_SECONDS."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


@dataclass(slots=True)
class Payment:
    """A line of the file and what is known of it: the latest attempt, its transfer, or why it was not accepted.

    `known_before`: the transfer was there before this run. `sent`: an attempt without an answer may have arrived.
    """

    line: PaymentLine
    attempt: int = 0
    transfer: Transfer | None = None
    not_accepted: NotAccepted | None = None
    known_before: bool = False
    sent: bool = False

    @property
    def order(self) -> Order:
        """The order of the latest attempt."""
        return self.line.attempt(self.attempt)

    @property
    def state(self) -> str:
        """The transfer's state; while there is none NOT_SENT, SENT, NOT_ACCEPTED, or REFUSED, if for good."""
        if self.transfer is not None:
            return self.transfer.state
        if self.not_accepted is not None:
            return "NOT_ACCEPTED" if self.not_accepted.try_again else "REFUSED"
        return "SENT" if self.sent else "NOT_SENT"

    @property
    def reason(self) -> str:
        """Why it was refused, returned or not accepted; else empty."""
        if self.transfer is not None:
            return self.transfer.reason
        return self.not_accepted.reason if self.not_accepted else ""

    @property
    def settled(self) -> bool:
        """Whether nothing about it can change any more in this run."""
        if self.transfer is not None:
            return self.transfer.final
        return self.not_accepted is not None and not self.not_accepted.try_again


@dataclass(slots=True)
class Bulk:
    """The payments of a file, on their way. `bank` names whose own authority they are on; empty for the customer's."""

    payments: Sequence[Payment]
    client: Payments
    bank: str = ""

    def look_up(self) -> None:
        """Learn what earlier runs did: for each payment its latest attempt that the gateway knows. Raises Refused."""
        asked: Sequence[Payment] = self.payments
        attempt = 0
        while asked:
            found = self._find(payment.line.attempt(attempt).idempotency_key for payment in asked)
            for payment in asked:
                order = payment.line.attempt(attempt)
                transfer = found.get(order.idempotency_key)
                if transfer is not None:
                    payment.attempt, payment.known_before = attempt, True
                    _take(payment, order, transfer)
            attempt += 1
            asked = [payment for payment in asked if payment.attempt == attempt - 1 and _ended_unpaid(payment)]

    def pay_anew(self) -> None:
        """Give those that were refused or returned another attempt."""
        for payment in self.payments:
            if _ended_unpaid(payment):
                payment.attempt += 1
                payment.transfer, payment.known_before = None, False

    def run(self, *, seconds: float, progress: Callable[[], None]) -> None:
        """Pay all that is new and wait until everything is final: after `seconds` no new round is begun, and one under
        way ends when the gateway has answered all of it, or nothing for 40 seconds. Raises Refused where nothing can go
        on, such as a session that has ended; what is known by then stays known."""
        end = time.monotonic() + seconds
        self._send([payment for payment in self.payments if payment.state == "NOT_SENT"], progress)
        for pause in _pauses(end):
            waiting = [payment for payment in self.payments if not payment.settled]
            if not waiting:
                return
            time.sleep(pause)
            self._send([payment for payment in waiting if payment.transfer is None], progress)
            self._refresh([payment for payment in waiting if payment.transfer is not None])
            progress()

    def _send(self, payments: Sequence[Payment], progress: Callable[[], None]) -> None:
        """Send each of these once. What gets no answer, or "not now", is sent again in the next round: its key sees to
        it that nothing is paid twice."""
        if not payments:
            return
        unanswered, taken = dict(enumerate(payments)), list[Payment]()
        answers = self.client.stream(
            _noted(payments, taken), bank=self.bank, patient=True, wait_seconds=_WAIT_SECONDS, silence=_SILENCE
        )
        may_have_arrived = True
        try:
            with contextlib.closing(answers):
                for number, answer in answers:
                    payment = unanswered.pop(number)
                    _take(payment, payment.order, answer)
                    progress()
        except Unanswered:
            return
        except Refused as refused:
            may_have_arrived = False
            for payment in unanswered.values():
                if not payment.sent:  # else an earlier attempt may have arrived, and this says nothing of it
                    payment.not_accepted = _not_now(refused)
            if not refused.reason.try_again:
                raise
        finally:
            if may_have_arrived:
                for number, payment in unanswered.items():
                    if number < len(taken):
                        payment.sent, payment.not_accepted = True, None

    def _refresh(self, payments: Sequence[Payment]) -> None:
        """Ask for the present states; a gateway that does not answer is asked again in the next round."""
        try:
            found = self._find(payment.order.idempotency_key for payment in payments)
        except Refused as refused:
            if not refused.reason.try_again:
                raise
            return
        for payment in payments:
            transfer = found.get(payment.order.idempotency_key)
            if transfer is not None:
                payment.transfer = transfer

    def _find(self, keys: Iterable[str]) -> dict[str, Transfer]:
        found = self.client.find(keys=list(keys), bank=self.bank)
        return {transfer.order.idempotency_key: transfer for transfer in found}


def _pauses(end: float) -> Iterator[float]:
    """Seconds to wait before each round, longer from round to round, until `end` on the monotonic clock."""
    pause = _FIRST_PAUSE
    while (left := end - time.monotonic()) > 0:
        yield min(left, pause * random.uniform(0.5, 1))  # noqa: S311
        pause = min(_LONGEST_PAUSE, pause * 2)


def _noted(payments: Iterable[Payment], taken: list[Payment]) -> Iterator[Order]:
    """Their orders; whichever is taken from here may arrive. Nothing is changed in a payment: this runs in the thread
    that sends, and may still do so when the end of the stream is known."""
    for payment in payments:
        taken.append(payment)
        yield payment.order


def _take(payment: Payment, order: Order, answer: Transfer | NotAccepted) -> None:
    """Note the gateway's answer to an order."""
    payment.transfer = payment.not_accepted = None
    payment.sent = False
    if isinstance(answer, NotAccepted):
        payment.not_accepted = answer
    elif answer.order != order:
        # The keys of a file are its owner's affair: one that he gave to another payment before pays nothing here.
        reason = Reason.IDEMPOTENCY_KEY_REUSED
        payment.not_accepted = NotAccepted(reason.name, reason.meaning, "key", try_again=False)
    else:
        payment.transfer = answer


def _not_now(refused: Refused) -> NotAccepted:
    return NotAccepted(refused.reason.name, refused.message, refused.field, try_again=True)


def _ended_unpaid(payment: Payment) -> bool:
    return payment.transfer is not None and payment.transfer.final and payment.transfer.state != "COMPLETED"
