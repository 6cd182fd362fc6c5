"""One way to write fields as bytes, so that a hash of them means the same everywhere. No input or output.

Each field is its length (4 bytes, big endian) and its bytes: text as UTF-8, a whole number as its decimal digits, bytes
as they are. A field that is absent is the length 0xFFFFFFFF alone. Without the lengths, ("ab", "c") and ("a", "bc")
would have one hash.
"""

_ABSENT = b"\xff\xff\xff\xff"
_LENGTHS = [length.to_bytes(4, "big") for length in range(256)]


def canonical(*fields: bytes | str | int | None) -> bytes:
    """The canonical bytes of these fields, in this order."""
    parts: list[bytes] = []
    add = parts.append
    for field in fields:
        # type() and not isinstance(): this runs for every field of every record, and is most of what hashing costs.
        if type(field) is str:
            raw = field.encode()
        elif type(field) is int:
            raw = b"%d" % field
        elif type(field) is bytes:
            raw = field
        elif field is None:
            add(_ABSENT)
            continue
        else:
            raise TypeError(f"{type(field).__name__} has no canonical bytes")
        length = len(raw)
        add(_LENGTHS[length] if length < 256 else length.to_bytes(4, "big"))
        add(raw)
    return b"".join(parts)
