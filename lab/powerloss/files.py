"""Files that tell what was synced from what was only written, below SQLite.

A write is remembered apart until its file is synced. When the power goes, every such write may be there, not there, or
there in part, sector by sector, each by itself: a disk keeps no order that nobody asked it to keep.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

SECTOR = 512
"""Bytes that a disk writes whole or not at all."""


@dataclass
class File:
    """`written` is what its reader sees, `synced` what a power loss cannot take, `pending` the writes in between, in
    order, each as (offset, data); data is None for a truncation to that length."""

    written: bytearray = field(default_factory=bytearray)
    synced: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def write(self, offset: int, data: bytes | None) -> None:
        """Data at an offset, or the end of the file there."""
        _apply(self.written, offset, data)
        self.pending.append((offset, data))

    def sync(self) -> None:
        """What was written stays."""
        for offset, data in self.pending:
            _apply(self.synced, offset, data)
        self.pending.clear()

    def survivor(self, keep: Callable[[], bool]) -> bytes:
        """What a power loss leaves: synced content, and of each write since the sectors that `keep` says."""
        content = bytearray(self.synced)
        for offset, data in self.pending:
            for part_offset, part in _sectors(offset, data):
                if keep():
                    _apply(content, part_offset, part)
        return bytes(content)


def _sectors(offset: int, data: bytes | None) -> Iterator[tuple[int, bytes | None]]:
    if data is None:
        yield offset, None
        return
    start = 0
    while start < len(data):
        end = min(len(data), start + SECTOR - (offset + start) % SECTOR)
        yield offset + start, data[start:end]
        start = end


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


class Calls:
    """What a disk is asked for, one number each, and who wants to know. `about_to` is told before a call has any effect
    and may raise what SQLite shall see; `done` after it."""

    def __init__(self) -> None:
        self.about_to: Callable[[str], None] = lambda _call: None
        self.done: Callable[[str], None] = lambda _call: None


@dataclass
class Folder:
    """The files of one disk, by name."""

    calls: Calls
    files: dict[str, File] = field(default_factory=dict)

    @classmethod
    def of(cls, contents: Mapping[str, bytes]) -> "Folder":
        """A disk with these files, all of them synced."""
        files = {name: File(bytearray(content), bytearray(content)) for name, content in contents.items()}
        return cls(Calls(), files)

    def survivors(self, chance: random.Random, kept: float) -> "Folder":
        """The disk after a power loss: of what was not synced each sector is kept with the probability `kept`. A file
        that was never synced may be gone."""
        contents = {}
        for name, file in self.files.items():
            if file.synced or (kept and chance.random() < kept):
                contents[name] = file.survivor(lambda: chance.random() < kept)
        return Folder.of(contents)

    def as_written(self) -> "Folder":
        """The disk after the process alone has died: the computer still knows every write."""
        return Folder.of({name: bytes(file.written) for name, file in self.files.items()})
