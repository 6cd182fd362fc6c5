"""Sends an order so that it cannot be paid twice: saved with its key first, sent second, and what came of it noted."""

from dataclasses import replace
from datetime import timedelta

from clients.cli import errors
from clients.cli.desk import Desk
from clients.cli.output import Ended
from clients.cli.transfer_words import differences, duration, moment, short_id
from clients.sdk import Unanswered
from clients.sdk.records import Transfer
from clients.state.orders import NOT_ACCEPTED, SENT, SavedOrder
from interbank.orders import Order, fingerprint, transfer_id
from interbank.refusals import EXIT_CODES, Kind, Reason, Refused

_MOST_UNFINISHED = 200


def prepare(desk: Desk, order: Order, *, own_key: bool) -> SavedOrder:
    """The order on the disk, ready to be sent. Unless the customer chose the key himself, the same payment that was not
    accepted before is taken up again: under its own key it cannot become two."""
    if not own_key:
        for before in desk.orders.open(desk.principal):
            if before.state == NOT_ACCEPTED and before.same_payment(order):
                return before
    name = transfer_id(desk.principal, order.idempotency_key, fingerprint(order)).hex()
    return desk.orders.save(name, desk.principal, order)


def stop_if_repeated(desk: Desk, saved: SavedOrder) -> None:
    """Look for the same payment, sent before by this customer and not known to him to have ended.

    Raises Ended with PROBABLE_REPEAT, and what `pay` raises where the gateway cannot be asked.
    """
    try:
        _look_for_repeats(desk, saved)
    except Ended:
        desk.orders.forget(saved)
        raise
    except Refused as refused:
        raise _not_accepted(desk, saved, refused, first=True) from refused


def pay(desk: Desk, saved: SavedOrder) -> Transfer:
    """Send a saved order and note what came of it.

    Raises Ended when it was not accepted or nobody can say, Refused when it never will be accepted.
    """
    first = saved.state == NOT_ACCEPTED
    if first:
        desk.orders.note(saved, SENT, final=False)
    try:
        transfer = desk.client.payments.transfer(saved.order)
    except Refused as refused:
        raise _not_accepted(desk, saved, refused, first=first) from refused
    except Unanswered as unanswered:
        raise _unknown(saved, unanswered) from unanswered
    except KeyboardInterrupt:
        raise _interrupted(saved) from None
    desk.orders.note(saved, transfer.state, final=transfer.final)
    return transfer


def drop(desk: Desk, saved: SavedOrder) -> None:
    """Forget a saved order that moved nothing. Raises Ended for one that was sent: it may be paid, and only the answer
    to the same order says so."""
    if saved.state == NOT_ACCEPTED:
        desk.orders.forget(saved)
        return
    name = short_id(saved.transfer_id)
    message = f"order {name} was sent, and what became of it is not to be forgotten"
    lines = [f"stopped: {message}.", "It stays saved. To ask, under the same key:", f"interbank retry {name}"]
    raise Ended(errors.NOT_FINAL, lines, _body(saved, saved.state, message, hint=lines[-1]))


def _look_for_repeats(desk: Desk, saved: SavedOrder) -> None:
    order = saved.order
    for before in desk.orders.open(desk.principal):
        if before.transfer_id == saved.transfer_id or not before.same_payment(order):
            continue
        ago = duration(timedelta(seconds=before.age_seconds))
        found = desk.client.payments.find(ids=[before.transfer_id])
        if not found:
            raise _repeat(before.transfer_id, order, f"{ago} ago", "and no answer came", "retry")
        desk.orders.note(before, found[0].state, final=found[0].final)
        _stop_if_on_its_way(found[0], order, f"{ago} ago")
    for other in desk.client.payments.mine(unfinished=True, limit=_MOST_UNFINISHED):
        if replace(other.order, idempotency_key="") == replace(order, idempotency_key=""):
            _stop_if_on_its_way(other, order, f"at {moment(other.accepted_at)}")


def _stop_if_on_its_way(before: Transfer, order: Order, when: str) -> None:
    if not before.final:
        raise _repeat(before.transfer_id, order, when, "and it is not finished", "watch")
    if before.state == "COMPLETED":
        raise _repeat(before.transfer_id, order, when, "and it is COMPLETED, which did not reach you", "status")


def _repeat(transfer_id: str, order: Order, when: str, how: str, command: str) -> Ended:
    reference = f', "{order.reference}"' if order.reference else ""
    what = f"{order.amount} to {order.payee_bank} {order.payee_account}{reference}"
    message = f"you sent this very payment {when} ({what}) {how}"
    hint = f"interbank {command} {short_id(transfer_id)}, or --again for a second payment"
    body = errors.error_body("PROBABLE_REPEAT", message, hint=hint, moved=False, transfer_id=transfer_id)
    return Ended(errors.NOT_FINAL, [f"stopped: {message}. PROBABLE_REPEAT", "Not sent.", hint], body)


_OF_THE_FIRST_TIME = "This time it was not taken; what became of the first time is not known."


def _not_accepted(desk: Desk, saved: SavedOrder, refused: Refused, *, first: bool) -> Refused | Ended:
    """What to raise for an order that the gateway did not take, or that never got there."""
    if refused.reason is Reason.IDEMPOTENCY_KEY_REUSED:
        desk.orders.forget(saved)
        return _key_reused(desk, saved.order, refused)
    may_be_accepted_later = refused.reason.try_again or refused.reason.kind is Kind.UNAUTHENTICATED
    if not may_be_accepted_later:
        desk.orders.forget(saved)
        return refused
    if first:
        desk.orders.note(saved, NOT_ACCEPTED, final=False)
    if not refused.reason.try_again:
        return refused
    retry = f"interbank retry {short_id(saved.transfer_id)}"
    if refused.reason is Reason.GATEWAY_UNREACHABLE:
        message = f"{refused.message} before the order was sent"
        moved = "Nothing moved." if first else _OF_THE_FIRST_TIME
        moved += " Is it running? interbank ps."
    else:
        message = refused.message
        moved = "Not accepted, nothing moved, nothing will." if first else _OF_THE_FIRST_TIME
    lines = [
        errors.headline(errors.kind_of(refused.reason), message, refused.reason),
        f"{moved} Order and key are saved; to send exactly this one:",
        retry,
    ]
    body = _body(saved, refused.reason.name, message, hint=retry, request_id=refused.request_id)
    return Ended(EXIT_CODES[refused.reason.kind], lines, {**body, "moved": False if first else None})


def _key_reused(desk: Desk, order: Order, refused: Refused) -> Refused | Ended:
    """Show which order has the key, if the gateway knows it."""
    found = desk.client.payments.find(keys=[order.idempotency_key])
    if not found:
        return refused
    other = found[0]
    known = f"{moment(other.accepted_at)}, {other.order.amount} to {other.order.payee_bank} {other.order.payee_account}"
    message = (
        f"key {order.idempotency_key} belongs to another order of yours ({known}, {other.state}); this one differs in "
        f"{' and '.join(differences(order, other.order))}"
    )
    command = f"interbank status {short_id(other.transfer_id)}"
    body = errors.error_body(
        refused.reason.name, message, field="idempotency_key", hint=command, moved=False,
        transfer_id=other.transfer_id, idempotency_key=order.idempotency_key, request_id=refused.request_id,
    )  # fmt: skip
    lines = [errors.headline("refused", message, refused.reason), "Nothing moved.", command]
    return Ended(EXIT_CODES[refused.reason.kind], lines, body)


def _unknown(saved: SavedOrder, unanswered: Unanswered) -> Ended:
    name = short_id(saved.transfer_id)
    message = f"{unanswered}; order {name} had been sent"
    lines = [
        errors.headline("unknown", message),
        "It may be paid, or not. Do not pay anew: this asks, under the same key, and cannot pay twice:",
        f"interbank retry {name}",
    ]
    body = _body(saved, "UNANSWERED", message, hint=lines[-1], request_id=unanswered.request_id)
    return Ended(errors.NOT_FINAL, lines, body)


def _interrupted(saved: SavedOrder) -> Ended:
    name = short_id(saved.transfer_id)
    message = f"stopped waiting; order {name} may have been sent"
    lines = [f"interrupted: {message}.", "It goes on by itself. Do not pay anew.", f"interbank status {name}"]
    return Ended(errors.INTERRUPTED, lines, _body(saved, "INTERRUPTED", message, hint=lines[-1]))


def _body(saved: SavedOrder, reason: str, message: str, *, hint: str, request_id: str = "") -> dict[str, object]:
    return errors.error_body(
        reason, message, hint=hint, transfer_id=saved.transfer_id, idempotency_key=saved.order.idempotency_key,
        request_id=request_id,
    )  # fmt: skip
