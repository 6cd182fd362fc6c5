"""What the gateway's journal says, read beside the gateway or while it is down: before `up` starts a gateway there is
none to ask, and afterwards only the operator may."""

import contextlib
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ENDS_WITHIN_SECONDS = 3
"""How long `up` waits for payments that were under way: those that no bank keeps waiting end at once."""

SUSPENDED = "SUSPENDED"
"""Counted in place of the state of a payment that goes on only when the operator says so."""

_AT_AN_END = ("COMPLETED", "REFUSED", "RETURNED", "CANCELLED", SUSPENDED)
_LOOK_EVERY_SECONDS = 0.05
_AT_A_TIME = 500


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


def unfinished(database: Path) -> tuple[bytes, ...]:
    """The ids of all transfers that are not final; none for a journal that is not there, or cannot be read."""
    if not database.exists():
        return ()
    with contextlib.suppress(sqlite3.Error):
        return tuple(row[0] for row in _read(database, "SELECT transfer_id FROM transfers WHERE finished_at IS NULL"))
    return ()


def wait_for_ends(database: Path, ids: Sequence[bytes]) -> Counter[str]:
    """Wait until these transfers are final or suspended, a moment at most, and count them by the state that they have
    then."""
    deadline = time.monotonic() + ENDS_WITHIN_SECONDS
    moment = threading.Event()
    while True:
        states = _states(database, ids)
        # The gateway may hold the file at this very moment; what could not be read is counted in the next round.
        if sum(states[state] for state in _AT_AN_END) == len(ids) or time.monotonic() > deadline:
            return states
        moment.wait(_LOOK_EVERY_SECONDS)


def _states(database: Path, ids: Sequence[bytes]) -> Counter[str]:
    states: Counter[str] = Counter()
    for first in range(0, len(ids), _AT_A_TIME):
        some = ids[first : first + _AT_A_TIME]
        marks = ", ".join("?" * len(some))
        with contextlib.suppress(sqlite3.Error):
            state = f"CASE WHEN suspended <> '' THEN '{SUSPENDED}' ELSE state END"
            counted = f"SELECT {state}, count(*) FROM transfers WHERE transfer_id IN ({marks}) GROUP BY 1"
            states.update(dict(_read(database, counted, some)))
    return states


def _read(database: Path, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    # Without a second file the one is everything, and SQLite would make a second one only to leave it there.
    second = any(Path(f"{database}{suffix}").exists() for suffix in ("-wal", "-shm"))
    uri = f"{database.absolute().as_uri()}?{'mode=ro' if second else 'immutable=1'}"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
        return connection.execute(statement, values).fetchall()
