"""Starting and stopping real processes, and knowing whether they live."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.launcher import processes
from clients.launcher.home import Home, Place
from clients.launcher.liveness import is_alive, read_report
from clients.launcher.ports import check_free, choose_block
from clients.launcher.services import Service
from interbank.refusals import Reason, Refused

# A server in small: it holds the lock, says that it is ready, and stops at SIGTERM, or ends as it is told.
SMALL_SERVER = r"""
import os, signal, sys
from pathlib import Path
from interbank.process import ProcessLock

database, behaviour = Path(sys.argv[1]), sys.argv[2]
if behaviour == "refuses":
    sys.exit("error: port 7 is taken. PORT_TAKEN\nchoose another")
if behaviour == "fails":
    sys.exit("Traceback: something else")
lock = ProcessLock(database)
if behaviour == "never ready":
    signal.pause()
if behaviour == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
lock.announce({"name": database.parent.name})
while True:
    signal.pause()
"""

tells_holders = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only /proc tells who holds a port")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "small_server.py").write_text(SMALL_SERVER)
    monkeypatch.setenv("PYTHONPATH", str(modules))
    home = Home(tmp_path / "home")
    home.create(("NORTH", "SOUTH"))
    yield home
    processes.stop_all([home.gateway, home.bank("NORTH"), home.bank("SOUTH")], now=True)


def small_server(place: Place, behaviour: str = "well") -> Service:
    return Service(place, "small_server", (str(place.database), behaviour), (), "localhost:1")


def test_a_place_where_nothing_ever_ran_is_not_alive(home: Home) -> None:
    assert not is_alive(home.gateway)
    assert read_report(home.gateway) is None


@pytest.mark.slow
def test_a_process_is_alive_until_it_is_stopped(home: Home) -> None:
    child = processes.start(small_server(home.bank("NORTH")))
    report = read_report(home.bank("NORTH"))

    assert is_alive(home.bank("NORTH"))
    assert report is not None
    assert (report.pid, report.name) == (child.pid, "NORTH")

    assert processes.stop_all([home.bank("NORTH"), home.bank("SOUTH")]) == ["NORTH"]
    assert not is_alive(home.bank("NORTH"))
    assert child.wait(10) == -signal.SIGTERM


@pytest.mark.slow
def test_a_killed_process_is_dead_though_its_report_and_its_process_id_remain(home: Home) -> None:
    child = processes.start(small_server(home.bank("NORTH")))

    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    # Nobody has asked for its exit code yet, so that the process id still answers to kill(pid, 0).
    os.kill(child.pid, 0)
    assert read_report(home.bank("NORTH")) is not None
    assert not is_alive(home.bank("NORTH"))
    child.wait(10)


@pytest.mark.slow
def test_a_stranger_with_a_dead_process_id_is_not_stopped(home: Home) -> None:
    place = home.bank("NORTH")
    stranger = subprocess.Popen(["sleep", "60"])
    place.lock.write_text(f'{{"pid": {stranger.pid}, "name": "NORTH", "ready": true}}')

    assert processes.stop_all([place], now=True) == []
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait(10)


@pytest.mark.slow
def test_a_process_that_is_refused_its_start_passes_the_reason_on(home: Home) -> None:
    with pytest.raises(Refused) as refused:
        processes.start(small_server(home.gateway, "refuses"))

    assert refused.value.reason is Reason.PORT_TAKEN
    assert refused.value.message == "gateway did not start: port 7 is taken"
    assert refused.value.hint == "choose another"


@pytest.mark.slow
def test_a_start_that_fails_shows_its_last_words_and_does_not_keep_the_others_down(home: Home) -> None:
    home.gateway.log.write_text("words of a start before this one\n")

    started = processes.start_all([small_server(home.gateway, "fails"), small_server(home.bank("NORTH"))])

    refused = started.refused["gateway"]
    assert refused.reason is Reason.PROCESS_FAILED
    assert refused.message == "gateway did not start and ended with exit code 1"
    assert "Traceback: something else" in refused.hint
    assert "words of a start before this one" not in refused.hint
    assert list(started.children) == ["NORTH"]
    assert is_alive(home.bank("NORTH"))


@pytest.mark.slow
def test_a_process_that_does_not_become_ready_is_ended(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "READY_WITHIN_SECONDS", 1)

    with pytest.raises(Refused) as refused:
        processes.start(small_server(home.bank("SOUTH"), "never ready"))

    assert refused.value.reason is Reason.NOT_READY_IN_TIME
    assert not is_alive(home.bank("SOUTH"))


@pytest.mark.slow
def test_a_process_that_does_not_stop_by_itself_is_killed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOPPED_WITHIN_SECONDS", 0.5)
    child = processes.start(small_server(home.bank("NORTH"), "stubborn"))

    processes.stop_all([home.bank("NORTH")])

    assert child.wait(10) == -signal.SIGKILL


@pytest.mark.slow
def test_a_frozen_process_is_alive_and_can_be_killed(home: Home) -> None:
    child = processes.start(small_server(home.bank("NORTH")))
    os.kill(child.pid, signal.SIGSTOP)

    assert is_alive(home.bank("NORTH"))
    processes.stop_all([home.bank("NORTH")], now=True)

    assert child.wait(10) == -signal.SIGKILL


@pytest.mark.slow
def test_what_a_process_writes_is_for_its_owner_alone(home: Home) -> None:
    processes.start(small_server(home.bank("NORTH")))

    files = [home.bank("NORTH").log, home.bank("NORTH").lock]
    assert [oct(path.stat().st_mode & 0o777) for path in files] == ["0o600", "0o600"]


@tells_holders
def test_a_port_that_is_taken_names_the_process_that_holds_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(Refused) as refused:
            check_free("localhost", port)

    assert refused.value.reason is Reason.PORT_TAKEN
    assert f"port {port} is taken by pid {os.getpid()} (" in refused.value.message
    assert "--port-base" in refused.value.hint


@tells_holders
@pytest.mark.slow
def test_a_port_that_another_network_holds_names_its_home(tmp_path: Path) -> None:
    program = (
        "import socket, sys; server = socket.create_server(('127.0.0.1', 0)); "
        "print(server.getsockname()[1], flush=True); sys.stdin.read()"
    )
    database = tmp_path / "other" / "banks" / "NORTH" / "bank.db"
    with subprocess.Popen(
        ["python3", "-c", program, "--database", str(database), "--counter"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        with pytest.raises(Refused) as refused:
            check_free("localhost", port)
        other.communicate("")

    assert f"pid {other.pid} (python3, home {tmp_path / 'other'})" in refused.value.message
    assert f"interbank down --home {tmp_path / 'other'}" in refused.value.hint


def test_a_host_that_is_not_this_computer_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        check_free("192.0.2.1", 50051)

    assert refused.value.reason is Reason.HOST_MALFORMED


def test_chosen_ports_are_free_and_in_a_row() -> None:
    first = choose_block(5)

    for port in range(first, first + 5):
        check_free("localhost", port)


@pytest.mark.slow
@pytest.mark.parametrize("address", ["south.example.org", "localhost:0", "unix:/nowhere"])
def test_a_bank_that_cannot_be_called_where_it_says_does_not_start(address: str, tmp_path: Path) -> None:
    files = [word for name in ("database", "certificate", "key", "authority") for word in (f"--{name}", "nowhere")]
    options = ["--bank", "SOUTH", "--currency", "EUR", "--listen", "localhost:0", "--gateway", "localhost:1", *files]
    command = [sys.executable, "-m", "bank_service", *options, "--advertise", address]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=tmp_path)
    assert ran.returncode == 1
    assert ran.stderr == f'error: "{address}" is not HOST:PORT. ADDRESS_MALFORMED\n'
