"""The peer that bounds everything durable: how often the disk can be told to keep a page."""

import os
import time
from pathlib import Path

_PAGE = b"\0" * 8192
_FILE_BYTES = 16 * 1024 * 1024


def syncs_per_second(directory: Path, seconds: float) -> float:
    """8 kB written over and over in a file that has its size already, with fdatasync each time, as `pg_test_fsync` does
    and as a write-ahead log that is used again does."""
    path = directory / "syncs"
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, bytes(_FILE_BYTES))
        os.fsync(file)
        done, begun = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - begun) < seconds:
            os.pwrite(file, _PAGE, 0)
            os.fdatasync(file)
            done += 1
        return done / elapsed
    finally:
        os.close(file)
        path.unlink()


IN_MEMORY = ("tmpfs", "ramfs")
"""Types of file systems on which a sync costs nothing."""


def filesystem(directory: Path) -> str:
    """The type of the file system that a directory is on, for example ext4."""
    where = directory.resolve()
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    on = [(point, kind) for point, kind in mounts if where.is_relative_to(point)]
    return max(on, key=lambda mount: len(mount[0]))[1]
