"""The session of a profile, kept across commands in a file that only its owner can read."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

from clients.state.files import damaged, read_json, write_json
from interbank.refusals import Reason, Refused


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """One of the user's accounts, as it was when he logged in; neither number nor currency ever changes."""

    bank: str
    account: int
    currency: str


@dataclass(frozen=True, slots=True)
class SavedSession:
    """A token and whose it is. `network` is the fingerprint of the network that gave it: it is shown to no other.

    `ends_at` is when it ends whatever happens, UTC in ISO 8601.
    """

    username: str
    token: str
    network: str
    ends_at: str
    accounts: tuple[KnownAccount, ...] = ()

    def __repr__(self) -> str:
        return f"SavedSession({self.username!r}, token=…, ends_at={self.ends_at!r})"


class SessionFile:
    """The session file of one profile's directory."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "session.json"

    def read(self, network: str) -> SavedSession | None:
        """The saved session of this network, if there is one. Raises Refused(KEY_FILE_UNSAFE, FILE_MALFORMED)."""
        saved = self._read()
        return saved if saved is not None and saved.network == network else None

    def write(self, session: SavedSession) -> None:
        """Keep a session, in place of the one before."""
        write_json(self._path, asdict(session))

    def forget(self) -> None:
        """Forget the session."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> SavedSession | None:
        value = read_json(self._path)
        if value is None:
            return None
        if os.name == "posix" and self._path.stat().st_mode & 0o077:
            raise Refused(
                Reason.KEY_FILE_UNSAFE,
                f"{self._path} holds a session and can be read by others",
                hint=f"chmod 600 {self._path}, and log in anew if others may have read it",
            )
        try:
            accounts = tuple(KnownAccount(**known) for known in value.pop("accounts"))
            return SavedSession(**value, accounts=accounts)
        except (TypeError, KeyError) as error:
            raise damaged(self._path) from error
