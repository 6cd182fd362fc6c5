"""Every `interbank …` command that a message names can be typed as it stands: it exists, and nothing is missing."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from clients.cli.__main__ import interbank
from clients.cli.errors import ended
from interbank.refusals import Reason, Refused
from tests.command_line import CommandLine
from tests.world import World

ROOT = Path(__file__).parents[2]
ROOMS = ("audit", "bank_service", "certs", "clients", "gateway_service", "interbank", "migrations")

FILLED_IN = "1"
"""Stands for what a message puts into a command when it is told: an id, a bank, a number."""

# What stands after `interbank`, up to where the sentence ends.
_NAMED = re.compile(r"(?<![\w/])interbank ([a-z](?:[^\n,;:().]|\.(?! ))*)")

COMPLETED_BY_THE_COMMAND_LINE = {"login --bank 1"}
"""Hints of the gateway, which do not know under which name somebody logs in; `clients.cli.desk` does."""

MERE_NAMES = {"admin add-money"}
"""What a bank calls a command to which it cannot know the words."""


def texts(tree: ast.Module) -> Iterator[str]:
    """What a module may tell somebody: its strings that are no docstrings, with what they are filled in with."""
    silent = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    silent |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in silent:
            continue
        if isinstance(node, ast.JoinedStr):
            yield _filled_in(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _filled_in(text: ast.JoinedStr) -> str:
    told = ""
    for part in text.values:
        if isinstance(part, ast.Constant):
            told += str(part.value)
        elif not told[-1:].isalpha():  # what follows a word at once is the end of a sentence, there or not
            told += FILLED_IN
    return told


def named_commands() -> dict[str, str]:
    """Each command that some message names, with one of the files that do."""
    found = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if path.name.endswith(("_pb2.py", "_pb2_grpc.py")):
                continue
            for text in texts(ast.parse(path.read_text())):
                for match in _NAMED.finditer(text):
                    found[match[1].partition("  ")[0].rstrip(". ")] = f"{path.relative_to(ROOT)}"
    return found


NAMED = named_commands()


def resolved(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the words begin with, and the words after its name."""
    command: click.Command = interbank
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0]) if words else None
        assert found is not None, f"there is no command {' '.join(words) or 'of that group'}"
        command, words = found, words[1:]
    return command, words


def own_words(command: click.Command, words: list[str]) -> list[str]:
    """The words that belong to the command: its options with their values, and as many others as it takes. Behind them
    the sentence goes on."""
    options = {name: option for option in command.params for name in (*option.opts, *option.secondary_opts)}
    room = sum(param.nargs for param in command.params if isinstance(param, click.Argument) and param.required)
    taken = 0
    while taken < len(words):
        word = words[taken]
        if word == "--help":
            taken += 1
        elif word.startswith("-"):
            option = options.get(word)
            assert isinstance(option, click.Option), f"{command.name} has no {word}"
            taken += 1 if option.is_flag or option.count else 2
        elif room:
            room, taken = room - 1, taken + 1
        else:
            break
    return words[:taken]


def test_messages_do_name_commands() -> None:
    assert len(NAMED) > 40


@pytest.mark.parametrize("line", sorted(set(NAMED) - COMPLETED_BY_THE_COMMAND_LINE - MERE_NAMES))
def test_a_command_that_a_message_names_can_be_typed_as_it_stands(line: str) -> None:
    command, words = resolved(line.split())
    words = own_words(command, words)
    if "--help" in words:
        return
    try:
        command.make_context("interbank", words)
    except click.UsageError as error:
        pytest.fail(f"{NAMED[line]}: interbank {line}: {error.format_message()}")


def test_a_hint_that_lacks_the_user_is_completed_for_programs_too() -> None:
    whole = "interbank login --username alice --bank SOUTH"
    refused = Refused(Reason.NOT_LOGGED_IN_AT_BANK, hint="interbank login --bank SOUTH")

    end = ended(refused, command=whole)

    assert end.lines[-1] == whole
    assert end.json["hint"] == whole


async def test_the_operator_is_shown_where_he_finds_what_he_looked_for(network: World) -> None:
    admin = await CommandLine(network, "operator").login("admin", password="1234")

    for words, command in (
        (["status", "00000000"], "interbank admin transfers"),
        (["balance", "--bank", "NORTH"], "interbank admin accounts --bank BANK"),
    ):
        ending = await admin(*words)
        assert ending.err.splitlines()[-1] == command, ending.err
