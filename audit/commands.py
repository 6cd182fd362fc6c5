"""The two great questions, from places to a report: are the books right in themselves, and do they agree?

On a running network the files are read one after the other, so a difference between them may be no more than the time
between two reads. It counts only if a second, fresh look still shows it: by then everything that the first look saw has
reached the files that it concerns.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from audit import schema
from audit.describe import Description, describe
from audit.files import Files, opened
from audit.findings import Finding, Kind
from audit.parallel import checking
from audit.reconcile import Reconciled, confirmed, reconcile_files
from audit.report import FileReport, Report, Totals
from audit.verify import CHECKED_IN_A_BANK, CHECKED_IN_THE_JOURNAL, UNREADABLE, totals
from audit.witnesses import Position

_UNUSABLE = frozenset({Kind.TABLE_ALTERED, Kind.FILE_UNREADABLE})


def verify(places: Sequence[Path]) -> Report:
    """Audit everything: each file by itself, then all of them against each other. Raises CannotAudit."""
    with opened(places) as files, checking(files) as checked:
        description = describe(files)
        attempt = _reconciled_if_readable(files)
        own = checked()
        unusable = {finding.where for finding in own if finding.kind in _UNUSABLE}
        usable = files.without(unusable)
        across = attempt if attempt and not unusable else reconcile_files(usable)
        money = totals(usable)
    across, looks = _looked_again(places, unusable, across, live=files.live)
    not_read = tuple(str(path) for path, _ in files.unknown)
    checks = (CHECKED_IN_A_BANK if files.banks else ()) + (CHECKED_IN_THE_JOURNAL if files.gateway else ())
    return replace(_report("verify", description, own, unusable, money, across, looks, checks), not_read=not_read)


def reconcile(places: Sequence[Path]) -> Report:
    """Compare the files with each other: every transfer, every evidence, every position seen. Raises CannotAudit."""
    with opened(places) as files:
        own = [finding for file in files.all for finding in schema.altered(file.connection, file.service, file.name)]
        description = describe(files)
        unusable = {finding.where for finding in own}
        usable = files.without(unusable)
        money, across = totals(usable), reconcile_files(usable)
    across, looks = _looked_again(places, unusable, across, live=files.live)
    not_read = tuple(str(path) for path, _ in files.unknown)
    return replace(_report("reconcile", description, own, unusable, money, across, looks, ()), not_read=not_read)


def _reconciled_if_readable(files: Files) -> Reconciled | None:
    """The files against each other; nothing if one of them cannot be read, which its own checks will say."""
    try:
        return reconcile_files(files)
    except UNREADABLE:
        return None


def _looked_again(
    places: Sequence[Path], unusable: set[str], first: Reconciled, *, live: bool
) -> tuple[Reconciled, int]:
    """Differences that last, and how many looks it took to know."""
    if not live or not first.findings:
        return first, 1
    with opened(places) as files:
        return confirmed(first, reconcile_files(files.without(unusable))), 2


def _report(
    command: str,
    description: Description,
    own: Sequence[Finding],
    unusable: set[str],
    money: tuple[Totals, ...],
    across: Reconciled,
    looks: int,
    checked: tuple[str, ...],
) -> Report:
    not_read = [f"{name}: its rows could not be compared with other files" for name in sorted(unusable)]
    return Report(
        command=command,
        files=tuple(_with_gaps(file, across.seen.incomplete) for file in description.files),
        checked=(*checked, *_compared(across)),
        money=money,
        comparison=across.comparison,
        findings=(*description.findings, *own, *across.findings),
        not_checked=(*description.not_checked, *not_read, *across.not_checked),
        not_visible=tuple(_not_visible(across)),
        looks=looks,
    )


def _with_gaps(file: FileReport, incomplete: dict[str, Position]) -> FileReport:
    position = incomplete.get(file.name)
    if position is None:
        return file
    return replace(file, note=f"INCOMPLETE: {position.witness} saw record {position.record_id:,} of it")


def _compared(across: Reconciled) -> Iterator[str]:
    found = across.comparison
    if found.transfers:
        here = f"{found.three_ways:,} of them in every file that must know them"
        here += f", {found.two_ways:,} in two files" if found.two_ways else ""
        here += f", {found.one_way:,} in one file alone, compared with nothing" if found.one_way else ""
        yield f"{found.transfers:,} transfers between accounts, {here}: order, amount, fingerprint, outcome, evidence"
    if any(across.seen.confirmed.values()):
        yield "what files have seen of each other's records, by number and chain hash"


def _not_visible(across: Reconciled) -> Iterator[str]:
    """What no check here can see. A history is safe from being rewritten up to the last record that others have."""
    for bank, lost in ((bank, lost) for bank, those in sorted(across.seen.lost.items()) for lost in those):
        lost_ones = f"its records {lost.first:,} to {lost.last:,}"
        yield f"what {bank} did in {lost_ones} and nobody else knew of: they were lost, and it was restored from a copy"
    for bank, last in sorted(across.seen.last.items()):
        confirmed_until = across.seen.confirmed[bank]
        if confirmed_until < last:
            since = f"{bank}'s records from {confirmed_until + 1:,} to {last:,}"
            yield f"a rewrite of {since} that is consistent in itself: no other file here has seen them"
    if across.comparison.by_state:
        yield "orders deleted from the end of the journal before any bank had heard of them"
    yield "whether cash was really paid in or out"
    yield "passwords, sessions and the directory of customers, which are no part of the books"
