"""What `up` reads in the gateway's journal, and that reading it changes nothing."""

import sqlite3
import threading
from pathlib import Path

import pytest

from clients.launcher import journal
from clients.launcher.texts import under_way_line
from tests.audit_books import edited, small_network


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A journal at rest with a payment of every kind; two of them are under way."""
    network = small_network(tmp_path / "home")
    network.close()
    return network.gateway_path


def states(database: Path, ids: tuple[bytes, ...]) -> dict[str, int]:
    return dict(journal.wait_for_ends(database, ids))


def test_payments_under_way_are_known_before_anything_runs_and_nothing_is_left_beside_the_file(database: Path) -> None:
    before = sorted(database.parent.iterdir())

    assert len(journal.unfinished(database)) == 2
    assert sorted(database.parent.iterdir()) == before


def test_what_is_not_final_in_time_is_counted_as_it_stands(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "ENDS_WITHIN_SECONDS", 0)

    assert states(database, journal.unfinished(database)) == {"ACCEPTED": 1, "DEBITED": 1}


def test_ends_are_waited_for(database: Path) -> None:
    ids = journal.unfinished(database)
    ending = threading.Thread(target=_end_all, args=(database,))
    ending.start()

    assert states(database, ids) == {"COMPLETED": 2}
    ending.join()


def test_a_suspended_payment_is_not_waited_for(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "ENDS_WITHIN_SECONDS", 600)
    ids = journal.unfinished(database)
    with edited(database) as db:
        db.execute("UPDATE transfers SET suspended = 'a contradiction' WHERE finished_at IS NULL")

    ends = states(database, ids)

    assert ends == {"SUSPENDED": 2}
    assert under_way_line(ends) == "2 payments were under way: 2 suspended (interbank admin transfers --in-doubt)."


def test_every_end_is_told() -> None:
    ends = {"COMPLETED": 2, "RETURNED": 1, "DEBITED": 1}

    assert under_way_line(ends) == (
        "4 payments were under way: 2 completed, 1 returned, 1 not final yet (interbank admin transfers --in-doubt)."
    )


def test_a_journal_that_is_not_there_or_no_journal_has_nothing_under_way(tmp_path: Path) -> None:
    text = tmp_path / "gateway.db"
    assert journal.unfinished(text) == ()
    assert journal.first_password_stands(text), "a new one begins with it"
    text.write_text("no database")
    assert journal.unfinished(text) == ()
    assert not journal.first_password_stands(text), "the gateway says what is wrong with it"


def _end_all(database: Path) -> None:
    with edited(database) as db:
        db.execute("UPDATE transfers SET state = 'COMPLETED', finished_at = 1 WHERE finished_at IS NULL")


def test_the_first_password_stands_until_it_is_changed(database: Path) -> None:
    for changed_at, stands in ((None, True), (1, False)):
        with sqlite3.connect(database) as db:
            db.execute("INSERT OR REPLACE INTO operator VALUES ('admin', 'hash', ?)", (changed_at,))
        assert journal.first_password_stands(database) is stands
