"""The last word on a network that was measured: `audit verify` on all of its files."""

from audit.commands import verify
from audit.files import CannotAudit
from audit.report import Report
from benchmarks.failures import RunFailed
from benchmarks.network import Running


def audited(running: Running) -> int:
    """Every hash and number of every file recomputed; returns how many records of banks that were. Raises RunFailed."""
    try:
        report = verify([running.home.directory])
    except CannotAudit as why:
        raise RunFailed(f"the audit could not be made: {why}") from None
    return records_of(report, {"gateway", *running.banks})


def records_of(report: Report, expected: set[str]) -> int:
    """How many records of banks an audit recomputed. Raises RunFailed unless it read the databases of all who are
    expected, and those alone, and found nothing."""
    if report.findings:
        raise RunFailed(f"the audit found something: {report.findings[0]}")
    if report.exit_code:
        raise RunFailed(f"the audit could not read {', '.join(report.not_read)}")
    read = sorted(file.name for file in report.files)
    if read != sorted(expected):
        raise RunFailed(f"the audit read {', '.join(read) or 'nothing'}, and not {', '.join(sorted(expected))}")
    return sum(file.records for file in report.files)
