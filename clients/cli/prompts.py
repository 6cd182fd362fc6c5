"""What is asked of people, and only of people: without a terminal every question names the flag that answers it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from clients.cli import errors
from clients.cli.output import Ended

_Command = TypeVar("_Command", bound=Callable[..., Any])

_STDIN = "-"


def password_file(flag: str = "--password-file", what: str = "the password") -> Callable[[_Command], _Command]:
    """The option for a secret, which never stands on a command line itself, where others could read it."""
    return click.option(
        flag,
        metavar="FILE",
        help=f"Read {what} from a file, or from stdin with -; else it is asked for.",
    )


def read_password(file: str | None, question: str, *, flag: str = "--password-file", twice: bool = False) -> str:
    """A password from a file or stdin, less one trailing newline; else from the person at the terminal."""
    if file is None:
        need_terminal(question, f"{flag} FILE, or {flag} - for stdin")
        answer: str = click.prompt(question, hide_input=True, confirmation_prompt=twice, err=True)
        return answer
    try:
        text = sys.stdin.read() if file == _STDIN else Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise _usage(f"{file} is not UTF-8 text", flag) from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise _usage(f"{'stdin' if file == _STDIN else file} holds no password", flag)
    return text


def confirm(question: str) -> bool:
    """Ask a person for a yes. Only where `at_terminal`."""
    return click.confirm(question, default=False, err=True)


def at_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def need_terminal(what: str, flag: str) -> None:
    """End with a usage error that names the flag, unless a person can be asked."""
    if not at_terminal():
        raise _usage(f"{what[0].lower()}{what[1:]} is needed, and there is no terminal to ask at", flag)


def _usage(message: str, flag: str) -> Ended:
    body = errors.error_body("FIELD_REQUIRED", message, field=flag.split()[0].lstrip("-").replace("-", "_"), hint=flag)
    return Ended(errors.USAGE, [errors.headline("usage", message), f"Nothing was sent. Give {flag}."], body)
