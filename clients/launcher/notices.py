"""What stopped nothing when a network came up, and whoever runs it must know all the same."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clients.launcher.home import Home
from interbank.private_files import OTHERS

JOURNAL_BEGUN_ANEW = "JOURNAL_BEGUN_ANEW"
AUTHORITY_KEY_UNSAFE = "AUTHORITY_KEY_UNSAFE"


@dataclass(frozen=True, slots=True)
class Notice:
    """`name` is one word for programs; `lines` are for people, the last one says what to do."""

    name: str
    lines: tuple[str, ...]


def journal_is_lost(home: Home) -> bool:
    """Whether a gateway has run here and its database is gone. Ask before a new one is made."""
    return home.gateway.lock.exists() and not home.gateway.database.exists()


def notices(home: Home, *, journal_lost: bool) -> Iterator[Notice]:
    """What is to be told of this home."""
    if journal_lost:
        yield _journal_begun_anew(home.gateway.database)
    key = home.authority_key
    if os.name == "posix" and key.exists() and (mode := key.stat().st_mode) & OTHERS:
        yield _authority_key_unsafe(key, mode)


def _journal_begun_anew(database: Path) -> Notice:
    return Notice(
        JOURNAL_BEGUN_ANEW,
        (
            f"the gateway's journal was missing, and a new one was begun: {database}",
            "Payments under way are rebuilt from the banks and go on. Lost are registrations, sessions, the list of",
            "payments that had ended, and admin's password: it is 1234 again.",
            "Read docs/operate.md, The gateway's database is lost; a backup of the file is better than a new one.",
        ),
    )


def _authority_key_unsafe(key: Path, mode: int) -> Notice:
    return Notice(
        AUTHORITY_KEY_UNSAFE,
        (
            f"others may read or change {key} (mode {mode & 0o777:04o}): whoever has it can be any bank",
            f"chmod 600 {key}; if others had access: certs/README.md, Rotation",
        ),
    )
