"""Asks people for words: with completion and history at a terminal, line by line from a pipe."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from prompt_toolkit.completion import Completer


class Asking:
    """Where answers come from. Ctrl-C and the end of input raise KeyboardInterrupt and EOFError."""

    def __init__(self) -> None:
        self._at_terminal = sys.stdin.isatty() and sys.stdout.isatty()

    def ask(self, question: str, *, known: Iterable[str] = ()) -> str:
        """A line; Tab completes what is `known`."""
        if not self._at_terminal:
            return self._line(question)
        from prompt_toolkit.completion import WordCompleter

        return _prompt(question, WordCompleter(list(known), sentence=True))

    def ask_for_file(self, question: str) -> str:
        """The path of a file; Tab completes it."""
        if not self._at_terminal:
            return self._line(question)
        from prompt_toolkit.completion import PathCompleter

        answer = _prompt(question, PathCompleter(expanduser=True))
        return str(Path(answer).expanduser()) if answer else ""

    def yes(self, question: str, *, word: str) -> bool:
        """A decision: `word` says what y does."""
        return self.ask(f"{question}   [y] {word}  [n] back >").lower() in ("y", "yes")

    def _line(self, question: str) -> str:
        click.echo(f"{question} ", nl=False, err=True)
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.strip()


def _prompt(question: str, completer: "Completer") -> str:
    from prompt_toolkit import prompt
    from prompt_toolkit.shortcuts import CompleteStyle

    return prompt(
        f"{question} ",
        completer=completer,
        complete_while_typing=False,
        complete_style=CompleteStyle.READLINE_LIKE,
        reserve_space_for_menu=0,
    ).strip()
