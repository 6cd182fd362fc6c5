"""Adding up what was counted in parts."""

from collections import Counter
from dataclasses import Field, fields
from typing import Any, TypeVar

T = TypeVar("T")

HIGHEST = {"highest": True}
"""Metadata of a field that keeps the highest value and not the sum."""


def merge(into: T, other: T) -> None:
    """Add the fields of a dataclass that counts to those of another: numbers, Counters, lists and dicts."""
    for field in fields(into):  # type: ignore[arg-type]  # a dataclass
        setattr(into, field.name, _sum(field, getattr(into, field.name), getattr(other, field.name)))


def _sum(field: Field[Any], one: Any, other: Any) -> Any:
    if field.metadata.get("highest"):
        return max(one, other)
    return one | other if isinstance(one, dict) and not isinstance(one, Counter) else one + other
