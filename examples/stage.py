"""How an example shows its steps: a numbered title, whether all went well and how long it took, then what was found."""

import sys
import time
from collections.abc import Callable, Iterator

import click

from audit.files import CannotAudit
from clients.cli.output import paint
from clients.sdk import Unanswered
from examples.checks import CheckFailed
from interbank.refusals import Refused

INTERRUPTED = 130
"""Exit code."""

_TITLE_WIDTH = 86
_INDENT = " " * 6


class Stage:
    """Plays so many steps, one after the other."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.played = 0
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self._begun

    def play(self, title: str, lines: Iterator[str]) -> None:
        """Run a step, which gives its lines as it goes on; what it raises is raised once they are shown."""
        say(f"{f'[{self.played + 1}/{self.steps}] {title}':<{_TITLE_WIDTH}}", end="")
        begun, told, well = time.monotonic(), list[str](), False
        try:
            for line in lines:
                told.append(line)
            well = True
        finally:
            verdict = paint("ok    ", "green") if well else paint("FAILED", "red")
            say(f"{verdict} {time.monotonic() - begun:5.1f} s")
            say("\n".join(f"{_INDENT}{line}".rstrip() for line in told), end="\n\n" if well else "\n")
        self.played += 1


def ended(play: Callable[[], None]) -> int:
    """Play to the end and return the exit code; a failed check is said in full."""
    try:
        play()
    except CheckFailed as failed:
        say("\n".join(_INDENT + line for line in failed.lines))
        return 1
    except Refused as refused:
        say(f"{_INDENT}refused   {refused.message}. {refused.reason.name}")
        return 1
    except (Unanswered, CannotAudit) as error:
        say(f"{_INDENT}failed    {error}")
        return 1
    except KeyboardInterrupt:
        say("\ninterrupted; the servers are stopped")
        return INTERRUPTED
    return 0


def say(text: str, end: str = "\n") -> None:
    """Something for the reader, in step with what commands write to the same terminal."""
    click.echo(text + end, nl=False)
    sys.stdout.flush()
