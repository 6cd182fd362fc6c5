"""JSON files that only their owner reads, there wholly or not at all, also after a power cut."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interbank.private_files import make_private_directory, replace_file
from interbank.refusals import Reason, Refused


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a file by one that holds `value`. Durable when this returns."""
    make_private_directory(path.parent)
    replace_file(path, json.dumps(value, ensure_ascii=False, indent=1).encode())


def read_json(path: Path) -> dict[str, Any] | None:
    """What `write_json` wrote; None where there is no file. Raises Refused(FILE_MALFORMED)."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise damaged(path) from error
    if not isinstance(value, dict):
        raise damaged(path)
    return value


def damaged(path: Path) -> Refused:
    """A file of ours that is not as we wrote it."""
    return Refused(
        Reason.FILE_MALFORMED, f"{path} is damaged", hint="look into it, and move it away once you know what it was"
    )
