"""Prove the books from the database files alone. The work is done in `audit`, which stands by itself; this is its place
on the command line: `python -m audit` asks the same questions without anything of ours."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from audit import commands
from audit import positions as positions_of
from audit import trail as trail_of
from audit.files import CannotAudit
from audit.report import Report
from audit.text import picture_lines, position_lines, report_lines, trail_lines
from clients.cli.options import Context, common
from clients.cli.output import print_list, print_one, say
from clients.launcher.home import Home
from clients.launcher.proof import note_proof
from interbank.refusals import Reason, Refused

FOUND_SOMETHING = 7
"""Exit code."""

FINDING_COLUMNS = ("kind", "where", "subject", "message", "transfer_id")
POSITION_COLUMNS = ("debtor", "creditor", "amount", "currency", "credited", "credited_back")
STEP_COLUMNS = ("at", "where", "what", "reason", "record", "entry")

_PLACES = click.argument("places", nargs=-1, type=click.Path(path_type=Path), metavar="[HOME_OR_FILES]...")


@click.group()
def audit() -> None:
    """Check the books from the database files alone: no server is asked, nothing is changed.

    \b
    Without HOME_OR_FILES they are those of the home. Exit 0 when nothing was found, 7 when
    something was, 1 when a file is of a version that cannot be read.
      interbank audit verify
      interbank audit verify /media/stick
      interbank audit trail dc5c6b6b --picture
    """


@audit.command()
@common
@_PLACES
def verify(context: Context, places: tuple[Path, ...]) -> int:
    """Recompute every number and hash of every file, then compare the files with each other.

    \b
      interbank audit verify
      interbank audit verify /media/stick/2026-11-22
    """
    begun = datetime.now(UTC)
    return _print_report(context, commands.verify, places, lambda report: _note_proof(context, places, report, begun))


@audit.command()
@common
@_PLACES
def reconcile(context: Context, places: tuple[Path, ...]) -> int:
    """Compare every transfer three ways: journal, payer's bank, payee's bank; two ways where a file is missing.

    \b
      interbank audit reconcile
      interbank audit reconcile gateway.db NORTH.db SOUTH.db
    """
    return _print_report(context, commands.reconcile, places, lambda _report: None)


@audit.command()
@common
@click.argument("transfer_id", metavar="TRANSFER_ID")
@_PLACES
@click.option("--picture", is_flag=True, help="Draw the messages.")
def trail(context: Context, transfer_id: str, places: tuple[Path, ...], picture: bool) -> int:
    """Follow one transfer, named by any unique beginning of its id, through journal and ledgers.

    \b
      interbank audit trail dc5c6b6b --picture
    """
    with _refused():
        found = trail_of.trail(transfer_id, _where(context, places))
    pictured = [*picture_lines(found), ""] if picture else []
    _print(context, found.as_json(), "steps", STEP_COLUMNS, [*pictured, *trail_lines(found)])
    return 0 if found.clean else FOUND_SOMETHING


@audit.command()
@common
@_PLACES
def positions(context: Context, places: tuple[Path, ...]) -> int:
    """Say which bank owes which, by currency.

    \b
      interbank audit positions
      interbank audit positions -o csv > positions.csv
    """
    with _refused():
        owed = positions_of.positions(_where(context, places))
    if context.output == "table":
        _echo(position_lines(owed))
        return 0
    print_list(context, [position.as_json() for position in owed.positions], POSITION_COLUMNS)
    for line in owed.not_checked:
        say(f"not checked: {line}")
    return 0


def _print_report(
    context: Context,
    question: Callable[[Sequence[Path]], Report],
    places: tuple[Path, ...],
    found: Callable[[Report], None],
) -> int:
    with _refused():
        report = question(_where(context, places))
    found(report)
    _print(context, report.as_json(), "findings", FINDING_COLUMNS, report_lines(report))
    return report.exit_code


def _note_proof(context: Context, places: tuple[Path, ...], report: Report, begun: datetime) -> None:
    """Keep for `ps` that the books of the home are right in themselves and agree; those of other places are another
    matter."""
    home = Home(context.home_directory)
    if report.exit_code == 0 and all(place.absolute() == home.directory for place in _where(context, places)):
        note_proof(home, [file.name for file in report.files], begun)


def _print(context: Context, row: Mapping[str, Any], listed: str, columns: Sequence[str], lines: Iterable[str]) -> None:
    """Everything as JSON, its list as CSV, or lines for people."""
    if context.output == "json":
        print_one(context, row)
    elif context.output == "csv":
        print_list(context, row[listed], columns)
    else:
        _echo(lines)


def _echo(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _where(context: Context, places: tuple[Path, ...]) -> Sequence[Path]:
    return [place.expanduser() for place in places] or [context.home_directory]


@contextmanager
def _refused() -> Iterator[None]:
    """What the auditor cannot do, in the form of this command line."""
    try:
        yield
    except CannotAudit as error:
        raise Refused(Reason[error.reason], error.message, hint=error.hint) from error
