"""The lock that a server holds for its life, on a file beside its database.

Whoever can take it knows that no such process is alive; a process id may be somebody else's by now.
"""

import fcntl
import os
import time
from pathlib import Path

from interbank.refusals import Reason, Refused

_LOOKED_AT = 1.0
_AGAIN_AFTER = 0.02
"""Seconds. Somebody who only looks whether a process lives takes the lock for a moment; a server holds it for good."""


def take_lock(database: Path) -> int:
    """Take the lock beside a database; returns the descriptor whose closing lets go of it.

    Raises Refused(ALREADY_RUNNING) if a process holds it.
    """
    descriptor = os.open(f"{database}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + _LOOKED_AT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < end:
                time.sleep(_AGAIN_AFTER)
                continue
            os.close(descriptor)
            raise Refused(
                Reason.ALREADY_RUNNING, f"another process has {database} open", hint="stop it first: interbank down"
            ) from None
        return descriptor
