"""What has no number: a crash that lost an order, an audit that did not read all, a process that is missing."""

import json
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit.report import FileReport, Report
from benchmarks import crashes
from benchmarks.audits import audited, records_of
from benchmarks.crashes import crash_requests, faults_of_recovery, states_after
from benchmarks.customers import Customers
from benchmarks.failures import RunFailed
from benchmarks.load import Load
from benchmarks.network import Running
from benchmarks.orders import Payee, Payees
from benchmarks.plan import BANKS, BATCH
from clients.launcher.home import Home
from clients.launcher.network import Member, Network
from interbank.locking import take_lock
from protos.v1 import gateway_pb2, order_pb2


def test_the_orders_of_a_crash_are_as_many_as_the_plan_says_and_no_two_share_a_key():
    payees = {bank: (Payee(1001, "a"), Payee(1002, "b")) for bank in BANKS}
    customers = Customers((), payees, "", "")
    requests = crash_requests(Load("", b"", customers, (), 0.0, 1, "run-1"), 4000)
    assert [len(request.orders) for request in requests] == [1000] * 4
    assert {request.on_authority_of_bank for request in requests} == set(BANKS)
    assert len({order.idempotency_key for request in requests for order in request.orders}) == 4000
    assert all(order.payer_bank == one.on_authority_of_bank for one in requests for order in one.orders)


IDS = [bytes([number]) * 16 for number in range(5)]


PAID = [(identity, "COMPLETED") for identity in IDS]


def test_a_crash_after_which_every_accepted_order_is_completed_has_a_number():
    assert faults_of_recovery(IDS, PAID[::-1]) == []


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (PAID[1:], "1 lost"),
        ([], "5 lost"),
        ([*PAID, (b"x" * 16, "COMPLETED")], "1 that nobody handed over"),
        ([*PAID, PAID[0]], "1 that nobody handed over"),
        ([*PAID[1:], (IDS[0], "REFUSED")], "1 REFUSED"),
        ([*PAID[1:], (IDS[0], "ACCEPTED")], "1 ACCEPTED"),
    ],
)
def test_a_crash_that_lost_made_or_left_an_order_has_none(found, fault):
    assert faults_of_recovery(IDS, found) == [f"of 5 orders {fault}"]


def test_two_orders_that_were_accepted_under_one_id_are_told():
    faults = faults_of_recovery([*IDS, IDS[0]], PAID)
    assert "of 6 orders 1 accepted under the id of another" in faults


def test_an_order_that_a_crash_lost_from_the_journal_is_missed(tmp_path):
    journal = tmp_path / "gateway.db"
    earlier = (b"e" * 16, "REFUSED")
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("CREATE TABLE transfers (journal_id INTEGER PRIMARY KEY, transfer_id BLOB, state TEXT)")
        connection.executemany("INSERT INTO transfers (transfer_id, state) VALUES (?, ?)", [earlier, *PAID])
    assert faults_of_recovery(IDS, states_after(journal, 1)) == []
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("DELETE FROM transfers WHERE transfer_id = ?", (IDS[2],))
    assert faults_of_recovery(IDS, states_after(journal, 1)) == ["of 5 orders 1 lost"]


def _audit(*names: str, **changes: Any) -> Report:
    files = tuple(FileReport(f"/{name}", "bank", name, "EUR", "1", 7, 10, "", "", "", "") for name in names)
    return replace(Report("verify", files, (), (), None, (), (), ()), **changes)


def test_an_audit_of_every_file_tells_how_many_records_it_read():
    assert records_of(_audit("gateway", "NORTH"), {"gateway", "NORTH"}) == 20


@pytest.mark.parametrize(
    ("report", "why"),
    [
        (_audit("gateway"), "read gateway, and not NORTH, gateway"),
        (_audit(), "read nothing"),
        (_audit("gateway", "NORTH", "SOUTH"), "read NORTH, SOUTH, gateway"),
        (_audit("gateway", "NORTH", not_read=("/home/x.db",)), "could not read /home/x.db"),
        (_audit("gateway", "NORTH", findings=("a hash",)), "found something: a hash"),
    ],
)
def test_an_audit_that_did_not_read_all_or_found_something_ends_without_a_number(report, why):
    with pytest.raises(RunFailed, match=why):
        records_of(report, {"gateway", "NORTH"})


async def test_a_network_whose_files_cannot_be_audited_ends_without_a_number(tmp_path):
    with pytest.raises(RunFailed, match="the audit could not be made"):
        audited(Running(Home(tmp_path), Network("", "EUR", 1), b""))


def test_a_process_that_does_not_run_is_missed(tmp_path):
    home = Home(tmp_path)
    running = Running(home, Network("", "EUR", 1, banks=(Member("NORTH", "EUR", 3), Member("SOUTH", "EUR", 4))), b"")
    locks = []
    for place in (home.gateway, home.bank("NORTH"), home.bank("SOUTH")):
        place.database.parent.mkdir(parents=True, exist_ok=True)
        locks.append(take_lock(place.database))
        place.lock.write_text(json.dumps({"ready": True, "pid": os.getpid(), "name": place.name}))
    assert set(running.pids) == {"gateway", "NORTH", "SOUTH"}
    os.close(locks.pop())
    with pytest.raises(RunFailed, match="not running: SOUTH"):
        _ = running.pids
    home.bank("NORTH").lock.write_text("{}")
    with pytest.raises(RunFailed, match="not running: NORTH, SOUTH"):
        _ = running.pids
    for lock in locks:
        os.close(lock)


class _Crashed:
    """Payments through a network whose gateway takes up all orders of a crash but those it has lost."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, *, lost: int) -> None:
        self.said: list[str] = []
        self.say = self.said.append
        self.home = Home(directory)
        self.running = self
        self.sent_again = False
        self._lost = lost
        self._ids: list[bytes] = []
        self.home.gateway.database.parent.mkdir()
        self._sql("CREATE TABLE transfers (journal_id INTEGER PRIMARY KEY, transfer_id BLOB, state TEXT)", [()])
        monkeypatch.setattr(crashes, "_kill_when_all_are_answered", self._kill)
        monkeypatch.setattr(crashes, "_send_again", self._send_again)

    def load(self, seconds: float) -> Load:
        payees = {bank: Payees(bank, 2) for bank in BANKS}
        return Load("", b"", Customers((), payees, "", ""), (), seconds, 1, "run-1")

    def start(self) -> None:
        rows = [(identity, "COMPLETED") for identity in self._ids[self._lost :]]
        self._sql("INSERT INTO transfers (transfer_id, state) VALUES (?, ?)", rows)

    def _kill(self, _payments: Any, _victim: str, requests: Sequence[Any]) -> tuple[list[Any], float]:
        orders = [order for request in requests for order in request.orders]
        self._ids = [number.to_bytes(16, "big") for number in range(len(orders))]
        transfers = [
            gateway_pb2.Submission(transfer=order_pb2.Transfer(transfer_id=identity, order=order))
            for identity, order in zip(self._ids, orders, strict=True)
        ]
        batches = [transfers[first : first + BATCH] for first in range(0, len(transfers), BATCH)]
        return [gateway_pb2.SubmitTransfersResponse(submissions=some) for some in batches], time.perf_counter()

    def _send_again(self, *_: Any) -> None:
        self.sent_again = True

    def _sql(self, query: str, rows: list[Any]) -> None:
        with closing(sqlite3.connect(self.home.gateway.database)) as connection, connection:
            connection.executemany(query, rows)


def test_a_crash_is_judged_before_anything_is_sent_again(tmp_path, monkeypatch):
    lossy = _Crashed(tmp_path, monkeypatch, lost=3)
    with pytest.raises(RunFailed, match="after a crash of gateway: of 2,000 orders 3 lost"):
        crashes.crash(lossy, "gateway", 2000)
    assert not lossy.sent_again


def test_a_crash_that_lost_nothing_has_a_time(tmp_path, monkeypatch):
    whole = _Crashed(tmp_path, monkeypatch, lost=0)
    seconds, under_way = crashes.crash(whole, "gateway", 2000)
    assert 0 < seconds < 60
    assert under_way == 0
    assert whole.sent_again
    assert whole.said[-1].startswith("SIGKILL of gateway, 0 under way")
