"""What it was measured on: nothing that says whose computer it is, or where."""

import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from interbank.storage.sqlite import driver


def describe_machine(filesystem: str) -> dict[str, str | int | float]:
    """Processor, memory, and the versions that matter."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "kernel": platform.release(),
        "filesystem": filesystem,
        "python": platform.python_version(),
        "python_build": " ".join(platform.python_build()),
        "sqlite": driver().sqlite_version,
        "grpcio": version("grpcio"),
        "protobuf": version("protobuf"),
        "sqlalchemy": version("sqlalchemy"),
    }


def commit(checkout: Path = Path(__file__).parents[1]) -> str:
    """The commit of a checkout, by default of this one, with a "+" where files were changed since; "unknown" outside a
    clone."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    head = _git(git, checkout, "rev-parse", "--short=12", "HEAD")
    if not head:
        return "unknown"
    return head + ("+" if _git(git, checkout, "status", "--porcelain", "--untracked-files=no") else "")


def supported() -> bool:
    """Whether the system tells what is measured: memory and processor time come from /proc."""
    return sys.platform == "linux"


def _git(git: str, checkout: Path, *words: str) -> str:
    done = subprocess.run(  # noqa: S603 (the command is put together by us)
        [git, *words], cwd=checkout, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"  # not Linux
    named = (value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == "model name")
    return next(named, "unknown")
