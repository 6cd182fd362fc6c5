"""What the last `make bench` found, to hold a quick measurement against."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.plan import QUICK
from benchmarks.report import plain


def last_ratios(latest: Path) -> dict[str, float] | None:
    """What the quick plan gave, by the file that was committed last; by the file as it lies there outside a clone,
    where nothing is committed. None if that is no such file, or of another plan."""
    try:
        quick: dict[str, Any] = json.loads(_committed(latest) or "{}")["quick"]
        found: dict[str, float] = quick["ratios"]
        return found if quick["plan"] == plain(QUICK) else None
    except (ValueError, LookupError, TypeError, OSError):  # half a file, none at all, or something else
        return None


def _committed(latest: Path) -> str:
    """Its text; empty if it was never committed. Raises OSError."""
    git = shutil.which("git")
    if git is None or _git(git, latest.parent, "rev-parse", "--verify", "--quiet", "HEAD") is None:
        return latest.read_text(encoding="utf-8")
    return _git(git, latest.parent, "show", f"HEAD:./{latest.name}") or ""


def _git(git: str, directory: Path, *words: str) -> str | None:
    done = subprocess.run(  # noqa: S603 (the command is put together by us)
        [git, *words], cwd=directory, capture_output=True, encoding="utf-8", check=False
    )
    return done.stdout if done.returncode == 0 else None
