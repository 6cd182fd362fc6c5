"""What a long campaign has done so far, kept so that one that is stopped goes on where it was."""

import os
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from lab.machine import commit

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Piece(Generic[T]):
    """The result of a part of a campaign, at which commit and in how many seconds it was made."""

    result: T
    commit: str
    seconds: float


class Pieces:
    """Results by name. Without a folder nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def get(self, name: str, make: Callable[[], T]) -> Piece[T]:
        """The piece of this name; it is made unless an earlier run has."""
        if self._folder is None:
            return _made(make)
        kept = self._folder / f"{name}.piece"
        if kept.exists():
            piece: Piece[T] = pickle.loads(kept.read_bytes())  # noqa: S301  written below, by whoever runs this
            return piece
        piece = _made(make)
        self._folder.mkdir(parents=True, exist_ok=True)
        new = kept.with_suffix(".new")
        new.write_bytes(pickle.dumps(piece))
        os.replace(new, kept)  # noqa: PTH105  atomic on every system
        return piece


def _made(make: Callable[[], T]) -> Piece[T]:
    begun = time.monotonic()
    result = make()
    return Piece(result, commit(), time.monotonic() - begun)
