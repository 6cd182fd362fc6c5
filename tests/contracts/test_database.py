"""One file, one writing thread: what was told is on the disk, what failed left nothing, and many share one sync."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError, IntegrityError

import bank_service.tables
from interbank.refusals import Reason, Refused
from interbank.storage.database import MAX_GROUP, MAX_QUEUED, ThreadedDatabase, _warn_of_wal_reset_bug
from interbank.storage.engine import open_engine
from interbank.storage.sqlite import Trouble, append_only, driver, has_wal_reset_bug, trouble

SQLITE = driver()
"""The same SQLite as the code under test: two copies of it in one process do not see each other's locks."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An empty database with one table of notes."""
    path = tmp_path / "a b.db"
    with contextlib.closing(SQLITE.connect(str(path))) as connection:
        connection.execute("CREATE TABLE notes (note INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT")
        connection.commit()
    return path


@pytest.fixture
async def database(path: Path) -> AsyncIterator[ThreadedDatabase]:
    broken: list[Exception] = []
    opened = ThreadedDatabase(path, broken=broken.append)
    yield opened
    opened.close()
    assert broken == []


@pytest.fixture
def commits(database: ThreadedDatabase) -> list[str]:
    """Every COMMIT and ROLLBACK of the writer, as it happens."""
    seen: list[str] = []
    engine = database._writer_engine
    event.listen(engine, "commit", lambda _: seen.append("COMMIT"))
    event.listen(engine, "rollback", lambda _: seen.append("ROLLBACK"))
    return seen


def note(number: int, text: str = "x") -> Callable[[Connection], int]:
    def write(connection: Connection) -> int:
        connection.exec_driver_sql("INSERT INTO notes VALUES (?, ?)", (number, text))
        return number

    return write


def fail(connection: Connection) -> None:
    connection.exec_driver_sql("INSERT INTO notes VALUES (666, 'half')")
    raise ArithmeticError("a fault of the job")


def on_disk(path: Path) -> list[int]:
    """What another program reads in the file."""
    with contextlib.closing(SQLITE.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return [row[0] for row in connection.execute("SELECT note FROM notes ORDER BY note")]


@contextlib.contextmanager
def held_up(database: ThreadedDatabase) -> Iterator[None]:
    """Keep the writer busy with one job, so that what is written meanwhile gathers."""
    begun, go = threading.Event(), threading.Event()

    def wait(_: Connection) -> None:
        begun.set()
        go.wait(20)

    busy = database.write(wait)
    assert begun.wait(20)
    try:
        yield
    finally:
        go.set()
        del busy


# --- how the writer's connection is set up


async def test_money_is_synced_at_every_commit(database: ThreadedDatabase) -> None:
    def look(connection: Connection) -> dict[str, Any]:
        names = ("journal_mode", "synchronous", "foreign_keys", "trusted_schema", "cell_size_check", "query_only",
                 "busy_timeout", "mmap_size")  # fmt: skip
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}

    assert await database.write(look) == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "query_only": 0,
        "busy_timeout": 5000,
        "mmap_size": 0,
    }


async def test_a_write_holds_the_write_lock_before_it_reads(database: ThreadedDatabase, path: Path) -> None:
    """Otherwise two who read and then write lose one of their updates."""

    def another_tries(connection: Connection) -> str:
        connection.exec_driver_sql("SELECT count(*) FROM notes")
        with contextlib.closing(SQLITE.connect(str(path), timeout=0)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except SQLITE.OperationalError as error:
                return str(error)
        return "let in"

    assert await database.write(another_tries) == "database is locked"


def test_the_sqlite_of_this_environment_has_not_the_wal_reset_bug() -> None:
    assert not has_wal_reset_bug(driver().sqlite_version_info)
    assert [v for v in ((3, 40, 1), (3, 44, 5), (3, 50, 6), (3, 51, 2), (3, 46, 0)) if not has_wal_reset_bug(v)] == []
    assert [v for v in ((3, 44, 6), (3, 50, 7), (3, 51, 3), (3, 53, 4), (4, 0, 0)) if has_wal_reset_bug(v)] == []


def test_a_sqlite_with_the_bug_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    _warn_of_wal_reset_bug((3, 40, 1))
    assert "3.40.1" in caplog.text
    assert "pysqlite3" in caplog.text


def test_a_file_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DBAPIError):
        open_engine(tmp_path / "missing.db").connect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["what?", "no. #1", "100%41", "a&b=c?mode=memory"])
def test_a_database_is_opened_where_it_lies(tmp_path: Path, folder: str) -> None:
    path = tmp_path / folder / "bank.db"
    path.parent.mkdir()
    with contextlib.closing(SQLITE.connect(str(path))) as made:
        made.execute("CREATE TABLE here (x)")
        made.commit()
    with open_engine(path).connect() as connection:
        assert connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars().all() == ["here"]
    assert sorted(p.name for p in tmp_path.iterdir()) == [folder]


# --- one sync for many


async def test_a_write_alone_waits_for_nobody(database: ThreadedDatabase, commits: list[str], path: Path) -> None:
    assert await database.write(note(1)) == 1
    assert (commits, on_disk(path)) == (["COMMIT"], [1])


async def test_what_gathers_while_one_commits_shares_one_sync(database: ThreadedDatabase, commits: list[str]) -> None:
    with held_up(database):
        writes = [database.write(note(number)) for number in range(100)]
    assert await asyncio.gather(*writes) == list(range(100))
    assert commits == ["COMMIT", "COMMIT"]  # the one that held it up, and the hundred


async def test_a_group_is_bounded_so_that_none_waits_too_long(database: ThreadedDatabase, commits: list[str]) -> None:
    with held_up(database):
        writes = [database.write(note(number)) for number in range(2 * MAX_GROUP + 1)]
    await asyncio.gather(*writes)
    assert commits == ["COMMIT"] * 4


async def test_a_group_is_carried_out_in_order_each_seeing_those_before_it(database: ThreadedDatabase) -> None:
    def count(connection: Connection) -> int:
        found = connection.exec_driver_sql("SELECT count(*) FROM notes").scalar()
        connection.exec_driver_sql("INSERT INTO notes VALUES (?, 'x')", (found,))
        return int(found or 0)

    with held_up(database):
        writes = [database.write(count) for _ in range(20)]
    assert await asyncio.gather(*writes) == list(range(20))


# --- failing alone


async def test_a_job_that_fails_fails_alone_and_leaves_nothing(database: ThreadedDatabase, path: Path) -> None:
    with held_up(database):
        before, failing, after = database.write(note(1)), database.write(fail), database.write(note(2))
        double, last = database.write(note(1)), database.write(note(3))
    assert await asyncio.gather(before, after, last) == [1, 2, 3]
    with pytest.raises(ArithmeticError):
        await failing
    with pytest.raises(IntegrityError):
        await double
    assert on_disk(path) == [1, 2, 3]


async def test_a_refusal_in_a_group_reaches_its_caller_and_nobody_else(database: ThreadedDatabase, path: Path) -> None:
    def refuse(_: Connection) -> None:
        raise Refused(Reason.ACCOUNT_FROZEN, field="account")

    with held_up(database):
        kept, refused = database.write(note(1)), database.write(refuse)
    assert await kept == 1
    with pytest.raises(Refused) as caught:
        await refused
    assert (caught.value.reason, caught.value.field) == (Reason.ACCOUNT_FROZEN, "account")
    assert on_disk(path) == [1]


async def test_one_refusal_does_not_cost_the_others_a_sync_each(
    database: ThreadedDatabase, commits: list[str], path: Path
) -> None:
    with held_up(database):
        failing = database.write(fail)
        writes = [database.write(note(number)) for number in range(100)]
    await asyncio.gather(*writes)
    with pytest.raises(ArithmeticError):
        await failing
    assert commits == ["COMMIT", "COMMIT"]  # the one that held it up, and the hundred
    assert len(on_disk(path)) == 100


async def test_what_rests_on_a_write_that_is_undone_is_decided_anew(database: ThreadedDatabase) -> None:
    """A job that sees what a predecessor in its group wrote must not be told so if the predecessor fails."""

    def count(connection: Connection) -> int:
        return int(connection.exec_driver_sql("SELECT count(*) FROM notes").scalar() or 0)

    with held_up(database):
        failing, counted = database.write(fail), database.write(count)
    with pytest.raises(ArithmeticError):
        await failing
    assert await counted == 0


async def test_the_writer_goes_on_after_a_failure(database: ThreadedDatabase, path: Path) -> None:
    with pytest.raises(ArithmeticError):
        await database.write(fail)
    assert await database.write(note(1)) == 1
    assert on_disk(path) == [1]


# --- answers come after the commit


async def test_nobody_is_told_before_it_is_committed(database: ThreadedDatabase, path: Path) -> None:
    seen_by_others: list[list[int]] = []
    told: list[int] = []

    def committing(_: Connection) -> None:
        seen_by_others.append(on_disk(path))
        told.append(sum(write.done() for write in writes))

    event.listen(database._writer_engine, "commit", committing)
    with held_up(database):
        writes = [database.write(note(number)) for number in range(3)]
    await asyncio.gather(*writes)
    assert seen_by_others[-1] == []
    assert told[-1] == 0
    assert on_disk(path) == [0, 1, 2]


async def test_a_commit_that_fails_does_not_stop_the_writer_for_ever(tmp_path: Path) -> None:
    """SQLite leaves the transaction open then, and SQLAlchemy does not roll it back: no BEGIN succeeds any more."""
    path = tmp_path / "x.db"
    with contextlib.closing(SQLITE.connect(str(path))) as made:
        made.execute("CREATE TABLE notes (note INTEGER PRIMARY KEY)")
        made.execute("CREATE TABLE child (note INTEGER REFERENCES notes DEFERRABLE INITIALLY DEFERRED)")
        made.commit()
    database = ThreadedDatabase(path, broken=lambda _: None)

    def insert(statement: str) -> Any:
        return database.write(lambda connection: connection.exec_driver_sql(statement).rowcount)

    try:
        with pytest.raises(DBAPIError):
            await insert("INSERT INTO child VALUES (404)")
        assert await insert("INSERT INTO notes VALUES (1)") == 1
    finally:
        database.close()
    with contextlib.closing(SQLITE.connect(str(path))) as read:
        assert read.execute("SELECT count(*) FROM child").fetchone() == (0,)


async def test_a_caller_that_goes_away_does_not_undo_its_write(database: ThreadedDatabase, path: Path) -> None:
    async def caller() -> int:
        return await database.write(note(1))

    with held_up(database):
        gone = asyncio.ensure_future(caller())
        await asyncio.sleep(0)
        kept = database.write(note(2))
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
    assert await kept == 2
    assert on_disk(path) == [1, 2]


async def test_closing_finishes_what_was_taken(path: Path) -> None:
    database = ThreadedDatabase(path, broken=lambda _: None)
    writes = [database.write(note(number)) for number in range(50)]
    await asyncio.get_running_loop().run_in_executor(None, database.close)
    assert await asyncio.gather(*writes) == list(range(50))
    assert on_disk(path) == list(range(50))


# --- bounds


async def test_a_write_is_refused_at_once_when_too_much_waits(database: ThreadedDatabase, path: Path) -> None:
    with held_up(database):
        writes = [database.write(note(number)) for number in range(MAX_QUEUED)]
        with pytest.raises(Refused) as caught:
            database.write(note(-1))
    assert caught.value.reason is Reason.BANK_BUSY
    assert caught.value.retry_after_ms > 0
    await asyncio.gather(*writes)
    assert on_disk(path) == list(range(MAX_QUEUED))


async def test_a_full_disk_is_said_as_such_and_the_writer_goes_on(database: ThreadedDatabase, path: Path) -> None:
    def limit(pages: int) -> Callable[[Connection], None]:
        return lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}").close()

    await database.write(limit(1))
    with held_up(database):
        small, large = database.write(note(1)), database.write(note(2, "x" * 100_000))
    assert await small == 1
    with pytest.raises(Refused) as caught:
        await large
    assert caught.value.reason is Reason.STORAGE_FULL
    assert caught.value.retry_after_ms > 0
    assert on_disk(path) == [1]

    await database.write(limit(1000))
    assert await database.write(note(2, "x" * 100_000)) == 2


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("database or disk is full", Trouble.FULL),
        ("disk I/O error", Trouble.BROKEN),
        ("database disk image is malformed", Trouble.BROKEN),
        ("file is not a database", Trouble.BROKEN),
        ("UNIQUE constraint failed: records.record_id", Trouble.OTHER),
        ("database is locked", Trouble.OTHER),
    ],
)
def test_an_error_without_a_result_code_is_told_by_sqlites_own_words(words: str, meaning: Trouble) -> None:
    assert trouble(Exception(words)) is meaning


@pytest.mark.parametrize(
    ("code", "meaning"),
    [(13, Trouble.FULL), (10, Trouble.BROKEN), (10 | 3 << 8, Trouble.BROKEN), (11, Trouble.BROKEN),
     (26, Trouble.BROKEN), (19 | 8 << 8, Trouble.OTHER), (5, Trouble.OTHER)],
)  # fmt: skip
def test_a_result_code_counts_whatever_the_words_are(code: int, meaning: Trouble) -> None:
    error = SQLITE.OperationalError("file is not what it was")
    error.sqlite_errorcode = code
    assert trouble(error) is meaning


def overwrite(path: Path, *, page: int, pages: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[page * 4096 : (page + pages) * 4096] = b"\xff" * (pages * 4096)
    path.write_bytes(raw)


@pytest.mark.parametrize("who", ["write", "read"])
async def test_a_database_that_was_damaged_under_way_stops_the_process(path: Path, who: str) -> None:
    """A second look at a disk that failed once proves nothing, so nothing more is written by this process; nor is
    anybody told what it read."""
    statement = {"write": "UPDATE notes SET text = 'y'", "read": "SELECT sum(length(text)) FROM notes"}[who]
    with contextlib.closing(SQLITE.connect(str(path))) as connection:
        connection.executemany("INSERT INTO notes VALUES (?, ?)", [(n, "x" * 900) for n in range(500)])
        connection.commit()
    overwrite(path, page=2, pages=4)
    broken: list[Exception] = []
    database = ThreadedDatabase(path, broken=broken.append)
    try:
        with pytest.raises(DBAPIError):
            await getattr(database, who)(lambda c: c.exec_driver_sql(statement).rowcount)
    finally:
        database.close()
    assert broken
    assert isinstance(broken[0], DBAPIError)
    assert trouble(broken[0].orig) is Trouble.BROKEN


# --- readers


async def test_a_reader_cannot_write(database: ThreadedDatabase, path: Path) -> None:
    with pytest.raises(DBAPIError, match="readonly"):
        await database.read(note(1))
    assert on_disk(path) == []


async def test_a_reader_is_not_held_up_by_the_writer_and_sees_only_what_was_committed(
    database: ThreadedDatabase,
) -> None:
    def count(connection: Connection) -> int:
        return int(connection.exec_driver_sql("SELECT count(*) FROM notes").scalar() or 0)

    wrote, go = threading.Event(), threading.Event()

    def write_slowly(connection: Connection) -> None:
        note(1)(connection)
        wrote.set()
        go.wait(20)

    writing = database.write(write_slowly)
    await asyncio.get_running_loop().run_in_executor(None, wrote.wait, 20)
    assert await database.read(count) == 0
    go.set()
    await writing
    assert await database.read(count) == 1


# --- what the database itself refuses


@pytest.mark.parametrize("amount", ["'12.50'", "12.5", "9223372036854775808", "NULL", "0", "-1", "1000000000000000"])
def test_no_column_of_money_takes_text_fractions_or_what_is_out_of_range(tmp_path: Path, amount: str) -> None:
    path = tmp_path / "bank.db"
    path.touch()
    engine = open_engine(path)
    with engine.begin() as connection:
        bank_service.tables.metadata.create_all(connection)
        for statement in append_only("entries").values():
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        with pytest.raises(DBAPIError):
            connection.exec_driver_sql(f"INSERT INTO entries VALUES (1, 1, x'00', 1, 2, {amount}, 0, 0)")
        assert connection.exec_driver_sql("SELECT count(*) FROM entries").scalar() == 0
        connection.rollback()
    engine.dispose()
