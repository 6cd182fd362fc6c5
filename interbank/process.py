"""What every server process does around its work: hold its lock, say that it is ready, stop when told."""

import asyncio
import gc
import json
import os
import signal
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from interbank.locking import take_lock
from interbank.refusals import Refused

SWITCH_SECONDS = 0.0005
"""How long a busy thread keeps Python's lock while another waits for it. The writing thread lets go of it at every
statement; with Python's own 5 ms it would wait that long for each while the event loop is busy."""


_COLLECT_EVERY = 20_000
"""Objects more than before, after which the garbage collector looks for those that nothing holds but each other."""


class ProcessLock:
    """A lock file beside a database, held for the life of the process that serves it."""

    def __init__(self, database: Path) -> None:
        """Take the lock. Raises Refused(ALREADY_RUNNING)."""
        self._file = take_lock(database)
        os.ftruncate(self._file, 0)

    def announce(self, details: Mapping[str, str]) -> None:
        """Write into the lock file, and to stdout, that the process is ready and where it listens."""
        line = json.dumps({"pid": os.getpid(), "ready": True, **details}) + "\n"
        os.pwrite(self._file, line.encode(), 0)
        _leave_alone_what_stays()
        sys.stdout.write(line)
        sys.stdout.flush()


def _leave_alone_what_stays() -> None:
    """What the start has made lives as long as the process. Python's garbage collector looks through it again and again
    while payments make their thousands of short-lived objects, which took some 4 % of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_EVERY)


async def stop_requested() -> None:
    """Wait for SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stopped.set)
    await stopped.wait()


def run_process(serve: Coroutine[Any, Any, None]) -> None:
    """Run a server to its end. A refusal to start is one line for people, and exit code 1."""
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        asyncio.run(serve)
    except Refused as refused:
        hint = f"\n{refused.hint}" if refused.hint else ""
        sys.stderr.write(f"error: {refused.message}. {refused.reason.name}{hint}\n")
        sys.exit(1)


def stop_at_once(error: Exception) -> None:
    """End the process without another write: after a failed sync nothing in memory can be believed, and the next start
    reads the disk again."""
    sys.stderr.write(f"error: the disk or the database file failed ({type(error).__name__}); stopped\n")
    sys.stderr.flush()
    os._exit(1)
