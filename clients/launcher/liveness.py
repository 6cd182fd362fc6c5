"""Whether a process of the network lives.

Alive means that its lock file is held (flock): the system lets go of it at the very moment the process ends, however
it ends, and a process id that was given out again can never look like it.
"""

import fcntl
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from clients.launcher.home import Place


@dataclass(frozen=True, slots=True)
class Report:
    """What a process wrote into its lock file when it was ready. It is true only while the lock is held."""

    pid: int
    name: str
    ready_at: datetime


def is_alive(place: Place) -> bool:
    """Whether a process holds the place's lock file. It may still be starting."""
    try:
        with place.lock.open("rb") as file:
            # Shared, so that two who look do not take each other for the process.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def read_report(place: Place) -> Report | None:
    """What the last process of the place reported; None before it is ready."""
    try:
        content = place.lock.read_bytes()
        ready_at = datetime.fromtimestamp(place.lock.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
    return _parse(content, ready_at)


def _parse(content: bytes, ready_at: datetime) -> Report | None:
    # A process that is writing its line has perhaps written half of it; then it is not ready yet.
    try:
        line = json.loads(content)
    except ValueError:
        return None
    if not isinstance(line, dict) or line.get("ready") is not True or type(line.get("pid")) is not int:
        return None
    return Report(line["pid"], str(line.get("name", "")), ready_at)
