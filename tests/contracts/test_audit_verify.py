"""Edits of database files, each made on a copy of clean books, and exactly what the auditor finds then."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from audit.commands import verify
from audit.findings import Finding, Kind
from tests.audit_books import Network, edited, identity, rechain, small_network

NORTH, SOUTH, GATEWAY = "banks/NORTH/bank.db", "banks/SOUTH/bank.db", "gateway/gateway.db"

# Each edit: what was done, to which file, and every kind of finding that follows.
EDITS: list[tuple[str, str, str, str]] = [
    # The ledger
    (
        "another amount in an entry", SOUTH, "UPDATE entries SET amount = 9934 WHERE entry_id = 2",
        "ENTRY_ARITHMETIC_WRONG ENTRY_IS_NOT_THE_ORDERS CHAIN_BROKEN AMOUNTS_DIFFER",
    ),
    (
        "another account in an entry", NORTH, "UPDATE entries SET credit_account = 1002 WHERE entry_id = 1",
        "ENTRY_ARITHMETIC_WRONG ENTRY_IS_NOT_THE_ORDERS CHAIN_BROKEN",
    ),
    (
        "an entry deleted", NORTH, "DELETE FROM entries WHERE entry_id = 3",
        "ENTRY_NUMBERS_HAVE_A_GAP ENTRY_ARITHMETIC_WRONG OUTCOME_WITHOUT_ENTRY CHAIN_BROKEN",
    ),
    (
        "the last entry deleted", NORTH, "DELETE FROM entries WHERE entry_id = 7",
        "ACCOUNT_BALANCE_DIFFERS OUTCOME_WITHOUT_ENTRY CHAIN_BROKEN",
    ),
    (
        "entries exchanged", NORTH,
        ("UPDATE entries SET record_id = CASE record_id WHEN 8 THEN -1 ELSE 8 END WHERE record_id IN (8, 10); "
        "UPDATE entries SET record_id = 10 WHERE record_id = -1"),
        "ENTRIES_OUT_OF_ORDER ENTRY_IS_NOT_THE_ORDERS CHAIN_BROKEN AMOUNTS_DIFFER",
    ),
    (
        "a balance raised", NORTH, "UPDATE accounts SET balance = balance + 1 WHERE account = 1001",
        "ACCOUNT_BALANCE_DIFFERS ACCOUNTS_DO_NOT_SUM_TO_ZERO",
    ),
    (
        "money moved between accounts without an entry", NORTH,
        ("UPDATE accounts SET balance = balance + CASE account WHEN 1001 THEN 10 ELSE -10 END "
        "WHERE account IN (1001, 1002)"),
        "ACCOUNT_BALANCE_DIFFERS",
    ),
    (
        "a customer below zero", NORTH,
        ("UPDATE accounts SET balance = balance + CASE account WHEN 1001 THEN 100 ELSE -100 END "
        "WHERE account IN (1001, 1002)"),
        "ACCOUNT_BALANCE_DIFFERS BALANCE_OUT_OF_BOUNDS",
    ),
    (
        "the balance after the last entry", NORTH, "UPDATE entries SET credit_balance_after = 51 WHERE entry_id = 6",
        "ENTRY_ARITHMETIC_WRONG ACCOUNT_BALANCE_DIFFERS CHAIN_BROKEN",
    ),
    (
        "another payer in an entry", NORTH, "UPDATE entries SET debit_account = 0 WHERE entry_id = 6",
        "ENTRY_ARITHMETIC_WRONG ENTRY_IS_NOT_THE_ORDERS ACCOUNT_BALANCE_DIFFERS CHAIN_BROKEN",
    ),
    (
        "the clearing account emptied", SOUTH, "UPDATE accounts SET balance = 0 WHERE account = -2",
        "ACCOUNT_BALANCE_DIFFERS ACCOUNTS_DO_NOT_SUM_TO_ZERO CLEARING_NOT_EXPLAINED",
    ),
    # The stream of records
    (
        "a record deleted", NORTH, "DELETE FROM records WHERE record_id = 9",
        "RECORD_NUMBERS_HAVE_A_GAP CONTENT_WITHOUT_RECORD CHAIN_BROKEN",
    ),
    (
        "a record's time set back", NORTH, "UPDATE records SET recorded_at = recorded_at - 5000 WHERE record_id = 10",
        "TIME_WENT_BACK CHAIN_BROKEN",
    ),
    (
        "a record called otherwise", NORTH, "UPDATE records SET kind = 'REFUSED' WHERE record_id = 10",
        "RECORD_KIND_DIFFERS CHAIN_BROKEN",
    ),
    (
        "a chain hash overwritten", NORTH, "UPDATE records SET chain_hash = zeroblob(32) WHERE record_id = 13",
        "CHAIN_BROKEN HISTORY_REWRITTEN",
    ),
    (
        "an act deleted", NORTH, "DELETE FROM acts WHERE record_id = 6",
        "RECORD_HOLDS_NOT_ONE_THING ACCOUNT_ACTS_DIFFER CHAIN_BROKEN",
    ),
    # Orders and outcomes
    (
        "an order's reference", NORTH, "UPDATE outcomes SET reference = 'x' WHERE record_id = 10",
        "FINGERPRINT_WRONG CHAIN_BROKEN ORDERS_DIFFER",
    ),
    (
        "an order's amount", NORTH, "UPDATE outcomes SET amount = amount + 1 WHERE record_id = 10",
        "FINGERPRINT_WRONG ENTRY_IS_NOT_THE_ORDERS CHAIN_BROKEN AMOUNTS_DIFFER CLEARING_NOT_EXPLAINED",
    ),
    (
        "an order's principal", NORTH, "UPDATE outcomes SET principal = 'user:mallory' WHERE record_id = 10",
        "TRANSFER_ID_WRONG CHAIN_BROKEN ORDERS_DIFFER",
    ),
    (
        "the reason of a refusal", NORTH, "UPDATE outcomes SET reason = 'ACCOUNT_FROZEN' WHERE record_id = 11",
        "CHAIN_BROKEN",
    ),
    (
        "a refusal turned into a debit", NORTH,
        "UPDATE outcomes SET outcome = 'DEBITED', reason = '' WHERE record_id = 11",
        ("RECORD_KIND_DIFFERS OUTCOME_WITHOUT_ENTRY CHAIN_BROKEN OPEN_DEBITS_DIFFER CLEARING_NOT_EXPLAINED "
        "STATES_DIFFER EVIDENCE_DIFFERS"),
    ),
    (
        "a booking turned into a refusal", NORTH,
        "UPDATE outcomes SET outcome = 'REFUSED', reason = 'ACCOUNT_FROZEN' WHERE record_id = 15",
        "RECORD_KIND_DIFFERS REFUSAL_MOVED_MONEY CHAIN_BROKEN STATES_DIFFER EVIDENCE_DIFFERS",
    ),
    (
        "a return turned into a settlement", NORTH,
        "UPDATE conclusions SET outcome = 'SETTLED', evidence_kind = 'CREDITED' WHERE outcome = 'RETURNED'",
        ("RECORD_KIND_DIFFERS REFUSAL_MOVED_MONEY CHAIN_BROKEN CLEARING_NOT_EXPLAINED SETTLED_WITHOUT_CREDIT "
        "EVIDENCE_DIFFERS"),
    ),
    (
        "a return deleted", NORTH, "DELETE FROM conclusions WHERE outcome = 'RETURNED'",
        ("RECORD_HOLDS_NOT_ONE_THING ENTRY_WITHOUT_OUTCOME CHAIN_BROKEN OPEN_DEBITS_DIFFER CLEARING_NOT_EXPLAINED "
        "STATES_DIFFER EVIDENCE_DIFFERS"),
    ),
    (
        "a conclusion of what was refused", NORTH,
        ("UPDATE conclusions SET transfer_id = (SELECT transfer_id FROM outcomes WHERE record_id = 11) "
        "WHERE record_id = 9"),
        "CONCLUSION_WITHOUT_DEBIT CHAIN_BROKEN OPEN_DEBITS_DIFFER SETTLED_WITHOUT_CREDIT EVIDENCE_DIFFERS",
    ),
    (
        "a credit for a customer of another bank", SOUTH,
        "UPDATE outcomes SET payee_bank = 'EAST' WHERE record_id = 7",
        "OUTCOME_OF_ANOTHER_BANK FINGERPRINT_WRONG CHAIN_BROKEN ORDERS_DIFFER",
    ),
    ("an open debit hidden", NORTH, "DELETE FROM open_debits WHERE record_id = 16", "OPEN_DEBITS_DIFFER"),
    (
        "a debit opened again", NORTH,
        "INSERT INTO open_debits SELECT record_id, transfer_id, payer_account FROM outcomes WHERE record_id = 8",
        "OPEN_DEBITS_DIFFER",
    ),
    # Accounts
    (
        "an account that nobody opened", NORTH,
        "INSERT INTO accounts VALUES (1003, 'customer', 'mallory', 'EUR', 'OPEN', 0)", "ACCOUNT_ACTS_DIFFER",
    ),
    (
        "an account in another name", NORTH, "UPDATE accounts SET username = 'mallory' WHERE account = 1002",
        "ACCOUNT_ACTS_DIFFER",
    ),
    (
        "an account in another currency", NORTH, "UPDATE accounts SET currency = 'JPY' WHERE account = 1002",
        "ACCOUNT_ACTS_DIFFER",
    ),
    ("an account thawed", SOUTH, "UPDATE accounts SET status = 'OPEN' WHERE account = 1001", "ACCOUNT_ACTS_DIFFER"),
    ("a currency's scale", NORTH, "UPDATE currencies SET scale = 1000 WHERE currency = 'EUR'", "SCALE_ALTERED"),
    # The journal
    (
        "another state in the journal", GATEWAY,
        "UPDATE transfers SET state = 'REFUSED', reason = 'ACCOUNT_FROZEN' WHERE journal_id = 1",
        "JOURNAL_ROW_INCONSISTENT STATES_DIFFER",
    ),
    (
        "an order deleted from the journal", GATEWAY, "DELETE FROM transfers WHERE journal_id = 2",
        "JOURNAL_NUMBERS_HAVE_A_GAP NOT_IN_THE_JOURNAL",
    ),
    (
        "another amount in the journal", GATEWAY, "UPDATE transfers SET amount = 9999 WHERE journal_id = 1",
        "FINGERPRINT_WRONG AMOUNTS_DIFFER",
    ),
    (
        "another principal in the journal", GATEWAY,
        "UPDATE transfers SET principal = 'user:mallory' WHERE journal_id = 1", "TRANSFER_ID_WRONG ORDERS_DIFFER",
    ),
    (
        "another evidence in the journal", GATEWAY, "UPDATE transfers SET debit_record_id = 9 WHERE journal_id = 7",
        "EVIDENCE_DIFFERS",
    ),
    (
        "half of an evidence in the journal", GATEWAY,
        "UPDATE transfers SET debit_record_id = NULL WHERE journal_id = 1", "JOURNAL_ROW_INCONSISTENT",
    ),
    (
        "a suspended transfer", GATEWAY, "UPDATE transfers SET suspended = 'two answers' WHERE journal_id = 1",
        "TRANSFER_SUSPENDED",
    ),
    # What files have seen of each other
    (
        "evidence of another record", SOUTH, "UPDATE outcomes SET evidence_record_id = 10 WHERE record_id = 7",
        "CHAIN_BROKEN EVIDENCE_DIFFERS",
    ),
    (
        "a position beyond the end", GATEWAY, "UPDATE banks SET head_record_id = 99 WHERE bank = 'NORTH'",
        "BANK_INCOMPLETE",
    ),
    (
        "a position with another hash", GATEWAY,
        "UPDATE banks SET head_chain_hash = zeroblob(32) WHERE bank = 'NORTH'", "HISTORY_REWRITTEN",
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def clean_books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two banks and a gateway with every kind of transfer, as files at rest."""
    network = small_network(tmp_path_factory.mktemp("books") / "home")
    network.close()
    return network.home


@pytest.fixture
def home(clean_books: Path, tmp_path: Path) -> Path:
    """A copy of the clean books to do harm to."""
    return Path(shutil.copytree(clean_books, tmp_path / "home"))


def found(home: Path) -> set[str]:
    """The kinds of all findings."""
    return {finding.kind.name for finding in verify([home]).findings}


def lines(home: Path, kind: Kind) -> list[str]:
    """What is said of one kind of finding."""
    return [finding.line for finding in verify([home]).findings if finding.kind is kind]


def edit(path: Path, statements: str) -> None:
    """Carry statements out on a file, past its triggers, checks and foreign keys."""
    with edited(path) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements.split("; "):
            assert db.execute(statement).rowcount > 0


def test_clean_books_have_no_findings(clean_books: Path) -> None:
    report = verify([clean_books])

    assert report.findings == ()
    assert report.comparison is not None
    assert report.comparison.by_state == {
        "ACCEPTED": 1, "DEBITED": 1, "COMPLETED": 3, "REFUSED": 1, "RETURNED": 1, "CANCELLED": 1
    }  # fmt: skip
    assert [totals.as_json() for totals in report.money] == [
        {
            "currency": "EUR",
            "cash_put_in": "105.00",
            "customers_hold": "98.00",
            "clearing": "7.00",
            "recovery": "0.00",
        }
    ]


@pytest.mark.parametrize(
    ("file", "statements", "kinds"), [each[1:] for each in EDITS], ids=[each[0].replace(" ", "_") for each in EDITS]
)
def test_an_edited_file_is_found_out(home: Path, file: str, statements: str, kinds: str) -> None:
    edit(home / file, statements)

    assert found(home) == set(kinds.split())


def test_one_wrong_entry_is_one_line_that_names_the_customer(home: Path) -> None:
    edit(home / SOUTH, "UPDATE entries SET amount = 9934 WHERE entry_id = 2")

    assert lines(home, Kind.ENTRY_ARITHMETIC_WRONG) == [
        "SOUTH entry 2: amount 99.34, but account 1001 went from 5.00 to 17.34"
    ]
    assert lines(home, Kind.AMOUNTS_DIFFER) == [
        "41a4cb87: journal 12.34, NORTH 12.34, SOUTH 99.34, SOUTH's order 12.34"
    ]


@pytest.mark.parametrize(
    ("statements", "kinds"),
    [
        ("UPDATE entries SET amount = 9934 WHERE entry_id = 2", "ENTRY_ARITHMETIC_WRONG ENTRY_IS_NOT_THE_ORDERS"),
        ("UPDATE outcomes SET reference = 'x' WHERE record_id = 10", "FINGERPRINT_WRONG ORDERS_DIFFER"),
        ("UPDATE outcomes SET reason = 'ACCOUNT_FROZEN' WHERE record_id = 11", ""),
        ("UPDATE acts SET actor = 'nobody' WHERE record_id = 5", ""),
    ],
)
def test_hashes_computed_anew_do_not_hide_an_edit_from_those_who_saw_the_record(
    home: Path, statements: str, kinds: str
) -> None:
    edit(home / NORTH, statements)
    rechain(home / NORTH)

    differing = {"AMOUNTS_DIFFER"} if "amount" in statements else set()
    assert found(home) == {"HISTORY_REWRITTEN", *kinds.split(), *differing}


def test_a_rewritten_history_is_named_from_the_first_record_on_that_somebody_saw(home: Path) -> None:
    edit(home / NORTH, "UPDATE acts SET actor = 'nobody' WHERE record_id = 5")
    rechain(home / NORTH)

    (line,) = lines(home, Kind.HISTORY_REWRITTEN)
    assert line.startswith("NORTH record 8: journal saw another record here: it had another chain hash, and so had 7 ")


def test_cash_at_the_counter_is_part_of_clean_books(tmp_path: Path) -> None:
    network = Network(tmp_path / "home", ["NORTH"])
    north = network.banks["NORTH"]
    north.open_account(1001, "alice")
    deposit = ("NORTH", -1, "NORTH", 1001, "alice", 500, "EUR", "", "in")
    withdrawal = ("NORTH", 1001, "NORTH", -1, "alice", 200, "EUR", "", "out")
    north.decide("DEPOSIT", "BOOKED", "user:alice", deposit, move=(-1, 1001))
    north.decide("WITHDRAW", "BOOKED", "user:alice", withdrawal, move=(1001, -1))
    network.close()

    assert verify([network.home]).findings == ()


def raise_a_deposit(path: Path, amount: int) -> None:
    """A rewrite of a bank's last deposit that is consistent in itself: order, id, entry, balances and hashes."""
    with edited(path) as db:
        record, old_id, principal, *order = db.execute(
            "SELECT record_id, transfer_id, principal, payer_bank, payer_account, payee_bank, payee_account, "
            "payee_name, amount, currency, reference, idempotency_key FROM outcomes WHERE instruction = 'ADD_MONEY' "
            "ORDER BY record_id DESC LIMIT 1"
        ).fetchone()
        more = amount - order[5]
        order[5] = amount
        new_id, fingerprint = identity(principal, tuple(order), "money-added")
        values = (new_id, fingerprint, amount, record)
        db.execute("UPDATE outcomes SET transfer_id = ?, fingerprint = ?, amount = ? WHERE record_id = ?", values)
        db.execute("UPDATE entries SET transfer_id = ?, amount = ? WHERE transfer_id = ?", (new_id, amount, old_id))
        (first,) = db.execute("SELECT entry_id FROM entries WHERE transfer_id = ?", (new_id,)).fetchone()
        for account, change in ((-1, -more), (order[3], more)):
            db.execute("UPDATE accounts SET balance = balance + ? WHERE account = ?", (change, account))
            for side in ("debit", "credit"):
                db.execute(
                    f"UPDATE entries SET {side}_balance_after = {side}_balance_after + ? "
                    f"WHERE {side}_account = ? AND entry_id >= ?",
                    (change, account, first),
                )
    rechain(path)


def test_a_consistent_rewrite_is_found_if_anybody_saw_a_later_record(home: Path) -> None:
    raise_a_deposit(home / NORTH, 99_999_00)

    assert found(home) == {"HISTORY_REWRITTEN"}


def test_a_consistent_rewrite_that_nobody_can_contradict_is_said_to_be_invisible(tmp_path: Path) -> None:
    network = Network(tmp_path / "home", ["NORTH"])
    north = network.banks["NORTH"]
    north.open_account(1001, "alice")
    north.add_money(1001, "alice", 100, "cash")
    network.close()
    raise_a_deposit(north.path, 99_999_00)

    report = verify([network.home])

    assert report.findings == ()
    assert report.not_visible[0] == (
        "a rewrite of NORTH's records from 1 to 6 that is consistent in itself: no other file here has seen them"
    )


def test_a_dropped_trigger_is_found(home: Path) -> None:
    db = sqlite3.connect(home / NORTH)
    db.execute("DROP TRIGGER entries_no_update")
    db.execute("DROP TRIGGER acts_no_delete")
    db.execute("CREATE TRIGGER acts_no_delete BEFORE DELETE ON acts BEGIN SELECT 1; END")
    db.close()

    assert lines(home, Kind.TRIGGER_MISSING) == [
        "NORTH trigger entries_no_update: is not there; rows could be changed",
        "NORTH trigger acts_no_delete: is there and stops nothing",
    ]


def test_a_second_answer_is_found(home: Path) -> None:
    with edited(home / NORTH) as db:
        db.execute("DROP INDEX uq_conclusions_transfer_id")
        db.execute("INSERT INTO records SELECT 17, max(recorded_at), 'RETURNED', zeroblob(32) FROM records")
        db.execute(
            "INSERT INTO conclusions SELECT 17, transfer_id, 'RETURNED', 'SOUTH', 'REFUSED', 7, x'00' FROM conclusions "
            "WHERE record_id = 9"
        )

    assert {"ANSWERED_TWICE", "OUTCOME_WITHOUT_ENTRY", "CHAIN_BROKEN"} <= found(home)
    assert lines(home, Kind.ANSWERED_TWICE) == ["NORTH 41a4cb87: 2 conclusions of one debit"]


def test_a_second_order_under_one_key_is_found(home: Path) -> None:
    with edited(home / NORTH) as db:
        db.execute("DROP INDEX uq_outcomes_principal_idempotency_key")
        db.execute("UPDATE outcomes SET idempotency_key = 'rent' WHERE record_id = 10")

    assert lines(home, Kind.ANSWERED_TWICE) == ["NORTH key 'rent' of user:alice: 2 orders under one key"]


def loosen(path: Path) -> None:
    """Make the table of entries anew without STRICT, so that it takes anything."""
    with edited(path) as db:
        (statement,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'entries'").fetchone()
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'entries'", (statement.rpartition(")")[0] + ")",))
        db.execute("PRAGMA writable_schema = OFF")


def cut(path: Path) -> None:
    """Lose the second half of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip(path: Path) -> None:
    """Overwrite one page in the middle."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\x5a" * 4096
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [loosen, cut, flip])
def test_a_file_that_cannot_be_believed_is_a_finding_and_no_crash(home: Path, harm: Callable[[Path], None]) -> None:
    harm(home / SOUTH)

    report = verify([home])

    kinds = {Kind.TABLE_ALTERED, Kind.FILE_DAMAGED, Kind.FILE_UNREADABLE}
    assert kinds & {finding.kind for finding in report.findings if finding.where in ("SOUTH", "")}
    assert not [finding for finding in report.findings if finding.where == "NORTH"]


def test_a_table_that_takes_anything_is_not_read(home: Path) -> None:
    loosen(home / SOUTH)
    edit(home / SOUTH, "UPDATE entries SET amount = 'much' WHERE entry_id = 2")

    report = verify([home])

    assert [finding.line for finding in report.findings] == ["SOUTH table entries: is no longer STRICT"]
    assert "SOUTH: its rows could not be compared with other files" in report.not_checked


def test_every_bit_of_the_ledger_counts(home: Path) -> None:
    """SQLite itself says "ok" to a flipped bit in an amount; the chain does not."""
    path = home / SOUTH
    content = bytearray(path.read_bytes())
    place = content.rindex(b"for rent")
    content[place] ^= 1
    path.write_bytes(content)

    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert found(home) == {"CHAIN_BROKEN", "FINGERPRINT_WRONG", "ORDERS_DIFFER"}


def test_a_finding_says_the_same_to_people_and_to_programs(home: Path) -> None:
    edit(home / NORTH, "UPDATE accounts SET username = 'mallory' WHERE account = 1002")

    (finding,) = verify([home]).findings

    assert finding == Finding(
        Kind.ACCOUNT_ACTS_DIFFER, "NORTH", "account 1002", "is OPEN 'mallory'; by the acts it is OPEN 'carol'"
    )
    assert finding.line == "NORTH account 1002: is OPEN 'mallory'; by the acts it is OPEN 'carol'"
    assert finding.as_json()["kind"] == "ACCOUNT_ACTS_DIFFER"


def test_records_that_are_missing_are_not_excused_by_a_list_that_no_act_bears_out(home: Path) -> None:
    gone = (f"DELETE FROM {table} WHERE record_id = 8" for table in ("outcomes", "entries", "records"))
    edit(home / NORTH, "; ".join(("INSERT INTO lost_records VALUES (9, 1, 8)", *gone)))

    (line,) = lines(home, Kind.LOST_RECORDS_DIFFER)
    assert line == "NORTH record 9: says nothing of records 1 to 8, which are listed as lost"
