"""Journal, payer's bank and payee's bank against each other: what can be true together, and what cannot."""

import itertools
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from audit import files
from audit.cases import NOTHING, BankRow, Case, JournalRow
from audit.commands import reconcile
from audit.files import OpenFile
from audit.findings import Kind
from audit.judgement import judge
from audit.positions import positions
from audit.report import Report
from audit.text import position_lines, report_lines
from audit.trail import trail
from tests.audit_books import Network, identity, small_network

ORDER = ("NORTH", 1001, "SOUTH", 1001, "bob", 1234, "EUR", "rent", "k1")
PAYER = {
    NOTHING: None,
    "DEBITED": ("DEBITED", None),
    "SETTLED": ("DEBITED", "SETTLED"),
    "RETURNED": ("DEBITED", "RETURNED"),
    "REFUSED": ("REFUSED", None),
    "NOT_DEBITED": ("NOT_DEBITED", None),
}
PAYEE = (NOTHING, "CREDITED", "REFUSED", "CANCELLED")

# For each state of the journal, what the payer's and the payee's bank may have said.
POSSIBLE = {
    "ACCEPTED": "nothing+nothing nothing+CANCELLED DEBITED+nothing DEBITED+CREDITED DEBITED+REFUSED DEBITED+CANCELLED "
    "SETTLED+CREDITED RETURNED+REFUSED RETURNED+CANCELLED REFUSED+nothing REFUSED+CANCELLED NOT_DEBITED+nothing "
    "NOT_DEBITED+CANCELLED",
    "DEBITED": "DEBITED+nothing DEBITED+CREDITED DEBITED+REFUSED DEBITED+CANCELLED SETTLED+CREDITED RETURNED+REFUSED "
    "RETURNED+CANCELLED",
    "CANCELLING": "nothing+nothing nothing+CANCELLED DEBITED+nothing DEBITED+CREDITED DEBITED+REFUSED "
    "DEBITED+CANCELLED SETTLED+CREDITED RETURNED+REFUSED RETURNED+CANCELLED REFUSED+nothing REFUSED+CANCELLED "
    "NOT_DEBITED+nothing NOT_DEBITED+CANCELLED",
    "RETURNING": "nothing+CANCELLED DEBITED+REFUSED DEBITED+CANCELLED RETURNED+REFUSED RETURNED+CANCELLED "
    "REFUSED+CANCELLED NOT_DEBITED+CANCELLED",
    "COMPLETED": "DEBITED+CREDITED SETTLED+CREDITED",
    "REFUSED": "REFUSED+nothing REFUSED+CANCELLED",
    "RETURNED": "RETURNED+REFUSED RETURNED+CANCELLED",
    "CANCELLED": "NOT_DEBITED+nothing NOT_DEBITED+CANCELLED",
}


def bank_row(record: int, outcome: str, conclusion: str | None = None) -> BankRow:
    """A bank's row of one and the same order, without evidence."""
    moved = ORDER[5] if outcome in ("DEBITED", "CREDITED", "BOOKED") else None
    concluded = (conclusion, record + 1 if conclusion else None, bytes(32) if conclusion else None)
    row = (bytes(16), *ORDER, bytes(32), "user:alice", record, bytes(32), 0, outcome, moved)
    return BankRow._make((*row, *(None,) * 4, *concluded, ORDER[5] if conclusion == "RETURNED" else None, *(None,) * 4))


def case(state: str, payer: str, payee: str) -> Case:
    """A transfer as the journal and two banks have it."""
    journal = JournalRow._make((bytes(16), *ORDER, bytes(32), "user:alice", state, "", *(None,) * 8))
    banks = {}
    if (said := PAYER[payer]) is not None:
        banks["NORTH"] = bank_row(1, *said)
    if payee != NOTHING:
        banks["SOUTH"] = bank_row(1, payee)
    return Case(journal, journal, banks, True, {"NORTH": 9, "SOUTH": 9}, frozenset(), {})


@pytest.mark.parametrize("state", POSSIBLE)
def test_every_combination_of_answers_is_either_possible_or_found(state: str) -> None:
    accepted = {
        f"{payer}+{payee}"
        for payer, payee in itertools.product(PAYER, PAYEE)
        if not list(judge(case(state, payer, payee)))
    }

    assert accepted == set(POSSIBLE[state].split())


@pytest.mark.parametrize(
    ("payer", "payee", "kind"),
    [
        (NOTHING, "CREDITED", Kind.CREDITED_WITHOUT_DEBIT),
        ("REFUSED", "CREDITED", Kind.CREDITED_WITHOUT_DEBIT),
        ("NOT_DEBITED", "CREDITED", Kind.CREDITED_WITHOUT_DEBIT),
        ("RETURNED", "CREDITED", Kind.CREDITED_AND_RETURNED),
        ("SETTLED", NOTHING, Kind.SETTLED_WITHOUT_CREDIT),
        ("SETTLED", "REFUSED", Kind.SETTLED_WITHOUT_CREDIT),
    ],
)
def test_money_made_or_lost_is_called_by_its_name(payer: str, payee: str, kind: Kind) -> None:
    assert [finding.kind for finding in judge(case("COMPLETED", payer, payee))] == [kind]


def test_a_key_of_another_order_is_refused_without_a_row() -> None:
    refused = case("REFUSED", NOTHING, NOTHING)
    journal = refused.journal
    assert journal is not None

    assert list(judge(refused._replace(journal=journal._replace(reason="IDEMPOTENCY_KEY_REUSED")))) == []


def built(tmp_path: Path, build: Callable[[Network], None] = lambda _network: None) -> Network:
    """The small network, with whatever is done to it last."""
    network = small_network(tmp_path / "home")
    build(network)
    network.close()
    return network


def kinds(report: Report) -> list[str]:
    """The kinds of all findings."""
    return [finding.kind.name for finding in report.findings]


def test_money_on_its_way_is_explained_payment_by_payment(tmp_path: Path) -> None:
    report = reconcile([built(tmp_path).home])

    assert report.comparison is not None
    assert report.comparison.clearing == (("NORTH", 2034, "EUR"), ("SOUTH", -1334, "EUR"))
    (item,) = report.comparison.under_way
    assert (item.payer_bank, item.payee_bank, item.minor_units, item.state) == ("NORTH", "SOUTH", 700, "DEBITED")


def test_a_journal_that_is_behind_the_banks_is_no_difference(tmp_path: Path) -> None:
    def pay(network: Network) -> None:
        network.pay(("NORTH", 1001), ("SOUTH", 1001, "bob"), 5, "just credited", until="CREDITED")
        network.pay(
            ("NORTH", 1001), ("SOUTH", 1001, "bob"), 5, "just refused", until="RETURNING", payees_bank="CANCELLED"
        )

    report = reconcile([built(tmp_path, pay).home])

    assert report.clean
    assert report.comparison is not None
    assert [item.state for item in report.comparison.under_way] == ["DEBITED", "RETURNING"]


def test_an_older_copy_of_a_bank_is_incomplete_and_its_gaps_are_counted_once(tmp_path: Path) -> None:
    network = small_network(tmp_path / "home")
    south = network.banks["SOUTH"]
    old = sqlite3.connect(tmp_path / "old.db")
    south.db.backup(old)
    old.close()
    for number in range(3):
        network.pay(("NORTH", 1001), ("SOUTH", 1001, "bob"), 100, f"later {number}")
    network.close()
    shutil.copy(tmp_path / "old.db", south.path)

    report = reconcile([network.home])

    assert "\n".join(finding.line for finding in report.findings) == (
        "SOUTH record 14: INCOMPLETE: NORTH saw record 14, the file ends at 11; an older copy, or copied without "
        "bank.db-wal? Outcomes are missing of 3 transfers, 3.00 EUR of credits among them"
    )
    assert [file.note for file in report.files] == ["", "INCOMPLETE: NORTH saw record 14 of it", ""]


def test_without_the_gateways_file_banks_are_compared_with_each_other(tmp_path: Path) -> None:
    network = built(tmp_path)

    report = reconcile([bank.path for bank in network.banks.values()])

    assert report.clean
    assert report.comparison is not None
    assert (report.comparison.transfers, report.comparison.three_ways, report.comparison.two_ways) == (7, 0, 6)
    assert report.not_checked == ("gateway: no file, so banks were compared with each other alone",)


def test_a_bank_without_file_is_named_with_what_could_not_be_compared(tmp_path: Path) -> None:
    network = built(tmp_path)

    report = reconcile([network.gateway_path, network.banks["NORTH"].path])

    assert report.clean
    assert report.not_checked == ("SOUTH: no file (7 transfers compared without it)",)
    assert "of 8 transfers 1 agrees three ways, 7 agree two ways (" in result_of(report)


def test_one_file_alone_is_not_said_to_agree_or_to_differ(tmp_path: Path) -> None:
    network = built(tmp_path)

    report = reconcile([network.gateway_path])

    assert report.clean
    assert report.comparison is not None
    assert (report.comparison.three_ways, report.comparison.two_ways, report.comparison.one_way) == (0, 0, 8)
    assert "of 8 transfers 8 in one file alone, compared with nothing" in result_of(report)
    assert "8 in one file alone" in report.checked[0]


def result_of(report: Report) -> str:
    return list(report_lines(report))[-1]


def test_an_outcome_at_a_bank_that_the_order_does_not_name_is_found(tmp_path: Path) -> None:
    network = Network(tmp_path / "home", ["NORTH", "SOUTH", "EAST"])
    network.banks["NORTH"].open_account(1001, "alice")
    network.banks["NORTH"].add_money(1001, "alice", 100, "cash")
    network.banks["SOUTH"].open_account(1001, "bob")
    transfer_id = network.pay(("NORTH", 1001), ("SOUTH", 1001, "bob"), 50, "k1")
    order = network.order(("NORTH", 1001), ("SOUTH", 1001, "bob"), 50, "k1")
    network.banks["EAST"].decide("CANCEL_CREDIT", "CANCELLED", "user:alice", order)
    network.close()

    report = reconcile([network.home])

    assert kinds(report) == ["STRANGE_BANK"]
    assert report.findings[0].transfer_id == transfer_id


def test_who_owes_whom_is_netted_between_two_banks(tmp_path: Path) -> None:
    def pay_back(network: Network) -> None:
        network.banks["SOUTH"].open_account(1002, "dora")
        network.banks["SOUTH"].add_money(1002, "dora", 2000, "dora-cash")
        network.pay(("SOUTH", 1002), ("NORTH", 1001, "alice"), 334, "back", user="dora")

    network = built(tmp_path, pay_back)

    assert [position.line for position in positions([network.home]).positions] == ["NORTH owes SOUTH 10.00 EUR"]
    alone = positions([network.banks["NORTH"].path])
    assert [position.line for position in alone.positions] == ["SOUTH owes NORTH 3.34 EUR"]
    assert alone.not_checked == ("SOUTH: no file, so what it was paid is not counted",)


def test_banks_that_owe_each_other_the_same_owe_nothing(tmp_path: Path) -> None:
    def pay_all_back(network: Network) -> None:
        network.banks["SOUTH"].open_account(1002, "dora")
        network.banks["SOUTH"].add_money(1002, "dora", 2000, "dora-cash")
        network.pay(("SOUTH", 1002), ("NORTH", 1001, "alice"), 1334, "back", user="dora")

    owed = positions([built(tmp_path, pay_all_back).home])

    assert owed.positions == ()
    assert list(position_lines(owed)) == ["No bank owes another anything."]


PAYING = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[1:2]
from tests.audit_books import Network
network = Network(Path(sys.argv[2]))
for bank in network.banks.values():
    bank.db.execute("PRAGMA journal_mode = WAL")
    bank.db.execute("PRAGMA synchronous = OFF")
network.db.execute("PRAGMA journal_mode = WAL")
network.db.execute("PRAGMA synchronous = OFF")
north, south = network.banks.values()
north.open_account(1001, "alice")
south.open_account(1001, "bob")
north.add_money(1001, "alice", 10**12, "cash")
network.pay(("NORTH", 1001), ("SOUTH", 1001, "bob"), 1, "k0")
print("ready", flush=True)
number = 0
while True:
    number += 1
    network.pay(("NORTH", 1001), ("SOUTH", 1001, "bob"), 1, f"k{number}")
"""


@pytest.mark.slow
def test_a_running_network_gives_no_false_alarm(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    paying = subprocess.Popen(
        [sys.executable, "-c", PAYING, root, str(tmp_path / "home")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert paying.stdout is not None
        assert paying.stdout.readline() == "ready\n"
        reports = [reconcile([tmp_path / "home"]) for _ in range(10)]
    finally:
        paying.kill()
        paying.wait()

    assert [finding.line for report in reports for finding in report.findings] == []
    assert all(file.note.startswith("live") for report in reports for file in report.files)
    seen = [report.comparison.transfers for report in reports if report.comparison]
    assert seen[-1] > seen[0]


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Network:
    """A network that completes a payment in every look, after the journal's moment and before the banks'."""
    network = small_network(tmp_path / "home")
    for db in (network.db, *(bank.db for bank in network.banks.values())):
        db.execute("PRAGMA journal_mode = WAL")
    network.pay(("NORTH", 1001), ("SOUTH", 1001, "bob"), 1, "so that there is a -wal")
    numbers = itertools.count()

    def begin(file: OpenFile) -> None:
        if file.name == "SOUTH":
            network.pay(("NORTH", 1001), ("SOUTH", 1001, "bob"), 1, f"between {next(numbers)}")
        really_begin(file)

    really_begin = files.begin
    monkeypatch.setattr(files, "begin", begin)
    return network


def test_payments_between_two_reads_are_no_difference_since_the_second_look_has_others(live: Network) -> None:
    report = reconcile([live.home])

    assert report.looks == 2
    assert report.clean


def test_a_difference_on_a_running_network_counts_if_a_second_look_still_shows_it(live: Network) -> None:
    live.db.execute("DROP TRIGGER transfers_final_stays")
    live.db.execute("UPDATE transfers SET state = 'REFUSED', reason = 'ACCOUNT_FROZEN' WHERE journal_id = 1")

    report = reconcile([live.home])

    assert report.looks == 2
    assert [finding.line for finding in report.findings] == ["41a4cb87: journal REFUSED, NORTH SETTLED, SOUTH CREDITED"]


def test_a_trail_on_a_running_network_is_looked_at_twice_too(live: Network) -> None:
    """The first look meets this payment at SOUTH alone, since it was made after the other files' moments."""
    transfer_id, _ = identity("user:alice", live.order(("NORTH", 1001), ("SOUTH", 1001, "bob"), 1, "between 0"))

    found = trail(transfer_id.hex(), [live.home])

    assert found.clean
    assert [step.where for step in found.steps] == ["gateway", "NORTH", "SOUTH", "gateway", "NORTH"]
