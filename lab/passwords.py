"""Passwords of people who do not exist."""


class PlainPasswords:
    """Passwords (see interbank.passwords) without bcrypt, which takes a third of a second on purpose."""

    async def hash(self, password: str) -> str:
        """See Passwords."""
        return f"plain:{password}"

    async def matches(self, password: str, stored: str | None) -> bool:
        """See Passwords."""
        return stored == f"plain:{password}"
