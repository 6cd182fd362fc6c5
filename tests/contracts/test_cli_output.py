"""Tables for people, JSON and CSV for programs."""

import json
from pathlib import Path

import pytest

from clients.cli.options import Context
from clients.cli.output import group_digits, local_time, print_list, print_one, say

ROWS = [
    {"transfer_id": "0123456789abcdef", "amount": "1234567.50", "final": True, "reference": "a, b", "doubt": {"n": 1}},
    {"transfer_id": "fedcba9876543210", "amount": "-1.50", "final": False, "reference": "", "doubt": None},
]
COLUMNS = ("transfer_id", "amount", "final", "reference")


def form(output: str) -> Context:
    return Context(home=None, gateway=None, ca=None, profile="default", output=output)


def test_a_list_is_an_array_of_whole_rows(capsys: pytest.CaptureFixture[str]) -> None:
    print_list(form("json"), ROWS, COLUMNS)
    assert json.loads(capsys.readouterr().out) == ROWS
    print_list(form("json"), [], COLUMNS)
    assert json.loads(capsys.readouterr().out) == []


def test_a_single_thing_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    print_one(form("json"), ROWS[0], COLUMNS)
    assert json.loads(capsys.readouterr().out) == ROWS[0]


def test_csv_has_a_header_whole_ids_and_no_digit_groups(capsys: pytest.CaptureFixture[str]) -> None:
    print_list(form("csv"), ROWS, COLUMNS)
    assert capsys.readouterr().out.splitlines() == [
        "transfer_id,amount,final,reference",
        '0123456789abcdef,1234567.50,true,"a, b"',
        "fedcba9876543210,-1.50,false,",
    ]
    print_list(form("csv"), [], COLUMNS)
    assert capsys.readouterr().out == "transfer_id,amount,final,reference\n"


def test_a_table_groups_digits_to_the_right_and_shortens_ids(capsys: pytest.CaptureFixture[str]) -> None:
    print_list(form("table"), ROWS, COLUMNS)
    assert capsys.readouterr().out.splitlines() == [
        "TRANSFER ID         AMOUNT   FINAL   REFERENCE",
        "01234567      1,234,567.50   yes     a, b",
        "fedcba98             -1.50   no",
    ]


def test_a_table_that_is_piped_is_as_wide_as_its_content(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    print_list(form("table"), [{**ROWS[0], "reference": "x" * 300}], COLUMNS)
    assert "x" * 300 in capsys.readouterr().out


def test_one_thing_for_people_is_a_line_for_each_field(capsys: pytest.CaptureFixture[str]) -> None:
    print_one(form("table"), ROWS[0], ("transfer_id", "amount"))
    assert capsys.readouterr().out == "transfer id  0123456789abcdef\namount       1,234,567.50\n"


def test_text_of_others_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    for output in ("table", "csv", "json"):
        print_list(form(output), [{"reference": "a\x1b[2Jb\u202ec"}], ("reference",))
        if output != "csv":
            assert "\x1b" not in capsys.readouterr().out
    print_list(form("table"), [{"reference": "[red]not markup[/red]"}], ("reference",))
    assert "[red]not markup[/red]" in capsys.readouterr().out


def test_what_is_said_to_people_does_not_reach_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    say("hello")
    assert capsys.readouterr() == ("", "hello\n")


@pytest.mark.parametrize(
    ("decimal", "read"),
    [
        ("0.00", "0.00"),
        ("999.99", "999.99"),
        ("1000", "1,000"),
        ("-1234567.890", "-1,234,567.890"),
        ("", ""),
        ("?", "?"),
    ],
)
def test_digits_are_grouped_left_of_the_point(decimal: str, read: str) -> None:
    assert group_digits(decimal) == read


def test_a_time_that_is_none_stays_as_it_is() -> None:
    assert local_time("never") == "never"
    assert local_time("2020-02-03T12:00:00.000Z").startswith("2020-02-03 ")


def test_without_a_home_state_lies_in_the_users_state_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert form("table").home_directory == tmp_path / "interbank" / "default"
