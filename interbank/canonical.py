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
    for field in fields:
        if field is None:
            parts.append(_ABSENT)
            continue
        if isinstance(field, str):
            raw = field.encode()
        elif isinstance(field, int):
            raw = b"%d" % field
        else:
            raw = field
        length = len(raw)
        parts.append(_LENGTHS[length] if length < 256 else length.to_bytes(4, "big"))
        parts.append(raw)
    return b"".join(parts)
