"""Cuts many items into requests that the gateway takes: by number and by bytes. No input or output."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from interbank.orders import MAX_ORDERS

LARGEST_REQUEST = 64 * 1024
LARGEST_BATCH = 1024 * 1024
"""Bytes that the gateway takes in one request: of any kind, and of SubmitTransfers."""

_FRAME = 1024  # for what stands around the items of a request

_Item = TypeVar("_Item")


def portions(
    items: Iterable[_Item], *, size: Callable[[_Item], int], most: int = MAX_ORDERS, room: int = LARGEST_REQUEST
) -> Iterator[list[_Item]]:
    """The items in order, in lists of at most `most` items and `room` bytes, a frame's worth left free. An item that is
    larger than the room stands alone: the gateway refuses it by name."""
    portion: list[_Item] = []
    filled = _FRAME
    for item in items:
        length = size(item)
        if portion and (len(portion) == most or filled + length > room):
            yield portion
            portion, filled = [], _FRAME
        portion.append(item)
        filled += length
    if portion:
        yield portion
