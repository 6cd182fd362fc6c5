"""When the books of a home were last proved equal. The auditor only reads, so the command line keeps it for `ps`."""

import contextlib
import json
from collections.abc import Collection
from datetime import UTC, datetime

from clients.launcher.home import GATEWAY, Home
from clients.launcher.network_file import read_network
from interbank.private_files import replace_file
from interbank.refusals import Refused


def note_proof(home: Home, files: Collection[str], at: datetime) -> None:
    """Remember that nothing was found in these files, by the names of their owners. It proves nothing of a network
    unless they are all of it; and whoever may only read a home leaves nothing there."""
    with contextlib.suppress(Refused, OSError):
        network = read_network(home.network_file)
        if network is not None and {GATEWAY, *(member.bank for member in network.banks)} <= set(files):
            replace_file(home.proof_file, json.dumps({"proved_at": at.astimezone(UTC).isoformat()}).encode())


def last_proof(home: Home) -> datetime | None:
    """When it was; None for never."""
    try:
        return datetime.fromisoformat(json.loads(home.proof_file.read_bytes())["proved_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
