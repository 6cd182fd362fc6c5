"""How a bank stands towards its gateway: without a session, with one, or quarantined.

In memory only: a bank that starts has no session, and compares heads again when the next one opens.
"""

from interbank.refusals import Reason, Refused


class Standing:
    """The one session that a bank serves. Changed by the writing thread alone, one job after
    the other."""

    def __init__(self) -> None:
        self._session: bytes | None = None
        self._quarantined = False

    @property
    def mode(self) -> str:
        """CLOSED, OPEN or QUARANTINED: the names of the wire."""
        return "QUARANTINED" if self._quarantined else "OPEN" if self._session else "CLOSED"

    def begin(self, session_id: bytes) -> None:
        """Serve this session, and none before it."""
        self._session, self._quarantined = session_id, False

    def quarantine(self) -> None:
        """Serve nobody: this bank lacks a record that others have seen."""
        self._session, self._quarantined = None, True

    def require_quarantined(self) -> None:
        """Refuse to be repaired while nothing is known to be lacking: NOT_QUARANTINED."""
        if not self._quarantined:
            raise Refused(Reason.NOT_QUARANTINED)

    def require(self, session_id: bytes) -> None:
        """Refuse what does not come from the present session: SESSION_SUPERSEDED."""
        if self._session is None or session_id != self._session:
            raise Refused(Reason.SESSION_SUPERSEDED)

    def require_open(self) -> None:
        """Refuse every act while there is no session: SESSION_SUPERSEDED or BANK_QUARANTINED."""
        if self._quarantined:
            raise Refused(Reason.BANK_QUARANTINED, hint="docs/operate.md says how it is repaired")
        if self._session is None:
            raise Refused(Reason.SESSION_SUPERSEDED)
