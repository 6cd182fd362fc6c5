"""How a defect is planted: parts of the product are replaced, and put back."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

Patch = tuple[Any, str, Any]
"""Where, which attribute, and the defective one."""


@contextlib.contextmanager
def in_force(patches: Sequence[Patch]) -> Iterator[None]:
    """Let these parts be defective."""
    before = [(where, attribute, getattr(where, attribute)) for where, attribute, _ in patches]
    try:
        for where, attribute, defective in patches:
            setattr(where, attribute, defective)
        yield
    finally:
        for where, attribute, right in before:
            setattr(where, attribute, right)
