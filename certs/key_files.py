"""Reads certificates and keys from files, and refuses a key that others can read too."""

import os
import shlex
from pathlib import Path

from interbank.private_files import OTHERS
from interbank.refusals import Reason, Refused


def read_certificate_file(path: Path) -> bytes:
    """What is in a certificate file. Raises Refused(KEY_FILE_UNSAFE) if it is missing or cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def read_key_file(path: Path) -> bytes:
    """What is in a key file. Raises Refused(KEY_FILE_UNSAFE) if it is missing, unreadable, or open to others.

    The mode is that of the open file, so nobody can put another one in its place between the look and the reading.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & OTHERS:
                raise Refused(
                    Reason.KEY_FILE_UNSAFE,
                    f"{path} holds a private key and others may read or change it (mode {mode & 0o777:04o})",
                    hint=f"chmod 600 {shlex.quote(str(path))}; if others had access, make a new key",
                )
            return file.read()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> Refused:
    what = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
    return Refused(
        Reason.KEY_FILE_UNSAFE,
        f"{path} {what}",
        hint="interbank up makes certificates and keys; one at a time: interbank ca init, interbank ca issue NAME",
    )
