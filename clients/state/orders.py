"""Orders that were sent or about to be sent. Each is on the disk before it leaves, so that whatever happens to this
program, the same order can be sent again under the same key, and cannot pay twice."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from clients.state.files import damaged, read_json, write_json
from interbank.orders import Order, Purpose

SENT = "SENT"
"""State of an order that may have left: whether it arrived is not known."""

NOT_ACCEPTED = "NOT_ACCEPTED"
"""State of an order that certainly moved nothing: it was not sent yet, no connection came up, or the gateway said "not
now"."""


@dataclass(frozen=True, slots=True)
class SavedOrder:
    """An order of a principal, and the last that its owner was told of it.

    `transfer_id` is known before the order is sent, since it follows from the order. `state` is SENT, NOT_ACCEPTED or a
    state of the transfer; `saved_at` is UTC in ISO 8601.
    """

    transfer_id: str
    principal: str
    purpose: str
    order: Order
    state: str
    saved_at: str

    @property
    def age_seconds(self) -> int:
        """How long ago it was saved, by this computer's clock."""
        return max(0, int((datetime.now(UTC) - datetime.fromisoformat(self.saved_at)).total_seconds()))

    def same_payment(self, order: Order) -> bool:
        """Whether that order asks for the same, whatever its key."""
        return replace(order, idempotency_key="") == replace(self.order, idempotency_key="")


class OrderFiles:
    """The saved orders of one profile: `open/` while its owner waits for an end, `done/` afterwards."""

    def __init__(self, directory: Path) -> None:
        self._open = directory / "orders" / "open"
        self._done = directory / "orders" / "done"

    def save(self, transfer_id: str, principal: str, order: Order, purpose: Purpose = Purpose.TRANSFER) -> SavedOrder:
        """Keep an order that is to be sent, as NOT_ACCEPTED, or return it as it was kept before. Durable when this
        returns."""
        before = _read(self._open / f"{transfer_id}.json")
        if before is not None:
            return before
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        saved = SavedOrder(transfer_id, principal, purpose.value, order, NOT_ACCEPTED, now)
        self._write(self._open, saved)
        return saved

    def note(self, saved: SavedOrder, state: str, *, final: bool) -> None:
        """Remember that it is about to leave (SENT), or what its owner was told. A final state ends the waiting."""
        self._write(self._done if final else self._open, replace(saved, state=state))
        if final:
            self.forget(saved)

    def forget(self, saved: SavedOrder) -> None:
        """Drop an order that can never be accepted as it stands."""
        (self._open / f"{saved.transfer_id}.json").unlink(missing_ok=True)

    def open(self, principal: str, purpose: Purpose = Purpose.TRANSFER) -> list[SavedOrder]:
        """The principal's orders whose end he was not told, oldest first."""
        found = filter(None, map(_read, self._open.glob("*.json")))
        mine = [saved for saved in found if saved.principal == principal and saved.purpose == purpose.value]
        return sorted(mine, key=lambda saved: saved.saved_at)

    def find(self, prefix: str) -> list[SavedOrder]:
        """Saved orders whose id begins with these hexadecimal digits."""
        places = (*self._done.glob(f"{prefix}*.json"), *self._open.glob(f"{prefix}*.json"))
        # A crash may leave an order in both places; its end, once it was told, is what counts.
        by_name = {path.name: path for path in reversed(places)}
        return list(filter(None, map(_read, by_name.values())))

    def _write(self, place: Path, saved: SavedOrder) -> None:
        write_json(place / f"{saved.transfer_id}.json", asdict(saved))


def _read(path: Path) -> SavedOrder | None:
    value = read_json(path)
    if value is None:  # another command has just moved it
        return None
    try:
        return SavedOrder(**{**value, "order": Order(**value["order"])})
    except (TypeError, KeyError) as error:
        raise damaged(path) from error
