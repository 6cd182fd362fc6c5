"""Brings databases to the newest schema, in a process of its own: one start of the migrations for all of them."""

import subprocess
import sys
from collections.abc import Sequence

from clients.launcher.home import Place
from clients.launcher.last_words import refusal_from
from interbank.refusals import Refused

_OWNER_ONLY = 0o077


def upgrade_databases(places: Sequence[Place]) -> dict[str, Refused]:
    """Create these databases or bring them to the newest schema. Returns why it could not be done, by name; such a
    database is as it was, and keeps no other from being upgraded."""
    refused = _upgrade(places)
    if refused is None:
        return {}
    if len(places) == 1:
        return {places[0].name: refused}
    each = ((place.name, _upgrade([place])) for place in places)
    return {name: why for name, why in each if why is not None}


def _upgrade(places: Sequence[Place]) -> Refused | None:
    if not places:
        return None
    named = [f"{place.database.stem}={place.database}" for place in places]
    done = subprocess.run(  # noqa: S603 (the command is put together by us)
        [sys.executable, "-P", "-m", "migrations", "upgrade", *named],
        capture_output=True,
        text=True,
        umask=_OWNER_ONLY,
        check=False,
    )
    return refusal_from(done.stderr, places[0].name, done.returncode) if done.returncode else None
