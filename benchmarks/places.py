"""Where a measurement has its files and leaves its figures: looked at before anything is measured."""

import argparse
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.disk import IN_MEMORY, filesystem


class Unusable(Exception):
    """A directory or a file with which there is nothing to be measured or to be kept; says why, and what would help."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Kept:
    """The figures of a measurement, and their chart."""

    figures: Path
    chart: Path

    def or_else(self, output: Path | None) -> "Kept":
        """These, or what --output names, with the chart beside it."""
        return self if output is None else Kept(output, output.with_suffix(".svg"))

    def check(self) -> None:
        """Raises Unusable if nobody can write them."""
        check_output(self.figures)
        check_output(self.chart)

    def write(self, found: Mapping[str, Any], picture: str) -> None:
        """Each of them whole. Raises OSError."""
        write_whole(self.figures, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
        write_whole(self.chart, picture)


def ask_for_directory(parser: argparse.ArgumentParser) -> None:
    """The option of every measurement: `directory`."""
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path("/var/tmp"),  # noqa: S108 (on a disk, unlike /tmp on many systems)
        metavar="DIR",
        help="on the disk to measure; by default /var/tmp",
    )


def ask_for_places(parser: argparse.ArgumentParser, kept: Kept) -> None:
    """The options of a measurement that is kept: `directory` and `output`."""
    ask_for_directory(parser)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help=f"write figures and chart here, and not to {kept.figures.name} and docs",
    )


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
