"""A check of an example: what must be, what was found, and where to read why."""

from pathlib import Path


class CheckFailed(Exception):
    """Something is not as it must be. `log` is the file that tells most about it, if there is one."""

    def __init__(self, what: str, expected: object, found: object, log: Path | None = None) -> None:
        super().__init__(f"{what}: expected {expected}, found {found}")
        self.what, self.expected, self.found, self.log = what, str(expected), str(found), log

    @property
    def lines(self) -> list[str]:
        """The failure as people read it."""
        parts = {"check": self.what, "expected": self.expected, "found": self.found, "log": str(self.log or "")}
        return [
            f"{'' if number else title:<9} {line}"
            for title, text in parts.items()
            for number, line in enumerate(text.splitlines())
        ]


def check(what: str, expected: object, found: object, log: Path | None = None) -> None:
    """Raise CheckFailed unless the two are equal."""
    if expected != found:
        raise CheckFailed(what, expected, found, log)
