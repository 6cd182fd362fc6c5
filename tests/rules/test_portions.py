"""Cutting many items into requests."""

from hypothesis import given
from hypothesis import strategies as st

from clients.sdk.portions import portions


@given(st.lists(st.integers(0, 3000), max_size=60), st.integers(1, 10), st.integers(1024, 9000))
def test_every_item_is_sent_once_in_order_and_no_request_is_too_large(sizes: list[int], most: int, room: int) -> None:
    parts = list(portions(sizes, size=lambda item: item, most=most, room=room))

    assert [item for part in parts for item in part] == sizes
    for part in parts:
        assert 1 <= len(part) <= most
        assert len(part) == 1 or sum(part) + 1024 <= room
