"""Why a process of ours ended: what it wrote last."""

import re
from pathlib import Path

from interbank.refusals import Reason, Refused

_REFUSAL = re.compile(r"^error: (?P<message>.*)\. (?P<reason>[A-Z_]+)\n?(?P<hint>.*)\Z", re.MULTILINE)
"""How a process says why it does not start: two lines at most, the second one says what to do."""


def read_last_words(log: Path, since: int, lines: int = 6) -> str:
    """The last lines that were written to a log after its first `since` bytes."""
    with log.open("rb") as file:
        file.seek(since)
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def refusal_from(words: str, name: str, code: int) -> Refused:
    """Why the process called `name` ended with this exit code: the reason that it gave, else PROCESS_FAILED and its
    words."""
    refusal = _REFUSAL.search(words.strip())
    if refusal and refusal["reason"] in Reason.__members__:
        return Refused(Reason[refusal["reason"]], f"{name} did not start: {refusal['message']}", hint=refusal["hint"])
    message = f"{name} did not start and ended with exit code {code}"
    return Refused(Reason.PROCESS_FAILED, message, hint=f"it said last:\n{words}" if words else "it said nothing")
