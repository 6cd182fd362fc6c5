"""Help of every command: what it does, and how it is typed."""

from collections.abc import Iterator

import click
import pytest

from clients.cli.__main__ import interbank


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below a group with its words; groups too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = dict(commands(interbank))


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_help_of_every_command_shows_it_as_it_is_typed(words: tuple[str, ...]) -> None:
    lines = (ALL[words].help or "").splitlines()

    examples = [line.strip() for line in lines if line.strip().startswith(f"interbank {' '.join(words)}")]
    assert examples or _as_alias(words, lines), "the help has no example"


def _as_alias(words: tuple[str, ...], lines: list[str]) -> bool:
    return words == ("transfer",) and any(line.strip().startswith("interbank pay ") for line in lines)
