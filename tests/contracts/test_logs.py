"""The logs of all processes as one story."""

import os
from datetime import UTC, datetime
from pathlib import Path

from clients.launcher.logs import follow, read_merged
from interbank.telemetry import time_of_day


def log(path: Path, *lines: str, changed: datetime = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    os.utime(path, (changed.timestamp(), changed.timestamp()))
    return path


def test_a_time_of_day_is_utc_to_the_millisecond() -> None:
    at = datetime(2026, 11, 22, 14, 3, 2, 118_999, UTC)
    assert time_of_day(int(at.timestamp()) * 1_000_000 + at.microsecond) == "14:03:02.118"
    assert time_of_day(0) == "00:00:00.000"


def test_logs_are_merged_by_time(tmp_path: Path) -> None:
    gateway = log(tmp_path / "gateway.log", "14:03:02.118 gateway one", "14:03:04.125 gateway three")
    north = log(tmp_path / "NORTH.log", "14:03:02.121 NORTH two", "14:03:05.000 NORTH four")

    lines = list(read_merged([gateway, north, tmp_path / "missing.log"]))

    assert [line.text.split()[-1] for line in lines] == ["one", "two", "three", "four"]
    assert (lines[1].name, lines[1].at) == ("NORTH", datetime(2026, 11, 22, 14, 3, 2, 121_000, UTC))


def test_a_traceback_stays_with_the_line_before_it(tmp_path: Path) -> None:
    gateway = log(tmp_path / "gateway.log", "14:03:02.118 gateway failed", "Traceback:", "  why", "14:03:04.000 on")
    north = log(tmp_path / "NORTH.log", "14:03:03.000 NORTH between")

    lines = [line.text for line in read_merged([gateway, north])]

    assert lines == [
        "14:03:02.118 gateway failed",
        "Traceback:",
        "  why",
        "14:03:03.000 NORTH between",
        "14:03:04.000 on",
    ]


def test_midnight_between_two_lines_begins_a_new_day(tmp_path: Path) -> None:
    morning = datetime(2026, 11, 22, 0, 0, 2, tzinfo=UTC)
    gateway = log(tmp_path / "gateway.log", "23:59:59.900 gateway one", "00:00:00.100 gateway three", changed=morning)
    north = log(tmp_path / "NORTH.log", "00:00:00.050 NORTH two", changed=morning)

    lines = list(read_merged([gateway, north]))

    assert [line.text.split()[-1] for line in lines] == ["one", "two", "three"]
    assert [line.at.day for line in lines] == [21, 22, 22]


def test_following_gives_whole_lines_as_they_are_written(tmp_path: Path) -> None:
    north, south = log(tmp_path / "NORTH.log", "14:03:02.118 NORTH old"), tmp_path / "SOUTH.log"
    lines = follow([north, south], from_ends={north: north.stat().st_size})

    with north.open("a") as file:
        file.write("14:03:03.000 NORTH Zü")
        file.flush()
        south.write_text("14:03:04.000 SOUTH first\n")
        assert next(lines).text == "14:03:04.000 SOUTH first"
        file.write("rich\n")
        file.flush()
        assert next(lines).text == "14:03:03.000 NORTH Zürich"


def test_following_goes_on_when_a_log_is_emptied(tmp_path: Path) -> None:
    north = log(tmp_path / "NORTH.log", "14:03:02.118 NORTH old and long enough")
    lines = follow([north], from_ends={north: north.stat().st_size})

    north.write_text("14:03:03.000 NORTH new\n")

    assert next(lines).text == "14:03:03.000 NORTH new"
