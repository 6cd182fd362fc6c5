"""Crash points of one process: it kills itself with SIGKILL when it passes one that is armed.

What is armed, and what was passed, stands in files beside the network's home: a process that is dead tells nobody, and
the one that is started in its place must know what is still armed.
"""

import os
import signal
from collections.abc import Iterable
from pathlib import Path

_PASSED = "passed"


class Points:
    """The points of a process, named `process: what it is about to do or has just done`."""

    def __init__(self, folder: Path, process: str) -> None:
        self._process = process
        self._armed = folder / f"{process}.armed"
        self._passed = os.open(folder / _PASSED, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def passes(self, what: str) -> None:
        """The process is at this point. It does not return from one that is armed, which is armed once less then."""
        name = f"{self._process}: {what}"
        os.write(self._passed, f"{name}\n".encode())
        armed = _lines(self._armed)
        if name in armed:
            armed.remove(name)
            self._armed.write_text("".join(f"{line}\n" for line in armed), encoding="utf-8")
            os.kill(os.getpid(), signal.SIGKILL)


def arm(folder: Path, points: Iterable[str]) -> None:
    """Let these be the armed points, and no others; one that is named twice kills twice. Forgets what was passed."""
    for file in folder.glob("*.armed"):
        file.write_text("", encoding="utf-8")
    (folder / _PASSED).write_text("", encoding="utf-8")
    by_process: dict[str, list[str]] = {}
    for name in points:
        by_process.setdefault(name.partition(":")[0], []).append(name)
    for process, names in by_process.items():
        (folder / f"{process}.armed").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def still_armed(folder: Path) -> list[str]:
    """What is armed and was not passed."""
    return [name for file in sorted(folder.glob("*.armed")) for name in _lines(file)]


def passed(folder: Path) -> list[str]:
    """Every point that was passed since the last arming, in that order, by all processes."""
    return _lines(folder / _PASSED)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
