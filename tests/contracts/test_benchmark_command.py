"""How `make bench` begins and ends: what cannot be measured or kept is said before anything is measured, and whoever
ends it leaves no server behind."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import places
from benchmarks import workloads as w
from benchmarks.failures import RunFailed
from benchmarks.figures import Figure, Results, Run
from benchmarks.growth import __main__ as curves
from benchmarks.last import last_ratios
from benchmarks.places import Unusable, check_directory, check_on_disk, check_output, write_whole
from benchmarks.plan import FULL, QUICK, Plan
from benchmarks.report import plain

OURS = Path(command.__file__).parent.parent


def saved(**ratios: float) -> str:
    return json.dumps({"quick": {"plan": plain(QUICK), "ratios": ratios}})


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True)

    git("init", "-q")
    (tmp_path / "latest.json").write_text(saved(hot_to_uniform=1.0))
    git("add", "latest.json")
    git("commit", "-q", "-m", "measured")
    return tmp_path


def test_the_committed_figures_are_held_against_and_not_those_that_lie_there(clone):
    (clone / "latest.json").write_text(saved(hot_to_uniform=0.1))
    assert last_ratios(clone / "latest.json") == {"hot_to_uniform": 1.0}
    (clone / "latest.json").unlink()
    assert last_ratios(clone / "latest.json") == {"hot_to_uniform": 1.0}


def test_what_was_never_committed_in_a_clone_is_no_measurement(clone):
    (clone / "other.json").write_text(saved(hot_to_uniform=0.1))
    assert last_ratios(clone / "other.json") is None


def test_outside_a_clone_the_file_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "latest.json").write_text(saved(hot_to_uniform=0.1))
    assert last_ratios(tmp_path / "latest.json") == {"hot_to_uniform": 0.1}
    monkeypatch.setenv("PATH", "")
    assert last_ratios(tmp_path / "latest.json") == {"hot_to_uniform": 0.1}


@pytest.mark.parametrize(
    "text",
    [
        "",
        saved(hot_to_uniform=1.0)[:-5],
        "[]",
        "{}",
        '{"quick": {"ratios": {"hot_to_uniform": 1.0}}}',
        '{"quick": {"plan": {}, "ratios": {"hot_to_uniform": 1.0}}}',
    ],
)
def test_half_a_file_and_another_plan_are_no_measurement(tmp_path, monkeypatch, text):
    monkeypatch.setenv("PATH", "")
    (tmp_path / "latest.json").write_text(text)
    assert last_ratios(tmp_path / "latest.json") is None


def told(monkeypatch, capsys, *words: str) -> tuple[int, str]:
    """What the command says that cannot begin; it fails the test if it began."""
    monkeypatch.setattr(sys, "argv", ["benchmarks", *words])
    monkeypatch.setattr(command, "measure", lambda *_: pytest.fail("measured"))
    code = command.main()
    return code, " ".join(capsys.readouterr().err.split())


def test_without_a_last_measurement_the_quick_one_ends_with_2(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(command, "LATEST", tmp_path / "latest.json")
    code, said = told(monkeypatch, capsys, "--quick", "--directory", str(tmp_path))
    assert code == 2
    assert "latest.json, as it was committed, says nothing of such a measurement hint: make bench" in said


@pytest.mark.parametrize("words", [(), ("--quick",)])
def test_a_directory_that_is_not_there_is_told_at_once(monkeypatch, capsys, tmp_path, words):
    code, said = told(monkeypatch, capsys, *words, "--directory", str(tmp_path / "nowhere"))
    assert code == 1
    assert said.endswith("nowhere is no directory hint: make it, or name another with --directory")


def test_an_output_that_cannot_be_written_is_told_at_once(monkeypatch, capsys, tmp_path):
    out = tmp_path / "nowhere" / "out.json"
    code, said = told(monkeypatch, capsys, "--directory", str(tmp_path), "--output", str(out))
    assert code == 1
    assert "out.json cannot be written hint: name a file in a directory of yours with --output" in said


def test_figures_of_files_in_memory_are_not_for_latest_json(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(places, "filesystem", lambda _: "tmpfs")
    code, said = told(monkeypatch, capsys, "--directory", str(tmp_path))
    assert code == 1
    assert "is in memory (tmpfs), whose figures are not for latest.json" in said
    arguments = ["benchmarks", "--directory", str(tmp_path), "--output", str(tmp_path / "out.json")]
    monkeypatch.setattr(sys, "argv", arguments)
    command._check_places(command._arguments())
    monkeypatch.setattr(places, "filesystem", lambda _: "ext4")
    check_on_disk(tmp_path, tmp_path / "latest.json")


def test_a_directory_is_no_output_and_a_device_is_none_and_a_file_no_directory(tmp_path):
    (tmp_path / "file").touch()
    for wrong in (tmp_path, Path("/dev/null")):
        with pytest.raises(Unusable, match="cannot be written"):
            check_output(wrong)
    check_output(tmp_path / "file")
    check_output(tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(Unusable, match="no directory"):
        check_directory(tmp_path / "file")


def test_a_file_is_written_as_a_whole_or_stays_as_it_was(tmp_path, monkeypatch):
    latest = tmp_path / "latest.json"
    write_whole(latest, "first")
    write_whole(latest, "second")
    assert latest.read_text() == "second"

    def full(self: Path, text: str, **_named: str) -> int:
        with self.open("w") as file:
            file.write(text[:2])
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="no space"):
        write_whole(latest, "third")
    assert latest.read_text() == "second"
    assert list(tmp_path.iterdir()) == [latest]


RATES = {w.ONE_BY_ONE: 100.0, w.BATCHED: 1000.0, w.HOT: 900.0}
FOUND = Results(
    runs={name: (Run(1, rate, 1, 1, None, 1, 0),) for name, rate in RATES.items()},
    peers={w.echo(64): Figure((500.0,))},
    idle_mb={},
    loaded_mb={},
    payments_checked=1,
    records_audited=0,
    curves={w.OVER_BATCHES: ((1, 10.0),), w.OVER_CLIENTS: ((1, 10.0),)},
)


def ended(monkeypatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["benchmarks", *words])
    monkeypatch.setattr(command, "end_on_signals", lambda: None)
    return command.main()


def test_what_was_measured_is_written_with_the_commit_that_it_began_with(monkeypatch, tmp_path):
    head, plans, now = ["begun"], [], [100.0]

    def measure(plan: Plan, *_: object) -> Results:
        head[0] = "worked on meanwhile"
        plans.append(plan)
        now[0] += 0.6 if plan == QUICK else 0
        return FOUND

    monkeypatch.setattr(command, "measure", measure)
    monkeypatch.setattr(command, "commit", lambda: head[0])
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    out = tmp_path / "out.json"
    assert ended(monkeypatch, "--directory", str(tmp_path), "--output", str(out)) == 0
    found = json.loads(out.read_text())
    assert plans == [FULL, QUICK]
    assert found["commit"] == "begun"
    assert found["quick"] == {"seconds": 1, "plan": plain(QUICK), "ratios": found["ratios"]}
    assert out.with_suffix(".svg").read_text().startswith("<svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json", "out.svg"]


@pytest.mark.parametrize(("before", "code"), [(2.0, 0), (2.7, 1)])
def test_the_quick_one_tells_by_its_exit_code_whether_a_ratio_fell(monkeypatch, tmp_path, before, code):
    monkeypatch.setattr(command, "measure", lambda *_: FOUND)
    monkeypatch.setattr(command, "last_ratios", lambda _: {"batched_to_echo_64": before})
    assert ended(monkeypatch, "--quick", "--directory", str(tmp_path)) == code


def test_a_failed_run_leaves_the_last_figures_as_they_were(monkeypatch, tmp_path):
    def failing(*_: object) -> Results:
        raise RunFailed("a payment is missing")

    monkeypatch.setattr(command, "measure", failing)
    out = tmp_path / "out.json"
    out.write_text("as before")
    assert ended(monkeypatch, "--directory", str(tmp_path), "--output", str(out)) == 1
    assert out.read_text() == "as before"


MEASURING = """
import signal, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from benchmarks.ending import end_on_signals

if __name__ == "__main__":
    if "nohup" not in sys.argv:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever started the tests may have ignored it
    end_on_signals()
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            process.submit(time.sleep, 0).result()
            load = process.submit(time.sleep, 60)
            print("measuring", flush=True)
            load.result()
    finally:
        print("stopping", flush=True)
        assert sys.stdin.readline() == "go on\\n"
        print("stopped", flush=True)
"""


def _measuring(tmp_path: Path, *before: str) -> subprocess.Popen[str]:
    script = tmp_path / "measuring.py"
    script.write_text(textwrap.dedent(MEASURING))
    environment = {**os.environ, "PYTHONPATH": str(OURS)}
    started = subprocess.Popen(
        [*before, sys.executable, str(script), *before],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True,
    )  # fmt: skip
    assert started.stdout is not None
    assert started.stdout.readline() == "measuring\n"
    return started


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_whoever_ends_it_by_a_signal_has_the_servers_stopped_at_once(tmp_path, number):
    begun, measuring = time.monotonic(), _measuring(tmp_path)
    measuring.send_signal(number)
    assert measuring.stdout.readline() == "stopping\n"
    measuring.send_signal(signal.SIGTERM)  # impatience does not leave half of it
    said, _ = measuring.communicate("go on\n", timeout=30)
    assert said == "stopped\n"
    assert measuring.returncode == 128 + number
    assert time.monotonic() - begun < 30


def test_nohup_keeps_it_going(tmp_path):
    measuring = _measuring(tmp_path, "nohup")
    measuring.send_signal(signal.SIGHUP)
    measuring.terminate()  # after it: whoever heeds the first has another exit code
    assert measuring.communicate("go on\n", timeout=30)[0] == "stopping\nstopped\n"
    assert measuring.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("module", ["benchmarks", "benchmarks.growth", "benchmarks.beside"])
def test_every_command_ends_on_signals(module):
    text = (OURS / module.replace(".", "/") / "__main__.py").read_text()
    assert "    end_on_signals()\n" in text


@pytest.mark.parametrize("module", [command, curves], ids=["bench", "curves"])
@pytest.mark.parametrize("words", [("--directory", "nowhere"), ("--output", "nowhere/out.json")])
def test_neither_command_measures_what_it_could_not_keep(monkeypatch, tmp_path, capsys, module, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["benchmarks", *words])
    monkeypatch.setattr(module, "_measure", lambda *_: pytest.fail("measured"))
    assert module.main() == 1
    assert "error: nowhere" in capsys.readouterr().err


def test_small_curves_are_kept_only_where_somebody_says_so(monkeypatch, tmp_path):
    kept = []
    monkeypatch.setattr(curves, "_measure", lambda _sizes, _parent, place, _people: kept.append(place))
    monkeypatch.setattr(curves, "end_on_signals", lambda: None)
    for words in (("--small",), ("--small", "--output", str(tmp_path / "x.json"))):
        monkeypatch.setattr(sys, "argv", ["curves", "--directory", str(tmp_path), *words])
        assert curves.main() == 0
    assert kept == [None, places.Kept(tmp_path / "x.json", tmp_path / "x.svg")]
