"""The one form of an error, as words: what is to be copied can be copied."""

import pytest

from clients.cli.errors import ended
from interbank.refusals import Reason, Refused


def lines_of(reason: Reason, hint: str) -> tuple[str, ...]:
    return ended(Refused(reason, "no", hint=hint)).lines


@pytest.mark.parametrize(
    "hint",
    [
        "chmod 600 /srv/six/ca/ca.key",
        "chmod 600 /srv/six/ca/ca.key; if others had access, make a new key",
        "docs/operate.md, A bank is quarantined",
        "openssl pkey -in bank.key -out KEY",
        "/srv/six/ca/ca.key",
        "~/six/network.toml is where it stands",
        "--port-base 0 finds free ones",
    ],
)
def test_a_hint_that_begins_with_a_command_or_a_path_is_left_as_it_is(hint: str) -> None:
    assert lines_of(Reason.KEY_FILE_UNSAFE, hint)[-1] == hint


def test_a_hint_in_words_is_a_sentence() -> None:
    assert lines_of(Reason.HOME_EMPTY, "name a home, a backup, or files")[-1] == "Name a home, a backup, or files."


def test_words_before_a_command_stand_apart_from_it() -> None:
    lines = lines_of(Reason.HOME_EMPTY, "make a network there: interbank up --demo")
    assert lines[-2:] == ("Make a network there:", "interbank up --demo")
