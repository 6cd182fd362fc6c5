"""Files that only their owner reads: whole or not there, and never by accident in place of another."""

import os
import stat
import threading
from pathlib import Path

import pytest

from interbank.private_files import make_private_directory, replace_file, write_new_file


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_never_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "ca.key"
    write_new_file(path, b"first")

    with pytest.raises(FileExistsError):
        write_new_file(path, b"second")

    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_of_many_who_write_one_new_file_at_once_one_wins_whole(tmp_path: Path) -> None:
    path, refused = tmp_path / "ca.key", []

    def write(content: bytes) -> None:
        try:
            write_new_file(path, content)
        except FileExistsError:
            refused.append(content)

    contents = [bytes([letter]) * 10_000 for letter in b"abcdefgh"]
    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert {*refused, path.read_bytes()} == set(contents)
    assert len(refused) == len(contents) - 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_replaced_file_is_the_old_one_or_the_new_one_and_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    path.write_bytes(b"old")
    path.chmod(0o644)
    with path.open("rb") as reader:
        replace_file(path, b"new")
        assert reader.read() == b"old"

    assert path.read_bytes() == b"new"
    assert mode_of(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_could_not_be_put_in_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()

    with pytest.raises(OSError, match="directory"):
        replace_file(taken, b"content")

    assert list(tmp_path.iterdir()) == [taken]


def test_directories_that_were_missing_are_private_and_others_stay_as_they_were(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    before = os.umask(0)
    try:
        make_private_directory(shared / "home" / "ca")
        make_private_directory(shared / "home" / "ca")
    finally:
        os.umask(before)

    assert [mode_of(path) for path in (shared, shared / "home", shared / "home" / "ca")] == [0o755, 0o700, 0o700]


def test_a_file_where_a_directory_must_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        make_private_directory(tmp_path / "home")
