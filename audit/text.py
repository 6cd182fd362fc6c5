"""Results as people read them."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from audit.amounts import grouped, money
from audit.findings import Finding
from audit.picture import draw
from audit.positions import Positions
from audit.report import Comparison, FileReport, Report
from audit.trail import Movement, Step, Trail

_MOST_OF_A_KIND = 20
"""Findings of one kind that are printed; JSON has all of them."""

_MOST_UNDER_WAY = 10
_UNPRINTABLE = {code: f"\\u{code:04x}" for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0x202E)}


def harmless(text: str) -> str:
    """Text from the files, without what would move a terminal's cursor or hide a line."""
    return text.translate(_UNPRINTABLE)


def report_lines(report: Report) -> Iterator[str]:
    """What was read, checked, found, not checked, and cannot be seen; the result last."""
    return map(harmless, _report(report))


def trail_lines(trail: Trail) -> Iterator[str]:
    """The steps of one transfer, then whether all files have the same order."""
    return map(harmless, _trail(trail))


def picture_lines(trail: Trail) -> Iterator[str]:
    """The messages of one transfer, drawn."""
    return map(harmless, draw(trail))


def position_lines(positions: Positions) -> Iterator[str]:
    """One line for each pair of banks."""
    return map(harmless, _positions(positions))


def _report(report: Report) -> Iterator[str]:
    yield from _files(report.files)
    yield from _under("Checked", report.checked)
    yield from _under("Money", _money(report))
    yield from _findings(report.findings)
    yield from _under("Not checked", report.not_checked)
    yield from _under("Not visible", report.not_visible)
    yield _result(report)


def _trail(trail: Trail) -> Iterator[str]:
    order = trail.order
    reference = f'   "{order["reference"]}"' if order["reference"] else ""
    yield (
        f"{trail.transfer_id}   {money(trail.minor_units, trail.currency)}   {order['payer_bank']} "
        f"{order['payer_account']} → {order['payee_bank']} {order['payee_account']} {order['payee_name']}"
        f"{reference}   for {trail.principal}"
    )
    wheres = max((len(step.where) for step in trail.steps), default=0)
    whats = max((len(_what(step)) for step in trail.steps), default=0)
    for step in trail.steps:
        movements = "      ".join(_movement(movement, trail.currency) for movement in step.movements)
        entry = f"entry {step.entry}" if step.entry else f"record {step.record}" if step.record else ""
        at = step.at.replace("T", " ")[:23]
        yield f"{at:<23}  {step.where:<{wheres}}  {_what(step):<{whats}}  {entry:<12}  {movements}".rstrip()
    yield _fingerprints(trail.fingerprints)
    yield from _findings(trail.findings)
    yield from _under("Not checked", trail.not_checked)


def _positions(positions: Positions) -> Iterator[str]:
    if not positions.positions:
        yield "No bank owes another anything."
    for position in positions.positions:
        yield position.line
    yield from _under("Not checked", positions.not_checked)


def _files(files: Sequence[FileReport]) -> Iterator[str]:
    rows = []
    for file in files:
        what = f"bank {file.name} {file.currency}" if file.service == "bank" else "gateway"
        rows_are = "entries" if file.service == "bank" else "transfers"
        numbers = f"{rows_are} 1-{file.rows:,}" if file.rows else f"no {rows_are}"
        times = f"{_seconds(file.first_at)} to {_seconds(file.last_at)}" if file.first_at else "empty"
        digest = f"sha256 {file.sha256[:4]}…{file.sha256[-2:]}" if file.sha256 else ""
        rows.append((_shortest(file, files), what, numbers, times, digest, file.note))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _shortest(file: FileReport, files: Sequence[FileReport]) -> str:
    """A file's path from the folder that holds them all."""
    return os.path.relpath(file.path, os.path.commonpath([Path(other.path).parent for other in files]))


def _seconds(moment: str) -> str:
    """ "2026-11-22T14:02:12.204117Z" as "2026-11-22 14:02:12Z"."""
    return f"{moment[:19].replace('T', ' ')}Z"


def _under(title: str, lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{'' if number else title:<12} {line}"


def _money(report: Report) -> Iterator[str]:
    for totals in report.money:
        currency = totals.currency
        between = f", between banks {grouped(totals.clearing, currency)}" if totals.clearing else ""
        recovery = f", not taken back {grouped(-totals.recovery, currency)}" if totals.recovery else ""
        yield (
            f"{currency}: cash put in {grouped(totals.cash_put_in, currency)}, "
            f"customers hold {grouped(totals.customers_hold, currency)}{between}{recovery}"
        )
    if report.comparison is None:
        return
    for currency in sorted({currency for _, _, currency in report.comparison.clearing}):
        held = [(bank, amount) for bank, amount, held_in in report.comparison.clearing if held_in == currency]
        items = [item for item in report.comparison.under_way if item.currency == currency]
        parts = ", ".join(f"{bank} {grouped(amount, currency)}" for bank, amount in held)
        together = grouped(sum(amount for _, amount in held), currency)
        on_its_way = f"{grouped(sum(item.minor_units for item in items), currency)} in {_count(len(items), 'payment')}"
        yield f"{currency}: clearing {parts}; together {together}; on its way {on_its_way}"
    for item in report.comparison.under_way[:_MOST_UNDER_WAY]:
        yield (
            f"     {item.transfer_id[:8]} {item.payer_bank} → {item.payee_bank} "
            f"{money(item.minor_units, item.currency)} {item.state or 'not settled'}"
        )
    if len(report.comparison.under_way) > _MOST_UNDER_WAY:
        yield f"     and {len(report.comparison.under_way) - _MOST_UNDER_WAY:,} more"


def _findings(findings: Iterable[Finding]) -> Iterator[str]:
    shown: dict[str, int] = {}
    for number, finding in enumerate(findings, start=1):
        kind = finding.kind.name
        shown[kind] = shown.get(kind, 0) + 1
        if shown[kind] <= _MOST_OF_A_KIND:
            yield f"{f'Finding {number}':<12} {finding.line}   {kind}"
    for kind, times in shown.items():
        if times > _MOST_OF_A_KIND:
            yield f"{'':<12} and {times - _MOST_OF_A_KIND:,} more of {kind}: -o json has them all"


def _result(report: Report) -> str:
    again = "; differences between running files were looked at twice" if report.looks > 1 else ""
    if not report.clean:
        found = _count(len(report.findings), "finding")
        return f"{'RESULT':<12} the books do NOT agree: {found} (exit 7){again}. By hand: docs/audit.md"
    comparison = report.comparison
    unread = f"; {_count(len(report.not_read), 'file')} could not be read (exit 1)" if report.not_read else ""
    if report.command == "reconcile" and comparison is not None:
        states = ", ".join(f"{count:,} {state}" for state, count in comparison.by_state.items())
        return f"{'RESULT':<12} {_agreement(comparison)}{f' ({states})' if states else ''}{unread}{again}"
    return f"{'RESULT':<12} the books agree, as far as they were checked{unread}{again}"


def _agreement(found: Comparison) -> str:
    """How many transfers agree, and how many ways each was compared."""
    if not (found.two_ways or found.one_way):
        return f"{found.three_ways:,} of {found.transfers:,} transfers agree three ways"
    ways = ((found.three_ways, "three ways"), (found.two_ways, "two ways"))
    told = [f"{number:,} agree{'s' if number == 1 else ''} {how}" for number, how in ways if number]
    if found.one_way:
        told.append(f"{found.one_way:,} in one file alone, compared with nothing")
    return f"of {_count(found.transfers, 'transfer')} {', '.join(told)}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _what(step: Step) -> str:
    return f"{step.what} {step.reason}".rstrip() if step.at else f"{step.what}, not final"


def _movement(movement: Movement, currency: str) -> str:
    return f"{movement.account} {grouped(movement.before, currency)} → {grouped(movement.after, currency)}"


def _fingerprints(found: dict[str, str]) -> str:
    values = set(found.values())
    if len(values) > 1:
        return "fingerprint differs: " + ", ".join(f"{name} {value[:8]}…" for name, value in found.items())
    value = values.pop()
    where = {1: f"known to {next(iter(found))} alone", 2: "the same in both files", 3: "the same in all three files"}
    return f"fingerprint {value[:4]}…{value[-2:]} is {where.get(len(found), f'the same in all {len(found)} files')}"
