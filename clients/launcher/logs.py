"""The logs of all processes as one story: merged by time, and followed as they grow.

A line of a log begins with the UTC time of day, "14:03:02.118 gateway …". What does not (a traceback, the words of a
library) belongs to the line before it.
"""

import heapq
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

_TIME_OF_DAY = re.compile(r"(\d\d):(\d\d):(\d\d)\.(\d{3}) ")
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
_HALF_A_DAY = timedelta(hours=12)
_LOOK_EVERY_SECONDS = 0.1


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """A line of a log with its moment, and the name of the process that wrote it."""

    at: datetime
    name: str = field(compare=False)
    text: str = field(compare=False)


def read_merged(logs: Iterable[Path]) -> Iterator[Line]:
    """All lines of these logs in the order of their times; those of one log keep their order."""
    return heapq.merge(*(_dated(path) for path in logs))


def follow(logs: Sequence[Path], *, from_ends: dict[Path, int]) -> Iterator[Line]:
    """Lines as they are written, after the given numbers of bytes, for ever. A log may begin to exist later."""
    tails = [_Tail(path, from_ends.get(path, 0)) for path in logs]
    moment = threading.Event()
    while True:
        yield from heapq.merge(*(tail.grown() for tail in tails))
        moment.wait(_LOOK_EVERY_SECONDS)


def _dated(path: Path) -> Iterator[Line]:
    """The lines of one log. They tell no day; the last one was written on the day on which the file last changed, and a
    time of day that falls by more than half a day begins the next one."""
    if not path.exists():
        return
    last_day = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    yield from _with_days(path.stem, _lines(path), last_day - timedelta(days=_midnights(_lines(path))))


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            yield line.rstrip("\n")


def _midnights(lines: Iterable[str]) -> int:
    first = date.min + timedelta(days=1)
    last = first
    for line in _with_days("", lines, first):
        last = max(last, line.at.date())
    return (last - first).days


def _with_days(name: str, lines: Iterable[str], day: date) -> Iterator[Line]:
    at = _BEFORE_ALL
    for text in lines:
        found = _TIME_OF_DAY.match(text)
        if found:
            hour, minute, second, thousandth = map(int, found.groups())
            moment = datetime.combine(day, time(hour, minute, second, thousandth * 1000, UTC))
            if at - moment > _HALF_A_DAY:
                day, moment = day + timedelta(days=1), moment + timedelta(days=1)
            # Lines of one log that were written at once may be a little out of order; their order in the file stands.
            at = max(at, moment)
        yield Line(at, name, text)


class _Tail:
    """A log that is being written: whole lines, as they come."""

    def __init__(self, path: Path, start: int) -> None:
        self._path = path
        self._offset = start
        self._rest = b""

    def grown(self) -> list[Line]:
        try:
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._offset:
                    self._offset = 0  # the log was emptied, or another file is in its place
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(content)
        *whole, self._rest = (self._rest + content).split(b"\n")
        lines = (line.decode(errors="replace") for line in whole)
        return list(_with_days(self._path.stem, lines, datetime.now(UTC).date()))
