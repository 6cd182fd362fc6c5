"""The manifest that `interbank backup` leaves beside its copies: what each file was when it was made."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from audit.files import OpenFile
from audit.findings import Finding, Kind

NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """When the copies of a folder were made, whether all show one moment, and each file's SHA-256."""

    made_at: str
    one_moment: bool
    sha256: dict[str, str]


def read(folder: Path) -> Manifest | None:
    """The manifest of a folder; None if it has none, or one that `backup` did not write."""
    try:
        content = json.loads((folder / NAME).read_text("utf-8"))
        hashes = {str(file["file"]): str(file["sha256"]) for file in content["files"]}
        return Manifest(str(content["made_at"]), bool(content["one_moment"]), hashes)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compare(file: OpenFile, manifest: Manifest | None, sha256: str) -> tuple[str, Finding | None]:
    """What the manifest says of a file: a note for people, and a finding where the file is another one now."""
    if manifest is None or file.path.name not in manifest.sha256:
        return "", None
    if file.has_wal:
        message = f"{file.path.name}-wal lies beside it, which the backup of {manifest.made_at} did not make"
    elif manifest.sha256[file.path.name] != sha256:
        message = f"{NAME} of {manifest.made_at} has another SHA-256 for {file.path.name}"
    else:
        return f"backup of {manifest.made_at}", None
    return "", Finding(Kind.FILE_CHANGED_SINCE_BACKUP, file.name, "file", message)


def not_here(folder: Path, manifest: Manifest) -> list[str]:
    """Files that the manifest names and that are not in the folder."""
    gone = sorted(name for name in manifest.sha256 if not (folder / name).is_file())
    return [f"{name}: named in {folder / NAME}, and not here" for name in gone]
