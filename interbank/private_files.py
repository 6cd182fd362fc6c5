"""Files and directories that only their owner may read: keys, databases, sessions.

A file is written whole beside its place and then put there in one step, so that nobody ever reads half of it and a
crash leaves the old one or the new one. Its mode never depends on the umask.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

OTHERS = 0o077
"""The permission bits of everybody but the owner."""


def make_private_directory(path: Path) -> None:
    """Make a directory, and those above it that are missing, with mode 0700. One that is there stays as it is: a home
    may lie in a directory that others share."""
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    for directory in reversed(missing):
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
    if not path.is_dir():
        raise NotADirectoryError(f"{path} is not a directory")


def write_new_file(path: Path, content: bytes) -> None:
    """Write a file with mode 0600 that must not exist. Raises FileExistsError and leaves what is there."""
    with _written_beside(path, content) as written:
        # A hard link, unlike a rename, fails if the name is taken, also when two processes try at once.
        os.link(written, path)
    _sync_directory(path.parent)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file with mode 0600 in place of the one that may be there."""
    with _written_beside(path, content) as written:
        written.replace(path)
    _sync_directory(path.parent)


@contextlib.contextmanager
def _written_beside(path: Path, content: bytes) -> Iterator[Path]:
    # mkstemp opens with O_EXCL and mode 0600, whatever the umask is.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
