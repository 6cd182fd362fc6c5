"""Reads certificates and keys from files, and refuses a key that others can read too."""

import os
import shlex
from pathlib import Path

from interbank.private_files import OTHERS
from interbank.refusals import Reason, Refused

_PUT_BACK = "put it back from your copy of the keys"
_NEW_PAIR = f"{_PUT_BACK}; without one, move its certificate away too, and start the network: a new pair is made"


def read_certificate_file(path: Path, *, missing: str = _PUT_BACK) -> bytes:
    """What is in a certificate file. Raises Refused: KEY_FILE_MISSING, with what to do if it is `missing`; or
    KEY_FILE_UNSAFE if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error, missing=missing) from error


def read_key_file(path: Path, *, missing: str = _NEW_PAIR) -> bytes:
    """What is in a key file. Raises Refused: KEY_FILE_MISSING, with what to do if it is `missing`; KEY_FILE_UNSAFE if
    it is unreadable, or open to others.

    The mode is that of the open file, so nobody can put another one in its place between the look and the reading.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & OTHERS:
                raise open_to_others(path, mode)
            return file.read()
    except OSError as error:
        raise _unreadable(path, error, missing=missing) from error


def open_to_others(path: Path, mode: int) -> Refused:
    """What to say of a key file with this mode."""
    return Refused(
        Reason.KEY_FILE_UNSAFE,
        f"{path} holds a private key and others may read or change it (mode {mode & 0o777:04o})",
        hint=f"chmod 600 {shlex.quote(str(path))}; if others had access, make a new key",
    )


def _unreadable(path: Path, error: OSError, *, missing: str) -> Refused:
    if isinstance(error, FileNotFoundError):
        return Refused(Reason.KEY_FILE_MISSING, f"{path} is missing", hint=missing)
    message = f"{path} cannot be read ({error.strerror})"
    return Refused(Reason.KEY_FILE_UNSAFE, message, hint="be the user to whom the home belongs")
