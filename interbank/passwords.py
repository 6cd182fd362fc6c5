"""Passwords, hashed with bcrypt in a small pool of threads, so that logins cannot starve payments."""

import asyncio
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import bcrypt

from interbank.refusals import Reason, Refused

T = TypeVar("T")

COST = 12
"""bcrypt's work factor: 2^12 rounds, about a third of a second of one core."""

MAX_BYTES = 72
"""bcrypt reads no more; longer passwords are refused when they are set and never match."""

_MAX_WAITING = 64

_NICE = 10
"""By how much a thread that hashes is nicer than others: whoever pays goes first, and a login takes what is left."""


class Passwords(Protocol):
    """Hashes and compares passwords."""

    async def hash(self, password: str) -> str:
        """The hash to store. Raises Refused(BANK_BUSY) when too many wait."""
        ...

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether the password is the one that was stored; takes the same time when nothing was."""
        ...


class BcryptPasswords:
    """Passwords by bcrypt, two at a time, a bounded number waiting."""

    def __init__(self, *, cost: int = COST, threads: int = 2) -> None:
        self._cost = cost
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt", initializer=_after_payments)
        self._waiting = 0
        # A hash of this cost that no password has: comparing with it takes as long as with a real one.
        self._nobody = b"$2b$%02d$%s" % (cost, b"." * 53)

    async def hash(self, password: str) -> str:
        """See Passwords."""
        return await self._run(self._hash, password)

    async def matches(self, password: str, stored: str | None) -> bool:
        """See Passwords."""
        return await self._run(self._matches, password, stored)

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _hash(self, password: str) -> str:
        return bcrypt.hashpw(password.encode(), bcrypt.gensalt(self._cost)).decode()

    def _matches(self, password: str, stored: str | None) -> bool:
        raw = password.encode()
        known = stored.encode() if stored else self._nobody
        equal = bcrypt.checkpw(raw[:MAX_BYTES], known)
        return equal and stored is not None and len(raw) <= MAX_BYTES

    async def _run(self, work: Callable[..., T], *arguments: str | None) -> T:
        if self._waiting >= _MAX_WAITING:
            raise Refused(Reason.BANK_BUSY, retry_after_ms=2000)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self._waiting -= 1


def _after_payments() -> None:
    """Step back behind the threads that serve payments. Elsewhere than on Linux (nice(2)) the whole process would."""
    if sys.platform == "linux":
        os.nice(_NICE)
