"""Says of every file what it is, from when to when it reaches, and what its hash and its backup's manifest are."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from audit import manifest
from audit.amounts import moment
from audit.files import Files, OpenFile
from audit.findings import Finding, Kind
from audit.report import FileReport

_BANK = """
SELECT (SELECT count(*) FROM entries), (SELECT coalesce(max(record_id), 0) FROM records), min(recorded_at),
       max(recorded_at) FROM records
"""
_GATEWAY = "SELECT count(*), 0, min(accepted_at), max(coalesce(finished_at, accepted_at)) FROM transfers"


@dataclass(frozen=True, slots=True)
class Description:
    """The files, what their manifests say against them, and what is not there."""

    files: tuple[FileReport, ...]
    findings: tuple[Finding, ...]
    not_checked: tuple[str, ...]


def describe(files: Files) -> Description:
    """Describe every file that was opened."""
    manifests = {folder: manifest.read(folder) for folder in {file.path.parent for file in files.all}}
    reports: list[FileReport] = []
    findings = [_damaged(path, error) for path, error in files.damaged]
    for file in files.all:
        # The hash of a file to which a server writes says nothing: what counts may be in its -wal.
        if file.live:
            reports.append(_report(file, "", "live: a server may be writing to it"))
            continue
        sha256 = manifest.file_hash(file.path)
        note, finding = manifest.compare(file, manifests[file.path.parent], sha256)
        findings += [finding] if finding else []
        reports.append(_report(file, sha256, note or ("read together with its -wal" if file.has_wal else "")))
    return Description(tuple(reports), tuple(findings), tuple(_not_here(files, manifests)))


def _damaged(path: Path, error: str) -> Finding:
    return Finding(Kind.FILE_UNREADABLE, "", path.name, f"{path} cannot be opened: {error}")


def _report(file: OpenFile, sha256: str, note: str) -> FileReport:
    statement = _BANK if file.service == "bank" else _GATEWAY
    try:
        rows, records, first, last = file.connection.execute(statement).fetchone()
    except sqlite3.Error:
        rows = records = 0
        first = last = None
    return FileReport(
        path=str(file.path),
        service=file.service,
        name=file.name,
        currency=file.currency,
        revision=file.revision,
        rows=rows,
        records=records,
        first_at="" if first is None else moment(first),
        last_at="" if last is None else moment(last),
        sha256=sha256,
        note=note,
    )


def _not_here(files: Files, manifests: dict[Path, manifest.Manifest | None]) -> Iterator[str]:
    for path, error in files.damaged:
        yield f"{path}: cannot be opened: {error}"
    for path, reason in (*files.unknown, *files.others):
        yield f"{path}: {reason}"
    for folder, found in manifests.items():
        if found is not None:
            yield from manifest.not_here(folder, found)
            if not found.one_moment:
                yield f"{folder}: made while payments went on, so the last few transfers may differ between files"
