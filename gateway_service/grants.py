"""Customers' grants at their banks: opened by a password, ended with the session that carried them."""

import asyncio
import logging

from gateway_service.directory import Directory
from gateway_service.sessions import AGE_LIMIT_DAYS, Access, Session, Sessions
from interbank.refusals import Reason, Refused
from protos.v1 import bank_pb2

log = logging.getLogger(__name__)

PASSWORD_DEADLINE = 8.0
"""Seconds that a bank has for a password: bcrypt is slow on purpose, and others may wait before us."""

LOOK_EVERY = 600.0
"""Seconds between two looks for sessions that ended by time."""

_LIFETIME_SECONDS = AGE_LIMIT_DAYS * 24 * 3600


class Grants:
    """What the gateway holds of its customers' banks."""

    def __init__(self, sessions: Sessions, directory: Directory) -> None:
        self._sessions = sessions
        self._directory = directory

    async def open(self, username: str, password: str, bank: str) -> Access:
        """Have the bank check the password. It goes to this bank alone, and is kept nowhere. Raises Refused."""
        request = bank_pb2.OpenGrantRequest(username=username, password=password, lifetime_seconds=_LIFETIME_SECONDS)
        granted: bank_pb2.OpenGrantResponse = await self._directory.link(bank).call(
            "OpenGrant", request, deadline=PASSWORD_DEADLINE
        )
        return Access(granted.account, granted.grant)

    async def revoke(self, bank: str, access: Access) -> bool:
        """End a grant at its bank, and say whether that worked. The session that carried it has ended here already, so
        a bank that is down only keeps a grant that nobody can use."""
        try:
            await self._directory.link(bank).call("RevokeGrant", bank_pb2.RevokeGrantRequest(grant=access.grant))
        except Refused as refused:
            log.info("a grant of %s could not be ended: %s", bank, refused.message)
            return refused.reason is Reason.UNKNOWN_BANK
        return True

    async def end(self, session: Session) -> None:
        """End a session, and all that it was granted."""
        await self._sessions.end(session)
        for bank, access in session.access.items():
            await self.revoke(bank, access)

    async def end_what_is_over(self) -> None:
        """End the grants of sessions that ended by time. Those of a bank that is down are kept for the next look."""
        for session in await self._sessions.over():
            for bank, access in session.access.items():
                if await self.revoke(bank, access):
                    await self._sessions.remove_access(session, bank)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.end_what_is_over()
            except Exception:
                log.exception("sessions that are over are looked for again later")
            await asyncio.sleep(LOOK_EVERY)
