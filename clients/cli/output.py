"""How answers reach people and programs: data on stdout as a table, JSON or CSV; everything else on stderr.

A row is a mapping whose keys are the field names of the interface. Amounts are decimal strings ("1234.50"), times are
UTC in ISO 8601; a table alone groups digits, shortens ids and shows local time.
"""

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from clients.cli.options import Context

Row = Mapping[str, Any]

_AMOUNTS = frozenset({"amount", "balance", "balance_after", "deposit", "on_its_way", "limit"})
_IDS = frozenset({"transfer_id", "transfer"})
_TIMES = frozenset({"since", "when"})
_FOLDABLE = frozenset({"reference", "reason", "cause", "device", "principal"})
_FOLDED, _GAP, _ENDLESS = 12, 3, 10_000
_UNPRINTABLE = {code: f"\\u{code:04x}" for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0x202E)}


class Ended(Exception):
    """The end of a command that is neither plain success nor a Refused: pending, in doubt, a finding.

    `lines` are for people: what happened, whether money moved, one next command. `json` holds the same for programs and
    is printed as {"error": json} when they asked for JSON.
    """

    def __init__(self, exit_code: int, lines: Sequence[str], json: Row) -> None:
        super().__init__(lines[0] if lines else "")
        self.exit_code = exit_code
        self.lines = tuple(lines)
        self.json = json


def say(text: str) -> None:
    """Tell people something beside the data: a line on stderr."""
    click.echo(text, err=True)


def print_list(
    context: Context, rows: Sequence[Row], columns: Sequence[str], *, shown: Callable[[Row], Row] | None = None
) -> None:
    """Print many things: a JSON array of whole rows, or the named columns as CSV or as a table. `shown` makes the row
    of a table, where people are better served with other columns."""
    if context.output == "json":
        _print_json(list(rows))
    elif context.output == "csv":
        _print_csv(rows, columns)
    elif rows:
        people = rows if shown is None else list(map(shown, rows))
        _print_table(people, columns if shown is None else list(people[0]))


def print_one(context: Context, row: Row, columns: Sequence[str] | None = None) -> None:
    """Print one thing: a JSON object, one CSV row under its header, or a line for each field."""
    shown = [name for name, value in row.items() if not isinstance(value, Mapping)] if columns is None else columns
    if context.output == "json":
        _print_json(row)
    elif context.output == "csv":
        _print_csv([row], shown)
    else:
        width = max((len(_heading(name)) for name in shown), default=0)
        for name in shown:
            click.echo(f"{_heading(name).lower():<{width}}  {_cell(name, row.get(name), short=False)}".rstrip())


def paint(text: str, colour: str) -> str:
    """Text in a colour, where the terminal shows colours and NO_COLOR does not forbid them."""
    return click.style(text, fg=colour) if colours_wanted() else text


def colours_wanted() -> bool:
    """Whether stdout is a terminal that may be coloured (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def group_digits(decimal: str) -> str:
    """A decimal as people read it: "1234567.50" is "1,234,567.50"."""
    sign, digits = ("-", decimal[1:]) if decimal.startswith("-") else ("", decimal)
    whole, point, fraction = digits.partition(".")
    return f"{sign}{int(whole):,}{point}{fraction}" if whole.isdecimal() else decimal


def local_time(moment: str) -> str:
    """A UTC time in ISO 8601 as people here read it: "today 14:03:02", else "2026-11-22 14:03"."""
    try:
        local = datetime.fromisoformat(moment).astimezone()
    except ValueError:
        return moment
    return local.strftime("today %H:%M:%S" if local.date() == datetime.now(UTC).astimezone().date() else "%F %H:%M")


def harmless(text: str) -> str:
    """Text of others without the characters that move a terminal's cursor or hide a line."""
    return text.translate(_UNPRINTABLE)


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _print_csv(rows: Sequence[Row], columns: Sequence[str]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_plain(row.get(name)) for name in columns] for row in rows)
    click.echo(text.getvalue(), nl=False)


def _print_table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = {name: [_cell(name, row.get(name), short=True) for row in rows] for name in columns}
    widths = {name: max(len(_heading(name)), *map(len, column)) for name, column in cells.items()}
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for name in columns:
        numeric = name in _AMOUNTS or any(type(row.get(name)) is int for row in rows)
        foldable = name in _FOLDABLE
        table.add_column(
            _heading(name),
            justify="right" if numeric else "left",
            overflow="fold",
            min_width=min(widths[name], _FOLDED) if foldable else widths[name],
        )
    for texts in zip(*cells.values(), strict=True):
        table.add_row(*map(Text, texts))
    # Only free text is folded to fit a terminal; nothing is ever cut. A pipe has no width at all.
    needed = sum(min(width, _FOLDED) if name in _FOLDABLE else width for name, width in widths.items())
    console = Console(file=sys.stdout, highlight=False)
    console.width = max(console.width if sys.stdout.isatty() else _ENDLESS, needed + _GAP * len(columns))
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def _heading(name: str) -> str:
    return name.removesuffix("_at").replace("_", " ").upper()


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return str(value)


def _cell(name: str, value: object, *, short: bool) -> str:
    text = ("yes" if value else "no") if isinstance(value, bool) else _plain(value)
    if name in _AMOUNTS:
        return group_digits(text)
    if name in _IDS and short:
        return text[:8]
    if name.endswith("_at") or name in _TIMES:
        return local_time(text)
    return harmless(text)
