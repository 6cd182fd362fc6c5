"""Finds the transfer that a person means by the start of its id."""

import re

from clients.cli.desk import Desk
from clients.cli.transfer_words import short_id
from clients.sdk.records import Transfer
from clients.state.orders import SavedOrder
from interbank.refusals import Reason, Refused

_START = re.compile(r"[0-9a-f]{4,32}")


def one_transfer(desk: Desk, start: str) -> Transfer:
    """The transfer whose id begins so. Raises Refused(TRANSFER_ID_MALFORMED, TRANSFER_NOT_FOUND)."""
    digits = _checked(start)
    found = desk.client.payments.find_by_prefix(digits)
    if not found:
        raise Refused(Reason.TRANSFER_NOT_FOUND, f"no transfer of yours begins with {digits}")
    if len(found) > 1:
        raise _ambiguous(digits, [transfer.transfer_id for transfer in found])
    return found[0]


def found_here(desk: Desk, start: str) -> SavedOrder | None:
    """The saved order whose id begins so. Raises Refused(TRANSFER_ID_MALFORMED)."""
    digits = _checked(start)
    found = desk.orders.find(digits)
    if len(found) > 1:
        raise _ambiguous(digits, [saved.transfer_id for saved in found])
    return found[0] if found else None


def _checked(start: str) -> str:
    digits = start.strip().lower()
    if not _START.fullmatch(digits):
        raise Refused(
            Reason.TRANSFER_ID_MALFORMED,
            f'"{start[:40]}" is not the start of a transfer id',
            hint="4 to 32 digits 0-9 a-f, as interbank transfers shows them",
        )
    return digits


def _ambiguous(digits: str, ids: list[str]) -> Refused:
    starts = ", ".join(short_id(found) for found in sorted(ids)[:5])
    return Refused(
        Reason.TRANSFER_ID_MALFORMED,
        f"{len(ids)} of your transfers begin with {digits}",
        hint=f"write more of it: {starts}{' …' if len(ids) > 5 else ''}",
    )
