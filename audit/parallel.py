"""Checks large files in processes of their own, one for each, so that a million entries do not take one core's time."""

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from audit.files import Files, opened
from audit.findings import Finding
from audit.verify import verify_file

_LARGE = 32 * 1024 * 1024
"""Bytes; below them a process takes longer to start than the check."""


@contextlib.contextmanager
def checking(files: Files) -> Iterator[Callable[[], list[Finding]]]:
    """Begin to check each file by itself; the function that is handed out waits for the findings."""
    cores = os.cpu_count() or 1
    if cores == 1 or sum(file.path.stat().st_size for file in files.all) < _LARGE:
        yield lambda: [finding for file in files.all for finding in verify_file(file)]
        return
    # A forked child would inherit the locks and threads of whatever program asked for the audit.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(cores, len(files.all)), mp_context=context) as pool:
        futures = [pool.submit(_check, file.path) for file in files.all]
        yield lambda: [finding for future in futures for finding in future.result()]


def _check(path: Path) -> list[Finding]:
    with opened([path]) as files:
        return [finding for file in files.all for finding in verify_file(file)]
