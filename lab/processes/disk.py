"""A disk that is full, where it is a small one of its own: everything that is left on it is taken by one file."""

import errno
import os
from pathlib import Path

LARGEST = 2**30
"""Bytes of a disk that may be filled. Nobody fills the computer's own by mistake."""

_STEPS = (2**20, 4096, 1)


def may_fill(folder: Path) -> bool:
    """Whether the folder lies on a disk as small as that."""
    whole = os.statvfs(folder)
    return whole.f_blocks * whole.f_frsize <= LARGEST


def fill(folder: Path) -> None:
    """Take all room that is left; what is freed by others meanwhile stays free."""
    with _ballast(folder).open("ab", buffering=0) as file:
        for step in _STEPS:
            try:
                while True:
                    file.write(bytes(step))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def free(folder: Path) -> None:
    """Give it back."""
    _ballast(folder).unlink(missing_ok=True)


def _ballast(folder: Path) -> Path:
    return folder / "ballast"
