"""The front door: help, guessed names, wrong words, and one form for every error."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from clients.cli.__main__ import interbank
from clients.cli.output import Ended
from interbank.refusals import EXIT_CODES, Reason, Refused
from tests.command_line import run


def every_command(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from every_command(command, *path, name)
        elif command is not None:
            yield (*path, name)


COMMANDS = sorted(every_command(interbank))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(words: tuple[str, ...]) -> None:
    ending = run(*words, "--help")
    assert ending.code == 0
    example = f"interbank {' '.join(words)}"
    assert example in ending.out.replace("interbank pay ", "interbank transfer ")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_form_of_the_answer_can_be_chosen_on_every_command(words: tuple[str, ...]) -> None:
    assert "--output" in run(*words, "--help").out


def test_help_names_every_command_and_no_alias() -> None:
    shown = run("--help").out
    for name in interbank.list_commands(click.Context(interbank)):
        assert f"  {name} " in shown
    for alias in ("send", "stop", "history", "cancel", "version"):
        assert f"  {alias} " not in shown


def test_help_loads_neither_grpc_nor_rich_nor_a_database() -> None:
    program = (
        "import sys; from clients.cli.__main__ import main\n"
        "try: main(['--help'])\n"
        "finally: print({'grpc', 'rich', 'sqlalchemy', 'google.protobuf'} & {*sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == "set()\n"


@pytest.mark.parametrize("words", [["pay"], ["send"], ["start"], ["stop"], ["history"], ["payments"]])
def test_names_that_people_guess_work(words: list[str]) -> None:
    assert run(*words, "--help").code == 0


def test_version_and_help_are_commands_too() -> None:
    assert run("version").out == run("--version").out
    assert run("help", "admin", "freeze").out == run("admin", "freeze", "--help").out
    assert run("help").out == run().out


def test_cancel_says_why_a_payment_cannot_be_recalled() -> None:
    ending = run("cancel", "39f2ddad", "--now")
    assert ending.code == 3
    assert ending.err.splitlines()[0] == (
        "refused: a payment cannot be recalled: the payee's bank decides it, once and for ever."
    )
    assert ending.err.splitlines()[-1] == "interbank status 39f2ddad"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["tranfer"], 'usage: there is no command "tranfer". Did you mean "transfer"?'),
        (["xyzzy"], 'usage: there is no command "xyzzy".'),
        (["-o", "csv", "balance"], "usage: -o comes after the command, as in: interbank balance -o json."),
        (["transfer", "--amout", "1"], "usage: no such option '--amout'. Did you mean '--amount'?"),
        (
            ["balance", "-o", "xml"],
            "usage: invalid value for '-o' / '--output': 'xml' is not one of 'table', 'json', 'csv'.",
        ),
        (["transfer"], "usage: missing option '--to-bank'."),
        (["admin", "freze"], "usage: no such command 'freze'. Did you mean 'freeze'?"),
    ],
)
def test_a_wrong_word_is_a_usage_error_in_one_line_with_a_command(words: list[str], line: str) -> None:
    ending = run(*words)
    assert ending.code == 2
    assert ending.out == ""
    assert ending.err.splitlines()[0] == line
    assert ending.err.splitlines()[-1].endswith("--help")


@pytest.mark.parametrize(
    "words", [["balance", "-o", "json", "--xyz"], ["balance", "--output=json", "--xyz"], ["-ojson", "nix"]]
)
def test_programs_get_usage_errors_as_an_object(words: list[str]) -> None:
    ending = run(*words)
    assert ending.code == 2
    assert ending.error["reason"] == "USAGE"


def test_the_form_may_come_from_the_environment_and_nothing_else_does() -> None:
    assert run("nix", env={"INTERBANK_OUTPUT": "json"}).error["reason"] == "USAGE"
    order = ["--to-bank", "SOUTH", "--to-account", "1", "--to-name", "bob"]
    ending = run("transfer", *order, env={"INTERBANK_TRANSFER_AMOUNT": "1.00", "INTERBANK_AMOUNT": "1.00"})
    assert "missing option '--amount'" in ending.err


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.name)
def test_every_reason_is_shown_in_the_one_form(reason: Reason, monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def refuse() -> None:
        raise Refused(reason, "it did not go", hint="do this instead", field="payee_bank")

    monkeypatch.setitem(interbank.commands, "refuse", refuse)
    people, programs = run("refuse"), run("refuse", env={"INTERBANK_OUTPUT": "json"})

    assert people.code == programs.code == EXIT_CODES[reason.kind]
    kind, rest = people.err.splitlines()[0].split(": ", 1)
    assert kind in ("refused", "usage", "not logged in", "not allowed", "unreachable", "busy", "unknown", "error")
    assert rest.startswith(f"it did not go. {reason.name}")
    assert rest.endswith(", field to_bank")
    assert "Do this instead." in people.err
    assert (programs.error["reason"], programs.error["field"]) == (reason.name, "to_bank")


def test_an_end_that_is_no_refusal_carries_its_own_code_lines_and_object(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def find() -> None:
        raise Ended(7, ["found: something.", "look here"], {"reason": "FOUND"})

    monkeypatch.setitem(interbank.commands, "find", find)
    assert (run("find").code, run("find").err) == (7, "found: something.\nlook here\n")
    assert run("find", env={"INTERBANK_OUTPUT": "json"}).error == {"reason": "FOUND"}


def test_ctrl_c_exits_130(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(interbank.commands, "halt", stop)
    assert (run("halt").code, run("halt").err) == (130, "\ninterrupted.\n")


def test_a_home_without_network_says_how_to_start_one(tmp_path: Path) -> None:
    ending = run("banks", "--home", str(tmp_path))
    assert ending.code == 1
    assert ending.err.splitlines() == [
        f"error: there is no network in {tmp_path}. HOME_EMPTY",
        "Start one with interbank up --demo --detach, or name yours with --home DIR.",
    ]


def test_a_file_that_cannot_be_read_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    ending = run("login", "--username", "alice", "--password-file", str(tmp_path / "nothing"))
    assert ending.code == 1
    assert ending.err == f"error: no such file or directory: {tmp_path / 'nothing'}.\n"
