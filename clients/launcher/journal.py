"""What the gateway's journal says, read beside the gateway or while it is down: before `up` starts a gateway there is
none to ask, and afterwards only the operator may."""

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def first_password_stands(database: Path) -> bool:
    """Whether admin still logs in with 1234, as in every new journal. No for a journal that cannot be read: the gateway
    says why, and looks at the password itself."""
    if not database.exists():
        return True
    try:
        rows = _read(database, "SELECT changed_at FROM operator")
    except sqlite3.Error:
        return False
    return not rows or rows[0][0] is None


def _read(database: Path, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    # Without a second file the one is everything, and SQLite would make a second one only to leave it there.
    second = any(Path(f"{database}{suffix}").exists() for suffix in ("-wal", "-shm"))
    uri = f"{database.absolute().as_uri()}?{'mode=ro' if second else 'immutable=1'}"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
        return connection.execute(statement, values).fetchall()
