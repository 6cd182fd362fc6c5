"""What every measurement tells people while it begins, goes on and ends without figures."""

import time
from collections.abc import Callable

from rich.console import Console

from benchmarks.payments import Say
from benchmarks.places import Unusable
from lab.machine import supported


def console() -> Console:
    """Where people are told; a line is not broken, since whoever copies a path needs it whole."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def usable(people: Console, check: Callable[[], None]) -> bool:
    """Whether anything can be measured here; if not, people are told why. `check` raises Unusable."""
    if not supported():
        people.print("error: memory and processor time are read from /proc, so this needs Linux")
        return False
    try:
        check()
    except Unusable as why:
        people.print(f"error: {why}\nhint: {why.hint}", markup=False)
        return False
    return True


def progress(people: Console) -> Say:
    """Tells each line with the seconds since now."""
    begun = time.monotonic()

    def say(text: str) -> None:
        people.print(f"[dim]{time.monotonic() - begun:5.0f} s[/]  {text}")

    return say


def without_figures(people: Console, why: Exception) -> int:
    """A run has failed; returns the exit code."""
    people.print(f"error: {why}", markup=False)
    people.print("no figures: a run that fails has no number")
    return 1
