"""What every command knows before it starts: which network, whose session, and in what form to answer."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

OUTPUTS = ("table", "json", "csv")

_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Context:
    """The options that stand on every command. `None` means that the user left the choice to us."""

    home: Path | None
    gateway: str | None
    ca: Path | None
    profile: str
    output: str

    @property
    def home_directory(self) -> Path:
        """The network's home: the one that was named, or the default one of this user."""
        return self.home or default_home()


def default_home() -> Path:
    """`interbank/default` in the user's state directory, where `make` and `interbank up` keep a network."""
    return state_directory() / "default"


def state_directory() -> Path:
    """`interbank` in the user's state directory; on Linux ~/.local/state/interbank."""
    import platformdirs

    return Path(platformdirs.user_state_dir("interbank", appauthor=False))


def common(command: Callable[Concatenate[Context, _Params], _Result]) -> Callable[_Params, _Result]:
    """Put the common options on a command and hand it a Context as its first argument."""

    @functools.wraps(command)
    def with_context(*args: _Params.args, **kwargs: _Params.kwargs) -> _Result:
        named: dict[str, Any] = {name: kwargs.pop(name) for name in ("home", "gateway", "ca", "profile", "output")}
        return command(Context(**named), *args, **kwargs)

    own = getattr(command, "__click_params__", [])
    vars(with_context)["__click_params__"] = []
    for option in reversed(_OPTIONS):
        option(with_context)
    # click shows the last of the list first: a command's own options, then those of every command.
    vars(with_context)["__click_params__"] += own
    return with_context


def _profile(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    # A profile becomes a directory's name, so it must not climb out of the one that holds them.
    if not value or not all(letter.isalnum() or letter in "._-" for letter in value) or value.startswith("."):
        raise click.BadParameter(f'"{value}" cannot name a profile; use letters, digits, . _ and -')
    return value


def _absolute(_context: click.Context, _parameter: click.Parameter, value: Path | None) -> Path | None:
    return value.expanduser().absolute() if value else None


# The environment names are written out: an automatic prefix would also read amounts and keys from the environment.
_OPTIONS = (
    click.option(
        "--profile",
        envvar="INTERBANK_PROFILE",
        default="default",
        callback=_profile,
        metavar="NAME",
        help="Keep this session apart from others, one name for each.",
    ),
    click.option(
        "--gateway",
        envvar="INTERBANK_GATEWAY",
        metavar="HOST:PORT",
        help="The gateway's address for customers, if not the one of the home.",
    ),
    click.option(
        "--home",
        envvar="INTERBANK_HOME",
        type=click.Path(path_type=Path),
        callback=_absolute,
        metavar="DIR",
        help="The network's home directory.",
    ),
    click.option(
        "--ca",
        envvar="INTERBANK_CA",
        type=click.Path(path_type=Path),
        callback=_absolute,
        metavar="FILE",
        help="The network's CA certificate, if not the one of the home.",
    ),
    click.option(
        "-o",
        "--output",
        envvar="INTERBANK_OUTPUT",
        type=click.Choice(OUTPUTS),
        default="table",
        show_default=True,
        help="The form of the answer on stdout.",
    ),
)


def not_empty(_context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    """For a value that is optional and never empty: `--idempotency-key "$KEY"` with a variable that is not set must not
    pass for no key at all, and pay a second time. Raises click.BadParameter."""
    if value == "":
        raise click.BadParameter("it is empty; leave it out, or write it", param=parameter)
    return value or ""
