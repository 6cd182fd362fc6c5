"""Reads CSV files that people make with spreadsheets, and names every line that cannot be meant. No input or output."""

import csv
import difflib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line of a file; `column` is empty where it is the line as a whole."""

    line: int
    column: str
    message: str

    def __str__(self) -> str:
        column = f", column {self.column}" if self.column else ""
        return f"line {self.line}{column}: {self.message}"


class MalformedFile(Exception):
    """A file that cannot be read as what it should be, with every fault that was found, in order."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(str(faults[0]))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file: the number that an editor shows for it, and its values by column, without outer spaces."""

    number: int
    values: Mapping[str, str]


def read_lines(
    content: bytes, *, required: Sequence[str], optional: Sequence[str] = ()
) -> tuple[list[Line], list[Fault]]:
    """The lines below the header, empty ones left out, and those of a wrong length. UTF-8 with or without BOM, commas,
    columns in any order.

    Raises MalformedFile for what is no such text, and for columns that are missing, unknown or there twice.
    """
    records = _records(_text(content))
    number, header = next(records, (1, []))
    columns = [name.strip() for name in header]
    if faults := _header_faults(number, columns, required, optional):
        raise MalformedFile(faults)
    lines: list[Line] = []
    for number, record in records:
        if len(record) != len(columns):
            faults.append(Fault(number, "", f"{len(record)} values, and the header has {len(columns)} columns"))
        else:
            lines.append(Line(number, dict(zip(columns, map(str.strip, record), strict=True))))
    return lines, faults


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8").removeprefix(_BOM)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = "not UTF-8; save the file as UTF-8 (spreadsheets call it CSV UTF-8)"
        raise MalformedFile([Fault(line, "", message)]) from None


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not empty, with the number of its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begun = 1
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise MalformedFile([Fault(begun, "", f"not CSV: {error}")]) from None
        if any(map(str.strip, record)):
            yield begun, record
        begun = reader.line_num + 1


def _header_faults(
    number: int, columns: Sequence[str], required: Sequence[str], optional: Sequence[str]
) -> list[Fault]:
    wanted = ",".join(required)
    if not columns:
        return [Fault(1, "", f"the file is empty; its first line should be {wanted}")]
    if len(columns) == 1 and ";" in columns[0]:
        return [Fault(number, "", f"the columns are separated by semicolons; write {wanted}")]
    known = [*required, *optional]
    faults = [Fault(number, name, "the column is missing") for name in required if name not in columns]
    for name in dict.fromkeys(columns):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            faults.append(Fault(number, name, f"unknown column{f'; did you mean {near[0]}?' if near else ''}"))
        elif columns.count(name) > 1:
            faults.append(Fault(number, name, "the column is there twice"))
    if faults and set(columns).isdisjoint(known):
        return [Fault(number, "", f"this line should name the columns: {wanted}")]
    return faults
