"""What somebody at a terminal does: types commands of `interbank`, and reads what they say."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.launcher.home import Home
from examples.checks import CheckFailed
from interbank.locking import take_lock
from interbank.private_files import make_private_directory

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LONGEST_SECONDS = 300
_WIDTH = 96


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended and what it wrote."""

    exit_code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        """The answer of a command that was asked for JSON."""
        return json.loads(self.output)


class Terminal:
    """Types commands for the network of one home, whatever the surroundings say of other networks."""

    def __init__(self, directory: Path) -> None:
        self.home = Home(directory)
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("INTERBANK_")}
        self._environment["INTERBANK_HOME"] = str(directory)

    def run(self, *words: str, given: str = "", captured: bool = True) -> Answer:
        """Run a command to its end. `given` is what it reads from stdin; without `captured` it writes to our terminal.

        Ctrl-C does not reach it by itself, but through us, and then its end is waited for: a launcher that is killed in
        the middle leaves servers behind.
        """
        pipe = subprocess.PIPE if captured else None
        process = subprocess.Popen(  # noqa: S603  a command of the product
            [sys.executable, "-P", "-m", "clients.cli", *words],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=pipe,
            stderr=pipe,
            text=True,
            start_new_session=True,
        )
        try:
            output, errors = process.communicate(given, timeout=_LONGEST_SECONDS)
        except BaseException as error:
            process.send_signal(signal.SIGINT)
            process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                what = f"interbank {shlex.join(words)}"
                raise CheckFailed(what, f"an end within {_LONGEST_SECONDS} s", "none", self.home.gateway.log) from None
            raise
        return Answer(process.returncode, output or "", errors or "")

    def must(self, *words: str, given: str = "", ends_with: int = 0, captured: bool = True) -> Answer:
        """Run a command that must end with this exit code. Raises CheckFailed with what it said instead."""
        answer = self.run(*words, given=given, captured=captured)
        if answer.exit_code != ends_with:
            found = "\n".join([f"exit code {answer.exit_code}", answer.output.strip(), answer.errors.strip()]).strip()
            raise CheckFailed(f"interbank {shlex.join(words)}", f"exit code {ends_with}", found, self.home.gateway.log)
        return answer


def typed(*words: str) -> list[str]:
    """A command as it is typed, on as many lines as it needs."""
    lines = textwrap.wrap(
        f"$ interbank {shlex.join(words)}", _WIDTH, subsequent_indent=" " * 6, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]


@contextlib.contextmanager
def network_of(terminal: Terminal, *, fresh: bool = False) -> Iterator[None]:
    """Have a home to oneself, and leave no server of it running, however the work inside ends: done, failed, or by
    Ctrl-C, SIGTERM or a terminal that is closed, which all raise KeyboardInterrupt.

    `fresh` begins with an empty home; the one that was there is kept beside it as "NAME.1". Raises Refused, with
    ALREADY_RUNNING if another run has the home; CheckFailed if what is there is no home, and is left alone.
    """
    directory = terminal.home.directory
    make_private_directory(directory.parent)
    lock = take_lock(directory)
    try:
        for number in _ENDINGS:
            signal.signal(number, _interrupted)
        _stop(terminal)  # of a run that was killed
        if fresh:
            _keep_the_last(directory)
        yield
    finally:
        for number in _ENDINGS:
            signal.signal(number, signal.SIG_IGN)
        _stop(terminal)
        os.close(lock)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def _stop(terminal: Terminal) -> None:
    if terminal.home.network_file.exists():
        answer = terminal.run("down", "--now")
        if answer.exit_code:
            sys.stderr.write(answer.errors)


def _keep_the_last(directory: Path) -> None:
    last = directory.with_name(f"{directory.name}.1")
    for place in (directory, last):
        if place.exists() and not _is_ours(place):
            raise CheckFailed(
                f"what {place} is", "the home of an earlier run, or nothing", "something else: not touched"
            )
    if directory.exists():
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(last)
        directory.rename(last)


def _is_ours(directory: Path) -> bool:
    """Whether a run made it: the launcher's first act in a home is to lock it."""
    return directory.is_dir() and (not any(directory.iterdir()) or (directory / "up.lock").exists())
