"""Where a measurement has its files and leaves its figures: looked at before anything is measured."""

import os
import tempfile
from pathlib import Path

from benchmarks.disk import IN_MEMORY, filesystem


class Unusable(Exception):
    """A directory or a file with which there is nothing to be measured or to be kept; says why, and what would help."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def check_directory(directory: Path) -> None:
    """Raises Unusable if nobody can make a file there."""
    if not directory.is_dir():
        raise Unusable(f"{directory} is no directory", "make it, or name another with --directory")
    if not _writable(directory):
        raise Unusable(f"{directory} cannot be written to", "name another with --directory")


def check_output(output: Path) -> None:
    """Raises Unusable if nobody can write this file."""
    foreign = output.exists() and not output.is_file()  # a device would be replaced by our file
    if foreign or not output.parent.is_dir() or not _writable(output.parent):
        raise Unusable(f"{output} cannot be written", "name a file in a directory of yours with --output")


def check_on_disk(directory: Path, output: Path) -> None:
    """Raises Unusable if the directory is in memory: figures with syncs that cost nothing are not for `output`."""
    if (kind := filesystem(directory)) in IN_MEMORY:
        hint = "name a directory on a disk with --directory, or a file of their own with --output"
        raise Unusable(f"{directory} is in memory ({kind}), whose figures are not for {output.name}", hint)


def write_whole(path: Path, text: str) -> None:
    """Write a file that is there with all of its text or as it was before, whenever this ends. Raises OSError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _writable(directory: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError:
        return False
